// permissions.*: what keys can hold and routes can require.

import JSON
import Keys

enum PermissionProcedures {
    private static let name = Schema.string(length: 1...512, of: .any)
    /// By id or slug, both of which fit the pattern of a slug.
    private static let existing = Schema.Field.required("permission", .slug)

    static let table = [
        Procedure(
            "permissions.createPermission",
            .body(.required("name", name), .required("slug", .slug), .optional("description", .description)),
            run: create),
        Procedure("permissions.getPermission", .body(existing), run: get),
        Procedure("permissions.listPermissions", .object(Schema.rbacPage, .refused), run: list),
        Procedure(
            "permissions.updatePermission",
            .body(
                .required("permission", .anyText), .optional("name", name), .optional("slug", .slug),
                .optional("description", .nullable(.description))),
            run: update),
        Procedure("permissions.deletePermission", .body(existing), run: delete),
    ]

    private static func create(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.createPermission)
        let permission = try asking { () throws(StoreError) in
            try store.createPermission(
                slug: call.requiredText("slug"), name: call.requiredText("name"),
                summary: call.text("description"))
        }
        return .data(["permissionId": .string(permission.id)])
    }

    private static func get(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("read_permission"))
        return .data(try store.existingPermission(call.requiredText("permission")).json)
    }

    private static func list(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("read_permission"))
        let page = store.permissions(
            search: call.text("search") ?? "", from: call.text("cursor"), limit: call.pageLimit)
        return .page(page.records.map(\.json), next: page.nextCursor)
    }

    private static func update(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let reference = call.requiredText("permission")
        let path =
            "projects/\(Requirement.anyProject)/rbac/permissions/\(store.permission(idOrSlug: reference)?.id ?? "*")"
        try call.require(.rbac("update_permission", orURN: "\(path)#write"))
        let permission = try store.existingPermission(reference)
        let changed = try asking { () throws(StoreError) in
            try store.updatePermission(permission.reference) { record in
                record.name = call.text("name") ?? record.name
                record.slug = call.text("slug") ?? record.slug
                call.textChange("description").apply(to: &record.summary)
            }
        }
        return .data(changed.json)
    }

    private static func delete(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        try call.require(.rbac("delete_permission"))
        let permission = try store.existingPermission(call.requiredText("permission"))
        try asking { () throws(StoreError) in try store.deletePermission(permission.reference) }
        return .done
    }
}
