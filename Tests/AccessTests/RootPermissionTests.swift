import Access
import Bytes
import Testing

@Suite("Root key permissions")
struct RootPermissionTests {
    private static func permission(_ text: String) throws(RootPermissionError) -> RootPermission {
        let bytes = Array(text.utf8)
        return try RootPermission(parsing: bytes.span)
    }

    struct Cover: Sendable, CustomTestStringConvertible {
        let held: String
        let asked: String
        let covers: Bool
        init(_ held: String, _ asked: String, _ covers: Bool) {
            self.held = held
            self.asked = asked
            self.covers = covers
        }
        var testDescription: String { "\(held) \(covers ? "covers" : "does not cover") \(asked)" }
    }

    @Test(
        "cover",
        arguments: [
            Cover("api.*.create_key", "api.*.create_key", true),
            Cover("api.*.create_key", "api.api_1.create_key", false),
            Cover("*.*.*", "api.*.create_key", false),
            Cover("unkey:v1:ws:**#*", "api.*.create_key", true),
            Cover("unkey:v1:ws:**#*", "unkey:v1:ws:keyspaces/ks#create_key", true),
            Cover("unkey:v1:ws:**#*", "unkey:v1:ws:**#*", true),
            Cover("unkey:v1:ws:**#*", "unkey:v1:other:limits#read", false),
            Cover("unkey:v1:ws:**#read", "api.*.read_api", false),
            Cover("api.*.create_key", "unkey:v1:ws:keyspaces/ks#create_key", false),
            Cover("unkey:v1:ws:keyspaces/*#read_keyspace", "unkey:v1:ws:keyspaces/ks_1#read_keyspace", true),
            Cover("unkey:v1:ws:keyspaces/*#read_keyspace", "unkey:v1:ws:keyspaces/ks_1#create_key", false),
            Cover("unkey:v1:ws:keyspaces/*#r", "unkey:v1:ws:keyspaces/ks_1/keys/k#r", false),
            Cover("unkey:v1:ws:keyspaces/*#r", "unkey:v1:ws:keyspaces/*#r", true),
            Cover("unkey:v1:ws:keyspaces/*#r", "unkey:v1:ws:keyspaces/**#r", false),
            Cover("unkey:v1:ws:keyspaces/ks_1#r", "unkey:v1:ws:keyspaces/*#r", false),
            Cover("unkey:v1:ws:keyspaces/**#r", "unkey:v1:ws:keyspaces#r", true),
            Cover("unkey:v1:ws:keyspaces/**#r", "unkey:v1:ws:keyspaces/ks/keys/*#r", true),
            Cover("unkey:v1:ws:keyspaces/**#r", "unkey:v1:ws:keyspaces/ks/**#r", true),
            Cover("unkey:v1:ws:keyspaces/**#r", "unkey:v1:ws:**#r", false),
            Cover("unkey:v1:ws:**#r", "unkey:v1:ws:**#*", false),
            Cover("unkey:v1:ws:a/*/c#r", "unkey:v1:ws:a/b/c#r", true),
            Cover("unkey:v1:ws:a/*/c#r", "unkey:v1:ws:a/b/d#r", false),
        ])
    func covers(_ row: Cover) throws {
        #expect(try Self.permission(row.held).covers(Self.permission(row.asked)) == row.covers)
    }

    @Test("are all-powerful only in one form") func allPowerful() throws {
        #expect(try Self.permission("unkey:v1:ws:**#*").isAllPowerful)
        #expect(try !Self.permission("unkey:v1:ws:**#read").isAllPowerful)
        #expect(try !Self.permission("*.*.*").isAllPowerful)
    }

    @Test(
        "are refused",
        arguments: [
            ("", RootPermissionError.malformedTuple), ("api.create_key", .malformedTuple),
            ("api..create_key", .malformedTuple),
            ("a.b.c.d", .malformedTuple), ("a.b.", .malformedTuple), ("a.b.c d", .malformedTuple),
            ("unkey:v2:ws:a#r", .unknownVersion), ("unkey:", .unknownVersion), ("unkey:v1", .unknownVersion),
            ("unkey:v1:ws", .malformedURN), ("unkey:v1:ws:a", .malformedURN),
            ("unkey:v1::a#r", .malformedURN),
            ("unkey:v1:ws:#r", .malformedURN), ("unkey:v1:ws:a//b#r", .malformedURN),
            ("unkey:v1:ws:a/#r", .malformedURN),
            ("unkey:v1:ws:a#", .malformedURN), ("unkey:v1:ws:a#r*", .malformedURN),
            ("unkey:v1:ws:a b#r", .malformedURN),
            ("unkey:v1:ws:ab*#r", .wildcardInsideSegment), ("unkey:v1:ws:**/a#r", .wildcardInsideSegment),
            ("unkey:v1:ws:a#*", .wildcardAction), ("unkey:v1:ws:a/**#*", .wildcardAction),
        ])
    func refusals(_ text: String, _ reason: RootPermissionError) {
        #expect(throws: reason) { try Self.permission(text) }
    }

    @Test("cut at any byte, never trap") func truncated() {
        let text = Array("unkey:v1:ws_1:keyspaces/*/keys/**#read_key".utf8)
        for count in 0...text.count { _ = try? RootPermission(parsing: text.span.extracting(0..<count)) }
    }
}
