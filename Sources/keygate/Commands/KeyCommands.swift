// keygate key …: making, showing and ending keys. Changing them is in KeyChangeCommands.

import Bytes
import JSON

enum KeyCommands {
    static let grace = Option.value("--grace", as: "DURATION", "how long the old key goes on; default 0s")

    static let commands: [Command] =
        [
            Command(
                "key create", summary: "Makes a key and prints it, this once.",
                options: [
                    .value("--api", as: "NAME|ID", "the API whose key it is (required)"),
                    .value("--prefix", as: "TEXT", "what the key's text begins with, before an underscore"),
                    .value("--bytes", as: "N", "random bytes, 16 to 255; default 16"),
                ] + KeyChangeCommands.properties + .credits + [
                    .flag("--disabled", "refused until it is enabled")
                ]
                    + .store,
                run: create),
            Command(
                "key list", summary: "Lists the keys of one API, or of all.",
                options: [
                    .value("--api", as: "NAME|ID", "only keys of this API"),
                    .value("--identity", as: "EXTERNALID", "only keys of this identity"),
                ] + .store, run: list),
            Command("key get", "ID", summary: "Shows one key.", options: .store, run: get),
            Command(
                "key verify", "[KEY]",
                summary:
                    "Verifies a key as keys.verifyKey does, and says why not: a valid one spends credits and is charged "
                    + "its automatic limits. For a look that spends nothing: keygate explain. No address is known "
                    + "here, so a key with --allow-ip is FORBIDDEN. Reads the key from standard input if none is given.",
                options: [
                    .value(
                        "--permission", as: "QUERY",
                        "what it must hold, such as \"invoices.read OR billing.admin\""),
                    .value(
                        "--cost", as: "N", "credits it spends, of a key that has some; default 1, 0 for none"),
                    .values("--tag", as: "NAME=VALUE", "a tag of the verification"),
                ] + .store, run: verify),
            Command(
                "key delete", "ID", summary: "Deletes a key; it stops working at once.",
                options: [
                    .flag("--permanent", "forget it wholly, so that the same key may be imported again")
                ] + .store,
                run: delete),
            Command(
                "key reroll", "ID", summary: "Makes a new key with the same properties and ends the old one.",
                options: [grace] + .store, run: reroll),
        ] + KeyChangeCommands.commands

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        guard let api = arguments.value("--api") else { throw .usage("--api is missing") }
        var body = try KeyChangeCommands.given(arguments)
        body.append("prefix", ifPresent: arguments.text("--prefix"))
        body.append("byteLength", ifPresent: try arguments.integer("--bytes"))
        if arguments.has("--disabled") { body.append("enabled", false) }
        let administration = try Administration(arguments)
        body.append("apiId", .string(try administration.apiId(of: api)))
        let made = try administration.call("keys.createKey", .object(body))
        arguments.output.print(made, table: secretTable)
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let administration = try Administration(arguments)
        let apiIds: [String]
        if let api = arguments.value("--api") {
            apiIds = [try administration.apiId(of: api)]
        } else {
            apiIds = try administration.list("apis.listApis").compactMap { $0["id"]?.text }
        }
        var rows: [JSONValue] = []
        for apiId in apiIds {
            var query = JSONObject()
            query.append("apiId", .string(apiId))
            query.append("externalId", ifPresent: arguments.text("--identity"))
            rows += try administration.list("apis.listKeys", query)
        }
        let heading = ["ID", "START", "NAME", "IDENTITY", "ENABLED", "EXPIRES", "ROLES", "PERMISSIONS"]
        arguments.output.print(rows, heading: heading) { key in
            [
                key.cell("keyId"), key.cell("start"), key.cell("name"), (key["identity"]?["externalId"]).cell,
                key.cell("enabled"), key.time("expires"), key.cell("roles"), key.cell("permissions"),
            ]
        }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let key = try Administration(arguments).call("keys.getKey", ["keyId": .string(arguments.required(0))])
        arguments.output.print(key) { key in
            Table.fields([
                ("id", key.cell("keyId")), ("start", key.cell("start")), ("name", key.cell("name")),
                ("identity", (key["identity"]?["externalId"]).cell), ("enabled", key.cell("enabled")),
                ("expires", key.time("expires")), ("roles", key.cell("roles")),
                ("permissions", key.cell("permissions")), ("meta", key.cell("meta")),
                ("allowed from", key["allowedNetworks"] == nil ? "anywhere" : key.cell("allowedNetworks")),
                ("created", key.time("createdAt")), ("updated", key.time("updatedAt")),
                ("last used", key.time("lastUsedAt")),
            ])
        }
        return .done
    }

    private static func verify(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        guard let key = arguments.operand(0).flatMap({ $0 == "-" ? nil : $0 }) ?? readLine(), !key.isEmpty
        else {
            throw .usage("no key: give it as an operand or on standard input")
        }
        var body = JSONObject()
        body.append("key", .string(key))
        body.append("permissions", ifPresent: arguments.text("--permission"))
        if let cost = try arguments.integer("--cost") { body.append("credits", ["cost": cost]) }
        body.append("tags", ifPresent: arguments.texts("--tag"))
        let decision = try Administration(arguments).call("keys.verifyKey", .object(body))
        arguments.output.print(decision) { decision in
            // About a key that is not there is nothing more to say.
            if decision["keyId"] == nil { return Table.fields([("decision", decision.cell("code"))]) }
            return Table.fields([
                ("decision", decision.cell("code")), ("key", decision.cell("keyId")),
                ("name", decision.cell("name")), ("identity", (decision["identity"]?["externalId"]).cell),
                ("enabled", decision.cell("enabled")), ("expires", decision.time("expires")),
                ("roles", decision.cell("roles")), ("permissions", decision.cell("permissions")),
                ("meta", decision.cell("meta")),
            ])
        }
        return decision["valid"] == true ? .done : .failed
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let id = arguments.required(0)
        let answer = try Administration(arguments).call(
            "keys.deleteKey", ["keyId": .string(id), "permanent": .bool(arguments.has("--permanent"))])
        arguments.output.print(answer) { _ in "deleted \(id)" }
        return .done
    }

    private static func reroll(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        try reroll(arguments, "keys.rerollKey")
    }

    /// Rerolls a key or a root key and prints the new one.
    static func reroll(_ arguments: Arguments, _ procedure: String) throws(CommandFailure) -> ExitCode {
        let text = arguments.value("--grace") ?? "0s"
        guard let grace = TimeText.duration(text), grace >= 0 else {
            throw .usage("--grace expects a duration such as 0s, 90s or 7d, found \"\(text)\"")
        }
        let made = try Administration(arguments).call(
            procedure, ["keyId": .string(arguments.required(0)), "expiration": .number(Int(grace))])
        arguments.output.print(made, table: secretTable)
        return .done
    }

    /// A new key, with the warning that goes with it.
    static func secretTable(_ made: JSONValue) -> String {
        Table.fields([("keyId", made.cell("keyId")), ("key", made.cell("key"))])
            + "\nKeep the key now: only its digest is stored, it cannot be shown again."
    }
}
