import JSON
import Testing

@testable import Management

@Suite("identities.*")
struct IdentityTests {
    @Test("an identity is made, found by either id, changed and deleted")
    func lifeCycle() throws {
        let sandbox = try Sandbox()
        let id = try #require(
            try sandbox.data(
                "identities.createIdentity", #"{"externalId":"acme","meta":{"plan":"pro"},"unknown":1}"#)[
                    "identityId"]?.text)
        #expect(id.hasPrefix("id_"))
        for reference in [id, "acme"] {
            #expect(
                try sandbox.data("identities.getIdentity", #"{"identity":"\#(reference)"}"#).description
                    == #"{"id":"\#(id)","externalId":"acme","meta":{"plan":"pro"}}"#)
        }
        #expect(
            try sandbox.data("identities.updateIdentity", #"{"identity":"acme"}"#)["meta"] == ["plan": "pro"])
        #expect(
            try sandbox.data("identities.updateIdentity", #"{"identity":"acme","meta":{"plan":"free"}}"#)[
                "meta"] == ["plan": "free"])
        #expect(
            try sandbox.data("identities.updateIdentity", #"{"identity":"acme","meta":{}}"#)["meta"] == nil)
        let deleted = sandbox.call("identities.deleteIdentity", #"{"identity":"\#(id)"}"#)
        #expect(deleted.body.description == #"{"meta":{"requestId":"req_test"}}"#)
        for procedure in ["getIdentity", "updateIdentity", "deleteIdentity"] {
            try sandbox.refuses(.identityNotFound, "identities.\(procedure)", #"{"identity":"acme"}"#)
        }
        try sandbox.data("identities.createIdentity", #"{"externalId":"acme"}"#)
    }

    @Test("an external id belongs to one identity, also to one made by a key; its letter case counts")
    func unique() throws {
        let sandbox = try Sandbox()
        _ = try sandbox.createKey(in: sandbox.createAPI(), #""externalId":"acme""#)
        try sandbox.refuses(.identityExists, "identities.createIdentity", #"{"externalId":"acme"}"#)
        try sandbox.data("identities.createIdentity", #"{"externalId":"ACME"}"#)
    }

    @Test("identities are listed and searched")
    func search() throws {
        let sandbox = try Sandbox()
        for id in ["acme", "acme-labs", "other_%"] {
            try sandbox.data(
                "identities.createIdentity", #"{"externalId":"\#(id.hasSuffix("%") ? "other_x" : id)"}"#)
        }
        func found(_ search: String) throws -> Set<String> {
            Set(
                try sandbox.data("identities.listIdentities", #"{"search":"\#(search)"}"#).texts("externalId")
            )
        }
        #expect(try found(" ACME ") == ["acme", "acme-labs"])
        #expect(try found("") == ["acme", "acme-labs", "other_x"])
        #expect(try found("%") == [])
        try sandbox.refuses(.invalidInput, "identities.listIdentities", #"{"limit":101}"#)
    }

    @Test(
        "what cannot be stored is refused",
        arguments: [
            #"{"externalId":"a b"}"#, #"{"externalId":""}"#, #"{}"#,
            #"{"externalId":"a","ratelimits":[{"name":"requests","limit":1,"duration":999}]}"#,
            "{\"externalId\":\"a\",\"meta\":{\"a\":\"" + String(repeating: "x", count: 1 << 20) + "\"}}",
        ])
    func refusals(_ body: String) throws {
        try Sandbox().refuses(.invalidInput, "identities.createIdentity", body)
    }
}
