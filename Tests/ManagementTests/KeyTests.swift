import JSON
import Testing

@testable import Management

@Suite("keys.*")
struct KeyTests {
    @Test("a key is made with everything it can have, and shown without its text")
    func create() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        try sandbox.data("permissions.createRole", #"{"name":"Reader","permissions":["invoices.read"]}"#)
        let meta = #"{"z":1.10,"a":[12345678901234567890,{"ü":null}],"n":1e-7}"#
        let key = try sandbox.createKey(
            in: api,
            #""prefix":"my_app","name":"first","externalId":"acme","meta":\#(meta),"roles":["reader"],"permissions":["b.x","a.x"],"expires":4102444800000"#
        )
        #expect(key.id.hasPrefix("key_"))
        #expect(key.text.hasPrefix("my_app_"))
        let shown = try sandbox.key(key.id)
        #expect(shown["start"]?.text == String(key.text.prefix("my_app_".count + 4)))
        #expect(shown["meta"]?.description == meta)
        #expect(shown["name"] == "first" && shown["enabled"] == true && shown["expires"] == 4_102_444_800_000)
        #expect(shown["roles"]?.texts() == ["Reader"])
        #expect(shown["permissions"]?.texts() == ["a.x", "b.x", "invoices.read"])
        #expect(shown["identity"]?["externalId"] == "acme")
        #expect(shown["updatedAt"] == nil && shown["plaintext"] == nil && shown["credits"] == nil)
        #expect(!shown.description.contains(key.text))
    }

    @Test("a plain key has only what every key has")
    func plain() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        #expect(
            try sandbox.key(key.id).object?.members.map { String(decoding: $0.name, as: UTF8.self) }
                == ["keyId", "start", "enabled", "createdAt"])
    }

    @Test("creating is all or nothing")
    func atomic() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        try sandbox.refuses(
            .roleNotFound, "keys.createKey",
            #"{"apiId":"\#(api)","roles":["ghost"],"permissions":["new.slug"],"externalId":"new"}"#)
        try sandbox.refuses(.identityNotFound, "identities.getIdentity", #"{"identity":"new"}"#)
        try sandbox.refuses(.permissionNotFound, "permissions.getPermission", #"{"permission":"new.slug"}"#)
        #expect(try sandbox.data("apis.listKeys", #"{"apiId":"\#(api)"}"#).elements == [])
    }

    @Test(
        "what cannot be created is refused with its kind",
        arguments: [
            (#"{"apiId":"api_unknown"}"#, .apiNotFound),
            (#"{"apiId":"API","recoverable":true}"#, .preconditionFailed),
            (#"{"apiId":"API","byteLength":15}"#, .invalidInput),
            (#"{"apiId":"API","prefix":"a-b"}"#, .invalidInput),
            (#"{"apiId":"API","meta":[]}"#, .invalidInput), (#"{"apiId":"API","expires":-1}"#, .invalidInput),
            (#"{"apiId":"API","permissions":["a b"]}"#, .invalidInput),
            (#"{"apiId":"API","colour":"red"}"#, .invalidInput),
        ] as [(String, ManagementError.Kind)])
    func refusals(_ body: String, _ kind: ManagementError.Kind) throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        try sandbox.refuses(
            kind, "keys.createKey",
            body.split(separator: "API", maxSplits: 1, omittingEmptySubsequences: false).joined(
                separator: api))
    }

    @Test("meta ends at its limit")
    func metaLimit() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let fits = String(repeating: "x", count: 64 * 1024 - #"{"a":""}"#.utf8.count)
        _ = try sandbox.createKey(in: api, #""meta":{"a":"\#(fits)"}"#)
        try sandbox.refuses(.invalidInput, "keys.createKey", #"{"apiId":"\#(api)","meta":{"a":"\#(fits)x"}}"#)
    }

    @Test("the text of a key says which key it is, and nothing else does")
    func whoami() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""enabled":false"#)
        #expect(try sandbox.data("keys.whoami", #"{"key":"\#(key.text)"}"#)["keyId"]?.text == key.id)
        try sandbox.refuses(.keyNotFound, "keys.whoami", #"{"key":"\#(key.text)x"}"#)
        try sandbox.refuses(.keyNotFound, "keys.getKey", #"{"keyId":"key_unknown"}"#)
        try sandbox.refuses(.preconditionFailed, "keys.getKey", #"{"keyId":"\#(key.id)","decrypt":true}"#)
    }

    @Test("a deleted key is gone at once, softly or for good", arguments: ["", #","permanent":true"#])
    func delete(_ member: String) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        try sandbox.data("keys.deleteKey", #"{"keyId":"\#(key.id)"\#(member)}"#)
        try sandbox.refuses(.keyNotFound, "keys.deleteKey", #"{"keyId":"\#(key.id)"\#(member)}"#)
        #expect(try sandbox.verify(key.text)["code"] == "NOT_FOUND")
    }

    @Test("a rerolled key has the same properties and a new text; the old one ends")
    func reroll() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let old = try sandbox.createKey(
            in: api, #""prefix":"my_app","name":"n","externalId":"acme","meta":{"a":1},"permissions":["p.q"]"#
        )
        let made = try sandbox.data("keys.rerollKey", #"{"keyId":"\#(old.id)","expiration":0}"#)
        let id = try #require(made["keyId"]?.text)
        let text = try #require(made["key"]?.text)
        #expect(id != old.id && text.hasPrefix("my_app_"))
        #expect(try sandbox.verify(old.text)["code"] == "EXPIRED")
        let new = try sandbox.verify(text)
        #expect(new["code"] == "VALID" && new["meta"] == ["a": 1] && new["name"] == "n")
        #expect(new["permissions"]?.texts() == ["p.q"] && new["identity"]?["externalId"] == "acme")
    }

    @Test("grace lets the old key go on, but never longer than it would have")
    func grace() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let endless = try sandbox.createKey(in: api)
        try sandbox.data("keys.rerollKey", #"{"keyId":"\#(endless.id)","expiration":60000}"#)
        #expect(try sandbox.verify(endless.text)["code"] == "VALID")
        #expect(try sandbox.key(endless.id)["expires"] != nil)

        let ending = try sandbox.createKey(in: api, #""expires":1"#)
        try sandbox.data("keys.rerollKey", #"{"keyId":"\#(ending.id)","expiration":60000}"#)
        #expect(try sandbox.key(ending.id)["expires"] == 1)

        let kept = try sandbox.createKey(in: api)
        try sandbox.data("keys.rerollKey", #"{"keyId":"\#(kept.id)","expiration":null}"#)
        #expect(try sandbox.key(kept.id)["expires"] == nil)
        try sandbox.refuses(.keyNotFound, "keys.rerollKey", #"{"keyId":"key_unknown","expiration":0}"#)
        try sandbox.refuses(.invalidInput, "keys.rerollKey", #"{"keyId":"\#(kept.id)"}"#)
    }
}
