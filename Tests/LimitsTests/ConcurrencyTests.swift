// Eight threads and more on the same counters: exactly the limit passes, and refusals leave no trace.

import Limits
import Reactor
import Synchronization
import Testing

@Suite struct ConcurrencyTests {
    private static let now: Int64 = 1_700_000_000_000

    /// Runs `body` on so many threads and adds up what they return.
    private func total(threads: Int, _ body: @escaping @Sendable (Int) -> Int) throws -> Int {
        let sum = Mutex(0)
        let results = Results(sum)
        var running: [() -> Void] = []
        for number in 0..<threads {
            let thread = try Thread(name: "charge-\(number)") { results.add(body(number)) }
            running.append { thread.join() }
        }
        for join in running { join() }
        return results.value
    }

    private final class Results: Sendable {
        private let sum: Mutex<Int>
        init(_ sum: consuming Mutex<Int>) { self.sum = sum }
        func add(_ count: Int) { sum.withLock { $0 += count } }
        var value: Int { sum.withLock { $0 } }
    }

    @Test(arguments: [(8, 1000, 1), (12, 777, 3), (16, 1, 1)])
    func exactlyTheLimitPasses(threads: Int, limit: Int, cost: Int) throws {
        let counters = RateCounters()
        let passed = try total(threads: threads) { _ in
            (0..<600).count { _ in
                counters.charge(
                    Wanted(limit: Int64(limit), durationMillis: 1 << 40, cost: Int64(cost)), at: Self.now
                ).fits
            }
        }
        #expect(passed == limit / cost)
    }

    @Test func exactlyTheLimitPassesWhileSomebodySetsTheClock() throws {
        let clock = SetClock(unixMillis: Self.now)
        let counters = clock.makeCounters()
        let passed = try total(threads: 9) { number in
            (0..<600).count { step in
                if number == 8 {
                    clock.set(by: step % 2 == 0 ? 86_400_000 : -86_400_001)
                    return false
                }
                return counters.charge(
                    Wanted(limit: 1234, durationMillis: 3_600_000), at: counters.clock.now()
                ).fits
            }
        }
        #expect(passed == 1234)
    }

    @Test func exactlyTheTighterOfTwoLimitsPassesAndTheOtherIsCharged() throws {
        let counters = RateCounters()
        let wide = Wanted(name: "wide", limit: 1 << 40, durationMillis: 1 << 40)
        let passed = try total(threads: 8) { number in
            (0..<600).count { _ in
                let tight = Wanted(
                    name: "tight", identifier: "key \(number % 2)", limit: 500, durationMillis: 1 << 40)
                // Both orders, so that each is raised and taken back.
                return counters.charge(number < 4 ? [wide, tight] : [tight, wide], at: Self.now).passed
            }
        }
        #expect(passed == 1000)
        var look = wide
        look.cost = 0
        #expect(counters.charge(look, at: Self.now).effective == 1000)
    }

    @Test func whilePassingAndRefusingNeverMoreThanTheLimitPassesAndAllIsGivenBack() throws {
        let counters = RateCounters()
        let shared = Wanted(name: "shared", limit: 300, durationMillis: 1 << 40)
        let closed = Wanted(name: "closed", limit: 0, durationMillis: 1 << 40)
        let passed = try total(threads: 8) { number in
            (0..<600).count { _ in
                counters.charge(number % 2 == 0 ? [shared, closed] : [shared], at: Self.now).passed
            }
        }
        // Refused callers may have been in the way for a moment, so fewer can have passed, never more.
        #expect(passed <= 300)
        var rest = shared
        rest.cost = 0
        #expect(counters.charge(rest, at: Self.now).effective == Int64(passed))
    }

    @Test func newcomersInParallelNeverExceedTheBound() throws {
        let counters = RateCounters(capacity: 1024)
        let passed = try total(threads: 8) { number in
            (0..<600).count { step in
                counters.charge(
                    Wanted(identifier: "\(number)/\(step)", limit: 1, durationMillis: 1 << 40), at: Self.now
                ).fits
            }
        }
        #expect(passed <= 1024)
        #expect(counters.count == passed)
    }
}
