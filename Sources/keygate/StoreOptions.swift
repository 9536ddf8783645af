// The options every command has that works on a store, and what they come to.

import JSON

extension [Option] {
    /// Where the store is, and for whom the answer is printed.
    static let store: [Option] = [
        .value("--config", "-c", as: "FILE", "configuration whose store to use; default ./gateway.conf"),
        .value("--store", as: "DIR", "the store's directory, instead of a configuration"),
        .flag("--json", "print JSON for programs"),
    ]
}

extension Arguments {
    /// How the answer is printed.
    var output: Output { has("--json") ? .json : .table }

    /// A member of a request that is sent only if the option was given.
    func text(_ option: String) -> JSONValue? { value(option).map { .string($0) } }

    /// The values of a repeatable option, if there are any.
    func texts(_ option: String) -> JSONValue? {
        has(option) ? .array(all(option).map { .string($0) }) : nil
    }

    /// A JSON object typed on the command line.
    func object(_ option: String) throws(CommandFailure) -> JSONValue? {
        guard let text = value(option) else { return nil }
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONValue(parsing: text)
        } catch {
            throw .usage("\(option) is not JSON: \(error)")
        }
        guard parsed.kind == .object else { throw .usage("\(option) must be a JSON object, found \(text)") }
        return parsed
    }

    /// An instant in any of the spellings of `TimeText`, in milliseconds since 1970.
    func instant(_ option: String) throws(CommandFailure) -> JSONValue? {
        guard let text = value(option) else { return nil }
        guard let millis = TimeText.parse(text, relativeTo: TimeText.now) else {
            throw .usage(
                "\(option) expects an ISO-8601 time, Unix milliseconds, or a duration such as 30d or -1h, found \"\(text)\""
            )
        }
        return .number(Int(millis))
    }

    /// A whole number.
    func integer(_ option: String) throws(CommandFailure) -> JSONValue? {
        guard let text = value(option) else { return nil }
        guard let number = Int(text) else {
            throw .usage("\(option) expects a whole number, found \"\(text)\"")
        }
        return .number(number)
    }

    /// A member that an option sets and its `--no-…` twin clears; nil leaves it alone.
    func change(
        _ option: String, clearedBy negation: String, to value: JSONValue?
    ) throws(CommandFailure) -> JSONValue? {
        guard has(negation) else { return value }
        guard value == nil else { throw .usage("\(option) and \(negation) contradict each other") }
        return .null
    }
}
