// Which queries are refused, and with which of the reasons a client can tell apart.

import Testing

@testable import Analytics

@Suite("Refused queries")
struct QueryRefusalTests {
    @Test(
        "the reason fits the mistake",
        arguments: [
            ("DROP TABLE key_verifications_v1", QueryError.Kind.invalidQueryType),
            ("insert into key_verifications_v1 values (1)", .invalidQueryType),
            ("EXPLAIN SELECT 1 FROM key_verifications_v1", .invalidQueryType),
            ("SELECT * FROM system.tables", .invalidTable), ("SELECT 1 FROM numbers(10)", .invalidTable),
            ("SELECT 1 FROM `secret`", .invalidTable),
            ("SELECT 1 FROM key_verifications_v1 JOIN system.users ON 1", .invalidTable),
            ("SELECT 1 FROM key_verifications_v1, other", .invalidTable),
            ("SELECT 1 FROM key_verifications_v1 WHERE key_id IN (SELECT x FROM y)", .invalidTable),
            ("SELECT sleep(3) FROM key_verifications_v1", .invalidFunction),
            ("SELECT count() FROM key_verifications_v1 WHERE file('x') = 1", .invalidFunction),
            ("SELECT FROM WHERE", .invalidQuery), ("", .invalidQuery), (";", .invalidQuery),
            ("hello", .invalidQuery),
            ("SELECT 1", .invalidQuery), ("SELECT count( FROM key_verifications_v1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1; SELECT 1 FROM key_verifications_v1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 SETTINGS max_threads = 1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 FORMAT JSON", .invalidQuery),
            ("SELECT `` FROM key_verifications_per_day_v1", .invalidQuery),
            ("SELECT nope FROM key_verifications_v1", .invalidQuery),
            ("SELECT count FROM key_verifications_v1", .invalidQuery),
            ("SELECT latency FROM key_verifications_per_day_v1", .invalidQuery),
            ("SELECT key_id, count() FROM key_verifications_v1", .invalidQuery),
            ("SELECT sum(count()) FROM key_verifications_v1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 WHERE count() > 1", .invalidQuery),
            ("SELECT sum(outcome) FROM key_verifications_v1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 WHERE key_id = 5", .invalidQuery),
            ("SELECT lower(1) FROM key_verifications_v1", .invalidQuery),
            ("SELECT lower() FROM key_verifications_v1", .invalidQuery),
            ("SELECT 'open FROM key_verifications_v1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 LIMIT -1", .invalidQuery),
            ("SELECT 1 FROM key_verifications_v1 LIMIT 1 BY key_id", .invalidQuery),
            ("SELECT # FROM key_verifications_v1", .invalidQuery),
            (
                "SELECT 1 FROM key_verifications_v1 WHERE time > now() - INTERVAL 91 DAY",
                .rangeExceedsRetention
            ),
            ("SELECT 1 FROM key_verifications_v1 WHERE time >= 0", .rangeExceedsRetention),
            ("SELECT 1 FROM key_verifications_v1 WHERE '2020-01-01' <= time", .rangeExceedsRetention),
            (
                "SELECT 1 FROM key_verifications_per_day_v1 WHERE time BETWEEN '2025-01-01' AND now()",
                .rangeExceedsRetention
            ),
            (
                "SELECT 1 FROM key_verifications_v1 WHERE fromUnixTimestamp64Milli(time) > now() - INTERVAL 1 YEAR",
                .rangeExceedsRetention
            ),
        ])
    func reasons(_ sql: String, _ kind: QueryError.Kind) {
        #expect(throws: QueryError.self) { try sampleLog().ask(sql) }
        do { _ = try sampleLog().ask(sql) } catch { #expect(error.kind == kind, "\(error)") }
    }

    @Test(
        "what is too large is refused before it costs anything",
        arguments: [
            String(repeating: " ", count: 17_000),
            "SELECT \(Array(repeating: "1", count: 65).joined(separator: ",")) FROM key_verifications_v1",
            "SELECT \(Array(repeating: "1", count: 2_100).joined(separator: "+")) FROM key_verifications_v1",
            "SELECT \(String(repeating: "(", count: 100))1\(String(repeating: ")", count: 100)) FROM key_verifications_v1",
            "SELECT latency AS a0, "
                + (1..<30).map { "a\($0 - 1) + a\($0 - 1) AS a\($0)" }.joined(separator: ",")
                + " FROM key_verifications_v1",
        ])
    func tooLarge(_ sql: String) {
        do {
            _ = try sampleLog().ask(sql)
            Issue.record("answered")
        } catch { #expect(error.kind == .invalidQuery, "\(error)") }
    }

    @Test("an answer over 4 MiB and a query that collects too much are given up")
    func tooMuch() throws {
        let log = EventLog(workspaceID: "ws")
        let long = String(repeating: "x", count: 4_000)
        for number in 0..<2_000 { log.submit(event(long + "\(number)", .valid)) }
        do {
            _ = try log.ask("SELECT key_id FROM key_verifications_v1")
            Issue.record("answered")
        } catch { #expect(error.kind == .rowsLimitExceeded) }
        // 1.2 MB of each row, so that memory ends before the clock is looked at for the first time, behind 127 rows.
        func repeated(_ text: String, _ count: Int) -> String {
            "concat(" + Array(repeating: text, count: count).joined(separator: ", ") + ")"
        }
        let large = repeated(repeated("key_id", 100), 3)
        do {
            _ = try log.ask("SELECT groupArray(\(large)) FROM key_verifications_v1")
            Issue.record("answered")
        } catch { #expect(error.kind == .memoryLimitExceeded) }
    }

    @Test("at most 10,000 rows are answered")
    func rowCap() throws {
        let log = EventLog(workspaceID: "ws")
        var batch = EventBatch()
        for _ in 0..<10_500 { batch.append(event("k", .valid)) }
        log.submit(&batch)
        let answer = try log.run("SELECT key_id FROM key_verifications_v1 LIMIT 20000", nowMillis: testNow)
        #expect(answer.rows.count == 10_000)
    }
}
