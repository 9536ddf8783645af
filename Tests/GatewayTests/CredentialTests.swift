// Where the key is looked for, and what makes it ambiguous.

import Access
import Bytes
import HTTP1
import Rules
import Testing

@testable import Gateway

@Suite struct CredentialTests {
    enum Found: Equatable {
        case none, unusable, ambiguous
        case key(String)
    }

    struct Case: CustomTestStringConvertible {
        let label: String
        var sources = ["bearer"]
        var target = "/"
        var lines: [String] = []
        let expected: Found
        var testDescription: String { label }
    }

    private func find(_ test: Case) throws -> Found {
        let sources: [CredentialSource] = test.sources.map { source in
            let words = source.split(separator: " ")
            switch words[0] {
            case "header": return .header(name: Array(words[1].lowercased().utf8))
            case "query": return .query(name: Array(words[1].utf8))
            default: return .bearer
            }
        }
        let exchange = try Desk.exchange("GET \(test.target) HTTP/1.1", test.lines)
        let bytes = exchange.headBytes.with { Array(copying: $0) }
        let target = exchange.head.target
        let query = bytes[target].firstIndex(of: UInt8(ascii: "?")).map { $0 + 1..<target.upperBound }
        switch Credentials.find(sources, exchange.head, query: query, bytes.span) {
        case .none: return .none
        case .unusable: return .unusable
        case .ambiguous: return .ambiguous
        case .found(let range): return .key(String(decoding: bytes[range], as: UTF8.self))
        }
    }

    private static let everywhere = ["bearer", "header X-API-Key", "query api_key"]

    @Test(arguments: [
        Case(label: "nothing is sent", expected: .none),
        Case(label: "a bearer token", lines: ["Authorization: Bearer key_1"], expected: .key("key_1")),
        Case(
            label: "the scheme in any letter case", lines: ["authorization: bEaReR key_1"],
            expected: .key("key_1")),
        Case(
            label: "several spaces behind the scheme", lines: ["Authorization: Bearer   key_1"],
            expected: .key("key_1")),
        Case(
            label: "all token characters", lines: ["Authorization: Bearer aZ09-._~+/="],
            expected: .key("aZ09-._~+/=")),
        Case(label: "the scheme alone", lines: ["Authorization: Bearer"], expected: .unusable),
        Case(label: "the scheme and a tab", lines: ["Authorization: Bearer\tkey_1"], expected: .unusable),
        Case(
            label: "the scheme glued to the key", lines: ["Authorization: Bearerkey_1"], expected: .unusable),
        Case(label: "another scheme", lines: ["Authorization: Basic a2V5OmtleQ=="], expected: .unusable),
        Case(label: "a key without a scheme", lines: ["Authorization: key_1"], expected: .unusable),
        Case(label: "two words", lines: ["Authorization: Bearer key_1 key_2"], expected: .unusable),
        Case(label: "a comma", lines: ["Authorization: Bearer key_1,key_2"], expected: .unusable),
        Case(label: "quotes", lines: ["Authorization: Bearer \"key_1\""], expected: .unusable),
        Case(label: "bytes that are no ASCII", lines: ["Authorization: Bearer kéy"], expected: .unusable),
        Case(label: "an empty header", lines: ["Authorization:"], expected: .unusable),
        Case(
            label: "512 bytes", lines: ["Authorization: Bearer " + String(repeating: "k", count: 512)],
            expected: .key(String(repeating: "k", count: 512))),
        Case(
            label: "513 bytes", lines: ["Authorization: Bearer " + String(repeating: "k", count: 513)],
            expected: .unusable),
        Case(
            label: "the header twice", lines: ["Authorization: Bearer key_1", "Authorization: Bearer key_1"],
            expected: .ambiguous),
        Case(
            label: "a key and a password",
            lines: ["Authorization: Bearer key_1", "Authorization: Basic eA=="], expected: .ambiguous),
        Case(label: "a header nobody configured", lines: ["X-API-Key: key_1"], expected: .none),
        Case(
            label: "a configured header", sources: ["header X-API-Key"], lines: ["x-api-KEY: key_1"],
            expected: .key("key_1")),
        Case(
            label: "a configured header twice", sources: ["header X-API-Key"],
            lines: ["X-API-Key: key_1", "X-API-Key: key_1"], expected: .ambiguous),
        Case(
            label: "a configured header with a scheme", sources: ["header X-API-Key"],
            lines: ["X-API-Key: Bearer key_1"], expected: .unusable),
        Case(
            label: "bearer is not configured", sources: ["header X-API-Key"],
            lines: ["Authorization: Bearer key_1"], expected: .none),
        Case(
            label: "a parameter", sources: ["query api_key"], target: "/x?a=1&api_key=key_1&b=2",
            expected: .key("key_1")),
        Case(
            label: "a parameter in another letter case", sources: ["query api_key"],
            target: "/x?API_KEY=key_1", expected: .none),
        Case(
            label: "a parameter whose name is written in escapes", sources: ["query api_key"],
            target: "/x?%61pi%5Fkey=key_1", expected: .key("key_1")),
        Case(
            label: "the same parameter written in two ways", sources: ["query api_key"],
            target: "/x?api_key=key_1&api%5fkey=key_1", expected: .ambiguous),
        Case(
            label: "a name in escapes beside another key", sources: everywhere,
            target: "/x?api%5Fkey=key_2", lines: ["Authorization: Bearer key_1"], expected: .ambiguous),
        Case(
            label: "a name escaped twice is another name", sources: ["query api_key"],
            target: "/x?api%255Fkey=key_1", expected: .none),
        Case(
            label: "an escape cut short is another name", sources: ["query api_key"],
            target: "/x?api_ke%7=key_1", expected: .none),
        Case(
            label: "a parameter twice", sources: ["query api_key"], target: "/x?api_key=key_1&api_key=key_1",
            expected: .ambiguous),
        Case(
            label: "a parameter without value", sources: ["query api_key"], target: "/x?api_key",
            expected: .unusable),
        Case(
            label: "an encoded parameter", sources: ["query api_key"], target: "/x?api_key=key%5F1",
            expected: .unusable),
        Case(
            label: "a name that only begins alike", sources: ["query api_key"], target: "/x?api_keys=key_1",
            expected: .none),
        Case(
            label: "one of several places", sources: everywhere, lines: ["X-API-Key: key_1"],
            expected: .key("key_1")),
        Case(
            label: "the same key in all places", sources: everywhere, target: "/?api_key=key_1",
            lines: ["Authorization: Bearer key_1", "X-API-Key: key_1"], expected: .key("key_1")),
        Case(
            label: "different keys in two places", sources: everywhere,
            lines: ["Authorization: Bearer key_1", "X-API-Key: key_2"],
            expected: .ambiguous),
        Case(
            label: "keys that differ in letter case", sources: everywhere,
            lines: ["Authorization: Bearer key_1", "X-API-Key: KEY_1"],
            expected: .ambiguous),
        Case(
            label: "a password beside a key", sources: everywhere,
            lines: ["Authorization: Basic eA==", "X-API-Key: key_1"],
            expected: .key("key_1")),
    ])
    func oneKeyIsFoundOrNone(_ test: Case) throws {
        #expect(try find(test) == test.expected)
    }
}

