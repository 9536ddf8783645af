// What the backend reads about the caller is taken for the truth, so no value may end its line, look like
// two, or depend on anybody's charset.

import Testing

@testable import Gateway

@Suite struct CallerTextTests {
    /// The value of the header that the field is put into; nil if there is no header.
    private func value(_ field: String, _ plan: KeyPlan) throws -> String? {
        let desk = try Desk("headers { X-Value \(field) }\nroute GET / { authenticated }\n", keys: [plan])
        let lines = try desk.forwarded("GET / HTTP/1.1", ["Authorization: Bearer key_good"]).lines
        let found = lines.filter { $0.hasPrefix("X-Value") }
        #expect(found.count <= 1)
        return found.first.map { $0 == "X-Value;" ? "" : String($0.dropFirst("X-Value: ".count)) }
    }

    @Test(arguments: [
        ("acme", "acme"), ("Acme Corp.", "Acme Corp."), ("a,b", "a,b"), ("100%", "100%"),
        ("\"quoted\"", "\"quoted\""),
        ("é", "%C3%A9"), ("100% é", "100%25 %C3%A9"), ("日本", "%E6%97%A5%E6%9C%AC"),
        ("a\u{1F511}", "a%F0%9F%94%91"),
        (" lead", "%20lead"), ("trail ", "trail%20"), (" a b ", "%20a b%20"), (" ", "%20"), ("  ", "%20%20"),
        ("a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"), ("a\tb", "a%09b"), ("a\u{7F}b", "a%7Fb"),
    ])
    func aTextIsPrintableOrEncoded(_ identity: String, _ expected: String) throws {
        #expect(try value("identity.externalId", KeyPlan(identity: identity)) == expected)
    }

    @Test func aKeyDescribesItself() throws {
        #expect(try value("key.id", KeyPlan())?.hasPrefix("key_") == true)
        #expect(try value("key.name", KeyPlan(name: "CI é")) == "CI %C3%A9")
        #expect(try value("identity.id", KeyPlan(identity: "acme"))?.hasPrefix("id_") == true)
    }

    @Test(arguments: [
        "key.name", "key.meta.x", "key.permissions", "key.roles", "identity.id", "identity.externalId",
        "identity.meta.plan",
    ])
    func whatIsAbsentMakesNoHeader(_ field: String) throws {
        #expect(try value(field, KeyPlan()) == nil)
    }

    @Test func permissionsAndRolesAreLists() throws {
        let permissions = try #require(
            try value("key.permissions", KeyPlan(permissions: ["a.read", "b.*", "c"])))
        #expect(Set(permissions.split(separator: ",")) == ["a.read", "b.*", "c"])
        let roles = try #require(try value("key.roles", KeyPlan(roles: ["admin", "ops, night", "é"])))
        // A comma inside of a name does not make two of it.
        #expect(Set(roles.split(separator: ",")) == ["admin", "ops%2C night", "%C3%A9"])
    }

    @Test(
        arguments: [
            (#""pro""#, "pro"), (#""a b""#, "a b"), (#""é""#, "%C3%A9"), (#""\u00e9""#, "%C3%A9"),
            (#""a\r\nX-Admin: 1""#, "a%0D%0AX-Admin: 1"),
            (#""""#, ""), (#"" x""#, "%20x"), (#""a\"b\\c""#, #"a"b\c"#),
            (#""\ud83d\udd11""#, "%F0%9F%94%91"),
            ("5", "5"), ("-1.50e3", "-1.50e3"), ("12345678901234567890123", "12345678901234567890123"),
            ("true", "true"), ("false", "false"), ("null", nil),
            (#"["a","b"]"#, "a,b"), (#"["a,b","c"]"#, "a%2Cb,c"), (#"["é"]"#, "%C3%A9"),
            (#"["100%,"]"#, "100%25%2C"),
            (#"[1,true,"x"]"#, "1,true,x"), ("[]", ""), (#"[" a ","b"]"#, "%20a%20,b"),
            (#"{"a":1,"b":"é"}"#, #"{"a":1,"b":"\u00e9"}"#), (#"{"a":[1,2]}"#, #"{"a":[1,2]}"#), ("{}", "{}"),
            (#"[{"a":1}]"#, #"{"a":1}"#),
        ] as [(String, String?)])
    func metaIsWrittenByItsKind(_ json: String, _ expected: String?) throws {
        let plan = KeyPlan(
            identity: "acme", identityMeta: "{\"other\":0,\"value\":\(json)}",
            meta: "{\"deep\":{\"value\":\(json)}}")
        #expect(try value("identity.meta.value", plan) == expected)
        #expect(try value("key.meta.deep.value", plan) == expected)
    }

    @Test(arguments: ["identity.meta.missing", "identity.meta.value.deeper", "identity.meta.list.x"])
    func aPathThatLeadsNowhereMakesNoHeader(_ field: String) throws {
        #expect(try value(field, KeyPlan(identity: "acme", identityMeta: #"{"value":1,"list":[1]}"#)) == nil)
    }

    /// Whatever the store holds, a line stays one line of visible ASCII.
    @Test func everyCharacterStaysInItsLine() throws {
        for code in UInt32(1)..<0x180 {
            guard let scalar = Unicode.Scalar(code) else { continue }
            let text = "a\(Character(scalar))b"
            let found = try #require(try value("identity.externalId", KeyPlan(identity: text)))
            #expect(found.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(code)")
            #expect(decoded(found) == text, "\(code)")
        }
    }

    /// Percent-decoding of a value; one without a byte that must be encoded is as it is.
    private func decoded(_ value: String) -> String {
        guard value.contains("%"), value != "a%b" else { return value }
        var bytes: [UInt8] = []
        var rest = Array(value.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            bytes.append(UInt8(digits, radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
