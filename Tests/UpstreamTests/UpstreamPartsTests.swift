// The parts of an upstream that need no network: which socket is due, what an error is called.

import CCurl
import Reactor
import Testing

@testable import Upstream

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

    @Test func whoWasPutBackComesBeforeAllOthersAndOnce() {
        var sockets = UpstreamSockets()
        func makeDue(_ number: Int32) {
            sockets.update(number) { socket in
                socket.wants = .readable
                socket.ready = .readable
            }
        }
        for number in 1...4 as ClosedRange<Int32> { makeDue(number) }
        let taken = queue(&sockets)
        #expect(taken == [1, 2, 3, 4])
        // The first and the third are due again before the last two were looked at.
        makeDue(1)
        makeDue(3)
        sockets.putBack(taken[2...])
        makeDue(4)
        #expect(queue(&sockets) == [4, 1, 3])
        #expect(sockets.queue.isEmpty)
    }

    @Test func aSocketNeverSeenIsIdle() {
        let sockets = UpstreamSockets()
        #expect(!sockets[1000].isRunnable)
        #expect(!sockets[1000].isRegistered)
        #expect(sockets[1000].transferSlot == -1)
    }
}

@Suite struct UpstreamErrorTests {
    enum Word { case none, unreachable, cut, invalid, connectTimeout }

    private func word(_ error: UpstreamError?) -> Word {
        switch error {
        case nil: .none
        case .unreachable: .unreachable
        case .cut: .cut
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
        (CURLE_SSL_CERTPROBLEM.rawValue, .unreachable),
        (CURLE_GOT_NOTHING.rawValue, .cut), (CURLE_RECV_ERROR.rawValue, .cut),
        (CURLE_PARTIAL_FILE.rawValue, .cut), (CURLE_WEIRD_SERVER_REPLY.rawValue, .invalid),
        (CURLE_UNSUPPORTED_PROTOCOL.rawValue, .invalid), (CURLE_OUT_OF_MEMORY.rawValue, .invalid),
    ])
    func everyOutcomeHasItsWord(_ code: UInt32, _ expected: Word) {
        #expect(word(.from(CURLcode(rawValue: code), wasReplayRefused: false)) == expected)
        #expect(word(.from(CURLcode(rawValue: code), wasReplayRefused: true)) == .unreachable)
    }

    /// libcurl's own messages name hosts and addresses; ours are fixed.
    @Test func detailsNameNoAddress() {
        for code in UInt32(1)..<100 {
            switch UpstreamError.from(CURLcode(rawValue: code), wasReplayRefused: false) {
            case .unreachable(let detail), .cut(let detail), .invalid(let detail):
                #expect(!detail.description.isEmpty)
                #expect(!detail.description.contains("127."))
            case .connectTimeout, nil: break
            }
        }
    }
}

@Suite struct UpstreamOriginTests {
    @Test(arguments: [
        ("http://10.0.0.1:9000", false), ("http://10.0.0.1", false), ("https://[::1]:443", false),
        ("https://[fe80::1]", false), ("http://localhost:80", true), ("https://api.example.com", true),
        ("http://7up.test:1", true),
    ])
    func aNameIsToldFromAnAddress(_ origin: String, _ isNamed: Bool) {
        #expect(UpstreamOrigin(origin: origin, authority: "", connectTimeoutMillis: 1).isNamed == isNamed)
    }

    @Test func aSocketHasNoNameToLookUp() {
        let socket = UpstreamOrigin(
            origin: "http://localhost", authority: "", unixPath: "/run/x", connectTimeoutMillis: 1)
        #expect(!socket.isNamed)
    }
}
