// keys.migrateKeys: keys that were made elsewhere, known by their hashes only.

import JSON
import Keys

enum MigrationProcedure {
    private static let key = Schema.body(
        .required("hash", .string(length: 3...Int.max, of: .any)), .optional("name", .keyName),
        .optional("externalId", .string(length: 1...255, of: .any)), .optional("meta", .meta),
        .optional("roles", .roleNames), .optional("permissions", .slugs), .optional("expires", .instant),
        .optional("enabled", .boolean), .optional("credits", .newCredits),
        .optional("ratelimits", .ratelimits))

    static let table = [
        Procedure(
            "keys.migrateKeys",
            .body(
                .required("migrationId", .string(length: 3...255, of: .any)),
                .required("apiId", .string(length: 3...255, of: .any)),
                .required("keys", .array(of: key, count: 1...Int.max))),
            run: migrate)
    ]

    private static func migrate(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let apiId = call.requiredText("apiId")
        try call.require(.api(apiId, "create_key"))
        let api = try store.existingAPI(apiId)
        let migrationId = call.requiredText("migrationId")
        guard let migration = Migration(rawValue: migrationId) else {
            throw ManagementError(.migrationNotFound, "the migration '\(migrationId)' does not exist")
        }
        let wanted = try lastOfEach(call, migration)

        var migrated: [JSONValue] = []
        var failed: [JSONValue] = []
        for (hash, digest, entry) in wanted {
            // A hash that is taken, even by a deleted key, is reported and changes nothing.
            if store.isTaken(digest) {
                failed.append(.string(hash))
                continue
            }
            let record = try record(digest, entry, api, &store)
            let key = try asking { () throws(StoreError) in try store.createKey(record) }
            migrated.append(["hash": .string(hash), "keyId": .string(key.id)])
        }
        return .data(["migrated": .array(migrated), "failed": .array(failed)])
    }

    /// The entries by their digests, in order; of several with one digest the last.
    private static func lastOfEach(
        _ call: Call, _ migration: Migration
    ) throws(ManagementError) -> [(hash: [UInt8], digest: KeyDigest, entry: Call)] {
        var wanted: [(hash: [UInt8], digest: KeyDigest, entry: Call)] = []
        var places: [KeyDigest: Int] = [:]
        for (index, element) in (call.body["keys"]?.elements ?? []).enumerated() {
            let hash = element["hash"]?.stringBytes ?? []
            guard let body = element.object, let digest = migration.digest(hash) else {
                throw ManagementError(
                    .invalidInput, "keys[\(index)].hash is no SHA-256 digest as \(migration.rawValue)")
            }
            let entry = Call(
                .object(body), caller: call.caller, services: call.services, requestId: call.requestId,
                nowMillis: call.nowMillis)
            _ = try entry.newCredits()
            if let place = places[digest] {
                wanted[place] = (hash, digest, entry)
            } else {
                places[digest] = wanted.count
                wanted.append((hash, digest, entry))
            }
        }
        return wanted
    }

    /// What an entry describes. Unlike for a new key, roles that do not exist are made too.
    private static func record(
        _ digest: KeyDigest, _ entry: Call, _ api: APIRecord, _ store: inout Transaction
    ) throws(ManagementError) -> KeyRecord {
        // Nothing is known of the text of the key, so there is nothing to show of it.
        var record = KeyRecord(digest: digest, api: api.reference)
        record.name = entry.text("name")
        try entry.metaChange(maxBytes: KeyProcedures.maxMetaBytes).apply(to: &record.meta)
        record.expiresAtMillis = entry.integer("expires")
        record.isEnabled = entry.flag("enabled", default: true)
        record.credits = try entry.newCredits()
        record.limits = try entry.limits() ?? []
        record.permissions = try store.permissions(madeFrom: entry.texts("permissions") ?? [])
        for name in entry.texts("roles") ?? [] {
            let role = try asking { () throws(StoreError) in
                if let role = store.role(name: name) { return role }
                return try store.createRole(name: name)
            }
            record.roles.append(role.reference)
        }
        if let externalID = entry.text("externalId") {
            record.identity = try asking { () throws(StoreError) in
                try store.findOrCreateIdentity(externalID: externalID).reference
            }
        }
        return record
    }
}
