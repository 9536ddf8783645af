// The permission matrix of the management API, one row for each procedure and way of asking: what has to be
// held, in every spelling, and how somebody who lacks it is refused.

import Testing

@testable import Management

/// One row of the matrix.
struct PermissionRow: CustomTestStringConvertible {
    let procedure: String
    /// `<API>`, `<KEY>`, `<TEXT>`, `<KS>`, `<IDENTITY>`, `<ROOT>`, `<NS>` and `<OVERRIDE>` stand for what is in the sandbox.
    let body: String
    /// All of them have to be met, each by any one of its spellings.
    let needs: [[String]]
    let denial: Denial

    /// How it is refused.
    enum Denial {
        case error(ManagementError.Kind)
        /// With a 200 that says NOT_FOUND, as if there were no such key.
        case notFoundCode
    }

    init(
        _ procedure: String, _ body: String, _ needs: [String]...,
        denial: Denial = .error(.insufficientPermissions)
    ) {
        self.procedure = procedure
        self.body = body
        self.needs = needs
        self.denial = denial
    }

    var testDescription: String { "\(procedure) \(body)" }

    // MARK: Needs

    private static let urn = "unkey:v1:ws_keygate:"

    /// On an API, for all or for one, and by the keyspace.
    private static func api(_ action: String, _ paths: String...) -> [String] {
        ["api.*.\(action)", "api.<API>.\(action)"] + paths.map { "\(urn)\($0)#\(action)" }
    }

    private static func key(_ action: String) -> [String] {
        api(
            action, "keyspaces/<KS>/keys/<KEY>", "keyspaces/<KS>/keys/*", "keyspaces/*/keys/<KEY>",
            "keyspaces/<KS>/**")
    }

    private static func anyKey(_ action: String) -> [String] {
        api(action, "keyspaces/<KS>/keys/*", "keyspaces/*/keys/*")
    }

    private static func keyspace(_ action: String) -> [String] {
        api(action, "keyspaces/<KS>", "keyspaces/*")
    }

    private static func rbac(_ action: String, _ paths: String...) -> [String] {
        ["rbac.*.\(action)"] + paths.map { urn + $0 }
    }

    private static let createPermission = rbac("create_permission", "rbac/permissions/*#create_permission")

    private static func identity(_ action: String) -> [String] {
        [
            "identity.*.\(action)", "\(urn)projects/*/identities/*#\(action)",
            "\(urn)projects/p_1/identities/*#\(action)",
        ]
    }

    private static let readIdentity =
        identity("read_identity") + [
            "identity.<IDENTITY>.read_identity", "\(urn)projects/p_1/identities/<IDENTITY>#read_identity",
        ]

    private static func rootKey(_ action: String) -> [String] {
        ["\(urn)rootKeys/*#\(action)", "\(urn)rootKeys/<ROOT>#\(action)", "\(urn)**#\(action)"]
    }

    // MARK: The rows

    private static let hidesAPI = Denial.error(.apiNotFound)
    private static let updateKey = key("update_key")
    private static let hash = "9+fDbkWOgOa2osZ9Cp7Am9cY2t17+o1r9uetUm5Gwvc="

    static let all: [PermissionRow] =
        apis + keys + grants + identities + permissions + roles + rootKeys
        + ratelimits + workspace

