import JSON
import Testing

@testable import Management

@Suite("keys.migrateKeys")
struct MigrationTests {
    /// SHA-256 of "secret-1" in base64 and of "secret-2" in hexadecimal.
    static let first = "9+fDbkWOgOa2osZ9Cp7Am9cY2t17+o1r9uetUm5Gwvc="
    static let second = "f4b6bb6548129dacf11c1a9c4dffffefd4aa6b21fcf4e9754cc03b731cbe7c25"

    static func body(_ api: String, _ keys: String, _ migration: String = "sha256_base64") -> String {
        #"{"apiId":"\#(api)","migrationId":"\#(migration)","keys":[\#(keys)]}"#
    }

    @Test("an imported key verifies at once, with everything that was said about it")
    func verifies() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let entry =
            #"{"hash":"\#(Self.first)","name":"n","externalId":"a b","meta":{"x":1.0},"roles":["new role"],"permissions":["p"]}"#
        let answer = try sandbox.data("keys.migrateKeys", Self.body(api, entry))
        #expect(answer["migrated"]?.texts("hash") == [Self.first] && answer["failed"] == [])
        let verified = try sandbox.verify("secret-1", #""permissions":"p""#)
        #expect(verified["valid"] == true && verified["meta"]?.description == #"{"x":1.0}"#)
        #expect(verified["roles"]?.texts() == ["new role"] && verified["identity"]?["externalId"] == "a b")
        #expect(try sandbox.key(verified["keyId"]?.text ?? "")["start"] == "")
        try sandbox.data("keys.migrateKeys", Self.body(api, #"{"hash":"\#(Self.second)"}"#, "sha256_hex"))
        #expect(try sandbox.verify("secret-2")["valid"] == true)
    }

    @Test("a hash that is there already fails alone; one given twice counts once, as it was last")
    func duplicates() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let twice = #"{"hash":"\#(Self.first)","name":"a"},{"hash":"\#(Self.first)","name":"b"}"#
        let made = try sandbox.data("keys.migrateKeys", Self.body(api, twice))["migrated"]
        #expect(made?.elements?.count == 1)
        #expect(try sandbox.verify("secret-1")["name"] == "b")
        let id = made?.elements?.first?["keyId"]?.text ?? ""
        try sandbox.data("keys.deleteKey", #"{"keyId":"\#(id)"}"#)
        let again = try sandbox.data("keys.migrateKeys", Self.body(api, twice))
        #expect(again["migrated"] == [] && again["failed"]?.texts() == [Self.first])
    }

    @Test("after a permanent deletion the same hash may be imported again")
    func permanent() throws {
        let sandbox = try Sandbox()
        let body = Self.body(try sandbox.createAPI(), #"{"hash":"\#(Self.first)"}"#)
        let id = try sandbox.data("keys.migrateKeys", body)["migrated"]?.elements?.first?["keyId"]?.text ?? ""
        try sandbox.data("keys.deleteKey", #"{"keyId":"\#(id)","permanent":true}"#)
        #expect(try sandbox.data("keys.migrateKeys", body)["failed"] == [])
    }

    @Test(
        "what cannot be imported is refused, and nothing of it is kept",
        arguments: [
            (#"{"hash":"abc"}"#, "sha256_base64", .invalidInput),
            (#"{"hash":"\#(second)"}"#, "sha256_base64", .invalidInput),
            (#"{"hash":"\#(first)"},{"hash":"abc"}"#, "sha256_base64", .invalidInput),
            (#"{"hash":"\#(first)","colour":1}"#, "sha256_base64", .invalidInput),
            (#"{"hash":"\#(first)"}"#, "unknown", .migrationNotFound), ("", "sha256_base64", .invalidInput),
        ] as [(String, String, ManagementError.Kind)])
    func refusals(_ keys: String, _ migration: String, _ kind: ManagementError.Kind) throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        try sandbox.refuses(kind, "keys.migrateKeys", Self.body(api, keys, migration))
        #expect(try sandbox.data("apis.listKeys", #"{"apiId":"\#(api)"}"#) == [])
        try sandbox.refuses(
            .apiNotFound, "keys.migrateKeys", Self.body("api_unknown", #"{"hash":"\#(Self.first)"}"#))
    }

    // MARK: Keys of which a part was hashed

    /// SHA-256 of "long" in hexadecimal.
    static let ofLong = "fc66f021c67d064c1490a12b5a4d4d2f5167ca692a16ca12f1f3a4cda29a6fa9"

    @Test("a key whose last part was hashed is adopted by its first verification")
    func adoption() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let body = Self.body(api, #"{"hash":"\#(Self.ofLong)","name":"n"}"#, "seam_prefixed_api_key")
        let id = try sandbox.data("keys.migrateKeys", body)["migrated"]?.elements?.first?["keyId"]?.text ?? ""
        let waiting = #""migrationId":"seam_prefixed_api_key""#
        // Neither the text without the migration nor the part that was hashed is the key.
        #expect(try sandbox.verify("my_company_shorty_long") == ["valid": false, "code": "NOT_FOUND"])
        #expect(try sandbox.verify("long")["code"] == "NOT_FOUND")
        #expect(try sandbox.verify("my_company_shorty_other", waiting)["code"] == "NOT_FOUND")
        #expect(
            try sandbox.verify("my_company_shorty_long", #""migrationId":"unknown""#)["code"] == "NOT_FOUND")
        // Who may not verify it does not get it adopted either.
        let stranger = try Sandbox.rootKey("api.*.read_key")
        let call = #"{"key":"my_company_shorty_long",\#(waiting)}"#
        #expect(try sandbox.data("keys.verifyKey", call, as: stranger)["code"] == "NOT_FOUND")
        #expect(try sandbox.key(id)["start"] == "")

        #expect(try sandbox.verify("my_company_shorty_long", waiting)["keyId"]?.text == id)
        #expect(try sandbox.verify("my_company_shorty_long")["code"] == "VALID")
        #expect(try sandbox.verify("long")["code"] == "NOT_FOUND")
        let key = try sandbox.key(id)
        #expect(key["start"] == "my_company_shor" && key["updatedAt"] == nil)
        let rerolled = try sandbox.data("keys.rerollKey", #"{"keyId":"\#(id)","expiration":0}"#)
        #expect(rerolled["key"]?.text?.hasPrefix("my_company_") == true)
    }

    @Test("a text of fewer than three parts cannot be such a key")
    func fewParts() throws {
        let sandbox = try Sandbox()
        for text in ["long", "short_long"] {
            try sandbox.refuses(
                .authenticationMalformed, "keys.verifyKey",
                #"{"key":"\#(text)","migrationId":"seam_prefixed_api_key"}"#)
        }
    }
}
