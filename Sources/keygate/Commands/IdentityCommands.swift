// keygate identity …

import JSON

enum IdentityCommands {
    private static let meta = Option.value(
        "--meta", as: "JSON", "a JSON object with what you know about the customer")

    static let commands: [Command] = [
        Command(
            "identity create", "EXTERNALID", summary: "Makes an identity, a customer known by your own id.",
            options: [meta] + .store, run: create),
        Command(
            "identity list", summary: "Lists the identities.",
            options: [.value("--search", as: "TEXT", "only those whose id contains this")] + .store, run: list
        ),
        Command("identity get", "EXTERNALID|ID", summary: "Shows one identity.", options: .store, run: get),
        Command(
            "identity update", "EXTERNALID|ID", summary: "Replaces the meta of an identity.",
            options: [meta, .flag("--no-meta", "remove the meta")] + .store, run: update),
        Command(
            "identity delete", "EXTERNALID|ID",
            summary: "Deletes an identity; its keys stay valid but lose it, its meta and its limits.",
            options: .store, run: delete),
    ]

    private static func create(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        var body = JSONObject()
        body.append("externalId", .string(arguments.required(0)))
        body.append("meta", ifPresent: try arguments.object("--meta"))
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
        guard let meta else { throw .usage("nothing to change: give --meta or --no-meta") }
        // An identity's meta is cleared by an empty object; the procedure knows no null here.
        let identity = try Administration(arguments).call(
            "identities.updateIdentity",
            ["identity": .string(arguments.required(0)), "meta": meta == .null ? [:] : meta])
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
