// Clocks that are set, forwards and backwards, by a moment and by years: what passes in time that really passes is
// what would have passed if nobody had touched them.

import Limits
import Synchronization
import Testing

/// The two clocks of a machine, in the hands of a test.
final class SetClock: Sendable {
    private struct Hands {
        var trueNanos: Int64
        var stepNanos: Int64 = 0
    }
    private let hands: Mutex<Hands>
    /// What the monotonic clock showed when the wall clock, then right, showed 1970.
    private static let bootNanos: Int64 = 1_699_990_000_000_000_000

    init(unixMillis: Int64) { hands = Mutex(Hands(trueNanos: unixMillis * 1_000_000)) }

    var readings: LimitClock.Readings {
        hands.withLock {
            LimitClock.Readings(
                monotonicNanos: $0.trueNanos - Self.bootNanos, unixNanos: $0.trueNanos + $0.stepNanos)
        }
    }
    var wallMillis: Int64 { readings.unixNanos / 1_000_000 }
    var trueMillis: Int64 { hands.withLock { $0.trueNanos / 1_000_000 } }

    func pass(millis: Int64) { hands.withLock { $0.trueNanos += millis * 1_000_000 } }
    func set(by millis: Int64) { hands.withLock { $0.stepNanos += millis * 1_000_000 } }

    func makeCounters(continuing saved: SavedWindows? = nil) -> RateCounters {
        RateCounters(clock: LimitClock { self.readings }, continuing: saved)
    }
}

