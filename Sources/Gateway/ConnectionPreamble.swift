// The start of a connection that a load balancer passes on: whose it is, said in a PROXY header before anything
// else. The header is looked at, and only its own bytes are taken out of the socket, so that whatever follows, a
// request or a TLS handshake, is found untouched by whoever reads it.
//
// Only a trusted proxy may say who somebody else is. On such a listener nobody else is served at all: a client that
// came past the balancer would otherwise be one whose address is believed.

import Bytes
import Reactor

extension Connection {
    /// Looks for the header. False when there is nothing more to do until the next event.
    func readPreamble() -> Bool {
        guard canRead else { return false }
        worker.preamble.removeAll()
        var outcome = ReadOutcome.endOfStream
        do throws(Errno) {
            outcome = try descriptor?.peek(into: &worker.preamble, maximum: ProxyHeader.maxLength) ?? outcome
        } catch {
            close(.now)
            return false
        }
        switch outcome {
        case .wouldBlock:
            canRead = false
            return false
        case .endOfStream:
            close(.now)
            return false
        case .bytes: break
        }
        switch worker.preamble.with({ ProxyHeader.read($0) }) {
        case .needMore:
            // Everything that has come was seen; the next byte brings an edge of its own.
            canRead = false
            if peerFinished { close(.now) }
            return false
        case .complete(let length, let source):
            do throws(Errno) {
                try descriptor?.discard(length)
            } catch {
                close(.now)
                return false
            }
            setPeer(source)
            return true
        case .malformed:
            worker.counters.proxyHeadersRefused.add()
            worker.sayPreambleTrouble("a connection from \(peer.host) begins without a valid PROXY header")
            close(.now)
            return false
        }
    }

    /// From here on the connection is the client's. One of the balancer's own, or from where there are no Internet
    /// addresses, has none: it is on no allow-list, and what it says of forwarding is not believed.
    private func setPeer(_ source: SocketAddress?) {
        setPeer(source ?? .unix(path: ""), text: source?.host ?? "unknown")
        state = session == nil ? .idle : .handshake
        waitForFirstRequest()
    }
}

extension Worker {
    /// Whether a peer may say for whom it speaks; who may not is not served.
    func mayIntroduce(_ peer: SocketAddress) -> Bool {
        if let address = peer.ipAddress, rules.isTrustedProxy(address) { return true }
        counters.proxyHeadersRefused.add()
        sayPreambleTrouble("a connection from \(peer.host) is not served: it is not in trusted-proxies")
        return false
    }
}
