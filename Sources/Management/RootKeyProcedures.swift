// rootKeys.*: credentials for this API itself. Nobody can hand out more than they hold, nor for longer.

import Access
import JSON
import Keys

enum RootKeyProcedures {
    /// Root keys are worth more than API keys and live longer.
    private static let byteLength = 32
    private static let permissions = Schema.array(of: .anyText, count: Schema.unbounded)
    private static let keyId = Schema.Field.required("keyId", .anyText)

    static let table = [
        Procedure(
            "rootKeys.createKey",
            .body(
                .required("permissions", permissions), .optional("name", .anyText),
                .optional("expires", .nullable(.integer(Int.min...Int.max)))),
            run: create),
        Procedure("rootKeys.listKeys", .object(Schema.page, .refused), run: list),
        Procedure(
            "rootKeys.updateKey",
            .body(
                keyId, .optional("name", .nullable(.anyText)), .optional("enabled", .boolean),
                .optional("permissions", permissions)),
            run: update),
        Procedure("rootKeys.deleteKey", .body(keyId), run: delete),
        Procedure(
            "rootKeys.rerollKey",
            .body(keyId, .required("expiration", .nullable(.integer(0...Int.max)))), run: reroll),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rootKey("*", "write"))
        let permissions = call.texts("permissions") ?? []
        try call.requireGrantable(permissions)
        let expires = call.integer("expires")
        if let expires, expires <= call.nowMillis {
            throw ManagementError(.invalidInput, "expires must be in the future")
        }
        try call.requireNoLonger(than: expires)
        let generated = KeyMaterial.generate(prefix: "unkey", byteLength: byteLength)
        let record = RootKeyRecord(
            digest: generated.digest, name: call.text("name"), permissions: permissions,
            start: generated.start, end: generated.end, expiresAtMillis: expires)
        let key = try asking { () throws(StoreError) in try store.createRootKey(record) }
        return .data(.newKey(id: key.id, generated))
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        // Rows the caller may not read are passed over, not refused; the page is filled from what remains.
        var rows: [JSONValue] = []
        var cursor = call.text("cursor")
        while true {
            let page = store.rootKeys(from: cursor, limit: call.pageLimit)
            for key in page.records where call.isAllowed(.rootKey(key.id, "read")) {
                if rows.count == call.pageLimit { return .page(rows, next: key.id) }
                rows.append(json(of: key))
            }
            guard let next = page.nextCursor else { return .page(rows, next: nil) }
            cursor = next
        }
    }

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let key = try store.existingRootKey(call.requiredText("keyId"))
        try call.require(.rootKey(key.id, "write"))
        if let permissions = call.texts("permissions") { try call.requireGrantable(permissions) }
        try call.requireNoLonger(than: key.expiresAtMillis)
        try asking { () throws(StoreError) in
            try store.updateRootKey(key.reference) { record in
                call.textChange("name").apply(to: &record.name)
                record.isEnabled = call.flag("enabled", default: record.isEnabled)
                record.permissions = call.texts("permissions") ?? record.permissions
            }
        }
        return .done
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let key = try store.existingRootKey(call.requiredText("keyId"))
        try call.require(.rootKey(key.id, "delete"))
        try asking { () throws(StoreError) in try store.deleteRootKey(key.reference) }
        return .done
    }

    private static func reroll(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let old = try store.existingRootKey(call.requiredText("keyId"))
        try call.require(.rootKey(old.id, "write"))
        try call.requireGrantable(old.permissions)
        try call.requireNoLonger(than: old.expiresAtMillis)
        let end = call.endOfGrace(noLaterThan: old.expiresAtMillis)
        if end != nil { try call.require(.rootKey(old.id, "delete")) }

        let generated = KeyMaterial.generate(prefix: "unkey", byteLength: byteLength)
        var record = RootKeyRecord(
            digest: generated.digest, name: old.name, permissions: old.permissions, start: generated.start,
            end: generated.end, expiresAtMillis: old.expiresAtMillis)
        record.isEnabled = old.isEnabled
        let stored = record
        let new = try asking { () throws(StoreError) in try store.createRootKey(stored) }
        if let end {
            try asking { () throws(StoreError) in
                try store.updateRootKey(old.reference) { $0.expiresAtMillis = end }
            }
        }
        return .data(.newKey(id: new.id, generated))
    }

    private static func json(of key: RootKeyRecord) -> JSONValue {
        [
            "keyId": .string(key.id), "name": key.name.map { .string($0) } ?? .null,
            "start": .string(key.start), "end": .string(key.end), "enabled": .bool(key.isEnabled),
            "createdAt": .number(Int(key.createdAtMillis)),
            "lastUsedAt": .number(Int(key.lastUsedAtMillis ?? 0)),
            "expires": key.expiresAtMillis.map { .number(Int($0)) } ?? .null,
            "permissions": .array(key.permissions.map { .string($0) }),
        ]
    }
}

extension Call {
    /// Refuses permissions that are spelled wrong or that the caller does not hold.
    fileprivate func requireGrantable(_ permissions: [String]) throws(ManagementError) {
        for text in permissions {
            let wanted: RootPermission
            do throws(RootPermissionError) {
                wanted = try RootPermission(parsing: Array(text.utf8).span)
            } catch {
                throw ManagementError(.invalidInput, "permission '\(text)': \(error)")
            }
            guard case .rootKey(_, let held, _) = caller else { continue }
            guard held.contains(where: { $0.grantsEverything || $0.grants(wanted) }) else {
                throw ManagementError(
                    .insufficientPermissions,
                    "the root key cannot grant '\(text)', which it does not hold itself")
            }
        }
    }

    /// Refuses a key that would outlive a caller who expires.
    fileprivate func requireNoLonger(than expires: Int64?) throws(ManagementError) {
        guard case .rootKey(_, _, let end?) = caller else { return }
        guard let expires, expires <= end else {
            throw ManagementError(
                .forbidden, "a root key that expires cannot make or change keys that outlive it")
        }
    }
}
