// Windows that outlive their process: they go on where they stood, however the wall clock was set meanwhile, and
// whatever is not exactly what was saved is refused.

import Limits
import Testing

@testable import Limits

@Suite struct SavedWindowTests {
    private let clock = SetClock(unixMillis: 1_700_000_003_000)
    private let visitor = Wanted(limit: 3, durationMillis: 3_600_000)

    private func saved(_ counters: RateCounters) throws -> SavedWindows {
        try SavedWindows(counters.save().records())
    }

    @Test func aWindowGoesOnInTheNextProcess() throws {
        let before = clock.makeCounters()
        for _ in 0..<2 { #expect(before.charge(visitor, at: before.clock.now()).fits) }
        let reset = before.charge(visitor, at: before.clock.now()).resetMillis
        let after = clock.makeCounters(continuing: try saved(before))
        let charge = after.charge(visitor, at: after.clock.now())
        #expect(!charge.fits && charge.effective == 3)
        #expect(charge.resetMillis == reset)
        // Another process that was told nothing knows nothing.
        let stranger = clock.makeCounters()
        #expect(stranger.charge(visitor, at: stranger.clock.now()).fits)
    }

    @Test func everyKindOfCounterIsTheSameOneAfterwards() throws {
        let before = clock.makeCounters()
        let kinds: [CounterSpace] = [.namespace, .key, .identity, .route]
        func charge(_ counters: RateCounters, _ kind: CounterSpace) -> Bool {
            var set = ChargeSet()
            let counter = counters.counter(
                kind, name: "GET\n\n/a/**\nburst".utf8.span, identifier: "key_1".utf8.span,
                durationMillis: 3_600_000)
            set.append(Charge(counter: counter, limit: 1, durationMillis: 3_600_000))
            return counters.charge(&set, at: counters.clock.now())
        }
        #expect(kinds.allSatisfy { charge(before, $0) })
        let after = clock.makeCounters(continuing: try saved(before))
        #expect(!kinds.contains { charge(after, $0) })
        #expect(after.count == 4)
    }

    @Test func bothWindowsSlideOn() throws {
        let before = clock.makeCounters()
        let wanted = Wanted(limit: 1000, durationMillis: 3_600_000, cost: 600)
        #expect(before.charge(wanted, at: before.clock.now()).fits)
        clock.pass(millis: 3_600_000)
        var small = wanted
        small.cost = 7
        #expect(before.charge(small, at: before.clock.now()).fits)
        let expected = before.charge(
            Wanted(limit: 1, durationMillis: 3_600_000, cost: 0), at: before.clock.now())
        let after = clock.makeCounters(continuing: try saved(before))
        let found = after.charge(Wanted(limit: 1, durationMillis: 3_600_000, cost: 0), at: after.clock.now())
        #expect(found.effective == expected.effective && found.resetMillis == expected.resetMillis)
    }

    @Test func whatIsOverIsNotWrittenAndNotBroughtBack() throws {
        let counters = clock.makeCounters()
        for number in 0..<1_000 {
            let short = Wanted(identifier: "\(number)", limit: 3, durationMillis: 1_000)
            _ = counters.charge(short, at: counters.clock.now())
        }
        _ = counters.charge(visitor, at: counters.clock.now())
        #expect(counters.save().count == 1_001)
        clock.pass(millis: 2_000)
        #expect(counters.save().count == 1)
    }

    @Test func aTableThatIsSmallerTakesWhatItHasRoomFor() throws {
        let before = clock.makeCounters()
        for number in 0..<20_000 {
            _ = before.charge(Wanted(identifier: "\(number)", limit: 1), at: before.clock.now())
        }
        let records = before.save().records()
        #expect(records.count == 3)
        #expect(records.allSatisfy { $0.count <= 16_384 * 48 })
        let after = RateCounters(
            capacity: 1_024, clock: LimitClock { self.clock.readings }, continuing: try SavedWindows(records))
        #expect(after.count <= 1_024 && after.count > 900)
    }

    struct Absence: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var sameBoot = true
        var monotonicMillis: Int64
        var wallMillis: Int64
        let expected: Int64
    }

