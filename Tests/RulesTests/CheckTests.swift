// What `check` expressions say about requests: every kind of operand, every operator, and above all what is
// missing or of another kind than expected.

import Access
import Bytes
import Rules
import Testing

/// A request in which operands have the values of a table.
struct Request: CheckOperands {
    enum Value {
        case text(String)
        case integer(Int64)
        case decimal(Double)
        case bool(Bool)
        case json(String)
        case names([String])
        case address(String)
        case ambiguous
    }

    /// By the text of the operand; what is not here is missing.
    let values: [String: Value]
    private(set) var loadCount = 0

    init(_ values: [String: Value]) { self.values = values }

    mutating func load(_ operand: Operand, into scratch: inout ByteBuffer) -> CheckValue {
        loadCount += 1
        switch values[operand.text] {
        case nil: return .missing
        case .text(let text): return .text(copying: Array(text.utf8).span, to: &scratch)
        case .integer(let number): return .integer(number)
        case .decimal(let number): return .decimal(number)
        case .bool(let flag): return .bool(flag)
        case .ambiguous: return .ambiguous
        case .json(let json):
            let start = scratch.count
            scratch.append(json)
            return .json(start..<scratch.count)
        case .names(let names):
            let start = scratch.count
            for name in names { CheckValue.appendName(Array(name.utf8).span, to: &scratch) }
            return .names(start..<scratch.count)
        case .address(let text):
            return IPAddress(parsing: Array(text.utf8).span).map { .address($0) } ?? .missing
        }
    }

