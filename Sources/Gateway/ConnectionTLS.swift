// The seam between a connection and its socket: with a TLS session bytes go through it, without one straight
// to the descriptor. And the handshake, which comes before the first request.

import Bytes
import HTTP1
import Reactor
import TLS

extension Connection {
    /// Reads once. Nil if there is no socket any more.
    func receive(into input: inout ByteBuffer, minimum: Int) throws(Errno) -> ReadOutcome? {
        guard let session else { return try descriptor?.read(into: &input, minimum: minimum) }
        return try session.read(into: &input, minimum: minimum)
    }

    /// Writes once. Nil if there is no socket any more.
    func transmit(_ bytes: Span<UInt8>) throws(Errno) -> WriteOutcome? {
        guard let session else { return try descriptor?.send(bytes) }
        return try session.send(bytes)
    }

    /// Says within TLS that no more comes, so that an answer that ends with the connection can be told from
    /// one that was cut. False if that waits for room in the socket. What comes afterwards is not decrypted.
    func endSession() -> Bool {
        guard let session else { return true }
        guard session.endSending() else {
            canWrite = false
            return false
        }
        self.session = nil
        return true
    }

    /// Goes on with the handshake. False when there is nothing more to do until the next event.
    func shakeHands() -> Bool {
        guard let session else {
            close(.now)
            return false
        }
        switch session.shakeHands() {
        case .waiting:
            return false
        case .done:
            worker.counters.handshakes.add()
            // The first request may have come with the end of the handshake.
            canRead = true
            canWrite = true
            state = .idle
            waitForFirstRequest()
            return true
        case .left:
            close(.now)
        case .notTLS:
            handshakeFailed("it is no TLS")
            let exchange = endWithoutSession()
            beginWithoutHead(exchange)
            refuse(
                exchange, Refusal(.badRequest, detail: "This port speaks TLS only: use https."), closing: true
            )
        case .failed(let reason):
            handshakeFailed(reason)
            _ = endWithoutSession()
            // OpenSSL has sent an alert. Closing before the client has read it would take it back.
            close(.afterFlush)
        }
        return false
    }

    /// What is left to say is said in the clear.
    private func endWithoutSession() -> Exchange {
        session = nil
        canRead = true
        canWrite = true
        let exchange = worker.acquireExchange()
        self.exchange = exchange
        return exchange
    }

    func handshakeFailed(_ reason: String) {
        worker.counters.handshakesFailed.add()
        let client = String(decoding: peerText, as: UTF8.self)
        worker.sayHandshakeTrouble("TLS handshake with \(client): \(reason)")
    }
}
