// The words after a command, sorted into options, flags and operands, strictly: an option nobody declared
// is an error that names the nearest one, never an operand; a value that is missing is not taken from the
// next option.

import Rules

/// What was typed after a command, checked against what the command declares.
struct Arguments: Sendable {
    private let values: [String: [String]]
    private let operands: [String]
    /// Whether the command makes the store if there is none.
    let mayCreateStore: Bool

    /// Sorts `words`. Options may stand anywhere; `--` ends them.
    init(_ words: ArraySlice<String>, for command: Command) throws(CommandFailure) {
        var values: [String: [String]] = [:]
        var operands: [String] = []
        var rest = words
        var optionsEnded = false
        while let word = rest.popFirst() {
            // A lone "-" is an operand, as everywhere.
            guard !optionsEnded, word.utf8.first == UInt8(ascii: "-"), word != "-" else {
                operands.append(word)
                continue
            }
            if word == "--" {
                optionsEnded = true
                continue
            }
            let (spelling, attached) = Self.split(word)
            guard let option = command.options.first(where: { $0.spellings.contains(spelling) }) else {
                throw .usage(Self.unknown("option", spelling, known: command.options.flatMap(\.spellings)))
            }
            if values[option.name] != nil, !option.isRepeatable {
                throw .usage("\(option.name) is given twice")
            }
            values[option.name, default: []].append(
                try Self.value(of: option, attached: attached, from: &rest))
        }
        self.values = values
        self.operands = operands
        mayCreateStore = command.mayCreateStore
        try checkOperands(of: command)
    }

    /// The last word about an option that takes a value; nil if it was not given.
    func value(_ name: String) -> String? { values[name]?.last }

    /// The values of a repeatable option, in order.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// Whether a flag or an option was given.
    func has(_ name: String) -> Bool { values[name] != nil }

    /// The operand at `index`; nil if fewer were given.
    func operand(_ index: Int) -> String? { index < operands.count ? operands[index] : nil }

    /// An operand the command declares as one that must be there.
    func required(_ index: Int) -> String {
        precondition(
            index < operands.count, "operands are counted against the declaration before a command runs")
        return operands[index]
    }

    /// All operands, for a command that takes a list of them.
    var allOperands: [String] { operands }

    /// `--name=value` in two; `--name` has no attached value.
    private static func split(_ word: String) -> (spelling: String, attached: String?) {
        guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else { return (word, nil) }
        return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }

    private static func value(
        of option: Option, attached: String?, from rest: inout ArraySlice<String>
    ) throws(CommandFailure) -> String {
        guard let placeholder = option.value else {
            if attached != nil { throw .usage("\(option.name) takes no value") }
            return ""
        }
        if let attached { return attached }
        // `-1h` and `-` are values; what starts with two dashes is an option whose neighbour forgot its own.
        guard let next = rest.first, !next.hasPrefix("--") else {
            throw .usage("\(option.name) needs a value: \(option.name) \(placeholder)")
        }
        rest.removeFirst()
        return next
    }

    private func checkOperands(of command: Command) throws(CommandFailure) {
        let isOpenEnded =
            command.operands.last?.hasSuffix("…") == true || command.operands.last?.hasSuffix("…]") == true
        let needed = command.operands.filter { !$0.hasPrefix("[") }.count
        if operands.count < needed { throw .usage("\(command.operands[operands.count]) is missing") }
        if operands.count > command.operands.count, !isOpenEnded {
            throw .usage("unexpected \"\(operands[command.operands.count])\"")
        }
    }

    /// The sentence about a word nobody knows, with the nearest one that is known.
    static func unknown(_ what: String, _ word: String, known: [String]) -> String {
        let nearest = NearestWord.hint(for: word, in: known)
        return "unknown \(what) \"\(word)\"\(nearest)"
    }
}