    private static let apis = [
        PermissionRow("apis.createApi", #"{"name":"new"}"#, ["api.*.create_api", Workspace.everything]),
        PermissionRow("apis.getApi", #"{"apiId":"<API>"}"#, api("read_api")),
        PermissionRow("apis.getApi", #"{"apiId":"api_unknown"}"#, ["api.api_unknown.read_api"]),
        PermissionRow("apis.deleteApi", #"{"apiId":"<API>"}"#, api("delete_api")),
        PermissionRow(
            "apis.listKeys", #"{"apiId":"<API>"}"#, anyKey("read_key"),
            api("read_api") + ["\(urn)keyspaces/<KS>#read_keyspace"], denial: hidesAPI),
    ]

    private static let keys = [
        PermissionRow("keys.createKey", #"{"apiId":"<API>"}"#, keyspace("create_key"), denial: hidesAPI),
        PermissionRow(
            "keys.createKey", #"{"apiId":"<API>","permissions":["new"]}"#, keyspace("create_key"),
            denial: hidesAPI),
        PermissionRow("keys.getKey", #"{"keyId":"<KEY>"}"#, key("read_key")),
        PermissionRow("keys.whoami", #"{"key":"<TEXT>"}"#, key("read_key"), denial: .error(.keyNotFound)),
        PermissionRow("keys.verifyKey", #"{"key":"<TEXT>"}"#, key("verify_key"), denial: .notFoundCode),
        PermissionRow("keys.updateKey", #"{"keyId":"<KEY>"}"#, updateKey),
        PermissionRow("keys.updateCredits", #"{"keyId":"<KEY>","operation":"set","value":1}"#, updateKey),
        PermissionRow("keys.deleteKey", #"{"keyId":"<KEY>"}"#, key("delete_key")),
        PermissionRow("keys.rerollKey", #"{"keyId":"<KEY>","expiration":0}"#, keyspace("create_key")),
        PermissionRow(
            "keys.migrateKeys",
            #"{"apiId":"<API>","migrationId":"sha256_base64","keys":[{"hash":"\#(hash)"}]}"#,
            api("create_key")),
    ]

    private static let grants = [
        PermissionRow(
            "keys.addRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, updateKey, ["rbac.*.add_role_to_key"]),
        PermissionRow("keys.removeRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, updateKey),
        PermissionRow("keys.setRoles", #"{"keyId":"<KEY>","roles":["role"]}"#, updateKey),
        PermissionRow(
            "keys.addPermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, updateKey,
            ["rbac.*.add_permission_to_key"]),
        PermissionRow(
            "keys.addPermissions", #"{"keyId":"<KEY>","permissions":["new"]}"#, updateKey,
            ["rbac.*.add_permission_to_key"], createPermission),
        PermissionRow(
            "keys.removePermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, updateKey,
            ["rbac.*.remove_permission_from_key"]),
        PermissionRow(
            "keys.setPermissions", #"{"keyId":"<KEY>","permissions":["slug"]}"#, updateKey,
            ["rbac.*.add_permission_to_key"], ["rbac.*.remove_permission_from_key"]),
        PermissionRow(
            "keys.setPermissions", #"{"keyId":"<KEY>","permissions":["new"]}"#, updateKey,
            ["rbac.*.add_permission_to_key"], ["rbac.*.remove_permission_from_key"], createPermission),
    ]

    private static let identities = [
        PermissionRow("identities.createIdentity", #"{"externalId":"new"}"#, identity("create_identity")),
        PermissionRow("identities.getIdentity", #"{"identity":"acme"}"#, readIdentity),
        PermissionRow("identities.listIdentities", "{}", readIdentity),
        PermissionRow("identities.updateIdentity", #"{"identity":"acme"}"#, identity("update_identity")),
        PermissionRow("identities.deleteIdentity", #"{"identity":"acme"}"#, identity("delete_identity")),
    ]

    private static let permissions = [
        PermissionRow("permissions.createPermission", #"{"name":"n","slug":"new"}"#, createPermission),
        PermissionRow("permissions.getPermission", #"{"permission":"slug"}"#, rbac("read_permission")),
        PermissionRow("permissions.listPermissions", "{}", rbac("read_permission")),
        PermissionRow(
            "permissions.updatePermission", #"{"permission":"slug"}"#,
            rbac("update_permission", "projects/*/rbac/permissions/*#write", "projects/p_1/**#write")),
        PermissionRow("permissions.deletePermission", #"{"permission":"slug"}"#, rbac("delete_permission")),
    ]

    private static let roles = [
        PermissionRow("permissions.createRole", #"{"name":"new"}"#, rbac("create_role")),
        PermissionRow(
            "permissions.createRole", #"{"name":"new","permissions":["slug"]}"#, rbac("create_role"),
            rbac("add_permission_to_role")),
        PermissionRow(
            "permissions.createRole", #"{"name":"new","permissions":["new"]}"#, rbac("create_role"),
            rbac("add_permission_to_role"), createPermission),
        PermissionRow("permissions.getRole", #"{"role":"role"}"#, rbac("read_role")),
        PermissionRow("permissions.listRoles", "{}", rbac("read_role")),
        PermissionRow(
            "permissions.updateRole", #"{"role":"role"}"#,
            rbac("update_role", "projects/*/rbac/roles/*#write")),
        PermissionRow(
            "permissions.setRolePermissions", #"{"role":"role","permissions":[]}"#,
            rbac("add_permission_to_role"),
            rbac("remove_permission_from_role")),
        PermissionRow(
            "permissions.setRolePermissions", #"{"role":"role","permissions":["new"]}"#,
            rbac("add_permission_to_role"), rbac("remove_permission_from_role"), createPermission),
        PermissionRow("permissions.deleteRole", #"{"role":"role"}"#, rbac("delete_role")),
    ]

    private static func namespace(_ action: String) -> [String] {
        ["ratelimit.*.\(action)", "ratelimit.<NS>.\(action)"]
    }

    private static func limit(_ namespace: String) -> String {
        #"{"namespace":"\#(namespace)","identifier":"i","limit":5,"duration":60000}"#
    }

    private static let newNamespace = [["ratelimit.*.limit"], ["ratelimit.*.create_namespace"]]

    private static let ratelimits = [
        PermissionRow("ratelimit.limit", limit("requests"), namespace("limit")),
        PermissionRow("ratelimit.limit", limit("new"), newNamespace[0], newNamespace[1]),
        PermissionRow(
            "ratelimit.multiLimit", "[\(limit("requests")),\(limit("requests"))]", namespace("limit")),
        PermissionRow(
            "ratelimit.multiLimit", "[\(limit("requests")),\(limit("new"))]", newNamespace[0], newNamespace[1]
        ),
        PermissionRow(
            "ratelimit.setOverride", #"{"namespace":"requests","identifier":"x","limit":1,"duration":1000}"#,
            namespace("set_override")),
        PermissionRow(
            "ratelimit.getOverride", #"{"namespace":"requests","identifier":"vip"}"#,
            namespace("read_override") + [
                "\(urn)ratelimits/namespaces/<NS>/overrides/<OVERRIDE>#read_override",
                "\(urn)ratelimits/namespaces/*/overrides/*#read_override",
            ], denial: .error(.namespaceNotFound)),
        PermissionRow("ratelimit.listOverrides", #"{"namespace":"requests"}"#, namespace("read_override")),
        PermissionRow(
            "ratelimit.deleteOverride", #"{"namespace":"requests","identifier":"vip"}"#,
            namespace("delete_override")),
    ]

    private static let workspace = [
        PermissionRow("workspace.getLimits", "{}", ["\(urn)limits#read", "\(urn)**#read"]),
        PermissionRow("workspace.getUsage", "{}", ["\(urn)usage#read", "\(urn)**#read"]),
        PermissionRow(
            "analytics.getVerifications", #"{"query":"SELECT count() FROM key_verifications_v1"}"#,
            ["api.*.read_analytics", "api.<API>.read_analytics"]),
    ]

    private static let rootKeys = [
        PermissionRow(
            "rootKeys.createKey", #"{"permissions":[]}"#, ["\(urn)rootKeys/*#write", "\(urn)**#write"]),
        PermissionRow("rootKeys.updateKey", #"{"keyId":"<ROOT>"}"#, rootKey("write")),
        PermissionRow("rootKeys.deleteKey", #"{"keyId":"<ROOT>"}"#, rootKey("delete")),
        PermissionRow("rootKeys.rerollKey", #"{"keyId":"<ROOT>","expiration":null}"#, rootKey("write")),
        PermissionRow(
            "rootKeys.rerollKey", #"{"keyId":"<ROOT>","expiration":0}"#, rootKey("write"), rootKey("delete")),
    ]
}
