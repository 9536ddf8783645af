// The writing half of a connection.

import Bytes
import HTTP1
import Reactor
import Upstream

extension Connection {
    /// How long a client that was told to go has for reading its answer and closing.
    private static let lingerNanos: Int64 = 2_000_000_000

    /// Writes as much of the output as the socket takes.
    func flush() {
        guard let exchange else {
            if state == .closing { close(.now) }
            return
        }
        var wrote = false
        while canWrite, !exchange.output.isEmpty {
            do throws(Errno) {
                guard let outcome = try transmit(exchange.output.bytes) else { return }
                switch outcome {
                case .bytes(let count):
                    exchange.output.consume(count)
                    worker.counters.bytesToClients.add(UInt64(count))
                    wrote = true
                case .wouldBlock:
                    canWrite = false
                }
            } catch {
                if state == .tunnel { return loseTunnelClient() }
                worker.counters.clientsLeft.add(state == .exchange ? 1 : 0)
                close(.now)
                return
            }
        }
        if wrote {
            if state == .exchange { waitForExchange(exchange) }
            if state == .tunnel { waitForTunnel(exchange) }
        }
        if exchange.output.isEmpty {
            if exchange.output.capacity > 4096 { exchange.output.releaseMemory() }
            if state == .closing { linger() }
        }
    }

    /// Everything is said. Ends our direction and waits for the client to end its own.
    private func linger() {
        guard endSession() else { return }
        if peerFinished { return close(.now) }
        descriptor?.shutdownWriting()
        state = .lingering
        wait(nanos: Self.lingerNanos)
        discardInput()
    }
}
