// keygate ratelimit …: limits that stand for themselves, by namespace and identifier.

import JSON

enum RatelimitCommands {
    private static let rate = Option.value("--rate", as: "N/DURATION", "such as 100/1m (required)")

    static let commands: [Command] = [
        Command(
            "ratelimit check", "NAMESPACE", "IDENTIFIER",
            summary: "Charges a limit and says whether there was room. Exit 1 if not.",
            options: [
                rate, .value("--cost", as: "N", "what it is charged; 0 looks without charging; default 1"),
            ]
                + .store, run: check),
        Command(
            "ratelimit override", "NAMESPACE", "IDENTIFIER",
            summary: "Sets another rate for an identifier, which may contain * for any run of characters.",
            options: [rate] + .store, run: override),
        Command(
            "ratelimit get", "NAMESPACE", "IDENTIFIER",
            summary: "Shows the override that governs an identifier.", options: .store, run: get),
        Command("ratelimit list", "NAMESPACE", summary: "Lists the overrides.", options: .store, run: list),
        Command(
            "ratelimit delete", "NAMESPACE", "IDENTIFIER", summary: "Deletes an override.", options: .store,
            run: delete),
    ]

    private static func subject(_ arguments: Arguments) -> JSONObject {
        var body = JSONObject()
        body.append("namespace", .string(arguments.required(0)))
        body.append("identifier", .string(arguments.required(1)))
        return body
    }

    private static func limited(_ arguments: Arguments) throws(CommandFailure) -> JSONObject {
        guard let text = arguments.value("--rate") else { throw .usage("--rate is missing") }
        guard let rate = Arguments.rate(Substring(text)) else {
            throw .usage("--rate expects N/DURATION such as 100/1m, found \"\(text)\"")
        }
        var body = subject(arguments)
        body.append("limit", .number(rate.limit))
        body.append("duration", .number(rate.millis))
        return body
    }

    private static func check(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = try limited(arguments)
        body.append("cost", ifPresent: try arguments.integer("--cost"))
        let answer = try Administration(arguments).call("ratelimit.limit", .object(body))
        arguments.output.print(answer) { answer in
            Table.fields(
                ["success", "limit", "remaining"].map { ($0, answer.cell($0)) } + [
                    ("reset", answer.time("reset"))
                ])
        }
        return answer["success"]?.bool == true ? .done : .failed
    }

    private static func override(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let answer = try Administration(arguments).call(
            "ratelimit.setOverride", .object(try limited(arguments)))
        arguments.output.print(answer) { Table.fields([("overrideId", $0.cell("overrideId"))]) }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let answer = try Administration(arguments).call("ratelimit.getOverride", .object(subject(arguments)))
        arguments.output.print(answer) { answer in
            Table.fields(["overrideId", "identifier", "limit", "duration"].map { ($0, answer.cell($0)) })
        }
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var query = JSONObject()
        query.append("namespace", .string(arguments.required(0)))
        let rows = try Administration(arguments).list("ratelimit.listOverrides", query)
        arguments.output.print(rows, heading: ["ID", "IDENTIFIER", "LIMIT", "DURATION (MS)"]) {
            [$0.cell("overrideId"), $0.cell("identifier"), $0.cell("limit"), $0.cell("duration")]
        }
        return .done
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let answer = try Administration(arguments).call(
            "ratelimit.deleteOverride", .object(subject(arguments)))
        arguments.output.print(answer) { _ in "deleted the override of \(arguments.required(1))" }
        return .done
    }
}
