// keys.*: making, showing, ending and rerolling keys.

import Bytes
import JSON
import Keys

enum KeyProcedures {
    /// The longest meta of a key, in compact bytes.
    static let maxMetaBytes = 64 * 1024

    static let table = [
        Procedure(
            "keys.createKey",
            .body(
                .required("apiId", .apiId), .optional("prefix", .string(length: 1...16, of: .word)),
                .optional("name", .keyName), .optional("byteLength", .integer(16...255)),
                .optional("externalId", .externalId), .optional("meta", .meta),
                .optional("roles", .roleNames),
                .optional("permissions", .slugs), .optional("expires", .instant),
                .optional("credits", .newCredits),
                .optional("ratelimits", .ratelimits), .optional("enabled", .boolean),
                .optional("recoverable", .boolean)),
            operatorFields: [Schema.allowedNetworks], run: create),
        Procedure("keys.getKey", .body(.required("keyId", .keyId), .optional("decrypt", .boolean)), run: get),
        Procedure("keys.whoami", .body(.required("key", .string(length: 1...512, of: .any))), run: whoami),
        Procedure(
            "keys.deleteKey", .body(.required("keyId", .keyId), .optional("permanent", .boolean)), run: delete
        ),
        Procedure(
            "keys.rerollKey",
            .body(
                .required("keyId", .keyId), .required("expiration", .nullable(.instant)), unknown: .ignored),
            run: reroll),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let apiId = call.requiredText("apiId")
        let api = try store.existingAPI(apiId)
        // Who may not create keys here is told that there is no such API.
        guard call.isAllowed(.api(apiId, "create_key", at: "keyspaces/\(api.keyspaceID)")) else {
            throw .notFound(.api, apiId)
        }
        if call.flag("recoverable", default: false) {
            guard call.isAllowed(.api(apiId, "encrypt_key", at: "keyspaces/\(api.keyspaceID)/keys/*")) else {
                throw .notFound(.api, apiId)
            }
            throw .notRecoverable
        }
        let credits = try call.newCredits()
        let limits = try call.limits() ?? []

        let prefix = call.text("prefix")
        let generated = KeyMaterial.generate(
            prefix: prefix, byteLength: Int(call.integer("byteLength") ?? 16))
        var record = KeyRecord(generated, api: api.reference, prefix: prefix)
        record.name = call.text("name")
        try call.metaChange(maxBytes: maxMetaBytes).apply(to: &record.meta)
        record.expiresAtMillis = call.integer("expires")
        record.isEnabled = call.flag("enabled", default: true)
        record.credits = credits
        record.limits = limits
        record.allowedNetworks = try call.allowedNetworks() ?? []
        record.roles = try store.existingRoles(named: call.texts("roles") ?? [])
        record.permissions = try store.permissions(madeFrom: call.texts("permissions") ?? [])
        if let externalID = call.text("externalId") {
            record.identity = try asking { () throws(StoreError) in
                try store.findOrCreateIdentity(externalID: externalID).reference
            }
        }
        let key = try asking { () throws(StoreError) in try store.createKey(record) }
        return .data(.newKey(id: key.id, generated))
    }

    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let key = try store.existingKey(call.requiredText("keyId"))
        try call.require(store.requirement("read_key", on: key))
        if call.flag("decrypt", default: false) {
            try call.require(store.requirement("decrypt_key", on: key))
            throw .notRecoverable
        }
        return .data(store.json(of: key, for: call.caller))
    }

    private static func whoami(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let text = Array(call.requiredText("key").utf8)
        // Unknown and not allowed look alike, so that nobody can probe for keys.
        guard let key = store.key(digest: KeyDigest(hashing: text.span)),
            call.isAllowed(store.requirement("read_key", on: key))
        else { throw ManagementError(.keyNotFound, "the key does not exist") }
        return .data(store.json(of: key))
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let key = try store.existingKey(call.requiredText("keyId"))
        try call.require(store.requirement("delete_key", on: key))
        let deletion = call.flag("permanent", default: false) ? KeyDeletion.permanent : .soft
        try asking { () throws(StoreError) in try store.deleteKey(key.reference, deletion) }
        return .done
    }

    private static func reroll(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let old = try store.existingKey(call.requiredText("keyId"))
        let api = store.api(old.api)
        try call.require(.api(api.id, "create_key", at: "keyspaces/\(api.keyspaceID)"))

        let generated = KeyMaterial.generate(prefix: old.prefix)
        var record = KeyRecord(generated, api: old.api, prefix: old.prefix)
        record.isEnabled = old.isEnabled
        record.name = old.name
        record.identity = old.identity
        record.meta = old.meta
        record.expiresAtMillis = old.expiresAtMillis
        record.allowedNetworks = old.allowedNetworks
        record.roles = old.roles
        record.permissions = old.permissions
        record.credits = old.credits
        // New ids, so that the new key begins with fresh counters.
        record.limits = old.limits.map { limit in
            var limit = limit
            limit.id = ""
            return limit
        }
        let new = try asking { () throws(StoreError) in try store.createKey(record) }
        if let end = call.endOfGrace(noLaterThan: old.expiresAtMillis) {
            try asking { () throws(StoreError) in
                try store.updateKey(old.reference) { $0.expiresAtMillis = end }
            }
        }
        return .data(.newKey(id: new.id, generated))
    }
}

extension Call {
    /// When a rerolled key ends: `expiration` milliseconds from now, but never later than it would have ended
    /// anyway. Nil if it is to go on as it is.
    func endOfGrace(noLaterThan current: Int64?) -> Int64? {
        guard let grace = integer("expiration") else { return nil }
        // A key is valid up to and including its last millisecond; no grace means not even this one.
        let (end, isBeyond) = nowMillis.addingReportingOverflow(grace == 0 ? -1 : grace)
        return min(isBeyond ? .max : end, current ?? .max)
    }
}

extension KeyRecord {
    init(_ generated: borrowing GeneratedKey, api: Reference<APIRecord>, prefix: String?) {
        self.init(
            digest: generated.digest, api: api, start: generated.start, prefix: prefix,
            byteLength: generated.byteLength)
    }
}

extension JSONValue {
    /// A new key, the only time its text is shown.
    static func newKey(id: String, _ generated: borrowing GeneratedKey) -> JSONValue {
        ["keyId": .string(id), "key": .string(Array(copying: generated.secret.bytes))]
    }
}
