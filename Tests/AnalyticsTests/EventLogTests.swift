// What the log keeps, for how long, and how much of it.

import JSON
import Testing

@testable import Analytics

@Suite("Event log")
struct EventLogTests {
    @Test("a batch is taken whole and comes back empty, with its memory")
    func batches() throws {
        let log = EventLog(workspaceID: "ws")
        var batch = EventBatch()
        for turn in 1...3 {
            for number in 0..<100 { batch.append(event("k\(number)", .valid, tags: ["t=\(number)"])) }
            log.submit(&batch)
            let left = batch.count
            #expect(left == 0)
            #expect(
                try log.ask("SELECT count() AS n, uniqExact(tags) AS t FROM key_verifications_v1")
                    == #"[{"n":\#(100 * turn),"t":100}]"#)
        }
    }

    @Test("texts that are too long are cut, and tags that do not fit are left out")
    func longTexts() throws {
        let log = EventLog(workspaceID: "ws")
        let long = String(repeating: "x", count: 70_000)
        log.submit(event(long, .valid, tags: ["a", long, "b"]))
        #expect(
            try log.ask("SELECT length(key_id) AS k, tags FROM key_verifications_v1")
                == #"[{"k":65535,"tags":["a","b"]}]"#)
    }

    @Test("the oldest events go when there are too many, and stay in the sums")
    func bounded() throws {
        var limits = EventLogLimits()
        limits.maxEvents = 20_000
        let log = EventLog(workspaceID: "ws", limits: limits)
        for number in 0..<60_000 {
            log.submit(event("k\(number)", .valid))
            if number % 10_000 == 0 { log.absorb(nowMillis: testNow) }
        }
        let kept = try log.run("SELECT count() AS n FROM key_verifications_v1", nowMillis: testNow).json
        let count = try #require(kept[0]["n"]?.integer)
        #expect((20_000 - Segment.maxEvents...20_000 + Segment.maxEvents).contains(count))
        #expect(try log.ask("SELECT sum(count) AS n FROM key_verifications_per_day_v1") == #"[{"n":60000}]"#)
        #expect(
            try log.ask("SELECT count() AS n FROM key_verifications_v1 WHERE key_id = 'k59999'")
                == #"[{"n":1}]"#)
    }

    @Test("what waits is bounded, and what is dropped is counted")
    func dropped() {
        var limits = EventLogLimits()
        limits.maxWaiting = 10
        let log = EventLog(workspaceID: "ws", limits: limits)
        for _ in 0..<15 { log.submit(event("k", .valid)) }
        #expect(log.droppedCount == 5)
        log.absorb(nowMillis: testNow)
        log.submit(event("k", .valid))
        #expect(log.droppedCount == 5)
    }

    @Test("the first rows of an order are found among many")
    func topOfMany() throws {
        let log = EventLog(workspaceID: "ws")
        var batch = EventBatch()
        for number in 0..<20_000 {
            batch.append(event("k\(number * 7_919 % 20_000)", .valid, spent: Int64(number * 7_919 % 20_000)))
        }
        log.submit(&batch)
        for (order, expected) in [("", [2, 3, 4]), ("DESC", [19_997, 19_996, 19_995])] {
            let sql =
                "SELECT key_id FROM key_verifications_v1 ORDER BY spent_credits \(order) LIMIT 3 OFFSET 2"
            let rows = expected.map { "{\"key_id\":\"k\($0)\"}" }.joined(separator: ",")
            #expect(try log.ask(sql) == "[\(rows)]")
        }
    }

    @Test("the newest events are found first, in every segment")
    func newest() throws {
        let log = EventLog(workspaceID: "ws")
        var batch = EventBatch()
        for number in 0..<40_000 {
            batch.append(event("k\(number)", .valid, secondsAgo: Int64(40_000 - number)))
        }
        log.submit(&batch)
        #expect(
            try log.ask("SELECT key_id FROM key_verifications_v1 ORDER BY time DESC LIMIT 2 OFFSET 20000")
                == #"[{"key_id":"k19999"},{"key_id":"k19998"}]"#)
    }

