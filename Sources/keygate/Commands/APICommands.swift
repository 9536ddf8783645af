// keygate api …

import JSON

enum APICommands {
    static let commands: [Command] = [
        Command(
            "api create", "NAME", summary: "Makes an API, a named container of keys.", options: .store,
            run: create),
        Command("api list", summary: "Lists the APIs.", options: .store, run: list),
        Command("api get", "NAME|ID", summary: "Shows one API.", options: .store, run: get),
        Command(
            "api delete", "NAME|ID", summary: "Deletes an API; every key in it stops working at once.",
            options: .store, run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let administration = try Administration(arguments)
        let made = try administration.call("apis.createApi", ["name": .string(arguments.required(0))])
        arguments.output.print(made) { Table.fields([("apiId", $0.cell("apiId"))]) }
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let rows = try Administration(arguments).list("apis.listApis")
        arguments.output.print(rows, heading: ["ID", "NAME"]) { [$0.cell("id"), $0.cell("name")] }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let administration = try Administration(arguments)
        let id = try administration.apiId(of: arguments.required(0))
        let api = try administration.call("apis.getApi", ["apiId": .string(id)])
        arguments.output.print(api) { Table.fields([("id", $0.cell("id")), ("name", $0.cell("name"))]) }
        return .done
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let administration = try Administration(arguments)
        let id = try administration.apiId(of: arguments.required(0))
        let answer = try administration.call("apis.deleteApi", ["apiId": .string(id)])
        arguments.output.print(answer) { _ in "deleted \(id)" }
        return .done
    }
}
