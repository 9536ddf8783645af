// A caller of counters with one set of its own, and the formula of the contract written down naively.

import Limits

/// One limit on one counter, as tests describe it.
struct Wanted: Sendable {
    var name = "requests"
    var identifier = "key_1"
    var limit: Int64
    var durationMillis: Int64 = 60_000
    var cost: Int64 = 1
}

extension RateCounters {
    func key(_ wanted: Wanted) -> CounterKey {
        counter(
            .key, name: wanted.name.utf8.span, identifier: wanted.identifier.utf8.span,
            durationMillis: wanted.durationMillis)
    }

    /// By a wall clock that nobody sets.
    func charge(_ wanted: [Wanted], at now: Int64) -> (passed: Bool, charges: [Charge]) {
        charge(wanted, at: LimitTime(unixMillis: now))
    }

    func charge(_ wanted: [Wanted], at time: LimitTime) -> (passed: Bool, charges: [Charge]) {
        var set = ChargeSet()
        for one in wanted {
            set.append(
                Charge(
                    counter: key(one), limit: one.limit, durationMillis: one.durationMillis, cost: one.cost))
        }
        let passed = charge(&set, at: time)
        return (passed, set.charges)
    }

    func charge(_ wanted: Wanted, at now: Int64) -> Charge { charge([wanted], at: now).charges[0] }
    func charge(_ wanted: Wanted, at time: LimitTime) -> Charge { charge([wanted], at: time).charges[0] }
}

/// The counter as the contract states it, with every window it ever had.
struct Model {
    private struct Window: Hashable {
        let name, identifier: String
        let durationMillis, sequence: Int64
    }
    private var counts: [Window: Int64] = [:]

    private func window(_ wanted: Wanted, _ now: Int64, back: Int64 = 0) -> Window {
        Window(
            name: wanted.name, identifier: wanted.identifier, durationMillis: wanted.durationMillis,
            sequence: now / wanted.durationMillis - back)
    }

    private func effective(_ wanted: Wanted, _ now: Int64) -> Int64 {
        let offset = Int128(now % wanted.durationMillis)
        let duration = Int128(wanted.durationMillis)
        let previous = Int128(counts[window(wanted, now, back: 1)] ?? 0)
        return (counts[window(wanted, now)] ?? 0) + Int64(previous * (duration - offset) / duration)
    }

    /// Raises everything, judges everything, and puts the old state back if anything failed.
    mutating func charge(_ all: [Wanted], at now: Int64) -> (
        passed: Bool, each: [(fits: Bool, remaining: Int64)]
    ) {
        let before = self
        let each = all.map { wanted in
            let effective = effective(wanted, now)
            let fits = effective + wanted.cost <= wanted.limit
            counts[window(wanted, now), default: 0] += wanted.cost
            return (fits: fits, remaining: fits ? wanted.limit - effective - wanted.cost : 0)
        }
        if each.allSatisfy(\.fits) { return (true, each) }
        self = before
        let untouched = zip(all, each).map { wanted, result in
            (
                fits: result.fits,
                remaining: result.fits ? wanted.limit - before.effective(wanted, now) : 0
            )
        }
        return (false, untouched)
    }
}

/// SplitMix64: the same run for the same seed.
struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
