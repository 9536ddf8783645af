// keygate permission …

import JSON

enum PermissionCommands {
    static let commands: [Command] = [
        Command(
            "permission create", "SLUG",
            summary: "Makes a permission that routes can require and keys can hold.",
            options: [
                .value("--name", as: "NAME", "a name for people; default the slug"),
                .value("--description", as: "TEXT", "a sentence for people"),
            ] + .store, run: create),
        Command(
            "permission list", summary: "Lists the permissions.",
            options: [.value("--search", as: "TEXT", "only those that contain this")] + .store, run: list),
        Command("permission get", "SLUG|ID", summary: "Shows one permission.", options: .store, run: get),
        Command(
            "permission update", "SLUG|ID",
            summary: "Changes a permission; keys and roles that have it follow.",
            options: [
                .value("--slug", as: "SLUG", "what routes require and keys hold"),
                .value("--name", as: "NAME", "a name for people"),
                .value("--description", as: "TEXT", "a sentence for people"),
                .flag("--no-description", "remove the description"),
            ] + .store, run: update),
        Command(
            "permission delete", "SLUG|ID",
            summary: "Deletes a permission and takes it from all keys and roles.",
            options: .store, run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let slug = arguments.required(0)
        var body = JSONObject()
        body.append("name", .string(arguments.value("--name") ?? slug))
        body.append("slug", .string(slug))
        body.append("description", ifPresent: arguments.text("--description"))
        let made = try Administration(arguments).call("permissions.createPermission", .object(body))
        arguments.output.print(made) { Table.fields([("permissionId", $0.cell("permissionId"))]) }
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var query = JSONObject()
        query.append("search", ifPresent: arguments.text("--search"))
        let rows = try Administration(arguments).list("permissions.listPermissions", query)
        arguments.output.print(rows, heading: ["ID", "SLUG", "NAME", "DESCRIPTION"]) {
            [$0.cell("id"), $0.cell("slug"), $0.cell("name"), $0.cell("description")]
        }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let permission = try Administration(arguments).call(
            "permissions.getPermission", ["permission": .string(arguments.required(0))])
        arguments.output.print(permission, table: fields)
        return .done
    }

    private static func update(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("permission", .string(arguments.required(0)))
        body.append("slug", ifPresent: arguments.text("--slug"))
        body.append("name", ifPresent: arguments.text("--name"))
        body.append(
            "description",
            ifPresent: try arguments.change(
                "--description", clearedBy: "--no-description", to: arguments.text("--description")))
        guard body.count > 1 else { throw .usage("nothing to change") }
        let permission = try Administration(arguments).call("permissions.updatePermission", .object(body))
        arguments.output.print(permission, table: fields)
        return .done
    }

    private static func fields(_ permission: JSONValue) -> String {
        Table.fields(["id", "slug", "name", "description"].map { ($0, permission.cell($0)) })
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let reference = arguments.required(0)
        let answer = try Administration(arguments).call(
            "permissions.deletePermission", ["permission": .string(reference)])
        arguments.output.print(answer) { _ in "deleted \(reference)" }
        return .done
    }
}
