// identities.*: your customers, known by your own ids.

import JSON
import Keys

enum IdentityProcedures {
    /// The longest meta of an identity, in compact bytes.
    private static let maxMetaBytes = 1 << 20

    static let table = [
        Procedure(
            "identities.createIdentity",
            .body(
                .required("externalId", .externalId), .optional("meta", .meta),
                .optional("ratelimits", .ratelimits),
                unknown: .ignored),
            run: create),
        Procedure("identities.getIdentity", .body(.required("identity", .reference)), run: get),
        Procedure("identities.listIdentities", .object(Schema.searchablePage, .refused), run: list),
        Procedure(
            "identities.updateIdentity",
            .body(
                .required("identity", .reference), .optional("meta", .meta),
                .optional("ratelimits", .ratelimits)),
            run: update),
        Procedure("identities.deleteIdentity", .body(.required("identity", .reference)), run: delete),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.identity("create_identity"))
        let limits = try call.limits() ?? []
        var meta: [UInt8]?
        try call.metaChange(maxBytes: maxMetaBytes).apply(to: &meta)
        let identity = try asking { () throws(StoreError) in
            try store.createIdentity(externalID: call.requiredText("externalId"), meta: meta, limits: limits)
        }
        return .data(["identityId": .string(identity.id)])
    }

    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let identity = try store.existingIdentity(call.requiredText("identity"))
        try call.require(.identity("read_identity", id: identity.id))
        return .data(identity.json)
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let page = store.identities(
            search: call.text("search") ?? "", from: call.text("cursor"), limit: call.pageLimit)
        for identity in page.records { try call.require(.identity("read_identity", id: identity.id)) }
        return .page(page.records.map(\.json), next: page.nextCursor)
    }

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.identity("update_identity"))
        let identity = try store.existingIdentity(call.requiredText("identity"))
        let limits = try call.limits(.areRefused)
        let meta = try call.metaChange(maxBytes: maxMetaBytes)
        let changed = try asking { () throws(StoreError) in
            try store.updateIdentity(identity.reference) { record in
                meta.apply(to: &record.meta)
                if let limits { record.limits = limits }
            }
        }
        return .data(changed.json)
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.identity("delete_identity"))
        let identity = try store.existingIdentity(call.requiredText("identity"))
        try asking { () throws(StoreError) in try store.deleteIdentity(identity.reference) }
        return .nothing
    }
}