@Suite struct ClientAddressTests {
    @Test(
        arguments: [
            ("192.0.2.1", [], "192.0.2.1"),
            ("192.0.2.1", ["X-Forwarded-For: 1.2.3.4"], "192.0.2.1"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["X-Forwarded-For: 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["X-Forwarded-For: 6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["X-Forwarded-For: 6.6.6.6,1.2.3.4 ,\t10.1.1.1"], "1.2.3.4"),
            ("10.0.0.1", ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 10.2.2.2"], "6.6.6.6"),
            ("10.0.0.1", ["X-Forwarded-For: 10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            ("10.0.0.1", ["X-Forwarded-For: 6.6.6.6, nonsense, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", ["X-Forwarded-For: nonsense"], "10.0.0.1"),
            ("10.0.0.1", ["X-Forwarded-For:"], "10.0.0.1"),
            ("10.0.0.1", ["X-Forwarded-For: 1.2.3.4,"], "10.0.0.1"),
            ("10.0.0.1", ["X-Forwarded-For: 2001:db8::7"], "2001:db8::7"),
            ("::1", ["X-Forwarded-For: 1.2.3.4"], "1.2.3.4"),
            ("::ffff:10.0.0.1", ["X-Forwarded-For: 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4"], "10.0.0.1"),
        ] as [(String, [String], String)])
    func theClientIsTheRightmostHopThatIsNotOurs(_ peer: String, _ lines: [String], _ client: String) throws {
        let desk = try Desk("trusted-proxies 10.0.0.0/8 ::1\nroute GET / { public }\n")
        let exchange = try Desk.exchange("GET / HTTP/1.1", lines)
        let address = try #require(Desk.address(peer))
        let found = exchange.headBytes.with {
            ClientAddress.find(peer: address, exchange.head, $0, desk.rules)
        }
        #expect(found.description == client)
    }
}
