// A connection that has become a WebSocket: authorised like any request, switched by its backend, and from then on bytes
// in both directions that nobody looks into. Neither side can make us hold more than its two buffers: what one does
// not take is not read from the other.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules
import Upstream

extension Connection {
    /// How long a backend whose client has ended may go on without a word.
    private static let lastWordsNanos: Int64 = 2_000_000_000

    // MARK: The handshake

    /// Sends the handshake, and nothing but the handshake. `exchange.scratch` is the target.
    func startTunnel(_ exchange: Exchange, _ transfer: Transfer, _ route: Route) {
        var accept: [UInt8] = []
        exchange.headBytes.with { bytes in
            guard let key = WebSocketHandshake.key(of: exchange.head, in: bytes) else {
                preconditionFailure("a handshake without a key is forwarded")
            }
            accept = WebSocketAccept.value(for: bytes.extracting(key))
        }
        var offer = WebSocketOffer(accept: accept)
        transfer.headers.forEachHeader { offer.add(name: $0, value: $1) }
        exchange.scratch.with { target in
            worker.multi.startTunnel(
                transfer, target: target, offer: offer,
                connectTimeoutMillis: max(1, route.timeouts.connectNanos / Nanos.millisecond))
        }
        waitForExchange(exchange)
    }

    /// The backend has switched.
    func openTunnel(_ exchange: Exchange, _ transfer: Transfer) {
        sendHead(exchange, transfer)
        settleTunnel(exchange, transfer.response.withheldNumber)
        state = .tunnel
        worker.counters.tunnelsOpened.add()
        worker.counters.tunnelsOpen.add()
        waitForTunnel(exchange)
        if worker.isDraining { exchange.tunnel.endsAtBoundary = true }
    }

    // MARK: Bytes

    /// Moves what has come from either side towards the other.
    func pumpTunnel() {
        guard let exchange, let transfer = exchange.transfer else { return close(.now) }
        var hasMoved = moveToClient(exchange, transfer)
        if state != .tunnel { return }
        if moveToUpstream(exchange, transfer) { hasMoved = true }
        if exchange.tunnel.hasClientEnded, transfer.hasSentAll, !exchange.tunnel.awaitsLastWords {
            exchange.tunnel.awaitsLastWords = true
            hasMoved = true
        }
        if hasMoved { waitForTunnel(exchange) }
        if transfer.isComplete, transfer.responseBody.isEmpty {
            return endTunnel(exchange, exchange.tunnel.hasClientEnded ? .client : transfer.tunnelEnd)
        }
    }

    private func moveToClient(_ exchange: Exchange, _ transfer: Transfer) -> Bool {
        if exchange.tunnel.endsAtBoundary, exchange.tunnel.framesToClient.isBetweenFrames {
            endTunnel(exchange, .draining)
            return true
        }
        guard !transfer.responseBody.isEmpty, exchange.output.count < TransferLimits.highWaterBytes else {
            return false
        }
        let wholeCount = exchange.tunnel.framesToClient.advance(transfer.responseBody.bytes)
        let isLast = exchange.tunnel.endsAtBoundary && wholeCount > 0
        if isLast { transfer.responseBody.truncate(to: wholeCount) }
        exchange.answerBytes += transfer.responseBody.count
        if !exchange.tunnel.hasLostClient { exchange.output.append(transfer.responseBody.bytes) }
        transfer.responseBody.removeAll()
        if transfer.responseBody.capacity > 4096 { transfer.responseBody.releaseMemory() }
        if isLast {
            exchange.tunnel.framesToClient = FrameBoundary()
            endTunnel(exchange, .draining)
        } else {
            transfer.resumeReceiving()
        }
        return true
    }

