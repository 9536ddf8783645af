// apis.*: containers of keys.

import JSON
import Keys

enum APIProcedures {
    private static let existing = Schema.string(length: 8...255, of: .word)

    static let table = [
        Procedure(
            "apis.createApi", .body(.required("name", .string(length: 3...256, of: .any))), run: create),
        Procedure("apis.getApi", .body(.required("apiId", existing)), run: get),
        Procedure("apis.deleteApi", .body(.required("apiId", existing)), run: delete),
        Procedure(
            "apis.listKeys",
            .object(
                Schema.page + [
                    .required("apiId", .reference), .optional("externalId", .reference),
                    .optional("decrypt", .boolean),
                    .optional("revalidateKeysCache", .boolean),
                ], .refused), run: listKeys),
        Procedure("apis.listApis", for: .operatorOnly, .object(Schema.page, .refused), run: list),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.anyAPI("create_api"))
        let api = try asking { () throws(StoreError) in try store.createAPI(name: call.requiredText("name")) }
        return .data(["apiId": .string(api.id)])
    }

    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let id = call.requiredText("apiId")
        try call.require(.api(id, "read_api"))
        return .data(json(of: try store.existingAPI(id)))
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let id = call.requiredText("apiId")
        try call.require(.api(id, "delete_api"))
        let api = try store.existingAPI(id)
        try asking { () throws(StoreError) in try store.deleteAPI(api.reference) }
        return .done
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let page = store.apis(from: call.text("cursor"), limit: call.pageLimit)
        return .page(page.records.map(json), next: page.nextCursor)
    }

    private static func json(of api: APIRecord) -> JSONValue {
        ["id": .string(api.id), "name": .string(api.name)]
    }

    private static func listKeys(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let id = call.requiredText("apiId")
        let api = try store.existingAPI(id)
        let keyspace = "keyspaces/\(api.keyspaceID)"
        // Who may not see an API's keys is told that there is no such API.
        let mayReadKeys = call.isAllowed(.api(id, "read_key", at: keyspace + "/keys/*"))
        let mayReadAPI =
            call.isAllowed(.api(id, "read_api")) || call.isAllowed(.keyspace(api.keyspaceID, "read_keyspace"))
        guard mayReadKeys, mayReadAPI else { throw .notFound(.api, id) }
        if call.flag("decrypt", default: false) {
            try call.require(.api(id, "decrypt_key", at: keyspace + "/keys/*"))
            throw .notRecoverable
        }
        var identity: Reference<IdentityRecord>?
        if let externalID = call.text("externalId") {
            guard let found = store.identity(externalID: externalID) else { return .page([], next: nil) }
            identity = found.reference
        }
        let page = store.keys(
            of: api.reference, identity: identity, from: call.text("cursor"), limit: call.pageLimit)
        return .page(page.records.map { store.json(of: $0) }, next: page.nextCursor)
    }
}

extension Call {
    /// How many rows a page of this list has at most.
    var pageLimit: Int { body["limit"]?.integer ?? 100 }
}

extension ManagementError {
    /// Keys are stored as digests only, so there is nothing to show.
    static var notRecoverable: ManagementError {
        ManagementError(
            .preconditionFailed, "keys of this API are not recoverable: only their digests are stored")
    }
}
