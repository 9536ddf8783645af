// Who is asked next: what is known of the servers in, a server out.

import Testing

@testable import Upstream

private let second: Int64 = 1_000_000_000

@Suite struct ServerChoiceTests {
    /// A server as a row of a table says it.
    struct Server: Sendable {
        var weight = 1
        var inFlight = 0
        var isFull = false
        /// In seconds; nil: in use. The time is 100.
        var outUntil: Int64?
        var recovered: Int64 = 0
    }

    private static func choice(_ servers: [Server], slowStart: Int64 = 0) -> ServerChoice {
        var choice = ServerChoice(weights: servers.map(\.weight), slowStartNanos: slowStart * second)
        for (index, server) in servers.enumerated() {
            choice.candidates[index].inFlight = server.inFlight
            choice.candidates[index].isFull = server.isFull
            choice.candidates[index].outUntilNanos =
                server.outUntil.map { $0 == .max ? .max : $0 * second } ?? 0
            choice.candidates[index].recoveredNanos = server.recovered * second
        }
        return choice
    }

    @Test(
        arguments: [
            ("the only one", [Server()], 0, .server(0)),
            ("the only one, although it is out", [Server(outUntil: 200)], 0, .server(0)),
            ("nobody, for the only one was asked", [Server()], 0b1, .none),
            ("full, not another's fault", [Server(isFull: true)], 0, .full),
            ("the one with fewer requests", [Server(inFlight: 2), Server(inFlight: 1)], 0, .server(1)),
            (
                "the one with fewer for its weight", [Server(weight: 4, inFlight: 3), Server(inFlight: 1)], 0,
                .server(0)
            ),
            (
                "either of two that are equal for their weights, by turns",
                [Server(weight: 3, inFlight: 2), Server()], 0, .server(0)
            ),
            ("the idle one before the busy", [Server(weight: 3, inFlight: 3), Server()], 0, .server(1)),
            ("not the one that was asked", [Server(), Server(inFlight: 9)], 0b1, .server(1)),
            ("not the one that is full", [Server(isFull: true), Server(inFlight: 9)], 0, .server(1)),
            ("not the one that is out", [Server(outUntil: 101), Server(inFlight: 9)], 0, .server(1)),
            (
                "the one whose time is over, to try it", [Server(outUntil: 99), Server(inFlight: 9)], 0,
                .server(0)
            ),
            (
                "not that one while it is being tried",
                [Server(inFlight: 1, outUntil: 99), Server(inFlight: 9)], 0,
                .server(1)
            ),
            (
                "full rather than a server that is out: the others are well and will have room",
                [Server(outUntil: 101), Server(isFull: true)], 0, .full
            ),
            (
                "the least bad when all are out", [Server(outUntil: 300), Server(outUntil: 200)], 0,
                .server(1)
            ),
            (
                "an ejected one rather than one that is down",
                [Server(outUntil: .max), Server(outUntil: 200)], 0, .server(1)
            ),
            (
                "of those that are down the one with fewer requests",
                [Server(inFlight: 1, outUntil: .max), Server(outUntil: .max)], 0, .server(1)
            ),
            (
                "the one that is out when the others were asked", [Server(), Server(outUntil: 200)], 0b1,
                .server(1)
            ),
            ("nobody when all were asked", [Server(), Server(outUntil: 200)], 0b11, .none),
            ("full when all that are left are", [Server(), Server(isFull: true, outUntil: 200)], 0b1, .full),
        ] as [(String, [Server], UInt64, ServerChoice.Outcome)])
    func isTaken(_ row: (label: String, servers: [Server], excluded: UInt64, outcome: ServerChoice.Outcome)) {
        var choice = Self.choice(row.servers)
        #expect(choice.next(nowNanos: 100 * second, excluding: row.excluded) == row.outcome, "\(row.label)")
    }

    // MARK: Shares

