// What queries answer, by example.

import Testing

@testable import Analytics

@Suite("Queries")
struct QueryTests {
    static let events = "FROM key_verifications_v1"

    @Test(
        "rows are counted, summed and grouped",
        arguments: [
            ("SELECT COUNT(*) AS n \(events)", #"[{"n":6}]"#),
            ("SELECT count() \(events)", #"[{"count()":6}]"#),
            ("SELECT count(*) AS n \(events) WHERE key_id = 'nobody'", #"[{"n":0}]"#),
            (
                "SELECT outcome, COUNT(*) AS n \(events) WHERE key_id = 'k1' GROUP BY outcome ORDER BY outcome",
                #"[{"outcome":"USAGE_EXCEEDED","n":1},{"outcome":"VALID","n":2}]"#
            ),
            (
                "select key_id k, sum(spent_credits) s, avg(latency) a, min(latency) lo, max(latency) hi "
                    + "\(events) group by k having s > 0 order by 1;",
                #"[{"k":"k1","s":5,"a":3,"lo":1,"hi":5}]"#
            ),
            (
                "SELECT countIf(outcome = 'VALID') v, sumIf(spent_credits, spent_credits > 2) s \(events)",
                #"[{"v":3,"s":3}]"#
            ),
            (
                "SELECT uniq(key_id) u, uniqExact(key_id, outcome) e, count(DISTINCT source) d \(events)",
                #"[{"u":2,"e":5,"d":2}]"#
            ),
            ("SELECT quantile(0.5)(latency) q, quantile(latency) r \(events)", #"[{"q":6,"r":6}]"#),
            ("SELECT groupUniqArray(key_id) k \(events)", #"[{"k":["k1","k2"]}]"#),
            ("SELECT any(workspace_id) w \(events)", #"[{"w":"ws_test"}]"#),
            ("SELECT DISTINCT key_id \(events) ORDER BY key_id DESC", #"[{"key_id":"k2"},{"key_id":"k1"}]"#),
            (
                "SELECT key_id, latency \(events) ORDER BY latency DESC LIMIT 1 OFFSET 1",
                #"[{"key_id":"k2","latency":9}]"#
            ),
            ("SELECT latency \(events) ORDER BY latency LIMIT 1, 2", #"[{"latency":3},{"latency":5}]"#),
            ("SELECT latency \(events) LIMIT 0", "[]"),
            (
                "SELECT if(latency > 5, 'slow', 'fast') AS speed, count() AS n \(events) GROUP BY speed ORDER BY speed",
                #"[{"speed":"fast","n":3},{"speed":"slow","n":3}]"#
            ),
            (
                "SELECT CASE outcome WHEN 'VALID' THEN 'yes' ELSE 'no' END AS ok, count() n \(events) GROUP BY ok ORDER BY n, ok",
                #"[{"ok":"no","n":3},{"ok":"yes","n":3}]"#
            ),
            ("SELECT round(countIf(outcome = 'VALID') * 100 / count(), 1) p \(events)", #"[{"p":50}]"#),
            ("SELECT avg(latency) a \(events) WHERE key_id = 'x'", #"[{"a":null}]"#),
        ])
    func aggregation(_ sql: String, _ expected: String) throws {
        #expect(try sampleLog().ask(sql) == expected)
    }

    @Test(
        "conditions keep the rows they describe",
        arguments: [
            ("key_id IN ('k1', 'k3')", 3), ("key_id NOT IN ('k1')", 3), ("outcome LIKE 'V%'", 3),
            ("outcome NOT LIKE '%E%'", 3), ("external_id ILIKE 'GLOB_X'", 3), ("latency BETWEEN 3 AND 7", 3),
            ("NOT latency BETWEEN 3 AND 7", 3), ("has(tags, 'a=1')", 2), ("hasAny(tags, ['b', 'a=2'])", 2),
            ("hasAll(tags, ['a=1', 'b'])", 1), ("length(tags) = 0", 3),
            ("startsWith(outcome, 'VAL') AND endsWith(key_id, '1')", 2), ("lower(external_id) = 'globex'", 3),
            ("upper(external_id) = 'ACME' OR source = 'gateway'", 4), ("identity_id = ''", 6),
            ("key_id IS NULL", 0), ("key_id IS NOT NULL", 6), ("NULL = key_id", 0), ("key_id <> 'k1'", 3),
            ("substring(key_id, 2) = '1'", 3), ("substring(outcome, -2, 1) = 'I'", 3),
            ("concat(key_id, '-', source) = 'k2-gateway'", 1), ("key_id || source = 'k2api'", 2),
            ("spent_credits % 2 = 1", 1), ("-latency < -8", 2), ("latency * 2 + 1 >= 19", 2),
            ("key_id IN (SELECT key_id FROM key_verifications_v1 WHERE source = 'gateway')", 3),
            ("latency > (SELECT avg(latency) FROM key_verifications_v1)", 3),
            ("length(arrayFilter(t -> startsWith(t, 'a='), tags)) = 1", 3), ("trim('  x ') = 'x'", 6),
            ("JSONExtractString('{\"a\":\"b\"}', 'a') = 'b'", 6), ("coalesce(NULL, key_id) = 'k1'", 3),
            ("toString(spent_credits) = '3' AND toInt64('7') = 7 AND toFloat64('0.5') < 1", 1),
            ("abs(-2) + floor(1.7) + ceil(1.2) + round(2.5) = 7", 6), ("`key_id` = 'k1' -- comment", 3),
            ("key_id = 'k''1' /* none */", 0), ("request_id = 'req_k1_10'", 1), ("true AND 1", 6),
        ])
    func conditions(_ condition: String, _ count: Int) throws {
        let answer = try sampleLog().ask("SELECT count() AS n FROM key_verifications_v1 WHERE \(condition)")
        #expect(answer == "[{\"n\":\(count)}]")
    }

    @Test(
        "times are in UTC, compare with texts and numbers, and move by intervals",
        arguments: [
            ("time >= now() - INTERVAL 1 HOUR", 4), ("time > now64() - toIntervalMinute(61)", 4),
            ("fromUnixTimestamp64Milli(time) >= now() - INTERVAL '2 hour'", 6),
            ("time >= toUnixTimestamp64Milli(now64() - INTERVAL '1' DAY)", 6), ("time > 1787304600000", 4),
            ("toDateTime(time) >= '2026-08-21 09:30:00' AND toDateTime(time) < '2026-08-21 10:00:00'", 1),
            ("toDate(fromUnixTimestamp64Milli(time)) = today()", 6),
            ("toStartOfHour(fromUnixTimestamp64Milli(time)) = '2026-08-21 10:00:00'", 3),
            ("toDateTime('2026-08-21 10:30:15') = now()", 6),
            ("toStartOfWeek(now()) = '2026-08-16' AND toStartOfWeek(now(), 1) = '2026-08-17'", 6),
            ("toStartOfMonth(now()) = '2026-08-01' AND toStartOfQuarter(now()) = '2026-07-01'", 6),
            ("toStartOfYear(now()) = '2026-01-01' AND toStartOfDay(now()) = '2026-08-21'", 6),
            (
                "date_trunc('month', now()) = '2026-08-01' AND toStartOfMinute(now()) = '2026-08-21 10:30:00'",
                6
            ),
            ("toDate('2026-01-31') + INTERVAL 1 MONTH = '2026-02-28'", 6),
            ("formatDateTime(now(), '%Y-%m-%d %H:%i:%S') = '2026-08-21 10:30:15'", 6),
            ("toString(now()) = '2026-08-21 10:30:15' AND toString(today()) = '2026-08-21'", 6),
            ("today() - 1 = '2026-08-20' AND now() + 5 = '2026-08-21 10:30:20'", 6),
        ])
    func times(_ condition: String, _ count: Int) throws {
        let answer = try sampleLog().ask("SELECT count() AS n FROM key_verifications_v1 WHERE \(condition)")
        #expect(answer == "[{\"n\":\(count)}]")
    }

    @Test("times are shown as RFC 3339")
    func shownTimes() throws {
        let sql =
            "SELECT toStartOfHour(fromUnixTimestamp64Milli(time)) AS h, count() AS n "
            + "FROM key_verifications_v1 GROUP BY h ORDER BY h"
        #expect(
            try sampleLog().ask(sql)
                == #"[{"h":"2026-08-21T08:00:00Z","n":1},{"h":"2026-08-21T09:00:00Z","n":2},{"h":"2026-08-21T10:00:00Z","n":3}]"#
        )
    }

    @Test(
        "the sums of every granularity agree with the events",
        arguments: [
            ("minute", 5, "2026-08-21T10:30:00Z"), ("hour", 3, "2026-08-21T10:00:00Z"),
            ("day", 1, "2026-08-21T00:00:00Z"), ("month", 1, "2026-08-01T00:00:00Z"),
        ])
    func rollUps(_ granularity: String, _ stretches: Int, _ last: String) throws {
        let table = "key_verifications_per_\(granularity)_v1"
        let log = sampleLog()
        let sql =
            "SELECT sum(count) AS count, sum(spent_credits) AS spent_credits, uniqExact(time) AS t, max(time) AS last FROM \(table)"
        #expect(try log.ask(sql) == #"[{"count":6,"spent_credits":5,"t":\#(stretches),"last":"\#(last)"}]"#)
        #expect(
            try log.ask(
                "SELECT sum(count) AS count FROM \(table) WHERE outcome = 'VALID' AND has(tags, 'a=1') ORDER BY count"
            )
                == #"[{"count":2}]"#)
    }

    @Test(
        "rows are multiplied by an array, combined and nested",
        arguments: [
            (
                "SELECT arrayJoin(tags) AS tag, count() AS n FROM key_verifications_v1 GROUP BY tag ORDER BY n DESC, tag",
                #"[{"tag":"a=1","n":2},{"tag":"a=2","n":1},{"tag":"b","n":1}]"#
            ),
            (
                "SELECT max(n) AS m FROM (SELECT key_id, count() AS n FROM key_verifications_v1 GROUP BY key_id) AS x",
                #"[{"m":3}]"#
            ),
            (
                "WITH slow AS (SELECT * FROM key_verifications_v1 WHERE latency > 6) SELECT count() AS n FROM slow",
                #"[{"n":3}]"#
            ),
            (
                "SELECT key_id FROM key_verifications_v1 UNION DISTINCT SELECT 'k9' FROM key_verifications_v1",
                #"[{"key_id":"k1"},{"key_id":"k2"},{"key_id":"k9"}]"#
            ),
            (
                "SELECT outcome FROM key_verifications_v1 EXCEPT SELECT 'VALID' FROM key_verifications_v1",
                #"[{"outcome":"USAGE_EXCEEDED"},{"outcome":"DISABLED"},{"outcome":"RATE_LIMITED"}]"#
            ),
            (
                "SELECT count() AS n FROM (SELECT 1 FROM key_verifications_v1 UNION ALL SELECT 2 FROM key_verifications_v1)",
                #"[{"n":12}]"#
            ),
        ])
    func composition(_ sql: String, _ expected: String) throws {
        #expect(try sampleLog().ask(sql) == expected)
    }

    @Test("a restricted query sees no other keyspace, however it is written")
    func restriction() throws {
        let log = sampleLog()
        for sql in [
            "SELECT count() AS n FROM key_verifications_v1 WHERE key_space_id = 'ks_a' OR true",
            "SELECT sum(count) AS n FROM key_verifications_per_day_v1",
            "WITH x AS (SELECT * FROM key_verifications_v1) SELECT count() AS n FROM x",
            "SELECT count() AS n FROM key_verifications_v1 WHERE key_id IN (SELECT key_id FROM key_verifications_per_hour_v1)",
        ] {
            #expect(try log.ask(sql, ["ks_b"]) == #"[{"n":3}]"#)
            #expect(try log.ask(sql, []) == #"[{"n":0}]"# || sql.contains("sum"))
        }
    }

    @Test("every column has a value")
    func star() throws {
        let row = try sampleLog().ask("SELECT * FROM key_verifications_v1 WHERE latency = 1")
        #expect(
            row
                == #"[{"request_id":"req_k1_10","time":1787308205500,"workspace_id":"ws_test","key_space_id":"ks_a","identity_id":"","external_id":"acme","key_id":"k1","region":"","outcome":"VALID","source":"api","app_id":"","route":"","tags":["a=1","b"],"spent_credits":2,"latency":1}]"#
        )
    }
}
