// permissions.*Role*: named sets of permissions.

import JSON
import Keys

enum RoleProcedures {
    private static let existing = Schema.Field.required("role", .roleName)

    static let table = [
        Procedure(
            "permissions.createRole",
            .body(
                .required("name", .roleName), .optional("description", .description),
                .optional("permissions", .anySlugs)),
            run: create),
        Procedure("permissions.getRole", .body(existing), run: get),
        Procedure("permissions.listRoles", .object(Schema.rbacPage, .refused), run: list),
        Procedure(
            "permissions.updateRole",
            .body(
                .required("role", .anyText), .optional("name", .roleName),
                .optional("description", .nullable(.description))),
            run: update),
        Procedure(
            "permissions.setRolePermissions",
            // `roleId` is the older name of the member; one of the two has to be there.
            .anyMember(
                ["role", "roleId"],
                .body(
                    .optional("role", .roleName), .optional("roleId", .string(length: 1...255, of: .any)),
                    .required("permissions", .anySlugs))),
            run: setPermissions),
        Procedure("permissions.deleteRole", .body(existing), run: delete),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("create_role"))
        let slugs = call.texts("permissions") ?? []
        if !slugs.isEmpty { try call.require(.rbac("add_permission_to_role")) }
        // The name is judged before anything is made for a role that cannot be.
        let name = call.requiredText("name")
        if store.role(name: name) != nil { throw ManagementError(.alreadyExists(.role, name)) }
        let granted = try permissions(slugs, call, &store)
        let role = try asking { () throws(StoreError) in
            try store.createRole(name: name, summary: call.text("description"), permissions: granted)
        }
        return .data(["roleId": .string(role.id)])
    }

    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("read_role"))
        return .data(store.json(of: try store.existingRole(call.requiredText("role"))))
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("read_role"))
        let page = store.roles(
            search: call.text("search") ?? "", from: call.text("cursor"), limit: call.pageLimit)
        return .page(page.records.map { store.json(of: $0) }, next: page.nextCursor)
    }

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let reference = call.requiredText("role")
        let path =
            "projects/\(Requirement.anyProject)/rbac/roles/\(store.role(idOrName: reference)?.id ?? "*")"
        try call.require(.rbac("update_role", orURN: "\(path)#write"))
        let role = try store.existingRole(reference)
        let changed = try asking { () throws(StoreError) in
            try store.updateRole(role.reference) { record in
                record.name = call.text("name") ?? record.name
                call.textChange("description").apply(to: &record.summary)
            }
        }
        var data = JSONObject()
        data.append("id", .string(changed.id))
        data.append("name", .string(changed.name))
        data.append("description", unlessEmpty: changed.summary)
        return .data(.object(data))
    }

    private static func setPermissions(
        _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> Outcome {
        try call.require(.rbac("add_permission_to_role"), .rbac("remove_permission_from_role"))
        let role = try store.existingRole(call.text("role") ?? call.requiredText("roleId"))
        let granted = try permissions(call.texts("permissions") ?? [], call, &store)
        let changed = try asking { () throws(StoreError) in
            try store.updateRole(role.reference) { $0.permissions = granted }
        }
        return .data(.array(store.json(of: changed.permissions)))
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("delete_role"))
        let role = try store.existingRole(call.requiredText("role"))
        try asking { () throws(StoreError) in try store.deleteRole(role.reference) }
        return .done
    }

    /// The permissions with these slugs. Making one that does not exist takes a permission of its own.
    private static func permissions(
        _ slugs: [String], _ call: Call, _ store: inout Transaction
    ) throws(ManagementError) -> [Reference<PermissionRecord>] {
        for slug in slugs where store.permission(slug: slug) == nil { try call.require(.createPermission) }
        return try store.permissions(madeFrom: slugs)
    }
}
