// What a command is: the words that name it, what may follow them, and the function that runs it. The
// parser, the help pages and the dispatch all read the same value, so they cannot disagree.

/// How the process ends.
enum ExitCode: Int32, Sendable {
    case done = 0
    /// Refused, failed, or an answer that means no.
    case failed = 1
    /// Or no answer where `failed` would be one.
    case wrongUsage = 2
}

/// Why a command could not do what it was asked to.
enum CommandFailure: Error {
    /// The command line itself is wrong: exit 2, with the usage.
    case usage(String)
    /// Anything else: exit 1.
    case failed(String)
    /// A command whose exit 1 is an answer could not begin: exit 2, without the usage.
    case notBegun(String)

    var message: String {
        switch self {
        case .usage(let message), .failed(let message), .notBegun(let message): message
        }
    }
}

/// An option of a command. Those without `value` are flags.
struct Option: Sendable {
    /// As typed, the long form first: `--config`, `-c`.
    let spellings: [String]
    /// Placeholder of the value in the help: `FILE`.
    let value: String?
    let isRepeatable: Bool
    let summary: String

    var name: String { spellings[0] }

    static func value(_ spellings: String..., as placeholder: String, _ summary: String) -> Option {
        Option(spellings: spellings, value: placeholder, isRepeatable: false, summary: summary)
    }

    static func values(_ spellings: String..., as placeholder: String, _ summary: String) -> Option {
        Option(spellings: spellings, value: placeholder, isRepeatable: true, summary: summary)
    }

    static func flag(_ spelling: String, _ summary: String) -> Option {
        Option(spellings: [spelling], value: nil, isRepeatable: false, summary: summary)
    }
}

/// A command of `keygate`: `run`, or an entity and a verb such as `key create`.
struct Command: Sendable {
    let words: [String]
    /// Placeholders of what follows, in order; `[…]` around the ones that may be left out.
    let operands: [String]
    let summary: String
    let options: [Option]
    let run: @Sendable (Arguments) throws(CommandFailure) -> ExitCode

    init(
        _ words: String, _ operands: String..., summary: String, options: [Option],
        run: @escaping @Sendable (Arguments) throws(CommandFailure) -> ExitCode
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.operands = operands
        self.summary = summary
        self.options = options
        self.run = run
    }

    var name: String { words.joined(separator: " ") }

    /// Whether it makes the store if there is none. Keys cannot be the first thing in one.
    var mayCreateStore: Bool { words.last == "create" && words.first != "key" }

    /// One line: what to type.
    var synopsis: String {
        "keygate \(([name] + operands).joined(separator: " "))" + (options.isEmpty ? "" : " [OPTIONS]")
    }

    /// The help page.
    var help: String {
        var lines = ["usage: \(synopsis)", "", summary]
        if !options.isEmpty {
            lines += ["", "options:"]
            let rows = options.map { option in
                [
                    "  " + option.spellings.joined(separator: ", ") + (option.value.map { " \($0)" } ?? ""),
                    option.summary + (option.isRepeatable ? " (repeatable)" : ""),
                ]
            }
            lines += Table.aligned(rows)
        }
        return lines.joined(separator: "\n")
    }
}
