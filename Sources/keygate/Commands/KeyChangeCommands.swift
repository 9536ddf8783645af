// keygate key …: everything that changes a key which exists.

import Access
import Bytes
import JSON

enum KeyChangeCommands {
    /// What a key can be given, when it is made and later.
    static let properties: [Option] =
        [
            .value("--name", as: "NAME", "a name for people"),
            .value(
                "--identity", as: "EXTERNALID", "whose key it is; an identity that does not exist yet is made"
            ),
            .values("--permission", as: "SLUG", "a permission it holds; made if it does not exist yet"),
            .values("--role", as: "NAME", "a role it has"),
            .value("--meta", as: "JSON", "a JSON object of your own"),
            .value(
                "--expires", as: "TIME",
                "ISO-8601, Unix milliseconds, or a duration from now such as 30d or -1h"),
            .values(
                "--allow-ip", as: "CIDR[,CIDR…]",
                "where it may be used from, such as 10.0.0.0/8; with none set, anywhere"),
        ] + .limits

    private static let grants: [Option] = [
        .values("--permission", as: "SLUG", "a permission"), .values("--role", as: "NAME", "a role"),
    ]

    static let commands: [Command] = [
        Command(
            "key update", "ID",
            summary:
                "Changes what is given; --permission, --role, --ratelimit and --allow-ip replace what the key had.",
            options: properties + .changedCredits + [
                .flag("--no-name", "remove the name"), .flag("--no-identity", "unlink it from its identity"),
                .flag("--no-permissions", "take all direct permissions"),
                .flag("--no-roles", "take all roles"),
                .flag("--no-meta", "remove the meta"), .flag("--no-expires", "it never expires"),
                .flag("--no-ratelimits", "remove its own limits"),
                .flag("--no-allow-ip", "it may be used from anywhere"),
                .flag("--no-credits", "unlimited credits"),
            ] + .store, run: update),
        Command("key enable", "ID", summary: "Lets a disabled key work again.", options: .store, run: enable),
        Command(
            "key disable", "ID", summary: "Refuses a key from now on, until it is enabled.", options: .store,
            run: disable),
        Command(
            "key grant", "ID", summary: "Adds permissions or roles to a key.", options: grants + .store,
            run: grant),
        Command(
            "key revoke", "ID",
            summary: "Takes permissions or roles from a key. To end the key use disable or delete.",
            options: grants + .store, run: revoke),
    ]

    /// The members of a request for the properties that were given.
    static func given(_ arguments: Arguments) throws(CommandFailure) -> JSONObject {
        var body = JSONObject()
        body.append("name", ifPresent: arguments.text("--name"))
        body.append("externalId", ifPresent: arguments.text("--identity"))
        body.append("permissions", ifPresent: arguments.texts("--permission"))
        body.append("roles", ifPresent: arguments.texts("--role"))
        body.append("meta", ifPresent: try arguments.object("--meta"))
        body.append("expires", ifPresent: try arguments.instant("--expires"))
        body.append("ratelimits", ifPresent: try arguments.ratelimits())
        body.append("allowedNetworks", ifPresent: try allowedNetworks(arguments))
        body.append("credits", ifPresent: try arguments.credits())
        return body
    }

    /// The networks that were given, in the spelling of the store.
    private static func allowedNetworks(_ arguments: Arguments) throws(CommandFailure) -> JSONValue? {
        if !arguments.has("--allow-ip") { return nil }
        var networks: [JSONValue] = []
        for text in arguments.all("--allow-ip").flatMap({
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }) {
            let bytes = Array(text.utf8)
            do throws(IPNetworkError) {
                networks.append(.string("\(try IPNetwork(parsing: bytes.span))"))
            } catch {
                throw .usage("--allow-ip: \(error), found \"\(text)\"")
            }
        }
        return .array(networks)
    }

    private static func update(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let given = try given(arguments)
        var body = JSONObject()
        body.append("keyId", .string(arguments.required(0)))
        let pairs = [
            ("name", "--name"), ("externalId", "--identity"), ("permissions", "--permission"),
            ("roles", "--role"),
            ("meta", "--meta"), ("expires", "--expires"), ("ratelimits", "--ratelimit"),
            ("credits", "--credits"), ("allowedNetworks", "--allow-ip"),
        ]
        for (member, option) in pairs {
            let isList = ["permissions", "roles", "ratelimits", "allowedNetworks"].contains(member)
            let negation =
                isList && option != "--allow-ip" ? "--no-\(member)" : "--no-\(option.dropFirst(2))"
            let change = try arguments.change(option, clearedBy: negation, to: given[member])
            // Lists are emptied by an empty list, everything else is cleared by null.
            body.append(member, ifPresent: isList && change == .null ? [] : change)
        }
        guard body.count > 1 else { throw .usage("nothing to change") }
        return try change(arguments, "keys.updateKey", body)
    }

    private static func enable(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try setEnabled(arguments, true)
    }

    private static func disable(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try setEnabled(arguments, false)
    }

    private static func setEnabled(
        _ arguments: Arguments, _ enabled: Bool
    ) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("keyId", .string(arguments.required(0)))
        body.append("enabled", .bool(enabled))
        return try change(arguments, "keys.updateKey", body)
    }

    private static func grant(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try changeGrants(arguments, permissions: "keys.addPermissions", roles: "keys.addRoles")
    }

    private static func revoke(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try changeGrants(arguments, permissions: "keys.removePermissions", roles: "keys.removeRoles")
    }

    private static func changeGrants(
        _ arguments: Arguments, permissions: String, roles: String
    ) throws(CommandFailure) -> ExitCode {
        guard arguments.has("--permission") || arguments.has("--role") else {
            throw .usage("nothing to change: give --permission or --role")
        }
        let id = arguments.required(0)
        let administration = try Administration(arguments)
        // Roles first: they must exist, while a permission to grant is made if it does not.
        if let names = arguments.texts("--role") {
            _ = try administration.call(roles, ["keyId": .string(id), "roles": names])
        }
        if let slugs = arguments.texts("--permission") {
            _ = try administration.call(permissions, ["keyId": .string(id), "permissions": slugs])
        }
        let key = try administration.call("keys.getKey", ["keyId": .string(id)])
        arguments.output.print(key) { key in
            Table.fields([("id", id), ("roles", key.cell("roles")), ("permissions", key.cell("permissions"))])
        }
        return .done
    }

    private static func change(
        _ arguments: Arguments, _ procedure: String, _ body: JSONObject
    ) throws(CommandFailure) -> ExitCode {
        let answer = try Administration(arguments).call(procedure, .object(body))
        arguments.output.print(answer) { _ in "changed \(arguments.required(0))" }
        return .done
    }
}
