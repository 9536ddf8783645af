// Stand-alone limits: namespaces, several limits at once, overrides.

import JSON
import Testing

@testable import Management

@Suite("Stand-alone limits")
struct NamespaceTests {
    static let window = 315_360_000_000

    private func element(
        _ namespace: String, _ identifier: String = "user@example.com", limit: Int = 3, _ more: String = ""
    ) -> String {
        #"{"namespace":"\#(namespace)","identifier":"\#(identifier)","limit":\#(limit),"duration":\#(2_592_000_000)\#(more)}"#
    }

    private func override(_ sandbox: Sandbox, _ identifier: String, limit: Int, duration: Int = Self.window)
        throws -> String
    {
        try #require(
            try sandbox.data(
                "ratelimit.setOverride",
                #"{"namespace":"api","identifier":"\#(identifier)","limit":\#(limit),"duration":\#(duration)}"#
            )[
                "overrideId"]?.text)
    }

    @Test("a limit counts down, then refuses with 200")
    func counting() throws {
        let sandbox = try Sandbox()
        let answers = try (0..<5).map { _ in try sandbox.data("ratelimit.limit", element("api")) }
        #expect(answers.map { $0["success"] } == [true, true, true, false, false])
        #expect(answers.map { $0["remaining"] } == [2, 1, 0, 0, 0])
        #expect(answers.allSatisfy { $0["limit"] == 3 && $0["overrideId"] == nil })
        #expect(try #require(answers[0]["reset"]?.integer) % 2_592_000_000 == 0)
    }

    @Test("a namespace is one thing by id and by name, and letter case matters")
    func naming() throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        let namespace = try #require(try sandbox.namespaceId("api"))
        #expect(namespace.hasPrefix("rlns_"))
        #expect(try sandbox.data("ratelimit.limit", element(namespace))["remaining"] == 1)
        #expect(try sandbox.data("ratelimit.limit", element("API"))["remaining"] == 2)
        #expect(try sandbox.data("ratelimit.limit", element("other"))["remaining"] == 2)
        #expect(try sandbox.data("ratelimit.limit", element("api", "someone else"))["remaining"] == 2)
    }

    @Test("a cost is taken whole or not at all, and none at all is a look")
    func costs() throws {
        let sandbox = try Sandbox()
        func spend(_ cost: Int) throws -> [JSONValue?] {
            let answer = try sandbox.data("ratelimit.limit", element("api", limit: 5, #","cost":\#(cost)"#))
            return [answer["success"], answer["remaining"]]
        }
        #expect(try spend(6) == [false, 0])
        #expect(try spend(4) == [true, 1])
        #expect(try spend(2) == [false, 0])
        #expect(try spend(1) == [true, 0])
        #expect(try spend(0) == [true, 0])
    }

    @Test("a deleted namespace is gone for limits and unknown for overrides")
    func gone() throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        try sandbox.deleteNamespace("api")
        try sandbox.refuses(.namespaceGone, "ratelimit.limit", element("api"))
        try sandbox.refuses(.namespaceGone, "ratelimit.multiLimit", "[\(element("new")),\(element("api"))]")
        #expect(try sandbox.namespaceId("new") == nil)
        try sandbox.refuses(.namespaceNotFound, "ratelimit.listOverrides", #"{"namespace":"api"}"#)
    }

    @Test(
        "what is out of bounds is refused",
        arguments: [
            ("ratelimit.limit", #"{"namespace":"a","identifier":"u","limit":0,"duration":1000}"#),
            ("ratelimit.limit", #"{"namespace":"a","identifier":"u","limit":1,"duration":999}"#),
            ("ratelimit.limit", #"{"namespace":"a","identifier":"u","limit":1,"duration":2592000001}"#),
            ("ratelimit.limit", #"{"namespace":"a","identifier":"u","limit":1,"duration":1000,"cost":-1}"#),
            ("ratelimit.limit", #"{"namespace":"","identifier":"u","limit":1,"duration":1000}"#),
            ("ratelimit.limit", #"{"namespace":"a","limit":1,"duration":1000}"#),
            ("ratelimit.limit", #"{"namespace":"a","identifier":"u","limit":1,"duration":1000,"x":1}"#),
            ("ratelimit.multiLimit", "[]"), ("ratelimit.multiLimit", "{}"),
            ("ratelimit.multiLimit", #"[{"namespace":"a"}]"#),
            ("ratelimit.setOverride", #"{"namespace":"a","identifier":"u","limit":-1,"duration":1000}"#),
            ("ratelimit.setOverride", #"{"namespace":"a","identifier":"u","limit":1,"duration":999}"#),
            ("ratelimit.listOverrides", #"{"namespace":"a","limit":101}"#),
        ])
    func bounds(_ procedure: String, _ body: String) throws {
        try Sandbox().refuses(.invalidInput, procedure, body)
    }

    @Test("several at once are all or nothing, in the order of the request")
    func multi() throws {
        let sandbox = try Sandbox()
        let body = "[\(element("small", limit: 1)),\(element("big", limit: 100))]"
        let first = try sandbox.data("ratelimit.multiLimit", body)
        #expect(first["passed"] == true)
        #expect(first["limits"]?.elements?.map { $0["passed"] } == [true, true])
        for _ in 0..<3 {
            let next = try sandbox.data("ratelimit.multiLimit", body)
            #expect(next["passed"] == false)
            let limits = next["limits"]?.elements ?? []
            #expect(next["limits"]?.texts("namespace") == ["small", "big"])
            #expect(limits.map { $0["passed"] } == [false, true])
            #expect(limits.map { $0["remaining"] } == [0, 99])
            #expect(limits.allSatisfy { $0["identifier"] == "user@example.com" })
        }
    }

    @Test("elements on one counter are judged together")
    func cumulative() throws {
        let sandbox = try Sandbox()
        let one = element("api", limit: 3, #","cost":2"#)
        let answer = try sandbox.data("ratelimit.multiLimit", "[\(one),\(one)]")
        #expect(answer["passed"] == false)
        #expect(answer["limits"]?.elements?.map { $0["passed"] } == [true, false])
        #expect(try sandbox.data("ratelimit.limit", element("api"))["remaining"] == 2)
    }

    // MARK: Overrides

    @Test("the identifier as written wins over a pattern, and deleting it lets the pattern govern")
    func exactBeatsPattern() throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        let pattern = try override(sandbox, "vip_*", limit: 50)
        let exact = try override(sandbox, "vip_1", limit: 99)
        #expect(exact.hasPrefix("rlor_") && pattern.hasPrefix("rlor_"))
        func governing(_ identifier: String) throws -> [JSONValue?] {
            let answer = try sandbox.data("ratelimit.limit", element("api", identifier))
            return [answer["limit"], answer["overrideId"]]
        }
        #expect(try governing("vip_1") == [99, .string(exact)])
        #expect(try governing("vip_2") == [50, .string(pattern)])
        #expect(try governing("normal") == [3, nil])
        try sandbox.data("ratelimit.deleteOverride", #"{"namespace":"api","identifier":"vip_1"}"#)
        #expect(try governing("vip_1") == [50, .string(pattern)])
        try sandbox.refuses(
            .overrideNotFound, "ratelimit.deleteOverride", #"{"namespace":"api","identifier":"vip_1"}"#)
        try sandbox.refuses(
            .overrideNotFound, "ratelimit.deleteOverride", #"{"namespace":"api","identifier":"vip_2"}"#)
    }

    @Test("of several patterns the one with the most literal text wins, then the oldest")
    func patterns() throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        _ = try override(sandbox, "*", limit: 10)
        let older = try override(sandbox, "a*z", limit: 11)
        _ = try override(sandbox, "ab*", limit: 12)
        let longer = try override(sandbox, "ab*yz", limit: 13)
        func governing(_ identifier: String) throws -> JSONValue? {
            try sandbox.data("ratelimit.getOverride", #"{"namespace":"api","identifier":"\#(identifier)"}"#)[
                "overrideId"]
        }
        #expect(try governing("abz") == .string(older))
        #expect(try governing("abcyz") == .string(longer))
        #expect(try sandbox.data("ratelimit.limit", element("api", "q"))["limit"] == 10)
    }

    @Test(
        "setting an override again changes it and keeps its id, also after it was deleted in between it is alive"
    )
    func upsert() throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        let first = try override(sandbox, "u", limit: 5)
        #expect(try override(sandbox, "u", limit: 6) == first)
        let place = #"{"namespace":"api","identifier":"u"}"#
        #expect(try sandbox.data("ratelimit.getOverride", place)["limit"] == 6)
        try sandbox.data("ratelimit.deleteOverride", place)
        try sandbox.refuses(.overrideNotFound, "ratelimit.getOverride", place)
        _ = try override(sandbox, "u", limit: 7, duration: 60_000)
        #expect(try sandbox.data("ratelimit.limit", element("api", "u"))["limit"] == 7)
        #expect(try sandbox.data("ratelimit.getOverride", place)["duration"] == 60_000)
    }

    @Test("an override of 0 blocks, with 200, even a look", arguments: [0, 1])
    func block(_ cost: Int) throws {
        let sandbox = try Sandbox()
        try sandbox.data("ratelimit.limit", element("api"))
        _ = try override(sandbox, "banned", limit: 0)
        let answer = try sandbox.data("ratelimit.limit", element("api", "banned", #","cost":\#(cost)"#))
        #expect(answer["success"] == false && answer["limit"] == 0 && answer["remaining"] == 0)
    }

    @Test("overrides need a namespace, which they do not make")
    func noNamespace() throws {
        let sandbox = try Sandbox()
        for procedure in ["getOverride", "deleteOverride"] {
            try sandbox.refuses(
                .namespaceNotFound, "ratelimit.\(procedure)", #"{"namespace":"none","identifier":"u"}"#)
        }
        try sandbox.refuses(
            .namespaceNotFound, "ratelimit.setOverride",
            #"{"namespace":"none","identifier":"u","limit":1,"duration":1000}"#)
    }

    @Test("overrides are listed page by page, each once, those of the namespace only")
    func pages() throws {
        let sandbox = try Sandbox()
        for namespace in ["api", "other"] { try sandbox.data("ratelimit.limit", element(namespace)) }
        for number in 0..<7 { _ = try override(sandbox, "user_\(number)", limit: number) }
        try sandbox.data(
            "ratelimit.setOverride",
            #"{"namespace":"other","identifier":"stranger","limit":1,"duration":1000}"#)
        var seen: [String] = []
        var cursor = ""
        repeat {
            let page = sandbox.call("ratelimit.listOverrides", #"{"namespace":"api","limit":3\#(cursor)}"#)
                .body
            seen += page["data"]?.texts("identifier") ?? []
            let next = page["pagination"]?["cursor"]?.text
            #expect(page["pagination"]?["hasMore"] == .bool(next != nil))
            cursor = next.map { #","cursor":"\#($0)""# } ?? ""
        } while !cursor.isEmpty
        #expect(Set(seen) == Set((0..<7).map { "user_\($0)" }) && seen.count == 7)
    }
}
