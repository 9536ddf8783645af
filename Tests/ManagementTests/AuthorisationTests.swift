import JSON
import Testing

@testable import Management

/// The permission matrix of the API, row by row: a caller with just the row's permissions passes, a caller that
/// lacks any one of them is refused in the row's own way.
@Suite("What each procedure asks of a root key")
struct AuthorisationTests {
    struct Row: CustomTestStringConvertible {
        let procedure: String
        /// `<API>`, `<KEY>`, `<KS>`, `<IDENTITY>` and `<ROOT>` stand for the ids in the sandbox.
        let body: String
        /// All of them together are enough.
        let permissions: [String]
        let denial: ManagementError.Kind

        var testDescription: String { "\(procedure) with \(permissions.joined(separator: " and "))" }

        init(
            _ procedure: String, _ body: String, _ permissions: String...,
            denial: ManagementError.Kind = .insufficientPermissions
        ) {
            self.procedure = procedure
            self.body = body
            self.permissions = permissions
            self.denial = denial
        }
    }

    static let urn = "unkey:v1:ws_keygate:"
    static let rows = [
        Row("apis.createApi", #"{"name":"new"}"#, "api.*.create_api"),
        Row("apis.createApi", #"{"name":"new"}"#, Workspace.everything),
        Row("apis.getApi", #"{"apiId":"<API>"}"#, "api.*.read_api"),
        Row("apis.getApi", #"{"apiId":"<API>"}"#, "api.<API>.read_api"),
        Row("apis.deleteApi", #"{"apiId":"<API>"}"#, "api.<API>.delete_api"),
        Row(
            "apis.listKeys", #"{"apiId":"<API>"}"#, "api.*.read_key", "api.<API>.read_api",
            denial: .apiNotFound),
        Row(
            "apis.listKeys", #"{"apiId":"<API>"}"#, urn + "keyspaces/<KS>#read_keyspace",
            urn + "keyspaces/<KS>/keys/*#read_key", denial: .apiNotFound),
        Row("keys.createKey", #"{"apiId":"<API>"}"#, "api.<API>.create_key", denial: .apiNotFound),
        Row("keys.createKey", #"{"apiId":"<API>"}"#, urn + "keyspaces/<KS>#create_key", denial: .apiNotFound),
        Row("keys.getKey", #"{"keyId":"<KEY>"}"#, "api.*.read_key"),
        Row("keys.getKey", #"{"keyId":"<KEY>"}"#, urn + "keyspaces/*/keys/<KEY>#read_key"),
        Row("keys.updateKey", #"{"keyId":"<KEY>"}"#, "api.<API>.update_key"),
        Row(
            "keys.addRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, "api.*.update_key",
            "rbac.*.add_role_to_key"),
        Row("keys.removeRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, "api.*.update_key"),
        Row("keys.setRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, "api.*.update_key"),
        Row(
            "keys.addPermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, "api.*.update_key",
            "rbac.*.add_permission_to_key"),
        Row(
            "keys.addPermissions", #"{"keyId":"<KEY>","permissions":["new"]}"#, "api.*.update_key",
            "rbac.*.add_permission_to_key", "rbac.*.create_permission"),
        Row(
            "keys.removePermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, "api.*.update_key",
            "rbac.*.remove_permission_from_key"),
        Row(
            "keys.setPermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, "api.*.update_key",
            "rbac.*.add_permission_to_key", "rbac.*.remove_permission_from_key"),
        Row("keys.deleteKey", #"{"keyId":"<KEY>"}"#, "api.*.delete_key"),
        Row("keys.rerollKey", #"{"keyId":"<KEY>","expiration":0}"#, "api.<API>.create_key"),
        Row(
            "keys.migrateKeys",
            #"{"apiId":"<API>","migrationId":"sha256_base64","keys":[{"hash":"9+fDbkWOgOa2osZ9Cp7Am9cY2t17+o1r9uetUm5Gwvc="}]}"#,
            "api.<API>.create_key"),
        Row("identities.createIdentity", #"{"externalId":"new"}"#, "identity.*.create_identity"),
        Row("identities.getIdentity", #"{"identity":"acme"}"#, "identity.<IDENTITY>.read_identity"),
        Row("identities.listIdentities", "{}", "identity.*.read_identity"),
        Row(
            "identities.updateIdentity", #"{"identity":"acme"}"#,
            urn + "projects/p_1/identities/*#update_identity"),
        Row(
            "identities.getIdentity", #"{"identity":"acme"}"#,
            urn + "projects/*/identities/<IDENTITY>#read_identity"),
        Row("identities.updateIdentity", #"{"identity":"acme"}"#, "identity.*.update_identity"),
        Row("identities.deleteIdentity", #"{"identity":"acme"}"#, "identity.*.delete_identity"),
        Row("permissions.createPermission", #"{"name":"n","slug":"new"}"#, "rbac.*.create_permission"),
        Row("permissions.getPermission", #"{"permission":"slug"}"#, "rbac.*.read_permission"),
        Row("permissions.listPermissions", "{}", "rbac.*.read_permission"),
        Row("permissions.updatePermission", #"{"permission":"slug"}"#, "rbac.*.update_permission"),
        Row(
            "permissions.updatePermission", #"{"permission":"slug"}"#,
            urn + "projects/*/rbac/permissions/*#write"),
        Row("permissions.deletePermission", #"{"permission":"slug"}"#, "rbac.*.delete_permission"),
        Row("permissions.createRole", #"{"name":"new"}"#, "rbac.*.create_role"),
        Row(
            "permissions.createRole", #"{"name":"new","permissions":["slug"]}"#, "rbac.*.create_role",
            "rbac.*.add_permission_to_role"),
        Row(
            "permissions.createRole", #"{"name":"new","permissions":["new"]}"#, "rbac.*.create_role",
            "rbac.*.add_permission_to_role", "rbac.*.create_permission"),
        Row("permissions.getRole", #"{"role":"role"}"#, "rbac.*.read_role"),
        Row("permissions.listRoles", "{}", "rbac.*.read_role"),
        Row("permissions.updateRole", #"{"role":"role"}"#, "rbac.*.update_role"),
        Row(
            "permissions.setRolePermissions", #"{"role":"role","permissions":[]}"#,
            "rbac.*.add_permission_to_role", "rbac.*.remove_permission_from_role"),
        Row("permissions.deleteRole", #"{"role":"role"}"#, "rbac.*.delete_role"),
        Row("rootKeys.createKey", #"{"permissions":[]}"#, urn + "rootKeys/*#write"),
        Row("rootKeys.updateKey", #"{"keyId":"<ROOT>"}"#, urn + "rootKeys/<ROOT>#write"),
        Row("rootKeys.deleteKey", #"{"keyId":"<ROOT>"}"#, urn + "rootKeys/*#delete"),
        Row("rootKeys.rerollKey", #"{"keyId":"<ROOT>","expiration":null}"#, urn + "rootKeys/*#write"),
        Row(
            "rootKeys.rerollKey", #"{"keyId":"<ROOT>","expiration":0}"#, urn + "rootKeys/*#write",
            urn + "rootKeys/*#delete"),
    ]

    @Test("exactly the row's permissions are enough, and each of them is needed", arguments: rows)
    func matrix(_ row: Row) throws {
        for missing in [nil] + row.permissions.indices.map(Optional.some) {
            let sandbox = try Sandbox()
            let api = try sandbox.createAPI()
            let key = try sandbox.createKey(in: api, #""externalId":"acme","permissions":["slug"]"#)
            let keyspace = try sandbox.verify(key.text)["keyspaceId"]?.text ?? ""
            try sandbox.data("permissions.createRole", #"{"name":"role"}"#)
            let identity =
                try sandbox.data("identities.getIdentity", #"{"identity":"acme"}"#)["id"]?.text ?? ""
            let root = try sandbox.data("rootKeys.createKey", #"{"permissions":[]}"#)["keyId"]?.text ?? ""
            func fill(_ text: String) -> String {
                let ids = [
                    ("<API>", api), ("<KEY>", key.id), ("<KS>", keyspace), ("<IDENTITY>", identity),
                    ("<ROOT>", root),
                ]
                return ids.reduce(text) { $0.replacing($1.0, with: $1.1) }
            }
            var held = row.permissions.map(fill)
            if let missing { held.remove(at: missing) }
            // Something harmless, so that a caller is never without any permission.
            held.append("ratelimit.*.limit")
            let caller = try Sandbox.rootKey(held)
            let answer = sandbox.call(row.procedure, fill(row.body), as: caller)
            if missing == nil {
                #expect(answer.status == 200, "\(answer.body)")
            } else {
                #expect(
                    answer.error?.kind == row.denial,
                    "without \(missing.map { row.permissions[$0] } ?? "nothing"): \(answer.body)")
            }
        }
    }

    @Test("without the permission to verify or read it, a key is as good as unknown")
    func hidden() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        let stranger = try Sandbox.rootKey("api.*.read_api")
        let body = #"{"key":"\#(key.text)"}"#
        #expect(try sandbox.data("keys.verifyKey", body, as: stranger)["code"] == "NOT_FOUND")
        #expect(
            try sandbox.data("keys.verifyKey", body, as: Sandbox.rootKey("api.*.verify_key"))["code"]
                == "VALID")
        try sandbox.refuses(.keyNotFound, "keys.whoami", body, as: stranger)
        try sandbox.data("keys.whoami", body, as: Sandbox.rootKey("api.*.read_key"))
    }
}
