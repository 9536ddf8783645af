// keygate role …

import JSON

enum RoleCommands {
    private static let permission = Option.values("--permission", as: "SLUG", "what the role grants")
    private static let description = Option.value("--description", as: "TEXT", "a sentence for people")

    static let commands: [Command] = [
        Command(
            "role create", "NAME", summary: "Makes a role; permissions that do not exist yet are made too.",
            options: [permission, description] + .store, run: create),
        Command(
            "role list", summary: "Lists the roles and what they grant.",
            options: [.value("--search", as: "TEXT", "only those that contain this")] + .store, run: list),
        Command("role get", "NAME|ID", summary: "Shows one role.", options: .store, run: get),
        Command(
            "role set", "NAME|ID",
            summary: "Replaces what a role grants; every key that has it changes at once.",
            options: [permission] + .store, run: set),
        Command(
            "role update", "NAME|ID", summary: "Changes the name or the description of a role.",
            options: [
                .value("--name", as: "NAME", "the new name"), description,
                .flag("--no-description", "remove the description"),
            ] + .store, run: update),
        Command(
            "role delete", "NAME|ID", summary: "Deletes a role and takes it from all keys.", options: .store,
            run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("name", .string(arguments.required(0)))
        body.append("description", ifPresent: arguments.text("--description"))
        body.append("permissions", ifPresent: arguments.texts("--permission"))
        let made = try Administration(arguments).call("permissions.createRole", .object(body))
        arguments.output.print(made) { Table.fields([("roleId", $0.cell("roleId"))]) }
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var query = JSONObject()
        query.append("search", ifPresent: arguments.text("--search"))
        let rows = try Administration(arguments).list("permissions.listRoles", query)
        arguments.output.print(rows, heading: ["ID", "NAME", "PERMISSIONS", "DESCRIPTION"]) {
            [$0.cell("id"), $0.cell("name"), slugs($0["permissions"]), $0.cell("description")]
        }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let role = try Administration(arguments).call(
            "permissions.getRole", ["role": .string(arguments.required(0))])
        arguments.output.print(role) { role in
            Table.fields([
                ("id", role.cell("id")), ("name", role.cell("name")),
                ("description", role.cell("description")),
                ("permissions", slugs(role["permissions"])),
            ])
        }
        return .done
    }

    private static func set(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let permissions = try Administration(arguments).call(
            "permissions.setRolePermissions",
            ["role": .string(arguments.required(0)), "permissions": arguments.texts("--permission") ?? []])
        arguments.output.print(permissions) { Table.fields([("permissions", slugs($0))]) }
        return .done
    }

    private static func update(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("role", .string(arguments.required(0)))
        body.append("name", ifPresent: arguments.text("--name"))
        body.append(
            "description",
            ifPresent: try arguments.change(
                "--description", clearedBy: "--no-description", to: arguments.text("--description")))
        guard body.count > 1 else { throw .usage("nothing to change") }
        let role = try Administration(arguments).call("permissions.updateRole", .object(body))
        arguments.output.print(role) { role in
            Table.fields(["id", "name", "description"].map { ($0, role.cell($0)) })
        }
        return .done
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let reference = arguments.required(0)
        let answer = try Administration(arguments).call(
            "permissions.deleteRole", ["role": .string(reference)])
        arguments.output.print(answer) { _ in "deleted \(reference)" }
        return .done
    }

    /// A list of permissions by their slugs.
    static func slugs(_ permissions: JSONValue?) -> String {
        let slugs = permissions?.elements?.map { $0["slug"] ?? .null } ?? []
        return Optional(JSONValue.array(slugs)).cell
    }
}
