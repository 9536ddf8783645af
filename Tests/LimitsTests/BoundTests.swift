// At the bound: nothing ever gets a fresh allowance, and nothing is stuck.

import Limits
import Testing

@Suite struct BoundTests {
    private let start: Int64 = 1_000_000_000

    private func visitor(_ number: Int, limit: Int64 = 2, duration: Int64 = 10_000) -> Wanted {
        Wanted(identifier: "visitor \(number)", limit: limit, durationMillis: duration)
    }

    @Test func aFullTableRefusesNewcomersAndForgetsNobody() {
        let counters = RateCounters(capacity: 256)
        let admitted = (0..<5_000).filter { counters.charge(visitor($0), at: start).fits }
        #expect(admitted.count <= 256)
        #expect(admitted.count > 200)
        #expect(counters.count == admitted.count)
        let refused = Set(0..<5_000).subtracting(admitted)
        #expect(refused.allSatisfy { !counters.charge(visitor($0), at: start).fits })
        // Those who are in still have what they had, and no more.
        #expect(admitted.allSatisfy { counters.charge(visitor($0), at: start).fits })
        #expect(admitted.allSatisfy { !counters.charge(visitor($0), at: start + 9_000).fits })
        // One window later their counters still matter.
        #expect(refused.allSatisfy { !counters.charge(visitor($0), at: start + 10_000).fits })
    }

    @Test func roomIsMadeOnceBothWindowsAreOver() {
        let counters = RateCounters(capacity: 64)
        for number in 0..<1_000 { _ = counters.charge(visitor(number), at: start) }
        let later = start + 20_000
        let admitted = (2_000..<6_000).filter { counters.charge(visitor($0), at: later).fits }
        #expect(admitted.count > 50)
        #expect(counters.count <= 64)
    }

    @Test func countersThatCameToNothingTakeNoRoom() {
        let counters = RateCounters(capacity: 64)
        let blocked = Wanted(name: "blocked", limit: 0)
        #expect(!(0..<5_000).contains { counters.charge([visitor($0), blocked], at: start).passed })
        #expect(counters.charge(visitor(9_999), at: start).fits)
    }

    @Test func churnKeepsTheTableSmall() {
        let counters = RateCounters(capacity: 1 << 16)
        let admitted = (0..<50_000).count {
            counters.charge(visitor($0, duration: 1000), at: start + Int64($0)).fits
        }
        #expect(admitted == 50_000)
        // Two seconds of newcomers are alive; the rest may wait to be swept, never more than a doubling.
        #expect(counters.count < 16_000)
    }

    @Test func countersSurviveTheirNeighboursBeingForgotten() {
        let counters = RateCounters(capacity: 4096)
        let lasting = (0..<500).map { visitor($0, limit: 1, duration: 1_000_000_000) }
        for wanted in lasting { #expect(counters.charge(wanted, at: start).fits) }
        for step in 0..<20_000 {
            _ = counters.charge(visitor(1_000 + step, duration: 1000), at: start + Int64(step))
        }
        #expect(lasting.allSatisfy { !counters.charge($0, at: start + 20_000).fits })
    }

    @Test func threadsThatReadTheClockAtTheTurnOfAWindowLoseNothing() {
        let counters = RateCounters()
        let turn: Int64 = 1_700_000_010_000
        #expect(counters.charge(visitor(1, limit: 4), at: turn - 1).fits)
        #expect(counters.charge(visitor(1, limit: 4), at: turn).fits)
        // A slower thread still lives in the old window.
        #expect(counters.charge(visitor(1, limit: 4), at: turn - 1).fits)
        #expect(counters.charge(visitor(1, limit: 4), at: turn).fits)
        #expect(!counters.charge(visitor(1, limit: 4), at: turn).fits)
        #expect(!counters.charge(visitor(1, limit: 4), at: turn - 1).fits)
    }
}
