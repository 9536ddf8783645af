// keygate identity …

import JSON

enum IdentityCommands {
    private static let meta = Option.value(
        "--meta", as: "JSON", "a JSON object with what you know about the customer")

    static let commands: [Command] = [
        Command(
            "identity create", "EXTERNALID", summary: "Makes an identity, a customer known by your own id.",
            options: [meta] + .limits + .store, run: create),
        Command(
            "identity list", summary: "Lists the identities.",
            options: [.value("--search", as: "TEXT", "only those whose id contains this")] + .store, run: list
        ),
        Command("identity get", "EXTERNALID|ID", summary: "Shows one identity.", options: .store, run: get),
        Command(
            "identity update", "EXTERNALID|ID", summary: "Replaces the meta or the limits of an identity.",
            options: [
                meta, .flag("--no-meta", "remove the meta"), .flag("--no-ratelimits", "remove the limits"),
            ] + .limits + .store, run: update),
        Command(
            "identity delete", "EXTERNALID|ID",
            summary: "Deletes an identity; its keys stay valid but lose it, its meta and its limits.",
            options: .store, run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("externalId", .string(arguments.required(0)))
        body.append("meta", ifPresent: try arguments.object("--meta"))
        body.append("ratelimits", ifPresent: try arguments.ratelimits())
        let made = try Administration(arguments).call("identities.createIdentity", .object(body))
        arguments.output.print(made) { Table.fields([("identityId", $0.cell("identityId"))]) }
        return .done
    }

    private static func list(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var query = JSONObject()
        query.append("search", ifPresent: arguments.text("--search"))
        let rows = try Administration(arguments).list("identities.listIdentities", query)
        arguments.output.print(rows, heading: ["ID", "EXTERNAL ID", "META"]) {
            [$0.cell("id"), $0.cell("externalId"), $0.cell("meta")]
        }
        return .done
    }

    private static func get(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let identity = try Administration(arguments).call(
            "identities.getIdentity", ["identity": .string(arguments.required(0))])
        arguments.output.print(identity, table: fields)
        return .done
    }

    private static func update(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let meta = try arguments.change("--meta", clearedBy: "--no-meta", to: try arguments.object("--meta"))
        let limits = try arguments.change(
            "--ratelimit", clearedBy: "--no-ratelimits", to: try arguments.ratelimits())
        guard meta != nil || limits != nil else { throw .usage("nothing to change") }
        var body = JSONObject()
        body.append("identity", .string(arguments.required(0)))
        // Here the procedure knows no null: an empty object or list clears.
        body.append("meta", ifPresent: meta == .null ? [:] : meta)
        body.append("ratelimits", ifPresent: limits == .null ? [] : limits)
        let identity = try Administration(arguments).call("identities.updateIdentity", .object(body))
        arguments.output.print(identity, table: fields)
        return .done
    }

    private static func delete(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let reference = arguments.required(0)
        _ = try Administration(arguments).call("identities.deleteIdentity", ["identity": .string(reference)])
        arguments.output.print([:]) { _ in "deleted \(reference)" }
        return .done
    }

    private static func fields(_ identity: JSONValue) -> String {
        Table.fields(["id", "externalId", "meta"].map { ($0, identity.cell($0)) })
    }
}