@Suite struct ClockTests {
    struct Jump: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let millis: Int64
    }

    static let jumps = [
        Jump(testDescription: "back by a moment", millis: -5),
        Jump(testDescription: "back by a second, as for a leap second", millis: -1_000),
        Jump(testDescription: "back across the turn of a window", millis: -9_000),
        Jump(testDescription: "back by a year", millis: -31_536_000_000),
        Jump(testDescription: "to before 1970", millis: -1_800_000_000_000),
        Jump(testDescription: "forward by less than a window", millis: 4_000),
        Jump(testDescription: "forward by a window", millis: 10_000),
        Jump(testDescription: "forward by ten years", millis: 315_360_000_000),
    ]

    private let visitor = Wanted(limit: 3, durationMillis: 10_000)

    @Test(arguments: jumps) func settingTheClockFreesNothing(_ jump: Jump) {
        let clock = SetClock(unixMillis: 1_700_000_003_000)
        let counters = clock.makeCounters()
        for _ in 0..<3 { #expect(counters.charge(visitor, at: counters.clock.now()).fits) }
        for _ in 0..<20 {
            clock.set(by: jump.millis)
            clock.pass(millis: 300)
            #expect(!counters.charge(visitor, at: counters.clock.now()).fits)
            clock.set(by: -jump.millis)
            #expect(!counters.charge(visitor, at: counters.clock.now()).fits)
        }
    }

    @Test(arguments: jumps) func settingTheClockFreezesNothing(_ jump: Jump) {
        let clock = SetClock(unixMillis: 1_700_000_003_000)
        let counters = clock.makeCounters()
        for _ in 0..<3 { #expect(counters.charge(visitor, at: counters.clock.now()).fits) }
        clock.set(by: jump.millis)
        #expect(!counters.charge(visitor, at: counters.clock.now()).fits)
        // At the end of the window all of it still weighs, a millisecond later one of three does not.
        clock.pass(millis: 7_000)
        #expect(!counters.charge(visitor, at: counters.clock.now()).fits)
        clock.pass(millis: 1)
        #expect(counters.charge(visitor, at: counters.clock.now()).fits)
        clock.pass(millis: 20_000)
        for _ in 0..<3 { #expect(counters.charge(visitor, at: counters.clock.now()).fits) }
    }

    @Test(arguments: jumps) func theEndOfTheWindowIsToldInTheTimeThatTheClockShows(_ jump: Jump) {
        let clock = SetClock(unixMillis: 1_700_000_003_000)
        let counters = clock.makeCounters()
        #expect(counters.charge(visitor, at: counters.clock.now()).resetMillis == 1_700_000_010_000)
        clock.set(by: jump.millis)
        clock.pass(millis: 1_000)
        let charge = counters.charge(visitor, at: counters.clock.now())
        // A step too small to matter to anybody is not followed.
        #expect(charge.resetMillis - clock.wallMillis == 6_000 - (abs(jump.millis) < 250 ? jump.millis : 0))
        // A counter that begins afresh is aligned to the new time.
        let other = Wanted(identifier: "other", limit: 3, durationMillis: 10_000)
        if abs(jump.millis) >= 250 {
            #expect(counters.charge(other, at: counters.clock.now()).resetMillis % 10_000 == 0)
        }
    }

    @Test func aRestedCounterIsAlignedToTheNewTime() {
        let clock = SetClock(unixMillis: 1_700_000_000_000)
        let counters = clock.makeCounters()
        _ = counters.charge(visitor, at: counters.clock.now())
        clock.set(by: 3_456)
        #expect(counters.charge(visitor, at: counters.clock.now()).resetMillis == 1_700_000_013_456)
        clock.pass(millis: 20_000)
        #expect(counters.charge(visitor, at: counters.clock.now()).resetMillis == 1_700_000_030_000)
    }

    @Test func aThreadThatWasPutAsideBetweenItsReadingsSeesNoStep() {
        let clock = SetClock(unixMillis: 1_700_000_003_000)
        let counters = clock.makeCounters()
        let before = clock.readings
        clock.pass(millis: 2_000)
        let torn = LimitClock.Readings(
            monotonicNanos: before.monotonicNanos, unixNanos: clock.readings.unixNanos)
        #expect(counters.charge(visitor, at: counters.clock.time(torn)).resetMillis == 1_700_000_010_000)
    }

    /// One run with a wall clock that jumps at random and one with a wall clock that does not, side by side: the same
    /// requests pass, however the first is set; and in no interval of one duration do more pass than the contract's
    /// two windows allow.
    @Test(arguments: 1...12) func whatPassesDependsOnTimeThatPassesOnly(seed: UInt64) {
        var random = Random(state: seed)
        let duration: Int64 = [1_000, 7_777, 60_000].randomElement(using: &random) ?? 1_000
        let limit = Int64.random(in: 1...40, using: &random)
        let wanted = Wanted(limit: limit, durationMillis: duration)
        let honest = SetClock(unixMillis: 1_700_000_003_210)
        let jumping = SetClock(unixMillis: 1_700_000_003_210)
        let expected = honest.makeCounters()
        let counters = jumping.makeCounters()
        var passes: [Int64] = []
        var refusedSince: Int64?
        for step in 0..<6_000 {
            // Never so long that a counter rests for a whole duration, after which it may be aligned anew.
            let pause = Int64.random(in: 0...(duration / 20), using: &random)
            honest.pass(millis: pause)
            jumping.pass(millis: pause)
            // Both begin in the same window.
            if step > 0, Int.random(in: 0..<4, using: &random) == 0 {
                let size = Int64(1) << Int64.random(in: 0...34, using: &random)
                jumping.set(by: Int64.random(in: -size...size, using: &random))
            }
            let fits = counters.charge(wanted, at: counters.clock.now()).fits
            #expect(fits == expected.charge(wanted, at: expected.clock.now()).fits, "step \(step)")
            let now = jumping.trueMillis
            if fits {
                passes.append(now)
                // Usable again a millisecond after the end of the window that was full, and asked at most
                // duration/20 after that.
                if let refusedSince { #expect(now - refusedSince <= duration + 1 + duration / 20) }
                refusedSince = nil
            } else if refusedSince == nil {
                refusedSince = now
            }
        }
        // limit + ceil(limit · (duration - 1) / duration), whatever the place of the interval in its windows.
        let bound = Int(limit + (limit * (duration - 1) + duration - 1) / duration)
        var first = 0
        for last in passes.indices {
            while passes[last] - passes[first] >= duration { first += 1 }
            #expect(last - first + 1 <= bound)
        }
        #expect(passes.count > Int(limit))
    }

    /// As above where counters do rest: alignment may change, the bound may not.
    @Test(arguments: 1...12) func noIntervalLetsMoreThroughThanTwoWindows(seed: UInt64) {
        var random = Random(state: seed &* 977)
        let duration: Int64 = 5_000
        let limit = Int64.random(in: 1...20, using: &random)
        let clock = SetClock(unixMillis: 1_700_000_003_210)
        let counters = clock.makeCounters()
        var passes: [Int64] = []
        for _ in 0..<6_000 {
            clock.pass(
                millis: [0, 1, 40, 300, 4_999, 5_000, 9_999, 10_000].randomElement(using: &random) ?? 0)
            if Bool.random(using: &random) {
                clock.set(by: Int64.random(in: -20_000...20_000, using: &random))
            }
            let wanted = Wanted(limit: limit, durationMillis: duration)
            if counters.charge(wanted, at: counters.clock.now()).fits { passes.append(clock.trueMillis) }
        }
        var first = 0
        for last in passes.indices {
            while passes[last] - passes[first] >= duration { first += 1 }
            #expect(last - first + 1 <= 2 * Int(limit))
        }
    }
}
