// The health of a server by what happens to it: events and times in, standing and news out.

import Testing

@testable import Upstream

private let second: Int64 = 1_000_000_000

@Suite struct ServerHealthTests {
    private static let policy = EjectionPolicy(
        failureCount: 3, firstNanos: second, longestNanos: 60 * second)
    private static let checks = CheckPolicy(riseCount: 2, fallCount: 3)

    /// What may happen, at a time in seconds.
    enum Event: Sendable {
        case fail(Int64)
        case succeed(Int64)
        case pass(Int64)
        case miss(Int64)
        case endOfChecks(Int64)
    }

    /// The middle of the spread makes a time that is as long as the policy says, but for rounding.
    private static func apply(_ event: Event, to health: inout ServerHealth) -> ServerHealth.Change? {
        switch event {
        case .fail(let time): health.failed(atNanos: time * second, policy, spread: 128)
        case .succeed(let time): health.succeeded(atNanos: time * second)
        case .pass(let time): health.checkPassed(atNanos: time * second, checks)
        case .miss: health.checkFailed(checks)
        case .endOfChecks(let time): health.checksEnded(atNanos: time * second)
        }
    }

    private static func seconds(_ nanos: Int64) -> Int64 { (nanos + second / 2) / second }

    /// `out 4` for an ejection of four seconds, `down`, `up`; in the order they were said.
    private static func news(_ events: [Event]) -> [String] {
        var health = ServerHealth()
        return events.compactMap { event in
            switch apply(event, to: &health) {
            case nil: nil
            case .ejected(let nanos, _): "out \(seconds(nanos))"
            case .down: "down"
            case .up: "up"
            }
        }
    }

    @Test(
        arguments: [
            ("two failures are not enough", [.fail(1), .fail(1)], []),
            ("three in a row are", [.fail(1), .fail(1), .fail(1)], ["out 1"]),
            (
                "a success between them starts anew", [.fail(1), .fail(1), .succeed(1), .fail(1), .fail(1)],
                []
            ),
            (
                "further failures while it is out change nothing",
                [.fail(1), .fail(1), .fail(1), .fail(1), .fail(1)], ["out 1"]
            ),
            (
                "a trial that fails keeps it out twice as long",
                [.fail(1), .fail(1), .fail(1), .fail(3), .fail(4), .fail(6), .fail(12)],
                ["out 1", "out 2", "out 4", "out 8"]
            ),
            (
                "a trial that succeeds takes it back", [.fail(1), .fail(1), .fail(1), .succeed(3)],
                ["out 1", "up"]
            ),
            (
                "a success while it is out takes it back: it was asked for want of another",
                [.fail(1), .fail(1), .fail(1), .succeed(1)], ["out 1", "up"]
            ),
            (
                "whoever flaps is out longer each time",
                [
                    .fail(1), .fail(1), .fail(1), .succeed(3), .fail(4), .fail(4), .fail(4), .succeed(7),
                    .fail(8),
                    .fail(8), .fail(8),
                ], ["out 1", "up", "out 2", "up", "out 4"]
            ),
            (
                "a minute in use makes its past forgotten",
                [.fail(1), .fail(1), .fail(1), .succeed(3), .fail(70), .fail(70), .fail(70)],
                ["out 1", "up", "out 1"]
            ),
            ("two failed checks are not enough", [.miss(1), .miss(2)], []),
            ("three are", [.miss(1), .miss(2), .miss(3), .miss(4)], ["down"]),
            (
                "a passed check between them starts anew",
                [.miss(1), .miss(2), .pass(3), .miss(4), .miss(5)], []
            ),
            (
                "two passed checks take it back",
                [.miss(1), .miss(2), .miss(3), .pass(4), .miss(5), .pass(6), .pass(7)],
                ["down", "up"]
            ),
            (
                "requests do not take back what the checks put aside",
                [.miss(1), .miss(2), .miss(3), .succeed(4), .fail(5), .fail(5), .fail(5)], ["down"]
            ),
            (
                "checks that pass end an ejection", [.fail(1), .fail(1), .fail(1), .pass(1), .pass(1)],
                ["out 1", "up"]
            ),
            (
                "checks that fail put aside what is ejected",
                [.fail(1), .fail(1), .fail(1), .miss(1), .miss(1), .miss(1)],
                ["out 1", "down"]
            ),
            (
                "passed checks from before an ejection do not count",
                [.pass(1), .pass(1), .fail(2), .fail(2), .fail(2), .pass(2)],
                ["out 1"]
            ),
            (
                "without checks nothing keeps it down", [.miss(1), .miss(1), .miss(1), .endOfChecks(2)],
                ["down", "up"]
            ),
            (
                "the end of checks is no end of an ejection",
                [.fail(1), .fail(1), .fail(1), .endOfChecks(1)], ["out 1"]
            ),
        ] as [(String, [Event], [String])])
    func whatIsSaid(_ row: (label: String, events: [Event], news: [String])) {
        #expect(Self.news(row.events) == row.news, "\(row.label)")
    }

    @Test func theTimeGrowsToTheLongestAndNoFurther() {
        var health = ServerHealth()
        var now = second
        var times: [Int64] = []
        for _ in 0..<3 { _ = health.failed(atNanos: now, Self.policy, spread: 128) }
        for _ in 0..<100 {
            guard case .ejected(let until) = health.standing else {
                Issue.record("it is in use")
                return
            }
            times.append(Self.seconds(until - now))
            now = until
            _ = health.failed(atNanos: now, Self.policy, spread: 128)
        }
        #expect(times.prefix(8) == [1, 2, 4, 8, 16, 32, 60, 60])
        #expect(times.allSatisfy { $0 <= 60 })
    }

    @Test(arguments: [UInt8.min, 1, 127, 200, .max])
    func theSpreadIsAQuarterEitherWay(_ spread: UInt8) {
        var health = ServerHealth()
        for _ in 0..<3 { _ = health.failed(atNanos: 0, Self.policy, spread: spread) }
        guard case .ejected(let until) = health.standing else {
            Issue.record("it is in use")
            return
        }
        #expect(until >= second * 3 / 4 && until <= second * 5 / 4)
        #expect((spread == .min) == (until == second * 3 / 4))
    }

    @Test func itIsTroubledFromTheFirstFailureToTheNextSuccess() {
        var health = ServerHealth()
        #expect(!health.isTroubled)
        _ = health.failed(atNanos: 1, Self.policy, spread: 0)
        #expect(health.isTroubled)
        _ = health.succeeded(atNanos: 2)
        #expect(!health.isTroubled)
        #expect(health.recoveredNanos == 0, "it was never out, so it has no slow start")
    }
}
