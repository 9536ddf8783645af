// keys.updateKey: absent keeps, null clears, a value replaces, member by member.

import JSON
import Keys

enum KeyUpdateProcedure {
    static let table = [
        Procedure(
            "keys.updateKey",
            .body(
                .required("keyId", .keyId), .optional("name", .nullable(.keyName)),
                .optional("externalId", .nullable(.externalId)), .optional("meta", .nullable(.meta)),
                .optional("expires", .nullable(.instant)), .optional("enabled", .boolean),
                .optional("credits", .nullable(.changedCredits)),
                .optional("ratelimits", .nullable(.ratelimits)),
                .optional("permissions", .slugs), .optional("roles", .roleNames)),
            operatorFields: [Schema.allowedNetworks], run: update)
    ]

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        var key = try store.existingKey(call.requiredText("keyId"))
        try call.require(store.requirement("update_key", on: key))
        try call.checkCreditChange(of: key.credits)

        call.textChange("name").apply(to: &key.name)
        try call.metaChange(maxBytes: KeyProcedures.maxMetaBytes).apply(to: &key.meta)
        call.integerChange("expires").apply(to: &key.expiresAtMillis)
        key.isEnabled = call.flag("enabled", default: key.isEnabled)
        if let limits = try call.limits() { key.limits = limits }
        if let networks = try call.allowedNetworks() { key.allowedNetworks = networks }
        switch call.textChange("externalId") {
        case .keep: break
        case .clear: key.identity = nil
        case .set(let externalID):
            key.identity = try asking { () throws(StoreError) in
                try store.findOrCreateIdentity(externalID: externalID).reference
            }
        }
        if let names = call.texts("roles") { key.roles = try store.existingRoles(named: names) }
        if let slugs = call.texts("permissions") { key.permissions = try store.permissions(madeFrom: slugs) }

        let changed = key
        try asking { () throws(StoreError) in
            try store.updateKey(changed.reference) { record in
                // Only in here is the balance certain: until now loops may have spent of it.
                var credits = record.credits
                try? call.changeCredits(&credits)
                record = changed
                record.credits = credits
            }
        }
        return .done
    }
}
