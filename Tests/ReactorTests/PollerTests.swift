// Events, and the tokens that say whose they are.

import Bytes
import Glibc
import Testing

@testable import Reactor

@Suite struct TokenTests {
    @Test(
        arguments: [
            (0, 0, 0), (1, 2, 3), (255, 0xFF_FFFF, Int(UInt32.max)), (7, 0, Int(UInt32.max)),
            (0, 0xFF_FFFF, 0),
        ] as [(UInt8, UInt32, Int)])
    func theThreePartsDoNotTouchEachOther(_ kind: UInt8, _ generation: UInt32, _ index: Int) {
        let token = Token(kind: kind, generation: generation, index: index)
        #expect(token.kind == kind)
        #expect(token.generation == generation)
        #expect(token.index == index)
        #expect(Token(bits: token.bits) == token)
    }

    @Test func aGenerationKeepsItsLow24Bits() {
        #expect(Token(kind: 1, generation: 0x0100_0005, index: 0).generation == 5)
    }

    @Test func anIndexOutsideOf32BitsTraps() async {
        await #expect(processExitsWith: .failure) { _ = Token(kind: 0, generation: 0, index: -1) }
        await #expect(processExitsWith: .failure) { _ = Token(kind: 0, generation: 0, index: 1 << 32) }
    }
}

@Suite struct PollerTests {
    static let token = Token(kind: 3, generation: 77, index: 12)

    /// The events that are there now, by token.
    private func events(_ poller: inout Poller) throws -> [(Token, Readiness)] {
        (0..<(try poller.wait(milliseconds: 0))).map { position in
            let event = poller.event(at: position)
            return (event.token, event.readiness)
        }
    }

    @Test func anEdgeIsToldOncePerChange() throws {
        var poller = try Poller()
        let (left, right) = try socketPair()
        try poller.add(left.descriptor.number, .edgeBoth, Self.token)
        let first = try events(&poller)
        #expect(first.count == 1)
        #expect(first[0].0 == Self.token)
        #expect(first[0].1 == .writable)
        #expect(try events(&poller).isEmpty)

        _ = try right.send("x")
        #expect(try events(&poller).map(\.1) == [[.readable, .writable]])
        #expect(try events(&poller).isEmpty, "nothing was read, and still nothing changed")
        _ = try right.send("y")
        #expect(try events(&poller).count == 1)
    }

    @Test func aLevelIsToldUntilItIsOver() throws {
        var poller = try Poller()
        let (left, right) = try socketPair()
        try poller.add(left.descriptor.number, .level(.readable), Self.token)
        #expect(try events(&poller).isEmpty)
        _ = try right.send("x")
        #expect(try events(&poller).count == 1)
        #expect(try events(&poller).count == 1)
        var buffer = ByteBuffer()
        _ = try left.descriptor.read(into: &buffer, minimum: 16)
        #expect(try events(&poller).isEmpty)

        try poller.modify(left.descriptor.number, .level(.writable), Token(kind: 1, generation: 1, index: 1))
        #expect(try events(&poller).map(\.0) == [Token(kind: 1, generation: 1, index: 1)])
        poller.remove(left.descriptor.number)
        #expect(try events(&poller).isEmpty)
    }

    @Test func anEndOfStreamIsToldAsSuch() throws {
        var poller = try Poller()
        let (left, right) = try socketPair()
        try poller.add(left.descriptor.number, .edgeBoth, Self.token)
        _ = try events(&poller)
        right.descriptor.shutdownWriting()
        let ended = try events(&poller).map(\.1)
        #expect(ended.first?.isSuperset(of: [.readable, .peerFinished]) == true)
        #expect(ended.first?.contains(.hangUp) == false)
    }

    @Test func aClosedPeerHangsUp() throws {
        var poller = try Poller()
        let left: Endpoint
        do {
            let (kept, dropped) = try socketPair()
            left = kept
            try poller.add(left.descriptor.number, .edgeBoth, Self.token)
            _ = try events(&poller)
            _ = consume dropped
        }
        #expect(try events(&poller).first?.1.contains(.hangUp) == true)
    }

    @Test func aDescriptorCannotBeAddedTwice() throws {
        let poller = try Poller()
        let (left, _) = try socketPair()
        let number = left.descriptor.number
        try poller.add(number, .edgeBoth, Self.token)
        do throws(Errno) {
            try poller.add(number, .edgeBoth, Self.token)
            Issue.record("the second registration was accepted")
        } catch {
            #expect(error == Errno(code: EEXIST))
        }
    }

    @Test func readinessCanBeAskedForDirectly() throws {
        let (left, right) = try socketPair()
        let number = left.descriptor.number
        #expect(currentReadiness(number, readable: true, writable: true) == .writable)
        #expect(currentReadiness(number, readable: true, writable: false) == [])
        _ = try right.send("x")
        #expect(currentReadiness(number, readable: true, writable: true) == [.readable, .writable])
        #expect(currentReadiness(number, readable: false, writable: true) == .writable)
    }

    @Test func aWaitEndsAfterItsTime() throws {
        var poller = try Poller()
        let before = Clock.monotonicNanos()
        let count = try poller.wait(milliseconds: 15)
        #expect(count == 0)
        #expect(Clock.monotonicNanos() - before >= 14_000_000)
    }
}

@Suite struct EventLoopTests {
    @Test func aTurnWaitsForTheFirstTimerAtMost() throws {
        let loop = try EventLoop()
        let before = loop.nowNanos
        let latest = loop.timers.add(index: 1, generation: 1, deadlineNanos: before + 10_000_000)
        let count = try loop.wait(longestMillis: 60_000)
        #expect(count == 0)
        #expect(loop.nowNanos >= before + 10_000_000)
        #expect(loop.nowNanos >= latest)
        #expect(loop.timers.advance(nowNanos: loop.nowNanos) == 1)
    }

    @Test func withoutTimersTheCallersBoundHolds() throws {
        let loop = try EventLoop()
        #expect(try loop.wait(longestMillis: 1) == 0)
        #expect(loop.unixMillis > 1_600_000_000_000)
    }
}
