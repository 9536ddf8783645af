// keygate rootkey …

import JSON
import Management

enum RootKeyCommands {
    static let commands: [Command] = [
        Command(
            "rootkey create",
            summary: "Makes a credential for the management API. Without --permission it may do everything.",
            options: [
                .value("--name", as: "NAME", "a name for people"),
                .values("--permission", as: "PERMISSION", "what it may do, such as api.*.create_key"),
                .value(
                    "--expires", as: "TIME", "ISO-8601, Unix milliseconds, or a duration from now such as 30d"
                ),
            ] + .store, run: create),
        Command("rootkey list", summary: "Lists the root keys.", options: .store, run: list),
        Command(
            "rootkey update", "ID", summary: "Changes the name or what the root key may do.",
            options: [
                .value("--name", as: "NAME", "a name for people"), .flag("--no-name", "remove the name"),
                .values(
                    "--permission", as: "PERMISSION",
                    "what it may do from now on, replacing what it might before"),
            ] + .store, run: update),
        Command(
            "rootkey enable", "ID", summary: "Lets a disabled root key work again.", options: .store,
            run: enable),
        Command(
            "rootkey disable", "ID", summary: "Refuses a root key until it is enabled.", options: .store,
            run: disable),
        Command(
            "rootkey reroll", "ID",
            summary: "Makes a new root key with the same properties and ends the old one.",
            options: [KeyCommands.grace] + .store, run: reroll),
        Command(
            "rootkey delete", "ID", summary: "Deletes a root key; it stops working at once.", options: .store,
            run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("permissions", arguments.texts("--permission") ?? [.string(Workspace.everything)])
        body.append("name", ifPresent: arguments.text("--name"))
        body.append("expires", ifPresent: try arguments.instant("--expires"))
        let made = try Administration(arguments).call("rootKeys.createKey", .object(body))
        arguments.output.print(made, table: KeyCommands.secretTable)
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let rows = try Administration(arguments).list("rootKeys.listKeys")
        arguments.output.print(
            rows, heading: ["ID", "NAME", "START", "ENABLED", "EXPIRES", "CREATED", "PERMISSIONS"]
        ) {
            [
                $0.cell("keyId"), $0.cell("name"), $0.cell("start"), $0.cell("enabled"), $0.time("expires"),
                $0.time("createdAt"), $0.cell("permissions"),
            ]
        }
        return .done
    }

    private static func update(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append(
            "name",
            ifPresent: try arguments.change("--name", clearedBy: "--no-name", to: arguments.text("--name")))
        body.append("permissions", ifPresent: arguments.texts("--permission"))
        guard !body.isEmpty else { throw .usage("nothing to change") }
        return try change(arguments, body)
    }

    private static func enable(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try change(arguments, ["enabled": true])
    }

    private static func disable(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try change(arguments, ["enabled": false])
    }

    private static func change(
        _ arguments: Arguments, _ members: JSONObject
    ) throws(CommandFailure) -> ExitCode {
        let id = arguments.required(0)
        var body = members
        body.append("keyId", .string(id))
        let answer = try Administration(arguments).call("rootKeys.updateKey", .object(body))
        arguments.output.print(answer) { _ in "changed \(id)" }
        return .done
    }

    private static func reroll(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try KeyCommands.reroll(arguments, "rootKeys.rerollKey")
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let id = arguments.required(0)
        let answer = try Administration(arguments).call("rootKeys.deleteKey", ["keyId": .string(id)])
        arguments.output.print(answer) { _ in "deleted \(id)" }
        return .done
    }
}
