// What one counter allows and reports, and that any sequence of charges comes out as the formula says.

import Limits
import Testing

@Suite struct WindowTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Charges before, as (time, cost), all of which fit a limit of 1000.
        let before: [(Int64, Int64)]
        let now: Int64
        let limit: Int64
        let cost: Int64
        let expected: (fits: Bool, effective: Int64, remaining: Int64)
    }

    // A duration of 1000 ms, so that window 10 is [10000, 11000).
    static let cases = [
        Case(
            testDescription: "a fresh counter has everything", before: [], now: 10_000, limit: 3, cost: 1,
            expected: (true, 0, 2)),
        Case(
            testDescription: "the last one fits", before: [(10_000, 2)], now: 10_999, limit: 3, cost: 1,
            expected: (true, 2, 0)),
        Case(
            testDescription: "one more does not", before: [(10_000, 3)], now: 10_999, limit: 3, cost: 1,
            expected: (false, 3, 0)),
        Case(
            testDescription: "a cost above the limit never fits", before: [], now: 10_000, limit: 3, cost: 4,
            expected: (false, 0, 0)),
        Case(
            testDescription: "a look passes at the limit", before: [(10_000, 5)], now: 10_000, limit: 5,
            cost: 0, expected: (true, 5, 0)),
        Case(
            testDescription: "a look fails beyond it", before: [(10_000, 6)], now: 10_000, limit: 5, cost: 0,
            expected: (false, 6, 0)),
        Case(
            testDescription: "a limit of nothing lets only a look pass", before: [], now: 10_000, limit: 0,
            cost: 0, expected: (true, 0, 0)),
        Case(
            testDescription: "a limit of nothing stops a charge", before: [], now: 10_000, limit: 0, cost: 1,
            expected: (false, 0, 0)),
        Case(
            testDescription: "right after the turn the old window counts whole", before: [(10_000, 9)],
            now: 11_000, limit: 10, cost: 1, expected: (true, 9, 0)),
        Case(
            testDescription: "half-way half of it counts", before: [(10_000, 9)], now: 11_500, limit: 10,
            cost: 1, expected: (true, 4, 5)),
        Case(
            testDescription: "a share is cut, not rounded", before: [(10_000, 1)], now: 11_001, limit: 10,
            cost: 1, expected: (true, 0, 9)),
        Case(
            testDescription: "both windows add up", before: [(10_000, 10), (11_100, 4)], now: 11_250,
            limit: 20, cost: 8, expected: (true, 11, 1)),
        Case(
            testDescription: "after two windows everything is free", before: [(10_000, 9)], now: 12_000,
            limit: 10, cost: 10, expected: (true, 0, 0)),
        Case(
            testDescription: "a limit that was lowered does not go below nothing", before: [(10_000, 900)],
            now: 10_000, limit: 5, cost: 1, expected: (false, 900, 0)),
    ]

    @Test(arguments: cases) func oneCharge(_ test: Case) {
        let counters = RateCounters()
        for (time, cost) in test.before {
            let charge = counters.charge(
                Wanted(limit: 1000, durationMillis: 1000, cost: cost), at: time)
            #expect(charge.fits)
        }
        let charge = counters.charge(
            Wanted(limit: test.limit, durationMillis: 1000, cost: test.cost), at: test.now)
        #expect(charge.fits == test.expected.fits)
        #expect(charge.effective == test.expected.effective)
        #expect(charge.remaining == test.expected.remaining)
        #expect(charge.resetMillis == (test.now / 1000 + 1) * 1000)
    }

    @Test func theLargestNumbersAreExact() {
        let counters = RateCounters()
        let all = Wanted(limit: .max, durationMillis: .max, cost: .max)
        #expect(counters.charge(all, at: 1_800_000_000_000).fits)
        #expect(!counters.charge(Wanted(limit: .max, durationMillis: .max), at: 1_800_000_000_000).fits)
        let big = Wanted(limit: .max, durationMillis: 2_592_000_000, cost: .max - 7)
        let start: Int64 = 700 * 2_592_000_000
        #expect(counters.charge(big, at: start).fits)
        let offset: Int64 = 1_234_567_891
        let later = counters.charge(
            Wanted(limit: .max, durationMillis: 2_592_000_000, cost: 0), at: start + 2_592_000_000 + offset)
        let expected = Int128(Int64.max - 7) * Int128(2_592_000_000 - offset) / 2_592_000_000
        #expect(later.effective == Int64(expected))
    }

    @Test func countersAreToldApartBySpaceNameIdentifierAndDuration() {
        let counters = RateCounters()
        func counter(_ space: CounterSpace, _ name: String, _ identifier: String, _ duration: Int64)
            -> CounterKey
        {
            counters.counter(
                space, name: name.utf8.span, identifier: identifier.utf8.span, durationMillis: duration)
        }
        let different: Set = [
            counter(.key, "ab", "c", 1000), counter(.key, "a", "bc", 1000),
            counter(.identity, "ab", "c", 1000),
            counter(.namespace, "ab", "c", 1000), counter(.route, "ab", "c", 1000),
            counter(.key, "ab", "c", 1001), counter(.key, "", "abc", 1000), counter(.key, "abc", "", 1000),
            counter(.key, "ab", "c\0", 1000),
        ]
        #expect(different.count == 9)
        #expect(counter(.key, "ab", "c", 1000) == counter(.key, "ab", "c", 1000))
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func randomChargesComeOutAsTheFormulaSays(seed: UInt64) {
        var random = Random(state: seed)
        let counters = RateCounters()
        var model = Model()
        var now: Int64 = 1_700_000_000_000
        for step in 0..<8_000 {
            now += [0, 0, 1, 7, 130, 990, 2_500].randomElement(using: &random) ?? 0
            let wanted = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                Wanted(
                    name: ["requests", "tokens"].randomElement(using: &random) ?? "",
                    identifier: "key_\(Int.random(in: 0..<5, using: &random))",
                    limit: Int64.random(in: 0...40, using: &random),
                    durationMillis: [1000, 1700, 60_000].randomElement(using: &random) ?? 1000,
                    cost: Int64.random(in: 0...6, using: &random))
            }
            let expected = model.charge(wanted, at: now)
            let result = counters.charge(wanted, at: now)
            var agrees = result.passed == expected.passed
            for (charge, other) in zip(result.charges, expected.each) {
                agrees = agrees && charge.fits == other.fits && charge.remaining == other.remaining
            }
            #expect(agrees, "step \(step)")
            if !agrees { return }
        }
    }
}
