// The parts of an upstream that need no network: who is next, which socket is due, what an error is called.

import CCurl
import Reactor
import Testing

@testable import Upstream

@Suite struct BalancerTests {
    @Test(arguments: [[1], [1, 1], [1, 2, 3], [5, 1, 1], [100, 1], [7, 7, 7, 7], [3, 10, 2, 9]])
    func eachRoundIsSharedByWeight(_ weights: [Int]) {
        var balancer = Balancer(weights: weights)
        let total = weights.reduce(0, +)
        for _ in 0..<3 {
            var taken = weights.map { _ in 0 }
            for _ in 0..<total { taken[balancer.next()] += 1 }
            #expect(taken == weights)
        }
    }

    @Test func sharesAreSpreadAndNotSentInBursts() {
        var balancer = Balancer(weights: [5, 1, 1])
        #expect((0..<7).map { _ in balancer.next() } == [0, 0, 1, 0, 2, 0, 0])
        var equal = Balancer(weights: [4, 4])
        #expect((0..<6).map { _ in equal.next() } == [0, 1, 0, 1, 0, 1])
    }

    @Test func anUpstreamWithoutServersOrWithoutWeightTraps() async {
        await #expect(processExitsWith: .failure) { _ = Balancer(weights: []) }
        await #expect(processExitsWith: .failure) { _ = Balancer(weights: [1, 0]) }
    }
}

@Suite struct UpstreamSocketsTests {
    private func queue(_ sockets: inout UpstreamSockets) -> [Int32] {
        var taken: [Int32] = []
        sockets.takeQueue(into: &taken)
        return taken
    }

    @Test func aSocketIsDueWhenItIsReadyForWhatIsWanted() {
        var sockets = UpstreamSockets()
        sockets.update(7) { $0.ready = .readable }
        #expect(queue(&sockets) == [])
        sockets.update(7) { $0.wants = .writable }
        #expect(queue(&sockets) == [])
        sockets.update(7) { $0.ready.insert(.writable) }
        #expect(queue(&sockets) == [7])
    }

    /// The lazy removal: what arrives while nobody asks is not lost.
    @Test func anEdgeThatComesTooEarlyIsRemembered() {
        var sockets = UpstreamSockets()
        sockets.update(3) { $0.wants = [] }
        sockets.update(3) { $0.ready.insert(.readable) }
        #expect(queue(&sockets) == [])
        sockets.update(3) { $0.wants = .readable }
        #expect(queue(&sockets) == [3])
    }

    @Test func aSocketIsQueuedOnceUntilItIsTaken() {
        var sockets = UpstreamSockets()
        for number in [5, 9, 5, 5, 9] as [Int32] {
            sockets.update(number) { socket in
                socket.wants = .readable
                socket.ready = .readable
            }
        }
        #expect(sockets.queue == [5, 9])
        #expect(queue(&sockets) == [5, 9])
        #expect(sockets.queue.isEmpty)
        sockets.update(5) { _ in }
        #expect(queue(&sockets) == [5], "still due, so the next look queues it again")
    }

    @Test func aSocketNeverSeenIsIdle() {
        let sockets = UpstreamSockets()
        #expect(!sockets[1000].isRunnable)
        #expect(!sockets[1000].isRegistered)
        #expect(sockets[1000].transferSlot == -1)
    }
}

@Suite struct UpstreamErrorTests {
    enum Word { case none, unreachable, invalid, connectTimeout }

    private func word(_ error: UpstreamError?) -> Word {
        switch error {
        case nil: .none
        case .unreachable: .unreachable
        case .invalid: .invalid
        case .connectTimeout: .connectTimeout
        }
    }

    @Test(arguments: [
        (CURLE_OK.rawValue, Word.none), (CURLE_COULDNT_CONNECT.rawValue, .unreachable),
        (CURLE_COULDNT_RESOLVE_HOST.rawValue, .unreachable),
        (CURLE_OPERATION_TIMEDOUT.rawValue, .connectTimeout),
        (CURLE_SSL_CONNECT_ERROR.rawValue, .unreachable),
        (CURLE_PEER_FAILED_VERIFICATION.rawValue, .unreachable),
        (CURLE_SSL_CACERT_BADFILE.rawValue, .unreachable), (CURLE_SEND_ERROR.rawValue, .unreachable),
        (CURLE_GOT_NOTHING.rawValue, .invalid), (CURLE_RECV_ERROR.rawValue, .invalid),
        (CURLE_PARTIAL_FILE.rawValue, .invalid), (CURLE_WEIRD_SERVER_REPLY.rawValue, .invalid),
        (CURLE_UNSUPPORTED_PROTOCOL.rawValue, .invalid), (CURLE_OUT_OF_MEMORY.rawValue, .invalid),
    ])
    func everyOutcomeIsOneOfThreeWords(_ code: UInt32, _ expected: Word) {
        #expect(word(.from(CURLcode(rawValue: code), wasReplayRefused: false)) == expected)
        #expect(word(.from(CURLcode(rawValue: code), wasReplayRefused: true)) == .unreachable)
    }

    /// libcurl's own messages name hosts and addresses; ours are fixed.
    @Test func detailsNameNoAddress() {
        for code in UInt32(1)..<100 {
            switch UpstreamError.from(CURLcode(rawValue: code), wasReplayRefused: false) {
            case .unreachable(let detail), .invalid(let detail):
                #expect(!detail.description.isEmpty)
                #expect(!detail.description.contains("127."))
            case .connectTimeout, nil: break
            }
        }
    }
}
