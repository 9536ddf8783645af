import JSON
import Testing

@testable import Management

@Suite("permissions.*")
struct PermissionTests {
    @Test("a permission is made, found by id or slug, changed and deleted")
    func permission() throws {
        let sandbox = try Sandbox()
        let id = try #require(
            try sandbox.data(
                "permissions.createPermission", #"{"name":"Read","slug":"x.read","description":"d"}"#)[
                    "permissionId"]?.text)
        for reference in [id, "x.read"] {
            #expect(
                try sandbox.data("permissions.getPermission", #"{"permission":"\#(reference)"}"#).description
                    == #"{"id":"\#(id)","name":"Read","slug":"x.read","description":"d"}"#)
        }
        try sandbox.refuses(
            .permissionExists, "permissions.createPermission", #"{"name":"n","slug":"X.READ"}"#)
        let changed = try sandbox.data(
            "permissions.updatePermission", #"{"permission":"x.read","name":"N","description":null}"#)
        #expect(changed.description == #"{"id":"\#(id)","name":"N","slug":"x.read"}"#)
        try sandbox.data("permissions.createPermission", #"{"name":"n","slug":"y"}"#)
        try sandbox.refuses(
            .permissionExists, "permissions.updatePermission", #"{"permission":"y","slug":"x.read"}"#)
        #expect(
            try sandbox.data("permissions.listPermissions", #"{"search":"READ"}"#).texts("slug") == ["x.read"]
        )
        #expect(try sandbox.data("permissions.deletePermission", #"{"permission":"\#(id)"}"#) == [:])
        for procedure in ["getPermission", "updatePermission", "deletePermission"] {
            try sandbox.refuses(.permissionNotFound, "permissions.\(procedure)", #"{"permission":"x.read"}"#)
        }
    }

    @Test("a role is made, found by id or name, changed and deleted")
    func role() throws {
        let sandbox = try Sandbox()
        let id = try #require(
            try sandbox.data(
                "permissions.createRole",
                #"{"name":"Ops Team","description":"d","permissions":["b","a","A"]}"#)["roleId"]?.text)
        for reference in [id, "ops team"] {
            let role = try sandbox.data("permissions.getRole", #"{"role":"\#(reference)"}"#)
            #expect(
                role["name"] == "Ops Team" && role["description"] == "d"
                    && role["permissions"]?.texts("slug") == ["a", "b"])
        }
        try sandbox.refuses(
            .roleExists, "permissions.createRole", #"{"name":"OPS TEAM","permissions":["new"]}"#)
        try sandbox.refuses(.permissionNotFound, "permissions.getPermission", #"{"permission":"new"}"#)
        let changed = try sandbox.data(
            "permissions.updateRole", #"{"role":"ops team","name":"Ops","description":null}"#)
        #expect(changed.description == #"{"id":"\#(id)","name":"Ops"}"#)
        try sandbox.data("permissions.createRole", #"{"name":"Dev"}"#)
        try sandbox.refuses(.roleExists, "permissions.updateRole", #"{"role":"dev","name":"ops"}"#)
        #expect(Set(try sandbox.data("permissions.listRoles", "{}").texts("name")) == ["Ops", "Dev"])
        #expect(try sandbox.data("permissions.deleteRole", #"{"role":"\#(id)"}"#) == [:])
        for procedure in ["getRole", "updateRole", "deleteRole"] {
            try sandbox.refuses(.roleNotFound, "permissions.\(procedure)", #"{"role":"Ops"}"#)
        }
    }

    @Test("what a role grants is replaced exactly, by either name of the member")
    func setRolePermissions() throws {
        let sandbox = try Sandbox()
        let id =
            try sandbox.data("permissions.createRole", #"{"name":"r","permissions":["a"]}"#)["roleId"]?.text
            ?? ""
        #expect(
            try sandbox.data("permissions.setRolePermissions", #"{"role":"r","permissions":["c","b"]}"#)
                .texts("slug") == ["b", "c"])
        #expect(
            try sandbox.data("permissions.setRolePermissions", #"{"roleId":"\#(id)","permissions":[]}"#)
                .elements == [])
        try sandbox.refuses(.invalidInput, "permissions.setRolePermissions", #"{"permissions":[]}"#)
        try sandbox.refuses(
            .roleNotFound, "permissions.setRolePermissions", #"{"role":"ghost","permissions":[]}"#)
    }

    @Test(
        "letter case and accents do not tell names of roles apart",
        arguments: ["équipe", "EQUIPE", "E\u{301}quipe"])
    func foldedNames(_ other: String) throws {
        let sandbox = try Sandbox()
        let id = try sandbox.data("permissions.createRole", #"{"name":"Équipe"}"#)["roleId"]
        try sandbox.refuses(.roleExists, "permissions.createRole", #"{"name":"\#(other)"}"#)
        #expect(try sandbox.data("permissions.getRole", #"{"role":"\#(other)"}"#)["id"] == id)
        try sandbox.data("permissions.createRole", #"{"name":"Équipes"}"#)
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""roles":["\#(other)"]"#)
        #expect(try sandbox.key(key.id)["roles"]?.texts() == ["Équipe"])
    }

    @Test(
        "what the published schema does not bound is only not found",
        arguments: [
            ("permissions.updatePermission", #"{"permission":"no slug at all"}"#, .permissionNotFound),
            ("permissions.updateRole", #"{"role":""}"#, .roleNotFound),
            ("rootKeys.deleteKey", #"{"keyId":"?"}"#, .keyNotFound),
        ] as [(String, String, ManagementError.Kind)])
    func unbounded(_ procedure: String, _ body: String, _ kind: ManagementError.Kind) throws {
        try Sandbox().refuses(kind, procedure, body)
    }
}
