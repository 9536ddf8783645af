// keygate call: any procedure of the management API by its name, for whatever the other commands have no
// words for, and for scripts that know the API already.

import JSON
import Management

enum CallCommand {
    static let commands: [Command] = [
        Command(
            "call", "PROCEDURE", "[BODY]",
            summary:
                "Calls a procedure of the management API, such as workspace.getLimits, as the operator, and "
                + "prints its answer. BODY is JSON; - reads it from standard input; without it {} is sent.",
            options: .store, run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let procedure = arguments.required(0)
        guard PreparedCall.exists(procedure, from: .local) else {
            let known = PreparedCall.names(from: .local)
            throw .usage(Arguments.unknown("procedure", procedure, known: known))
        }
        let body = try body(arguments.operand(1) ?? "{}")
        // Always JSON, for what it is depends on the procedure.
        let administration = try Administration(
            storeDirectory: ConfigurationFile.storeDirectory(arguments),
            createsStore: procedure.contains(".create"))
        Console.print("\(try administration.envelope(procedure, body))")
        return .done
    }

    private static func body(_ operand: String) throws(CommandFailure) -> JSONValue {
        var text = operand
        if operand == "-" {
            text = ""
            while let line = readLine(strippingNewline: false) { text += line }
        }
        do throws(JSONError) { return try JSONValue(parsing: text) } catch {
            throw .usage("the body is not JSON: \(error)")
        }
    }
}