    static let usual = Request([
        "key.id": .text("key_1"), "key.name": .text("billing robot"), "key.meta.level": .integer(3),
        "key.meta.ratio": .decimal(0.5), "key.meta.huge": .integer(9_007_199_254_740_993),
        "key.meta.beta": .bool(true),
        "key.meta.numeral": .text("5"), "key.permissions": .names(["docs.read", "docs.*"]),
        "key.roles": .names([]),
        "identity.externalId": .text("acme"), "identity.meta.plan": .text("pro"),
        "identity.meta.features": .json(
            #"["beta","a\"b","\u00e9\ud83d\ude00",7,true,null,["nested"],{"k":"v"},1.5]"#),
        "identity.meta.limits": .json(#"{"rps":5}"#),
        "identity.meta.networks": .json(#"["192.168.0.0/16","2001:db8::/32"]"#),
        "identity.meta.until": .text("2026-12-31T23:59:59Z"),
        "identity.meta.since": .integer(1_700_000_000_000),
        "identity.meta.garbage": .text("soon"), "identity.meta.home": .text("10.1.2.3"),
        "path.org": .text("acme"), "query.page": .text("12"), "query.flag": .text("true"),
        "query.twice": .ambiguous,
        "header.X-Env": .text("prod"),
        "method": .text("POST"), "client.ip": .address("::ffff:10.1.2.3"), "now": .integer(1_780_000_000_000),
        "client.subject": .text("CN=alice,O=Example"),
    ])
}

@Suite("Checks")
struct CheckTests {
    static func program(_ expression: String) throws -> CheckProgram {
        let route = "route * /{org}/** { authenticated; check \(expression) }\n"
        return try #require(Conf.compile(Conf.frame + route).routes[0].checks.first).program
    }

    private static func holds(_ expression: String) throws -> Bool {
        var request = Request.usual
        var scratch = ByteBuffer()
        return try program(expression).evaluate(&request, scratch: &scratch)
    }

    @Test(
        "hold for texts",
        arguments: [
            ("key.id == key_1", true), ("key.id == \"key_1\"", true), ("key.id == key_2", false),
            ("key.id != key_2", true),
            ("key.id == KEY_1", false), ("key_1 == key.id", true), ("key.name == \"billing robot\"", true),
            ("path.org == identity.externalId", true), ("path.org != identity.externalId", false),
            ("key.id < key_2", true), ("key.id <= key_1", true), ("key.id > key", true),
            ("key.id >= key_10", false),
            ("method == POST", true), ("method in (GET, HEAD)", false), ("header.X-Env == prod", true),
            ("query.page == 12", true),
            ("query.page > 9", true), ("query.page < 9.5", false), ("query.page == \"12\"", true),
            ("query.flag == true", true),
            ("query.flag == false", false), ("identity.meta.plan in (pro, enterprise)", true),
            ("identity.meta.plan in (free)", false),
            ("identity.meta.plan in (identity.externalId, \"pro\")", true),
            ("(pro, enterprise) has identity.meta.plan", true), ("(free) has identity.meta.plan", false),
        ])
    func texts(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "hold for numbers and booleans",
        arguments: [
            ("key.meta.level == 3", true), ("key.meta.level == 3.0", true), ("key.meta.level >= 3", true),
            ("key.meta.level < 3.5", true), ("key.meta.level > 3.5", false), ("key.meta.level > -1e3", true),
            ("key.meta.ratio == 0.5", true), ("key.meta.ratio < 1", true), ("0 < key.meta.ratio", true),
            ("key.meta.huge == 9007199254740993", true), ("key.meta.huge == 9007199254740992", false),
            ("key.meta.huge > 9007199254740992.0", true), ("key.meta.huge < 1e300", true),
            ("key.meta.beta == true", true), ("key.meta.beta != true", false),
            ("false == key.meta.beta", false),
        ])
    func numbers(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "do not mix kinds",
        arguments: [
            ("key.meta.numeral == 5", false), ("key.meta.numeral != 5", true),
            ("key.meta.numeral < 6", false),
            ("key.meta.numeral == \"5\"", true), ("key.meta.beta == \"true\"", false),
            ("key.meta.level == \"3\"", false),
            ("key.meta.level == true", false), ("identity.meta.limits == 5", false),
            ("identity.meta.limits != 5", true),
            ("query.page == true", false), ("identity.meta.plan > 1", false),
            ("key.meta.level in (\"3\", 4)", false),
            ("key.meta.level in (3, 4)", true),
        ])
    func kinds(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "never hold for what is missing, but NOT and exists do",
        arguments: [
            ("key.meta.none == 1", false), ("key.meta.none != 1", false), ("key.meta.none < 1", false),
            ("key.meta.none >= 1", false),
            ("key.meta.none == key.meta.none", false), ("key.meta.none != key.meta.nothing", false),
            ("key.meta.none in (1, 2)", false),
            ("key.meta.none has 1", false), ("key.id in key.meta.none", false),
            ("key.meta.none exists", false),
            ("exists key.meta.none", false), ("NOT key.meta.none exists", true),
            ("NOT key.meta.none == 1", true),
            ("identity.meta.plan exists", true), ("exists key.roles", true), ("header.X-None != prod", false),
            ("query.none exists", false), ("identity.meta.features has none", false),
            ("query.twice exists", true),
            ("query.twice == a", false), ("query.twice != a", false), ("query.twice in (a, b)", false),
            ("a in (query.twice, b)", false), ("query.twice != 1", false),
            ("client.ip != query.twice", false),
        ])
    func missing(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "look into lists",
        arguments: [
            ("key.permissions has docs.read", true), ("key.permissions has docs.write", false),
            ("docs.* in key.permissions", true),
            ("key.permissions has docs.rea", false), ("key.roles has admin", false),
            ("identity.meta.features has beta", true),
            ("identity.meta.features has \"a\\\"b\"", true),
            ("identity.meta.features has \"\u{e9}\u{1F600}\"", true),
            ("identity.meta.features has 7", true), ("identity.meta.features has 1.5", true),
            ("identity.meta.features has 8", false),
            ("identity.meta.features has true", true), ("identity.meta.features has false", false),
            ("identity.meta.features has nested", false), ("identity.meta.features has v", false),
            ("beta in identity.meta.features", true), ("beta in (identity.meta.features)", true),
            ("identity.meta.limits has rps", false), ("identity.meta.plan has p", false),
            ("docs.read in (key.permissions, key.roles)", true),
        ])
    func lists(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "compare times with now",
        arguments: [
            ("identity.meta.until > now", true), ("now < identity.meta.until", true),
            ("identity.meta.until <= now", false),
            ("identity.meta.since < now", true), ("identity.meta.garbage > now", false),
            ("identity.meta.garbage < now", false),
            ("identity.meta.garbage != now", false), ("identity.meta.none > now", false),
            ("now > 2026-01-01", true),
            ("now >= \"2026-05-28T20:26:40Z\"", true), ("now == \"2026-05-28T22:26:40+02:00\"", true),
            ("now > \"2026-05-28T20:26:40.001Z\"", false), ("now < 1790000000000", true),
            ("1790000000000 > now", true),
        ])
    func times(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "compare addresses by network",
        arguments: [
            ("client.subject == \"CN=alice,O=Example\"", true), ("client.subject exists", true),
            ("client.subject in (\"CN=bob\", alice)", false),
            ("client.ip == 10.1.2.3", true), ("client.ip == 10.1.2.4", false),
            ("client.ip != 10.1.2.4", true),
            ("client.ip == 10.0.0.0/8", true), ("client.ip in (10.0.0.0/8, ::1)", true),
            ("client.ip in (11.0.0.0/8, ::/0)", false),
            ("client.ip in (\"10.1.2.3\")", true), ("client.ip == identity.meta.home", true),
            ("identity.meta.home == client.ip", true),
            ("client.ip == identity.meta.plan", false), ("client.ip != identity.meta.plan", false),
            ("client.ip in identity.meta.networks", false), ("identity.meta.networks has client.ip", false),
            ("NOT client.ip in (10.0.0.0/8)", false), ("client.ip in (::ffff:10.0.0.0/104)", true),
        ])
    func addresses(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test(
        "join with AND, OR, NOT and parentheses",
        arguments: [
            ("key.id == key_1 AND method == GET", false), ("key.id == key_1 OR method == GET", true),
            ("method == GET OR key.id == key_1 AND path.org == x", false),
            ("method == POST OR key.id == x AND path.org == x", true),
            ("(method == POST OR key.id == x) AND path.org == x", false),
            ("not method == GET and not key.id == x", true),
            ("NOT (method == POST AND key.id == x)", true), ("NOT NOT method == POST", true),
            ("NOT (method == GET OR NOT (key.id == key_1))", true), ("((method == POST))", true),
        ])
    func joining(_ expression: String, _ expected: Bool) throws {
        #expect(try Self.holds(expression) == expected)
    }

    @Test("stop at the first comparison that decides") func shortCircuit() throws {
        var request = Request.usual
        var scratch = ByteBuffer()
        #expect(
            try Self.program("method == POST OR key.id == a OR key.id == b").evaluate(
                &request, scratch: &scratch))
        #expect(request.loadCount == 1)
    }

    @Test("explain each operand once, in the order of the text") func explanation() throws {
        var request = Request.usual
        var scratch = ByteBuffer()
        let program = try Self.program(
            "path.org == identity.externalId AND key.meta.none exists OR key.permissions has a OR client.ip == 10.0.0.1 "
                + "OR identity.meta.limits has x OR key.meta.ratio < 1 OR path.org == x OR now > 0 OR key.meta.beta == true"
        )
        let values = program.operandValues(&request, scratch: &scratch).map { "\($0.operand) = \($0.value)" }
        #expect(
            values == [
                "path.org = \"acme\"", "identity.externalId = \"acme\"", "key.meta.none = missing",
                "key.permissions = (\"docs.read\", \"docs.*\")", "client.ip = 10.1.2.3",
                "identity.meta.limits = {\"rps\":5}",
                "key.meta.ratio = 0.5", "now = 1780000000000", "key.meta.beta = true",
            ])
    }

    @Test("carry their text and their message") func message() throws {
        let route =
            #"route GET /{org} { authenticated; check path.org  ==  acme "Not \"yours\""; check key.name exists }"#
        let checks = try Conf.compile(Conf.frame + route).routes[0].checks
        #expect(checks.map(\.text) == ["path.org  ==  acme", "key.name exists"])
        #expect(
            checks.map { $0.message.map { String(decoding: $0, as: UTF8.self) } } == ["Not \"yours\"", nil])
    }

    @Test("never trap on lists that are not JSON") func brokenLists() throws {
        let program = try Self.program("identity.meta.features has x")
        let text = Array(
            #" [ "a\u00e9\ud83d\ude00\n" , {"b":["]"]} , [1,"\\"] , -1.5e3 , tru , null ] "#.utf8)
        for count in 0...text.count {
            for replaced in ["", "\"", "\\", "[", "]", ","] {
                let json = String(decoding: text[..<count], as: UTF8.self) + replaced
                var request = Request(["identity.meta.features": .json(json)])
                var scratch = ByteBuffer()
                #expect(!program.evaluate(&request, scratch: &scratch))
            }
        }
    }
}
