import JSON
import Testing

@testable import Management

@Suite("keys.updateKey and grants")
struct KeyUpdateTests {
    @Test(
        "absent keeps, null clears, a value replaces",
        arguments: [
            ("name", #""other""#), ("externalId", #""other""#), ("meta", #"{"b":2}"#),
            ("expires", "4102444800000"),
        ])
    func threeStates(_ member: String, _ value: String) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(
            in: sandbox.createAPI(), #""name":"n","externalId":"acme","meta":{"a":1},"expires":4000000000000"#
        )
        func current() throws -> JSONValue? {
            let shown = try sandbox.key(key.id)
            return member == "externalId" ? shown["identity"]?["externalId"] : shown[member]
        }
        let before = try current()
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)"}"#)
        #expect(try current() == before)
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","\#(member)":\#(value)}"#)
        #expect(try current()?.description == value)
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","\#(member)":null}"#)
        #expect(try current() == nil)
    }

    @Test("a key is disabled and enabled, and knows when it was changed")
    func enabled() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","enabled":false}"#)
        #expect(try sandbox.verify(key.text)["code"] == "DISABLED")
        #expect(try sandbox.key(key.id)["updatedAt"] != nil)
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","enabled":true}"#)
        #expect(try sandbox.verify(key.text)["code"] == "VALID")
    }

    @Test("permissions and roles are replaced; nothing changes when one does not exist")
    func grants() throws {
        let sandbox = try Sandbox()
        try sandbox.data("permissions.createRole", #"{"name":"reader"}"#)
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""permissions":["a"],"roles":["reader"]"#)
        try sandbox.refuses(
            .roleNotFound, "keys.updateKey", #"{"keyId":"\#(key.id)","permissions":["z"],"roles":["ghost"]}"#)
        #expect(try sandbox.key(key.id)["permissions"]?.texts() == ["a"])
        try sandbox.refuses(.permissionNotFound, "permissions.getPermission", #"{"permission":"z"}"#)
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","permissions":["b","B"],"roles":[]}"#)
        #expect(try sandbox.key(key.id)["permissions"]?.texts() == ["b"])
        #expect(try sandbox.key(key.id)["roles"] == nil)
        try sandbox.refuses(.keyNotFound, "keys.updateKey", #"{"keyId":"key_unknown","enabled":true}"#)
        try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","credits":null,"ratelimits":null}"#)
    }

    @Test("direct permissions are added, removed and set; the answer is what there is afterwards")
    func permissions() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        func run(_ verb: String, _ slugs: String) throws -> [String] {
            try sandbox.data("keys.\(verb)Permissions", #"{"keyId":"\#(key.id)","permissions":[\#(slugs)]}"#)
                .texts("slug")
        }
        #expect(try run("add", #""b","a""#) == ["a", "b"])
        #expect(try run("add", #""a""#) == ["a", "b"])
        #expect(try sandbox.key(key.id)["updatedAt"] == nil)
        try sandbox.refuses(
            .permissionNotFound, "keys.removePermissions",
            #"{"keyId":"\#(key.id)","permissions":["a","ghost"]}"#)
        #expect(try sandbox.key(key.id)["permissions"]?.texts() == ["a", "b"])
        let id = try sandbox.data("permissions.getPermission", #"{"permission":"a"}"#)["id"]?.text ?? ""
        #expect(try run("remove", #""\#(id)""#) == ["b"])
        #expect(try run("set", #""c","d""#) == ["c", "d"])
        #expect(try run("set", "") == [])
        try sandbox.refuses(.invalidInput, "keys.addPermissions", #"{"keyId":"\#(key.id)","permissions":[]}"#)
        try sandbox.refuses(
            .keyNotFound, "keys.addPermissions", #"{"keyId":"key_unknown","permissions":["a"]}"#)
    }

    @Test("roles are added, removed and set, by name in any letter case")
    func roles() throws {
        let sandbox = try Sandbox()
        try sandbox.data("permissions.createRole", #"{"name":"reader","permissions":["x.read"]}"#)
        try sandbox.data("permissions.createRole", #"{"name":"writer"}"#)
        let key = try sandbox.createKey(in: sandbox.createAPI())
        func run(_ verb: String, _ names: String) throws -> JSONValue {
            try sandbox.data("keys.\(verb)Roles", #"{"keyId":"\#(key.id)","roles":[\#(names)]}"#)
        }
        let added = try run("add", #""READER""#)
        #expect(added.texts("name") == ["reader"])
        #expect(added.elements?.first?["permissions"]?.texts("slug") == ["x.read"])
        try sandbox.refuses(
            .roleNotFound, "keys.addRoles", #"{"keyId":"\#(key.id)","roles":["writer","ghost"]}"#)
        #expect(try run("set", #""writer","reader""#).texts("name").sorted() == ["reader", "writer"])
        #expect(try run("remove", #""writer""#).texts("name") == ["reader"])
        #expect(try run("set", "").texts("name") == [])
    }
}