    @Test("a log that is full has the newest events, whatever the memory of the dropped ones is used for")
    func usedAgain() throws {
        var limits = EventLogLimits()
        limits.maxEvents = 2 * Segment.maxEvents
        let log = EventLog(workspaceID: "ws", limits: limits)
        // Each turn has other keys and texts of another length.
        for turn in 0..<5 {
            var batch = EventBatch()
            for number in 0..<Segment.maxEvents {
                let key = String(repeating: "k", count: turn + 1) + "\(number % 500)"
                batch.append(event(key, .valid, tags: ["turn=\(turn)"], spent: Int64(turn)))
            }
            log.submit(&batch)
            log.absorb(nowMillis: testNow)
        }
        #expect(
            try log.ask(
                "SELECT spent_credits AS turn, uniqExact(key_id) AS keys, count() AS n"
                    + " FROM key_verifications_v1 GROUP BY turn ORDER BY turn")
                == [2, 3, 4].map { #"{"turn":\#($0),"keys":500,"n":16384}"# }.joined(separator: ",").bracketed
        )
        #expect(
            try log.ask("SELECT count() AS n FROM key_verifications_v1 WHERE key_id = 'kkkkk7'")
                == #"[{"n":33}]"#)
        #expect(
            try log.ask("SELECT count() AS n FROM key_verifications_v1 WHERE key_id = 'k7'") == #"[{"n":0}]"#)
    }

    @Test("events that come late are added to the sums of their minute")
    func late() throws {
        let log = EventLog(workspaceID: "ws")
        for turn in 0..<6 {
            // This minute, the one before, this one again …
            for key in ["a", "b"] {
                log.submit(event(key, .valid, secondsAgo: turn.isMultiple(of: 2) ? 0 : 60))
            }
            log.absorb(nowMillis: testNow)
        }
        #expect(
            try log.ask(
                "SELECT key_id, sum(count) AS n, count() AS rows FROM key_verifications_per_minute_v1"
                    + " GROUP BY time, key_id ORDER BY time, key_id")
                == #"[{"key_id":"a","n":3,"rows":1},{"key_id":"b","n":3,"rows":1},"#
                + #"{"key_id":"a","n":3,"rows":1},{"key_id":"b","n":3,"rows":1}]"#)
    }

    @Test("events are gone after 90 days")
    func retention() throws {
        let log = sampleLog()
        let later = testNow + EventLog.retentionMillis
        for table in ["key_verifications_v1", "key_verifications_per_minute_v1"] {
            let answer = try log.run("SELECT count() AS n FROM \(table)", nowMillis: later + 60_000)
            #expect(answer.json == [["n": 0]])
        }
    }

    @Test("the newest use of each key is reported once")
    func lastUses() {
        let log = sampleLog()
        let uses = log.takeLastUses().sorted { $0.keyID < $1.keyID }
        #expect(uses.map(\.keyID) == ["k1", "k2"])
        #expect(uses.map(\.timeMillis) == [testNow - 10_000, testNow - 3_600_000])
        #expect(log.takeLastUses().isEmpty)
    }
}

@Suite("Saved roll-ups")
struct RollUpRecordTests {
    private static let sums = "SELECT time, key_id, tags, count, spent_credits FROM key_verifications_per_"

    private static func contents(_ log: EventLog) throws -> [String] {
        try ["minute", "hour", "day", "month"].map {
            try log.ask(sums + $0 + "_v1 ORDER BY time, key_id, outcome")
        }
    }

    @Test("increments and whole sums both bring back what was there")
    func roundTrip() throws {
        let log = sampleLog()
        let increment = try #require(log.takeUnsaved())
        #expect(log.takeUnsaved() == nil)
        log.submit(event("k3", .valid, tags: ["ü"], spent: 7))
        let next = try #require(log.takeUnsaved())

        let replayed = EventLog(workspaceID: "ws")
        #expect(replayed.takes(increment) && replayed.takes(next))
        let summed = EventLog(workspaceID: "ws")
        for record in log.takeSums() { #expect(summed.takes(record)) }
        #expect(try Self.contents(replayed) == Self.contents(log))
        #expect(try Self.contents(summed) == Self.contents(log))
        // What was restored is on disk already.
        #expect(replayed.takeUnsaved() == nil && log.takeUnsaved() == nil)
    }

    @Test("a record that is cut or damaged is refused or read, but never traps")
    func damage() throws {
        let record = try #require(sampleLog().takeUnsaved())
        for end in 0..<record.count {
            #expect(!EventLog(workspaceID: "ws").takes(Array(record[..<end])))
        }
        for index in record.indices {
            var damaged = record
            damaged[index] ^= 0x81
            _ = EventLog(workspaceID: "ws").takes(damaged)
        }
    }
}

extension String {
    fileprivate var bracketed: String { "[" + self + "]" }
}
