// Verifications leave events, and analytics.getVerifications and workspace.* tell about them.

import Analytics
import JSON
import Testing

@testable import Management

@Suite("analytics.getVerifications")
struct AnalyticsTests {
    private static let byOutcome =
        #"{"query":"SELECT outcome, count() AS n FROM key_verifications_v1 GROUP BY outcome ORDER BY outcome"}"#

    @Test("every verification that found its key leaves one event")
    func events() throws {
        let sandbox = try Sandbox()
        let api = try sandbox.createAPI()
        let key = try sandbox.createKey(in: api, #""externalId":"acme""#)
        let disabled = try sandbox.createKey(in: api, #""enabled":false"#)
        _ = try sandbox.verify(key.text, #""tags":["a=1"]"#)
        _ = try sandbox.verify(key.text, #""permissions":"missing""#)
        _ = try sandbox.verify(disabled.text, #""tags":["a=1"]"#)
        _ = try sandbox.verify("unknown")
        try sandbox.refuses(
            .preconditionFailed, "keys.verifyKey", #"{"key":"\#(key.text)","ratelimits":[{"name":"nope"}]}"#)
        #expect(
            try sandbox.data("analytics.getVerifications", Self.byOutcome).description
                == #"[{"outcome":"DISABLED","n":1},{"outcome":"INSUFFICIENT_PERMISSIONS","n":1},{"outcome":"VALID","n":1}]"#
        )
        let rows = try sandbox.data(
            "analytics.getVerifications",
            #"{"query":"SELECT * FROM key_verifications_v1 ORDER BY outcome DESC"}"#)
        let valid = try #require(rows.elements?.first)
        #expect(valid["key_id"]?.text == key.id && valid["external_id"] == "acme" && valid["tags"] == ["a=1"])
        #expect(valid["request_id"] == "req_test" && valid["source"] == "api")
        #expect(valid["workspace_id"]?.text == Workspace.id && valid["spent_credits"] == 0)
        // A key that was not good when it was looked up is counted without tags.
        #expect(rows.elements?.last?["outcome"] == "DISABLED" && rows.elements?.last?["tags"] == [])
    }

    @Test("a root key for some APIs sees their rows only; without permission there is nothing to see")
    func permissions() throws {
        let sandbox = try Sandbox()
        let first = try sandbox.createAPI("first")
        let second = try sandbox.createAPI("second")
        _ = try sandbox.verify(sandbox.createKey(in: first).text)
        for _ in 0..<2 { _ = try sandbox.verify(sandbox.createKey(in: second).text) }
        let query = #"{"query":"SELECT count() AS n FROM key_verifications_v1 WHERE true OR key_id = ''"}"#
        for (permissions, count) in [
            (["api.*.read_analytics"], 3), (["api.\(first).read_analytics"], 1),
            (["api.\(first).read_analytics", "api.\(second).read_analytics"], 3),
            ([Workspace.everything], 3), (["api.api_unknown.read_analytics"], 0),
        ] {
            let rows = try sandbox.data(
                "analytics.getVerifications", query, as: Sandbox.rootKey(permissions))
            #expect(rows == [["n": .number(count)]])
        }
        for permissions in [["api.*.read_api"], ["api.*.*"], []] {
            try sandbox.refuses(
                .insufficientPermissions, "analytics.getVerifications", query,
                as: Sandbox.rootKey(permissions))
        }
    }

    @Test(
        "each mistake has its own type",
        arguments: [
            (
                "DROP TABLE key_verifications_v1", ManagementError.Kind.invalidQueryType,
                "invalid_analytics_query_type"
            ),
            ("SELECT * FROM system.tables", .invalidQueryTable, "invalid_analytics_table"),
            ("SELECT FROM WHERE", .invalidQuery, "invalid_analytics_query"),
            ("", .invalidQuery, "invalid_analytics_query"),
            (
                "SELECT sleep(1) FROM key_verifications_v1", .invalidQueryFunction,
                "invalid_analytics_function"
            ),
            (
                "SELECT 1 FROM key_verifications_v1 WHERE time > 1", .queryBeforeRetention,
                "query_range_exceeds_retention"
            ),
        ])
    func mistakes(_ query: String, _ kind: ManagementError.Kind, _ type: String) throws {
        let sandbox = try Sandbox()
        try sandbox.refuses(kind, "analytics.getVerifications", #"{"query":"\#(query)"}"#)
        #expect(kind.type == "https://unkey.com/docs/errors/user/bad_request/" + type)
    }

    @Test("a body without a query is refused, and strange members are not")
    func body() throws {
        let sandbox = try Sandbox()
        try sandbox.refuses(.invalidInput, "analytics.getVerifications", "{}")
        try sandbox.refuses(.invalidInput, "analytics.getVerifications", #"{"query":1}"#)
        try sandbox.data(
            "analytics.getVerifications", #"{"query":"SELECT 1 FROM key_verifications_v1","x":1}"#)
    }
}

@Suite("workspace.*")
struct WorkspaceTests {
    @Test("limits are told without a body, and are what the server keeps")
    func limits() throws {
        let sandbox = try Sandbox()
        _ = try sandbox.verify(sandbox.createKey(in: sandbox.createAPI()).text)
        for body in ["", "{}"] {
            let limits = try sandbox.data("workspace.getLimits", body)
            #expect(limits["apiBillableOperationsCountMaxPerMonth"] == ["limit": .null, "current": 1])
            #expect(limits["apiRequestsCountMaxPerMinute"] == ["limit": .null])
            #expect(limits["logsRetentionDaysMax"] == ["limit": 90])
            #expect(limits["logsAuditRetentionDaysMax"] != nil && limits["logdrainsMax"] != nil)
        }
        try sandbox.refuses(.invalidInput, "workspace.getLimits", #"{"x":1}"#)
    }

    @Test("usage of the current month counts verifications")
    func usage() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: sandbox.createAPI())
        for _ in 0..<3 { _ = try sandbox.verify(key.text) }
        let usage = try sandbox.data("workspace.getUsage", "{}")
        #expect(usage["totals"]?["api"] == ["verifications": 3, "ratelimits": 0])
        #expect(usage["totals"]?["gateway"] == ["activeKeys": 0])
        #expect(usage["breakdowns"] == ["byEnvironment": [], "byApp": []])
        let start = try #require(usage["period"]?["start"]?.integer)
        #expect(try #require(usage["period"]?["end"]?.integer) > start)
    }

    @Test(
        "a period in the future, too long ago or without a month is refused",
        arguments: [
            #"{"year":9999,"month":1}"#, #"{"year":2020,"month":12}"#, #"{"year":2026}"#,
            #"{"year":2026,"month":13}"#, #"{"year":2026,"month":0}"#,
        ])
    func periods(_ period: String) throws {
        try Sandbox().refuses(.invalidInput, "workspace.getUsage", #"{"period":\#(period)}"#)
    }

    @Test("each needs its permission")
    func permissions() throws {
        let sandbox = try Sandbox()
        for (procedure, page) in [("workspace.getLimits", "limits"), ("workspace.getUsage", "usage")] {
            try sandbox.data(procedure, "{}", as: Sandbox.rootKey("unkey:v1:\(Workspace.id):\(page)#read"))
            try sandbox.refuses(
                .insufficientPermissions, procedure, "{}", as: Sandbox.rootKey("api.*.read_analytics"))
        }
    }
}
