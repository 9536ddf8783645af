// One connection of the attacking client: sends the bytes of a case, takes what comes back, and ends when
// nothing moves any more.

import Bytes
import Reactor
import TLS

/// A case on its way through the gateway.
final class Lane {
    private let descriptor: FileDescriptor
    /// TLS over the descriptor; nil in the clear, and once it has failed.
    private var session: TLSSession?
    private var hasShakenHands: Bool
    /// Why there is no TLS with the gateway.
    private(set) var handshakeFailure: String?
    let shotIndex: Int
    private var output = ByteBuffer()
    private(set) var answer: [UInt8] = []
    private(set) var isClosed = false
    private let startNanos: Int64
    private var lastActivityNanos: Int64

    /// How long nothing may move before a case that was answered is over.
    private static let quietNanos: Int64 = 200_000_000
    /// How long an answer is waited for: a gateway that waits for more bytes gets none.
    private static let patienceNanos: Int64 = 1_500_000_000
    private static let longestNanos: Int64 = 5_000_000_000
    private static let mostAnswerBytes = 64 << 10

    init(_ bytes: [UInt8], shotIndex: Int, to gateway: TargetGateway, nowNanos: Int64) throws(Errno) {
        let descriptor = try FileDescriptor.connecting(to: gateway.address)
        let number = descriptor.number
        self.descriptor = descriptor
        session = gateway.tls.map { TLSSession($0, server: gateway.serverName, socket: number) }
        hasShakenHands = gateway.tls == nil
        self.shotIndex = shotIndex
        output.append(bytes)
        startNanos = nowNanos
        lastActivityNanos = nowNanos
    }

    // The session must not outlive the socket, whose number is another's then.
    deinit { session = nil }

    var number: Int32 { descriptor.number }

    func noteActivity(_ nowNanos: Int64) { lastActivityNanos = nowNanos }

    func isOver(_ nowNanos: Int64) -> Bool {
        let still = nowNanos - lastActivityNanos
        if nowNanos - startNanos > Self.longestNanos { return true }
        return still > (answer.isEmpty && !isClosed ? Self.patienceNanos : Self.quietNanos)
    }

    /// Sends and takes what is possible. A connection that breaks is one that was closed.
    func advance(_ nowNanos: Int64) {
        guard !isClosed else { return }
        noteActivity(nowNanos)
        do throws(Errno) {
            guard shakeHands() else { return }
            try send()
            try receive()
        } catch {
            isClosed = true
        }
    }

    /// False as long as the bytes of the case cannot go out.
    private func shakeHands() -> Bool {
        guard let session, !hasShakenHands else { return hasShakenHands }
        switch session.shakeHands() {
        case .done:
            hasShakenHands = true
            return true
        case .waiting:
            return false
        case .left, .notTLS:
            handshakeFailure = "it is no TLS"
        case .failed(let reason):
            handshakeFailure = reason
        }
        isClosed = true
        return false
    }

    private func transmit(_ bytes: Span<UInt8>) throws(Errno) -> WriteOutcome {
        guard let session else { return try descriptor.send(bytes) }
        return try session.send(bytes)
    }

    private func read(into input: inout ByteBuffer) throws(Errno) -> ReadOutcome {
        guard let session else { return try descriptor.read(into: &input, minimum: 16 * 1024) }
        return try session.read(into: &input, minimum: 16 * 1024)
    }

    private func send() throws(Errno) {
        while !output.isEmpty {
            switch try output.with({ (bytes) throws(Errno) in try transmit(bytes) }) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return
            }
        }
    }

    private func receive() throws(Errno) {
        var input = ByteBuffer()
        while true {
            switch try read(into: &input) {
            case .bytes:
                if answer.count < Self.mostAnswerBytes { answer += input.with { [UInt8](copying: $0) } }
                input.removeAll()
            case .wouldBlock: return
            case .endOfStream:
                isClosed = true
                return
            }
        }
    }
}
