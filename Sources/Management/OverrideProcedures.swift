// ratelimit.*Override*: other limits for some identifiers of a namespace, written out or as a pattern with `*`.

import JSON
import Keys

enum OverrideProcedures {
    private static let place: [Schema.Field] = [
        .required("namespace", RateLimitProcedures.namespace),
        .required("identifier", RateLimitProcedures.identifier),
    ]

    /// Of a list call that does not say how long a page is to be.
    private static let pageLimit = 50

    static let table = [
        Procedure(
            "ratelimit.setOverride",
            .object(
                place + [
                    .required("limit", .integer(0...Int.max)),
                    .required("duration", .integer(1_000...Int.max)),
                ], .refused),
            run: set),
        Procedure("ratelimit.getOverride", .object(place, .refused), run: get),
        Procedure("ratelimit.deleteOverride", .object(place, .refused), run: delete),
        Procedure(
            "ratelimit.listOverrides",
            .object([.required("namespace", RateLimitProcedures.namespace)] + Schema.page, .refused),
            run: list),
    ]

    private static func set(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let namespace = try store.existingNamespace(call.requiredText("namespace"))
        try call.require(.ratelimit(namespace.id, "set_override"))
        let body = JSONValue.object(call.body)
        let override = try asking { () throws(StoreError) in
            try store.setOverride(
                of: namespace.reference, identifier: call.requiredText("identifier"),
                limit: body.int64("limit"), durationMillis: body.int64("duration"))
        }
        return .data(["overrideId": .string(override.id)])
    }

    /// The override that governs the identifier, a pattern if there is none for it alone.
    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let reference = call.requiredText("namespace")
        let identifier = call.requiredText("identifier")
        let namespace = try store.existingNamespace(reference)
        let override = store.override(of: namespace.reference, governing: identifier)
        // Who may not read overrides here is told that there is no such namespace.
        let path = "ratelimits/namespaces/\(namespace.id)/overrides/\(override?.id ?? "*")"
        guard call.isAllowed(.ratelimit(namespace.id, "read_override", at: path)) else {
            throw .notFound(.namespace, reference)
        }
        guard let override else { throw .notFound(.override, identifier) }
        return .data(override.json)
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let namespace = try store.existingNamespace(call.requiredText("namespace"))
        try call.require(.ratelimit(namespace.id, "delete_override"))
        let identifier = call.requiredText("identifier")
        guard let override = store.override(of: namespace.reference, identifier: identifier) else {
            throw .notFound(.override, identifier)
        }
        try asking { () throws(StoreError) in try store.deleteOverride(override.reference) }
        return .done
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let namespace = try store.existingNamespace(call.requiredText("namespace"))
        try call.require(.ratelimit(namespace.id, "read_override"))
        let page = store.overrides(
            of: namespace.reference, from: call.text("cursor"),
            limit: call.integer("limit").map { Int($0) } ?? pageLimit)
        return .page(page.records.map(\.json), next: page.nextCursor)
    }
}

extension OverrideRecord {
    var json: JSONValue {
        [
            "overrideId": .string(id), "identifier": .string(identifier), "limit": .number(Int(limit)),
            "duration": .number(Int(durationMillis)),
        ]
    }
}

extension Transaction {
    /// By id or name. What was deleted does not exist here.
    fileprivate func existingNamespace(_ reference: String) throws(ManagementError) -> NamespaceRecord {
        guard let namespace = namespace(idOrName: reference), namespace.deletedAtMillis == nil else {
            throw .notFound(.namespace, reference)
        }
        return namespace
    }
}
