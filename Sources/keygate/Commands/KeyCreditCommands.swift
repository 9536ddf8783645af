// keygate key credits …

import JSON

enum KeyCreditCommands {
    static let commands: [Command] = [
        Command(
            "key credits", "ID", "[set|add|take]", "[N]",
            summary: "Shows the credits of a key, or changes them. `set` without N makes them unlimited.",
            options: .store, run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let id = arguments.required(0)
        let administration = try Administration(arguments)
        guard let verb = arguments.operand(1) else {
            let key = try administration.call("keys.getKey", ["keyId": .string(id)])
            arguments.output.print(key["credits"] ?? ["remaining": .null], table: fields)
            return .done
        }
        let operations = ["set": "set", "add": "increment", "take": "decrement"]
        guard let operation = operations[verb] else {
            throw .usage("expected set, add or take, found \"\(verb)\"")
        }
        var body = JSONObject()
        body.append("keyId", .string(id))
        body.append("operation", .string(operation))
        if let text = arguments.operand(2) {
            guard let value = Int(text) else {
                throw .usage("expected a number of credits, found \"\(text)\"")
            }
            body.append("value", .number(value))
        } else if verb == "set" {
            body.append("value", .null)
        } else {
            throw .usage("\(verb) needs a number of credits")
        }
        arguments.output.print(try administration.call("keys.updateCredits", .object(body)), table: fields)
        return .done
    }

    private static func fields(_ credits: JSONValue) -> String {
        let remaining = credits["remaining"] ?? .null
        var rows = [("credits", remaining == .null ? "unlimited" : credits.cell("remaining"))]
        if credits["refill"] != nil { rows.append(("refill", credits.cell("refill"))) }
        return Table.fields(rows)
    }
}