    private func moveToUpstream(_ exchange: Exchange, _ transfer: Transfer) -> Bool {
        var hasMoved = false
        while transfer.hasRoomForBody, !exchange.tunnel.hasClientEnded {
            if !exchange.input.isEmpty {
                exchange.bodyByteCount += exchange.input.count
                exchange.input.with { transfer.requestBody.append($0) }
                exchange.input.removeAll()
                hasMoved = true
            } else if !canRead {
                break
            } else if case .endOfStream = read(exchange, minimum: Self.bodyReadBytes) {
                exchange.tunnel.hasClientEnded = true
                hasMoved = true
            }
        }
        if exchange.input.isEmpty, exchange.input.capacity > 4096 { exchange.input.releaseMemory() }
        if exchange.tunnel.hasClientEnded {
            transfer.endRequestBody()
        } else if hasMoved {
            transfer.resumeSending()
        }
        return hasMoved
    }

    /// The client does not take anything any more. What it sent before is still the backend's, if it takes it soon.
    func loseTunnelClient() {
        guard let exchange else { return close(.now) }
        exchange.tunnel.hasLostClient = true
        exchange.output.removeAll()
        canRead = true
        canWrite = false
        waitForTunnel(exchange)
        pumpTunnel()
    }

    // MARK: The end

    /// Sets the deadline: from now on, something has to pass.
    func waitForTunnel(_ exchange: Exchange) {
        guard let route = exchange.route else { return }
        let isWithoutClient = exchange.tunnel.awaitsLastWords || exchange.tunnel.hasLostClient
        wait(nanos: isWithoutClient ? Self.lastWordsNanos : Int64(route.timeouts.idleNanos))
    }

    func tunnelTimedOut(_ exchange: Exchange) {
        let isWithoutClient = exchange.tunnel.hasClientEnded || exchange.tunnel.hasLostClient
        endTunnel(exchange, isWithoutClient ? .client : .idle)
    }

    /// The gateway drains: the client is told to go as soon as it can be told.
    func drainTunnel() {
        exchange?.tunnel.endsAtBoundary = true
        drive()
    }

    /// Ends both sides. The client gets what is still owed to it, and if it is us who end, and not in the middle of a
    /// frame, the reason.
    func endTunnel(_ exchange: Exchange, _ end: TunnelEnd) {
        if let code = end.closeCode, exchange.tunnel.framesToClient.isBetweenFrames {
            exchange.tunnel.closeCode = code
            CloseFrame.append(code: code, to: &exchange.output)
        }
        finishTunnel(exchange, end)
        close(exchange.tunnel.hasLostClient ? .now : .afterFlush)
    }

    /// The connection is gone.
    func abandonTunnel(_ exchange: Exchange) {
        if !exchange.isRecorded { finishTunnel(exchange, worker.isStopping ? .stopped : .client) }
    }

    private func finishTunnel(_ exchange: Exchange, _ end: TunnelEnd) {
        exchange.tunnelEnd = end
        worker.counters.tunnelsOpen.subtract()
        record(exchange)
    }
}

extension Transfer {
    /// How a tunnel ended of which no more comes.
    fileprivate var tunnelEnd: TunnelEnd { error == nil ? .upstream : .failed }
}

extension Admission {
    /// On a route that admits WebSockets: whether the request is to become one. Refuses what only looks like it.
    static func upgrade(_ exchange: Exchange, _ route: Route) -> Refusal? {
        guard route.allowsWebSocket else { return nil }
        let (isAsked, fault) = exchange.headBytes.with { bytes -> (Bool, WebSocketFault?) in
            guard WebSocketHandshake.isAsked(exchange.head, in: bytes) else { return (false, nil) }
            return (true, WebSocketHandshake.fault(exchange.head, in: bytes))
        }
        if !isAsked { return nil }
        // What the client sends before it has an answer is meant for the other protocol. If there will be none, it is
        // nothing, and above all not the next request.
        exchange.closesAfterwards = true
        if let fault { return Refusal(fault) }
        exchange.isUpgrade = true
        return nil
    }
}
