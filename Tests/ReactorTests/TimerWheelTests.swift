// The wheel's promise: an entry comes up never before its deadline, and at most a tick after it, unless the
// deadline lies behind the horizon, in which case it comes up early once per round.

import Testing

@testable import Reactor

@Suite struct TimerWheelTests {
    static let tick = TimerWheel.tickNanos
    /// Not a multiple of the tick, as no clock reading is.
    static let start: Int64 = 123_456_789_012_345

    /// Moves the wheel on in small steps; returns when the entry came up.
    private func firing(of deadline: Int64, step: Int64) -> Int64? {
        var wheel = TimerWheel(nowNanos: Self.start)
        _ = wheel.add(index: 5, generation: 9, deadlineNanos: deadline)
        var now = Self.start
        while now < deadline + 3 * Self.tick {
            now += step
            guard wheel.advance(nowNanos: now) > 0 else { continue }
            let entry = wheel.dueEntry(at: 0)
            return entry.index == 5 && entry.generation == 9 ? now : nil
        }
        return nil
    }

    @Test(
        arguments: [1, 19_999_999, 20_000_000, 20_000_001, 33_333_333, 500_000_000, 12_345_678_901] as [Int64]
    )
    func anEntryIsNeverEarlyAndAtMostATickLate(_ delay: Int64) throws {
        let step: Int64 = 1_000_003
        let deadline = Self.start + delay
        let fired = try #require(firing(of: deadline, step: step))
        #expect(fired >= deadline)
        #expect(fired <= deadline + Self.tick + step)
    }

    @Test func theAnswerSaysWhenItComesUpAtTheLatest() {
        var wheel = TimerWheel(nowNanos: Self.start)
        let deadline = Self.start + 90_000_000
        let latest = wheel.add(index: 0, generation: 0, deadlineNanos: deadline)
        #expect(latest >= deadline && latest <= deadline + Self.tick)
        #expect(wheel.advance(nowNanos: latest - 1) == 0)
        #expect(wheel.advance(nowNanos: latest) == 1)
    }

    @Test func aDeadlineInThePastComesUpAtTheNextTick() {
        var wheel = TimerWheel(nowNanos: Self.start)
        let latest = wheel.add(index: 0, generation: 0, deadlineNanos: 0)
        #expect(latest <= Self.start + Self.tick)
        #expect(wheel.advance(nowNanos: latest) == 1)
    }

    @Test func aDeadlineBehindTheHorizonComesUpOncePerRound() {
        var wheel = TimerWheel(nowNanos: Self.start)
        let deadline = Self.start + 10 * TimerWheel.horizonNanos
        let latest = wheel.add(index: 0, generation: 0, deadlineNanos: deadline)
        #expect(latest < deadline)
        #expect(latest >= Self.start + TimerWheel.horizonNanos)
        #expect(wheel.advance(nowNanos: latest) == 1)
    }

    @Test func everyEntryComesUpOnce() {
        var wheel = TimerWheel(nowNanos: Self.start)
        for index in 0..<1000 {
            _ = wheel.add(index: index, generation: 0, deadlineNanos: Self.start + Int64(index) * 7_654_321)
        }
        #expect(wheel.count == 1000)
        var seen: [Int32] = []
        var now = Self.start
        while now < Self.start + TimerWheel.horizonNanos {
            now += 15_000_000
            for position in 0..<wheel.advance(nowNanos: now) {
                seen.append(wheel.dueEntry(at: position).index)
            }
        }
        #expect(seen.sorted() == Array(0..<1000))
        #expect(wheel.count == 0)
    }

    @Test func afterALongStopEverythingDueComesUpAtOnce() {
        var wheel = TimerWheel(nowNanos: Self.start)
        for index in 0..<50 {
            _ = wheel.add(index: index, generation: 1, deadlineNanos: Self.start + Int64(index) * 400_000_000)
        }
        #expect(wheel.advance(nowNanos: Self.start + 86_400_000_000_000) == 50)
        #expect(wheel.count == 0)
        // And the wheel goes on from there.
        let now = Self.start + 86_400_000_000_000
        let latest = wheel.add(index: 1, generation: 2, deadlineNanos: now + 100_000_000)
        #expect(wheel.advance(nowNanos: now + 100_000_000 - 1) == 0)
        #expect(wheel.advance(nowNanos: latest) == 1)
    }

    @Test func timeThatStandsStillBringsNothing() {
        var wheel = TimerWheel(nowNanos: Self.start)
        _ = wheel.add(index: 0, generation: 0, deadlineNanos: Self.start)
        #expect(wheel.advance(nowNanos: Self.start) == 0)
        #expect(wheel.advance(nowNanos: Self.start) == 0)
        #expect(wheel.count == 1)
    }

    // MARK: Sleeping

    @Test func withoutEntriesALoopMaySleepForEver() {
        let wheel = TimerWheel(nowNanos: Self.start)
        let sleep = wheel.sleepMillis(nowNanos: Self.start)
        #expect(sleep == -1)
    }

    @Test(arguments: [1, 20, 21, 480, 15_000] as [Int64])
    func aSleepEndsWhenTheFirstEntryIsDue(_ delayMillis: Int64) {
        var wheel = TimerWheel(nowNanos: Self.start)
        let latest = wheel.add(index: 0, generation: 0, deadlineNanos: Self.start + delayMillis * 1_000_000)
        let sleep = wheel.sleepMillis(nowNanos: Self.start)
        #expect(sleep >= Int32(delayMillis))
        #expect(Self.start + Int64(sleep) * 1_000_000 < latest + 1_000_000)
        // Having slept so long, the entry is there: no turn is spent on nothing.
        #expect(wheel.advance(nowNanos: Self.start + Int64(sleep) * 1_000_000) == 1)
    }

    @Test func aLoopThatIsLateDoesNotSleep() {
        var wheel = TimerWheel(nowNanos: Self.start)
        _ = wheel.add(index: 0, generation: 0, deadlineNanos: Self.start + 1_000_000)
        let sleep = wheel.sleepMillis(nowNanos: Self.start + 1_000_000_000)
        #expect(sleep == 0)
    }
}
