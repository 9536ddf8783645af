// keys.{add,remove,set}{Permissions,Roles}: what a key holds directly and which roles it has. All or nothing: a
// name that does not exist leaves the key as it was.

import JSON
import Keys

enum KeyGrantProcedures {
    static let table = [
        Procedure("keys.addPermissions", slugs(1...1_000), run: addPermissions),
        Procedure("keys.removePermissions", slugs(1...1_000), run: removePermissions),
        Procedure("keys.setPermissions", slugs(Schema.unbounded), run: setPermissions),
        Procedure("keys.addRoles", roles(1...100), run: addRoles),
        Procedure("keys.removeRoles", roles(1...100), run: removeRoles),
        Procedure("keys.setRoles", roles(0...100), run: setRoles),
    ]

    private static func slugs(_ count: ClosedRange<Int>) -> Schema {
        .body(.required("keyId", .keyId), .required("permissions", .array(of: .slug, count: count)))
    }

    private static func roles(_ count: ClosedRange<Int>) -> Schema {
        .body(.required("keyId", .keyId), .required("roles", .array(of: .roleName, count: count)))
    }

    // MARK: Permissions

    private static func addPermissions(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(call, &store, .rbac("add_permission_to_key"))
        let added = try permissions(call, &store)
        return try change(key, &store) { $0.permissions += added }
    }

    private static func removePermissions(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(call, &store, .rbac("remove_permission_from_key"))
        var removed: Set<Reference<PermissionRecord>> = []
        for reference in call.texts("permissions") ?? [] {
            removed.insert(try store.existingPermission(reference).reference)
        }
        return try change(key, &store) { $0.permissions.removeAll { removed.contains($0) } }
    }

    private static func setPermissions(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(
            call, &store, .rbac("add_permission_to_key"), .rbac("remove_permission_from_key"))
        let wanted = try permissions(call, &store)
        return try change(key, &store) { $0.permissions = wanted }
    }

    /// The permissions a call names. Making one that does not exist takes a permission of its own.
    private static func permissions(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> [Reference<PermissionRecord>] {
        let slugs = call.texts("permissions") ?? []
        for slug in slugs where store.permission(slug: slug) == nil { try call.require(.createPermission) }
        return try store.permissions(madeFrom: slugs)
    }

    private static func change(
        _ key: KeyRecord, _ store: inout Transaction, _ change: (inout KeyRecord) -> Void
    ) throws(ManagementError) -> Outcome {
        let changed = try asking { () throws(StoreError) in
            try store.updateKey(key.reference, .keepsTimestamp) { change(&$0) }
        }
        return .data(.array(store.json(of: changed.permissions)))
    }

    // MARK: Roles

    private static func addRoles(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(call, &store, .rbac("add_role_to_key"))
        let added = try store.existingRoles(named: call.texts("roles") ?? [])
        return try changeRoles(key, &store) { $0.roles += added }
    }

    private static func removeRoles(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(call, &store)
        let removed = Set(try store.existingRoles(named: call.texts("roles") ?? []))
        return try changeRoles(key, &store) { $0.roles.removeAll { removed.contains($0) } }
    }

    private static func setRoles(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        let key = try existingKey(call, &store)
        let wanted = try store.existingRoles(named: call.texts("roles") ?? [])
        return try changeRoles(key, &store) { $0.roles = wanted }
    }

    private static func changeRoles(
        _ key: KeyRecord, _ store: inout Transaction, _ change: (inout KeyRecord) -> Void
    ) throws(ManagementError) -> Outcome {
        let changed = try asking { () throws(StoreError) in
            try store.updateKey(key.reference, .keepsTimestamp) { change(&$0) }
        }
        return .data(.array(store.json(of: changed.roles)))
    }

    /// The key a call names, if the caller may update it and meets the further requirements.
    private static func existingKey(
        _ call: Call, _ store: inout Transaction, _ further: Requirement...
    ) throws(ManagementError) -> KeyRecord {
        let key = try store.existingKey(call.requiredText("keyId"))
        try call.require(store.requirement("update_key", on: key))
        for requirement in further { try call.require(requirement) }
        return key
    }
}
