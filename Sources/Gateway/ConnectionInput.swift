// The reading half of a connection: heads, bodies, and what is left when a connection ends.

import Bytes
import HTTP1
import Reactor
import Rules
import Upstream

extension Connection {
    /// Room made for one read of a head, and of a body.
    private static let headReadBytes = 4096
    static let bodyReadBytes = 16384
    /// How much of a refused body is read to keep the connection; above that it is closed.
    static let discardableBodyBytes = 64 * 1024
    /// How much is read from a client that goes on sending after its last answer.
    private static let lingerBytes = 1 << 20
    /// The same on the admin listener, where a body that is too large is worth reading to its end: common
    /// clients look for the answer only when they have sent everything.
    private static let adminLingerBytes = 64 << 20

    /// Reads and parses a head. False when there is nothing more to do until the next event.
    func readHead() -> Bool {
        if exchange == nil {
            guard canRead else { return false }
            exchange = worker.acquireExchange()
        }
        guard let exchange else { return false }
        if !exchange.input.isEmpty {
            // Answers that the client does not take pile up: stop parsing until it does.
            if exchange.output.count >= TransferLimits.highWaterBytes { return false }
            exchange.isFresh = false
            switch exchange.input.with({ exchange.parser.advance($0, into: &exchange.head) }) {
            case .needMore:
                break
            case .head(let length):
                exchange.headBytes.removeAll()
                exchange.input.with { exchange.headBytes.append($0.extracting(0..<length)) }
                exchange.input.consume(length)
                begin(exchange)
                return true
            case .malformed(let malformed):
                beginWithoutHead(exchange)
                refuse(exchange, Refusal(malformed), closing: true)
                return false
            }
            if state == .idle {
                state = .head
                wait(nanos: headNanos)
            }
        }
        guard canRead else {
            if exchange.input.isEmpty, exchange.output.isEmpty {
                worker.release(exchange)
                self.exchange = nil
            }
            return false
        }
        switch read(exchange, minimum: Self.headReadBytes) {
        case .bytes, .wouldBlock: return true
        case .endOfStream:
            close(exchange.output.isEmpty ? .now : .afterFlush)
            return false
        }
    }

    /// One read into the exchange's input. Errors count as the end: a reset leaves nobody to talk to.
    func read(_ exchange: Exchange, minimum: Int) -> ReadOutcome {
        do throws(Errno) {
            guard let outcome = try receive(into: &exchange.input, minimum: minimum) else {
                return .endOfStream
            }
            switch outcome {
            case .bytes(let count):
                worker.counters.bytesFromClients.add(UInt64(count))
                // A short read has emptied the socket; the next bytes come with an edge of their own. The
                // end of the stream may have come with this one. A TLS session may hold more.
                if count < minimum, !peerFinished, session == nil { canRead = false }
            case .wouldBlock:
                canRead = false
            case .endOfStream:
                canRead = false
                peerFinished = true
            }
            return outcome
        } catch {
            canRead = false
            peerFinished = true
            return .endOfStream
        }
    }

    /// Moves the request's body from the socket to whoever wants it, as long as there is room.
    func pumpBody(_ exchange: Exchange) {
        // Nobody is there yet to take it.
        if exchange.awaitsCredits || exchange.line != nil { return }
        while !exchange.hasWholeBody, state == .exchange {
            if let transfer = exchange.transfer, !transfer.hasRoomForBody { break }
            if exchange.input.isEmpty {
                guard canRead else { break }
                if case .endOfStream = read(exchange, minimum: Self.bodyReadBytes) {
                    // The request is cut short: the backend must not take it for a whole one.
                    worker.counters.clientsLeft.add()
                    close(.now)
                    return
                }
                continue
            }
            if !decodeBody(exchange) { return }
            waitForExchange(exchange)
        }
        guard state == .exchange else { return }
        exchange.transfer?.resumeSending()
        if exchange.hasWholeBody { bodyCompleted(exchange) }
    }

    /// Takes body bytes out of the input. False if the exchange was refused.
    private func decodeBody(_ exchange: Exchange) -> Bool {
        switch exchange.body {
        case .finished:
            return true
        case .length(let remaining):
            let count = min(remaining, exchange.input.count)
            deliver(exchange, 0..<count)
            exchange.input.consume(count)
            exchange.bodyByteCount += count
            exchange.body = count == remaining ? .finished : .length(remaining: remaining - count)
            return true
        case .chunked:
            switch exchange.input.with({ exchange.decoder.advance($0) }) {
            case .data(let range, let consumed):
                exchange.bodyByteCount += range.count
                if exchange.bodyByteCount > exchange.bodyLimit {
                    refuse(exchange, Refusal(.payloadTooLarge), closing: true)
                    return false
                }
                deliver(exchange, range)
                exchange.input.consume(consumed)
            case .end(let consumed):
                exchange.input.consume(consumed)
                exchange.body = .finished
            case .needMore(let consumed):
                exchange.input.consume(consumed)
                if exchange.input.isEmpty { return true }
                // The decoder wants more behind what it left: there is nothing to do before it has come.
                guard canRead, case .bytes = read(exchange, minimum: Self.bodyReadBytes) else { return true }
            case .malformed(let malformed):
                refuse(exchange, Refusal(malformed), closing: true)
                return false
            }
            return true
        }
    }

    private func deliver(_ exchange: Exchange, _ range: Range<Int>) {
        if exchange.discardsBody { return }
        if let transfer = exchange.transfer {
            exchange.lastSentNanos = worker.loop.nowNanos
            exchange.input.with { transfer.requestBody.append($0.extracting(range)) }
        } else {
            exchange.input.with { exchange.localBody.append($0.extracting(range)) }
        }
    }

    /// Reads what a client still sends after its last answer, up to a bound.
    func discardInput() {
        guard let exchange else { return close(.now) }
        while canRead {
            exchange.input.removeAll()
            switch read(exchange, minimum: Self.bodyReadBytes) {
            case .bytes(let count):
                discardedBytes += count
                let limit = role == .admin ? Self.adminLingerBytes : Self.lingerBytes
                if discardedBytes > limit { return close(.now) }
            case .wouldBlock: return
            case .endOfStream: return close(.now)
            }
        }
    }
}
