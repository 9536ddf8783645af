// Several limits in one step: all or nothing, each told for itself.

import Limits
import Testing

@Suite struct SetTests {
    private let now: Int64 = 1_000_000

    @Test func aRefusalConsumesNothingAnywhere() {
        let counters = RateCounters()
        let small = Wanted(name: "small", limit: 2)
        let big = Wanted(name: "big", limit: 100)
        for _ in 0..<2 { #expect(counters.charge([big, small], at: now).passed) }
        for _ in 0..<3 {
            let (passed, charges) = counters.charge([big, small], at: now)
            #expect(!passed)
            #expect(charges.map(\.fits) == [true, false])
            #expect(charges.map(\.remaining) == [98, 0])
        }
    }

    @Test func limitsOnOneCounterAreJudgedTogether() {
        let counters = RateCounters()
        let (passed, charges) = counters.charge(
            [Wanted(limit: 3, cost: 2), Wanted(limit: 3, cost: 2)], at: now)
        #expect(!passed)
        #expect(charges.map(\.fits) == [true, false])
        #expect(charges.map(\.remaining) == [3, 0])
        #expect(counters.charge([Wanted(limit: 3, cost: 2), Wanted(limit: 3)], at: now).passed)
        #expect(counters.charge(Wanted(limit: 3, cost: 0), at: now).remaining == 0)
    }

    @Test func whatFailedStillWeighsOnWhatFollowsIt() {
        let (passed, charges) = RateCounters().charge(
            [Wanted(limit: 5, cost: 9), Wanted(limit: 5)], at: now)
        #expect(!passed)
        #expect(charges.map(\.fits) == [false, false])
    }

    @Test func aLookIsJudgedAndConsumesNothing() {
        let counters = RateCounters()
        var set = ChargeSet()
        let wanted = Wanted(limit: 1)
        for _ in 0..<2 {
            set.append(Charge(counter: counters.key(wanted), limit: 1, durationMillis: 60_000))
        }
        #expect(!counters.look(&set, at: LimitTime(unixMillis: now)))
        #expect(set.charges.map(\.fits) == [true, false])
        #expect(counters.count == 0)
        #expect(counters.charge(wanted, at: now).fits)
    }

    @Test func anEmptySetPasses() {
        var set = ChargeSet()
        #expect(RateCounters().charge(&set, at: LimitTime(unixMillis: now)))
    }

    @Test func aNegativeCostIsAMistakeOfTheCaller() async {
        await #expect(processExitsWith: .failure) {
            let counters = RateCounters()
            _ = counters.charge(Wanted(limit: 1, cost: -1), at: 0)
        }
    }
}