    private static func turns(_ choice: inout ServerChoice, _ count: Int, now: Int64 = 100 * second) -> [Int]
    {
        (0..<count).map { _ in
            guard case .server(let index) = choice.next(nowNanos: now) else { return -1 }
            return index
        }
    }

    private static func shares(_ turns: [Int], of count: Int) -> [Int] {
        (0..<count).map { server in turns.count { $0 == server } }
    }

    @Test(arguments: [[1], [1, 1], [1, 2, 3], [5, 1, 1], [100, 1], [7, 7, 7, 7], [3, 10, 2, 9]])
    func requestsThatDoNotOverlapAreSharedByWeight(_ weights: [Int]) {
        var choice = ServerChoice(weights: weights)
        let total = weights.reduce(0, +)
        for _ in 0..<3 {
            #expect(Self.shares(Self.turns(&choice, total), of: weights.count) == weights)
        }
    }

    @Test func sharesAreSpreadAndNotSentInBursts() {
        var choice = ServerChoice(weights: [5, 1, 1])
        #expect(Self.turns(&choice, 7) == [0, 0, 1, 0, 2, 0, 0])
        var equal = ServerChoice(weights: [4, 4])
        #expect(Self.turns(&equal, 6) == [0, 1, 0, 1, 0, 1])
    }

    /// Requests that stay: each is added to whoever got it.
    @Test(arguments: [[1, 1, 1], [4, 1], [2, 3, 5]])
    func requestsThatStayAreSharedByWeight(_ weights: [Int]) {
        var choice = ServerChoice(weights: weights)
        for _ in 0..<(weights.reduce(0, +) * 20) {
            guard case .server(let index) = choice.next(nowNanos: 0) else {
                Issue.record("nobody")
                return
            }
            choice.candidates[index].inFlight += 1
        }
        for (index, weight) in weights.enumerated() {
            #expect(abs(choice.candidates[index].inFlight - weight * 20) <= weight)
        }
    }

    @Test func theRestIsSharedByWeightWhileOneIsOut() {
        var choice = Self.choice([Server(weight: 2), Server(outUntil: 200), Server(weight: 4)])
        #expect(Self.shares(Self.turns(&choice, 60), of: 3) == [20, 0, 40])
    }

    // MARK: Slow start

    @Test(
        arguments: [
            (0, 1), (300, 25), (15_000, 1280), (29_999, 2557), (30_000, 2560), (90_000, 2560),
        ] as [(Int64, Int)])
    func theWeightGrowsWithTime(_ millis: Int64, _ weight: Int) {
        let found = ServerChoice.weight(10, recoveredFor: millis * 1_000_000, slowStartNanos: 30 * second)
        #expect(found == weight)
    }

    @Test func aServerThatCameBackGetsALittleFirstAndItsShareInTheEnd() {
        var choice = Self.choice([Server(), Server(recovered: 100)], slowStart: 30)
        func share(after seconds: Int64) -> Int {
            let turns = Self.turns(&choice, 1000, now: (100 + seconds) * second)
            return Self.shares(turns, of: 2)[1]
        }
        // Of 1000 requests: a tenth of the weight makes an eleventh of the whole.
        #expect((0...10).contains(share(after: 0)))
        #expect((85...97).contains(share(after: 3)))
        #expect((325...340).contains(share(after: 15)))
        #expect((499...501).contains(share(after: 30)))
        #expect((499...501).contains(share(after: 3000)))
    }

    @Test func withoutASlowStartItHasItsShareAtOnce() {
        var choice = Self.choice([Server(), Server(recovered: 100)])
        #expect(Self.shares(Self.turns(&choice, 100), of: 2) == [50, 50])
    }

    @Test func anUpstreamWithoutServersOrWithoutWeightTraps() async {
        await #expect(processExitsWith: .failure) { _ = ServerChoice(weights: []) }
        await #expect(processExitsWith: .failure) { _ = ServerChoice(weights: [1, 0]) }
        await #expect(processExitsWith: .failure) {
            _ = ServerChoice(weights: [Int](repeating: 1, count: 65))
        }
    }
}
