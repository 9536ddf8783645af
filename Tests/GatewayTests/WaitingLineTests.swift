// Who is first, in one loop and among loops, and bounds that hold whoever asks.

import Reactor
import Synchronization
import Testing

@testable import Gateway

@Suite struct WaitingLines {
    private static func ticket(_ index: Int) -> ConnectionTicket {
        ConnectionTicket(index: index, generation: 1, requestNumber: 1)
    }

    @Test func theOrderIsThatOfComingWhoeverLeaves() {
        let line = LoopLine(WaitingLine(group: "a", loopCount: 1, mailboxes: []), loop: 0)
        for index in 0..<100 {
            let hasJoined = line.join(Self.ticket(index), limit: 100, nowNanos: Int64(index))
            #expect(hasJoined)
        }
        #expect(!line.join(Self.ticket(100), limit: 100, nowNanos: 100))
        // From the middle, from the end, and somebody who is not there.
        for index in stride(from: 1, to: 100, by: 3) { line.leave(connection: index) }
        line.leave(connection: 99)
        line.leave(connection: 1000)
        var order: [Int] = []
        while let first = line.first {
            order.append(first.index)
            line.leave(connection: first.index)
        }
        #expect(order == (0..<99).filter { $0 % 3 != 1 })
        #expect(line.isEmpty && line.line.places.current == 0)
        #expect(line.line.refusals[0].counter.current == 1)
    }

    @Test func theLoopThatHasWaitedLongestComesFirst() {
        let line = WaitingLine(group: "a", loopCount: 3, mailboxes: [])
        let loops = (0..<3).map { LoopLine(line, loop: $0) }
        #expect(line.longestWaitingLoop == nil)
        for (loop, nanos) in [(2, 10), (0, 20), (2, 30), (1, 40)] as [(Int, Int64)] {
            let hasJoined = loops[loop].join(Self.ticket(Int(nanos)), limit: 4, nowNanos: nanos)
            #expect(hasJoined)
        }
        #expect(!loops[1].join(Self.ticket(50), limit: 4, nowNanos: 50), "the bound is that of all loops")
        var order: [Int] = []
        while let loop = line.longestWaitingLoop, let first = loops[loop].first {
            order.append(first.index)
            loops[loop].leave(connection: first.index)
        }
        #expect(order == [10, 20, 30, 40])
        // Refused by an empty line, a loop must not look as if somebody waited in it.
        #expect(!loops[1].join(Self.ticket(60), limit: 0, nowNanos: 60))
        #expect(line.longestWaitingLoop == nil)
    }

    @Test func placesAreNeverMoreThanThereAre() throws {
        final class Shared: Sendable {
            let places = PlaceCount()
            let held = Atomic<Int>(0)
            let most = Atomic<Int>(0)
            let had = Atomic<Int>(0)
        }
        let shared = Shared()
        let threads = try (0..<4).map { _ in
            try Thread(name: "places") {
                for _ in 0..<20_000 where shared.places.take(limit: 3) {
                    let now = shared.held.add(1, ordering: .relaxed).newValue
                    shared.most.max(now, ordering: .relaxed)
                    shared.had.add(1, ordering: .relaxed)
                    shared.held.subtract(1, ordering: .relaxed)
                    shared.places.giveBack()
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(shared.most.load(ordering: .relaxed) <= 3)
        #expect(shared.had.load(ordering: .relaxed) > 0)
        #expect(shared.places.current == 0)
    }
}