    @Test(arguments: [
        Absence(
            testDescription: "both clocks agree", monotonicMillis: 5_000, wallMillis: 5_001, expected: 5_001),
        Absence(
            testDescription: "the wall clock was set back", monotonicMillis: 5_000, wallMillis: -900_000,
            expected: 5_000),
        Absence(
            testDescription: "the wall clock was set forward", monotonicMillis: 5_000,
            wallMillis: 900_000_000,
            expected: 5_000),
        Absence(
            testDescription: "another boot, by the wall clock", sameBoot: false, monotonicMillis: 5_000,
            wallMillis: 60_000, expected: 60_000),
        Absence(
            testDescription: "another boot and a wall clock that was set back", sameBoot: false,
            monotonicMillis: 5_000, wallMillis: -60_000, expected: 0),
        Absence(
            testDescription: "a monotonic clock that went back is another boot", monotonicMillis: -1,
            wallMillis: 60_000, expected: 60_000),
    ]) func timeAwayIsTakenFromTheClockThatCanBeTrusted(_ absence: Absence) {
        let boot = [UInt8](repeating: 7, count: 16)
        let saved = SavedWindows.Moment(
            boot: boot, monotonicNanos: 1_000_000_000_000, wallMillis: 1_700_000_000_000)
        let now = SavedWindows.Moment(
            boot: absence.sameBoot ? boot : [UInt8](repeating: 8, count: 16),
            monotonicNanos: saved.monotonicNanos + absence.monotonicMillis * 1_000_000,
            wallMillis: saved.wallMillis + absence.wallMillis)
        #expect(SavedWindows.millis(from: saved, to: now) == absence.expected)
    }

    @Test func aBootWithoutANameIsEveryBoot() {
        let nameless = [UInt8](repeating: 0, count: 16)
        let saved = SavedWindows.Moment(boot: nameless, monotonicNanos: 0, wallMillis: 0)
        let now = SavedWindows.Moment(boot: nameless, monotonicNanos: 5_000_000_000, wallMillis: 70_000)
        #expect(SavedWindows.millis(from: saved, to: now) == 70_000)
    }

    // MARK: What is no saved windows

    private func problem(_ records: [[UInt8]]) -> String? {
        do throws(SavedWindows.Problem) {
            _ = try SavedWindows(records)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func damageIsNamed() {
        let counters = clock.makeCounters()
        _ = counters.charge(visitor, at: counters.clock.now())
        let records = counters.save().records()
        #expect(problem(records) == nil)
        #expect(problem([]) == "there is no head")
        #expect(problem([records[0]]) == "0 of 1 windows are there")
        #expect(
            problem([records[1]]) == "the head is no head"
                || problem([records[1]])?.hasPrefix("format") == true)
        #expect(problem([records[0], records[1].dropLast()]) == "a record of 47 bytes")
        #expect(problem([records[0], records[1], records[1]]) == "2 of 1 windows are there")
        var newer = records
        newer[0][0] = 2
        #expect(problem(newer) == "format version 2, this program knows up to 1")
        for offset in [16, 24, 32, 40] {
            var negative = records
            negative[1][offset + 7] = 0x80
            #expect(problem(negative) == "window 0 makes no sense")
        }
        var endless = records
        endless[1].replaceSubrange(16..<24, with: [UInt8](repeating: 0, count: 8))
        #expect(problem(endless) == "window 0 makes no sense")
    }

    @Test func theLargestNumbersAreNoTrap() throws {
        var saved = SavedWindows(
            seed: .random(), moment: SavedWindows.Moment(boot: [], monotonicNanos: 0, wallMillis: .min))
        let key = CounterKey(high: 1, low: 2)
        saved.append(
            key, SlidingWindow(durationMillis: .max, startMillis: 0, current: .max, previous: .max),
            at: LimitTime(unixMillis: .max))
        let counters = clock.makeCounters(continuing: saved)
        #expect(counters.count <= 1)
    }
}
