// Limits of keys and identities, as keys.verifyKey charges them.

import Access
import JSON
import Testing

@testable import Management

@Suite("Limits in a verification")
struct VerifyLimitTests {
    /// Long enough that no window turns during a test: ten years.
    static let window = 315_360_000_000

    private static func rule(_ name: String, _ limit: Int, auto: Bool = true) -> String {
        #"{"name":"\#(name)","limit":\#(limit),"duration":\#(window),"autoApply":\#(auto)}"#
    }

    private static func key(_ rules: String..., more: String = "") -> String {
        #""ratelimits":[\#(rules.joined(separator: ","))]"# + more
    }

    private func codes(_ sandbox: Sandbox, _ key: String, _ count: Int, _ members: String = "") throws
        -> [String]
    {
        try (0..<count).map { _ in try sandbox.verify(key, members)["code"]?.text ?? "" }
    }

    private let valid = "VALID"
    private let limited = "RATE_LIMITED"

    @Test("one that applies by itself is charged by each verification and described in the answer")
    func automatic() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 2)))
        let first = try #require(try sandbox.verify(key.text)["ratelimits"]?.elements?.first)
        #expect(first["id"]?.text?.hasPrefix("rl_") == true)
        #expect(first["name"] == "requests" && first["limit"] == 2 && first["remaining"] == 1)
        #expect(first["exceeded"] == false && first["autoApply"] == true)
        #expect(first["duration"] == .number(Self.window))
        #expect(try #require(first["reset"]?.integer) % Self.window == 0)
        #expect(try codes(sandbox, key.text, 2) == [valid, limited])
        let last = try sandbox.verify(key.text)
        #expect(last["valid"] == false && last["keyId"]?.text == key.id)
        #expect(last["ratelimits"]?.elements?.first?["exceeded"] == true)
        #expect(last["ratelimits"]?.elements?.first?["remaining"] == 0)
    }

    @Test("one that does not is charged when it is named, at the cost the request says")
    func named() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(
            in: sandbox.createAPI(), Self.key(Self.rule("tokens", 10, auto: false)))
        #expect(try sandbox.verify(key.text)["ratelimits"] == nil)
        func spend(_ cost: Int) throws -> JSONValue {
            try sandbox.verify(key.text, #""ratelimits":[{"name":"tokens","cost":\#(cost)}]"#)
        }
        #expect(try spend(7)["ratelimits"]?.elements?.first?["remaining"] == 3)
        #expect(try spend(4)["code"]?.text == limited)
        #expect(try spend(0)["code"]?.text == valid)
        #expect(try spend(3)["code"]?.text == valid)
        #expect(try spend(0)["ratelimits"]?.elements?.first?["remaining"] == 0)
    }

    @Test("naming one that applies by itself replaces its charge")
    func namedAutomatic() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 10)))
        let answer = try sandbox.verify(key.text, #""ratelimits":[{"name":"requests","cost":4}]"#)
        #expect(answer["ratelimits"]?.elements?.count == 1)
        #expect(answer["ratelimits"]?.elements?.first?["remaining"] == 6)
    }

    @Test("of several entries with one name the last counts")
    func repeated() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 10)))
        let answer = try sandbox.verify(
            key.text, #""ratelimits":[{"name":"requests","cost":9},{"name":"requests","cost":2}]"#)
        #expect(answer["ratelimits"]?.elements?.count == 1)
        #expect(answer["ratelimits"]?.elements?.first?["remaining"] == 8)
    }

    @Test("an unknown one is a failed precondition that names limit and key, and charges nothing")
    func unknown() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 1)))
        for stray in ["", #","limit":5"#, #","duration":60000"#] {
            let answer = sandbox.call(
                "keys.verifyKey", #"{"key":"\#(key.text)","ratelimits":[{"name":"ghost"\#(stray)}]}"#)
            #expect(answer.error?.kind == .preconditionFailed)
            #expect(answer.error?.detail.contains("ghost") == true)
            #expect(answer.error?.detail.contains(key.id) == true)
        }
        #expect(try codes(sandbox, key.text, 1) == [valid])
    }

    @Test(
        "a key that fails earlier is told so, and not of unknown limits",
        arguments: [
            (#""enabled":false"#, "DISABLED"), (#""expires":1"#, "EXPIRED"),
        ])
    func earlier(_ members: String, _ code: String) throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), members)
        let answer = try sandbox.verify(key.text, #""ratelimits":[{"name":"ghost"}]"#)
        #expect(answer["code"]?.text == code && answer["ratelimits"] == nil)
    }

    @Test("what fails on permissions charges nothing")
    func permissionsFirst() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 1)))
        #expect(
            try codes(sandbox, key.text, 3, #""permissions":"a.b""#)
                == Array(repeating: "INSUFFICIENT_PERMISSIONS", count: 3))
        #expect(try codes(sandbox, key.text, 2) == [valid, limited])
    }

    @Test(
        "one described on the spot is counted for the key, shares its counter with a limit of that name, and has no id"
    )
    func inline() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let key = try sandbox.createKey(in: api)
        let members = #""ratelimits":[{"name":"burst","limit":2,"duration":\#(Self.window)}]"#
        let answer = try #require(try sandbox.verify(key.text, members)["ratelimits"]?.elements?.first)
        #expect(answer["id"] == "" && answer["autoApply"] == false && answer["remaining"] == 1)
        #expect(try codes(sandbox, key.text, 2, members) == [valid, limited])
        #expect(try codes(sandbox, sandbox.createKey(in: api).text, 1, members) == [valid])
        try sandbox.data(
            "keys.updateKey", #"{"keyId":"\#(key.id)",\#(Self.key(Self.rule("burst", 3)))}"#)
        #expect(try codes(sandbox, key.text, 2) == [valid, limited])
    }

    @Test(
        "one described on the spot with a limit of nothing only lets looks pass; its window has a least length"
    )
    func inlineBounds() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        func code(_ cost: Int, _ limit: Int) throws -> String? {
            try sandbox.verify(
                key.text, #""ratelimits":[{"name":"none","cost":\#(cost),"limit":\#(limit),"duration":1000}]"#
            )[
                "code"]?.text
        }
        #expect(try code(1, 0) == limited)
        #expect(try code(0, 0) == valid)
        try sandbox.refuses(
            .invalidInput, "keys.verifyKey",
            #"{"key":"\#(key.text)","ratelimits":[{"name":"short","limit":1,"duration":999}]}"#)
    }

    @Test("all keys of an identity share its limits, across APIs")
    func identity() throws {
        let sandbox = try Sandbox()
        try sandbox.data(
            "identities.createIdentity", #"{"externalId":"acme",\#(Self.key(Self.rule("shared", 3)))}"#)
        let keys = try (0..<2).map {
            try sandbox.createKey(in: sandbox.createAPI("api \($0)"), #""externalId":"acme""#).text
        }
        #expect(
            try (0..<5).map { try codes(sandbox, keys[$0 % 2], 1)[0] } == [
                valid, valid, valid, limited, limited,
            ])
        let answer = try sandbox.verify(keys[0])
        #expect(answer["identity"]?["ratelimits"]?.texts("name") == ["shared"])
        #expect(answer["ratelimits"]?.texts("name") == ["shared"])
    }

    @Test("a limit of the key hides the identity's of that name")
    func hiding() throws {
        let sandbox = try Sandbox()
        try sandbox.data(
            "identities.createIdentity",
            #"{"externalId":"acme",\#(Self.key(Self.rule("requests", 1), Self.rule("other", 9)))}"#)
        let key = try sandbox.createKey(
            in: sandbox.createAPI(),
            Self.key(Self.rule("requests", 2, auto: false), more: #","externalId":"acme""#))
        let answer = try sandbox.verify(key.text)
        #expect(answer["ratelimits"]?.texts("name") == ["other"])
        #expect(answer["identity"]?["ratelimits"]?.texts("name") == ["other"])
        #expect(
            try codes(sandbox, key.text, 3, #""ratelimits":[{"name":"requests"}]"#) == [
                valid, valid, limited,
            ])
    }

    @Test("what one limit refuses consumes no other")
    func allOrNothing() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(
            in: sandbox.createAPI(), Self.key(Self.rule("small", 2), Self.rule("big", 100)))
        #expect(try codes(sandbox, key.text, 4) == [valid, valid, limited, limited])
        let limits = try sandbox.verify(key.text)["ratelimits"]?.elements ?? []
        #expect(limits.map { $0["exceeded"] } == [true, false])
        #expect(limits.map { $0["remaining"] } == [0, 98])
    }

    @Test("changing a limit keeps what was consumed and its id; changing the duration starts anew")
    func changes() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), Self.key(Self.rule("requests", 2)))
        let id = try sandbox.key(key.id)["ratelimits"]?.texts("id")
        #expect(try codes(sandbox, key.text, 3) == [valid, valid, limited])
        func update(_ rules: String) throws {
            try sandbox.data("keys.updateKey", #"{"keyId":"\#(key.id)","ratelimits":\#(rules)}"#)
        }
        try update("[\(Self.rule("requests", 3))]")
        #expect(try sandbox.key(key.id)["ratelimits"]?.texts("id") == id)
        #expect(try codes(sandbox, key.text, 2) == [valid, limited])
        try update("[]")
        #expect(try sandbox.key(key.id)["ratelimits"] == nil)
        #expect(try codes(sandbox, key.text, 1) == [valid])
        try update("[\(Self.rule("requests", 3))]")
        #expect(try codes(sandbox, key.text, 1) == [limited])
        try update(#"[{"name":"requests","limit":3,"duration":1000,"autoApply":true}]"#)
        #expect(try codes(sandbox, key.text, 1) == [valid])
        try update("null")
        #expect(try sandbox.verify(key.text)["ratelimits"] == nil)
    }

    @Test("of several limits with one name a new key keeps the last; an identity's update refuses them")
    func repeatedRules() throws {
        let sandbox = try Sandbox()
        let twice = Self.key(Self.rule("requests", 1), Self.rule("requests", 5))
        let key = try sandbox.createKey(in: sandbox.createAPI(), twice)
        #expect(try sandbox.key(key.id)["ratelimits"]?.elements?.map { $0["limit"] } == [5])
        try sandbox.data("identities.createIdentity", #"{"externalId":"acme",\#(twice)}"#)
        try sandbox.refuses(
            .invalidInput, "identities.updateIdentity", #"{"identity":"acme",\#(twice)}"#)
    }

    @Test("an updated identity has the new limits, and those of the same name keep their ids")
    func identityUpdate() throws {
        let sandbox = try Sandbox()
        try sandbox.data(
            "identities.createIdentity",
            #"{"externalId":"acme",\#(Self.key(Self.rule("one", 1), Self.rule("two", 2)))}"#)
        let before = try sandbox.data("identities.getIdentity", #"{"identity":"acme"}"#)["ratelimits"]
        let after = try sandbox.data(
            "identities.updateIdentity",
            #"{"identity":"acme",\#(Self.key(Self.rule("two", 20), Self.rule("three", 3)))}"#)["ratelimits"]
        #expect(after?.elements?.map { $0["limit"] } == [20, 3])
        #expect(after?.texts("id").first == before?.texts("id").last)
        try sandbox.data("identities.updateIdentity", #"{"identity":"acme","ratelimits":[]}"#)
        #expect(try sandbox.data("identities.getIdentity", #"{"identity":"acme"}"#)["ratelimits"] == nil)
    }

    @Test("an imported key has the limits it came with")
    func migration() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        // The SHA-256 of "imported".
        let hash = "2ca4b98af49f2c4f51f21c3ca35bc3ed71c33ebc51ed1da5e59a1c0a4a8f9b7f"
        let made = try sandbox.data(
            "keys.migrateKeys",
            #"{"migrationId":"sha256_hex","apiId":"\#(api)","keys":[{"hash":"\#(hash)",\#(Self.key(Self.rule("requests", 7)))}]}"#
        )
        let id = try #require(made["migrated"]?.texts("keyId").first)
        #expect(try sandbox.key(id)["ratelimits"]?.elements?.map { $0["limit"] } == [7])
    }
}

@Suite("Credits in a verification")
struct VerifyCreditTests {
    private func spend(_ sandbox: Sandbox, _ key: String, _ members: String = "") throws -> [JSONValue?] {
        let answer = try sandbox.verify(key, members)
        return [answer["code"], answer["credits"]]
    }

    @Test("each costs one or what it says, all or nothing, and nothing is always there")
    func costs() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI(), #""credits":{"remaining":5}"#).text
        #expect(try spend(sandbox, key) == ["VALID", 4])
        #expect(try spend(sandbox, key, #""credits":{"cost":5}"#) == ["USAGE_EXCEEDED", 4])
        #expect(try spend(sandbox, key, #""credits":{"cost":4}"#) == ["VALID", 0])
        #expect(try spend(sandbox, key) == ["USAGE_EXCEEDED", 0])
        #expect(try spend(sandbox, key, #""credits":{"cost":0}"#) == ["VALID", 0])
    }

    @Test("a call that a limit refuses spends none; one that fails on credits has charged the limits")
    func limitsFirst() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let limits = #""ratelimits":[{"name":"requests","limit":2,"duration":315360000000,"autoApply":true}]"#
        let rich = try sandbox.createKey(in: api, limits + #","credits":{"remaining":9}"#).text
        #expect(
            try (0..<3).map { _ in try spend(sandbox, rich) } == [
                ["VALID", 8], ["VALID", 7], ["RATE_LIMITED", 7],
            ])
        let poor = try sandbox.createKey(in: api, limits + #","credits":{"remaining":0}"#).text
        #expect(
            try (0..<3).map { _ in try spend(sandbox, poor)[0] } == [
                "USAGE_EXCEEDED", "USAGE_EXCEEDED", "RATE_LIMITED",
            ])
    }
}
