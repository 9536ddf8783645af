import JSON
import Testing

@testable import Management

@Suite("keys.verifyKey")
struct VerifyTests {
    @Test("an unknown key is answered with nothing but that")
    func unknown() throws {
        #expect(try Sandbox().verify("nope").description == #"{"valid":false,"code":"NOT_FOUND"}"#)
    }

    @Test("a valid key is answered with everything about it")
    func valid() throws {
        let sandbox = try Sandbox()
        try sandbox.data("identities.createIdentity", #"{"externalId":"acme","meta":{"plan":"pro"}}"#)
        try sandbox.data("permissions.createRole", #"{"name":"reader","permissions":["x.read"]}"#)
        let key = try sandbox.createKey(
            in: sandbox.createAPI(),
            #""name":"n","externalId":"acme","meta":{"a":1},"permissions":["y"],"roles":["reader"]"#)
        let answer = try sandbox.verify(key.text)
        #expect(answer["valid"] == true && answer["code"] == "VALID" && answer["enabled"] == true)
        #expect(answer["keyId"]?.text == key.id && answer["name"] == "n" && answer["meta"] == ["a": 1])
        #expect(answer["permissions"]?.texts() == ["x.read", "y"] && answer["roles"]?.texts() == ["reader"])
        #expect(answer["identity"]?["externalId"] == "acme" && answer["identity"]?["meta"] == ["plan": "pro"])
        #expect(answer["keyspaceId"]?.text?.hasPrefix("ks_") == true)
        #expect(answer["ratelimits"] == nil && answer["credits"] == nil)
    }

    @Test(
        "the first failure decides: disabled before expired before permissions",
        arguments: [
            (#""enabled":false,"expires":1"#, "DISABLED"), (#""expires":1"#, "EXPIRED"),
            (#""enabled":true"#, "INSUFFICIENT_PERMISSIONS"),
        ])
    func order(_ members: String, _ code: String) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), members)
        let answer = try sandbox.verify(key.text, #""permissions":"missing""#)
        #expect(answer["code"]?.text == code && answer["valid"] == false)
        #expect(answer["keyId"]?.text == key.id)
    }

    @Test(
        "a permission query is exact, case-sensitive and has no wildcards",
        arguments: [
            ("a.read", true), ("a.read AND b.write", true), ("a.read AND c", false), ("c OR b.write", true),
            ("(c OR a.read) AND b.write", true), ("A.READ", false), ("docs.*", true), ("docs.read", false),
        ])
    func queries(_ query: String, _ valid: Bool) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(
            in: sandbox.createAPI(), #""permissions":["a.read","b.write","docs.*"]"#)
        #expect(try sandbox.verify(key.text, #""permissions":"\#(query)""#)["valid"] == .bool(valid))
    }

    @Test(
        "a query that makes no sense is refused even for a disabled key",
        arguments: ["a AND", "(a", "a b", "ä", " "])
    func badQueries(_ query: String) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""enabled":false"#)
        try sandbox.refuses(
            .permissionQuerySyntax, "keys.verifyKey", #"{"key":"\#(key.text)","permissions":"\#(query)"}"#)
    }

    @Test("changes of roles, permissions and identities are seen by the very next verification")
    func freshness() throws {
        let sandbox = try Sandbox()
        try sandbox.data("permissions.createRole", #"{"name":"reader","permissions":["x.read"]}"#)
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""roles":["reader"],"externalId":"acme""#)
        func holds(_ slug: String) throws -> Bool {
            try sandbox.verify(key.text, #""permissions":"\#(slug)""#)["valid"] == true
        }
        #expect(try holds("x.read"))
        try sandbox.data("permissions.setRolePermissions", #"{"role":"reader","permissions":["x.write"]}"#)
        #expect(try !holds("x.read") && holds("x.write"))
        try sandbox.data("permissions.updatePermission", #"{"permission":"x.write","slug":"x.edit"}"#)
        #expect(try holds("x.edit"))
        try sandbox.data("permissions.deletePermission", #"{"permission":"x.edit"}"#)
        #expect(try !holds("x.edit"))
        _ = sandbox.call("identities.deleteIdentity", #"{"identity":"acme"}"#)
        #expect(try sandbox.verify(key.text)["identity"] == nil)
        #expect(try sandbox.verify(key.text)["valid"] == true)
    }

    @Test("a key of another keyspace is not found")
    func keyspaces() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        let keyspace = try #require(try sandbox.verify(key.text)["keyspaceId"]?.text)
        #expect(try sandbox.verify(key.text, #""keyspaces":["\#(keyspace)","ks_other"]"#)["valid"] == true)
        #expect(try sandbox.verify(key.text, #""keyspaces":["ks_other"]"#)["code"] == "NOT_FOUND")
    }

    @Test("a root key is no API key")
    func rootKey() throws {
        let sandbox = try Sandbox()
        let root = try sandbox.data("rootKeys.createKey", #"{"permissions":[]}"#)["key"]?.text ?? ""
        #expect(try sandbox.verify(root)["code"] == "NOT_FOUND")
        try sandbox.refuses(.keyNotFound, "keys.whoami", #"{"key":"\#(root)"}"#)
    }
}
