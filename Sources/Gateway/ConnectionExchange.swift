// An exchange from its head to its end: decided, forwarded or refused, and always finished once.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules
import TLS
import Upstream

extension Connection {
    /// A client that has ended its direction may only have said all it has to say, or may be gone; the two
    /// look alike (RFC 9112 §9.6). An answer that begins within this time still goes out.
    private static let halfClosedGraceNanos: Int64 = 1_000_000_000

    // MARK: Beginning

    /// A head is complete.
    func begin(_ exchange: Exchange) {
        state = .exchange
        requestCount += 1
        identify(exchange)
        switch exchange.head.framing {
        case .none, .length(0): exchange.body = .finished
        case .length(let count): exchange.body = .length(remaining: count)
        case .chunked:
            exchange.decoder.reset(maxLineBytes: worker.settings.limits.chunkLineBytes)
            exchange.body = .chunked
        }
        exchange.owesContinue = exchange.head.expectsContinue && !exchange.hasWholeBody
        exchange.closesAfterwards = !exchange.head.isPersistent || worker.isDraining
        switch role {
        case .client: decide(exchange)
        case .admin, .control: beginLocal(exchange)
        }
    }

    /// There is no head, and will be none: what was parsed of it means nothing.
    func beginWithoutHead(_ exchange: Exchange) {
        exchange.isFresh = false
        exchange.head.removeAll()
        exchange.headBytes.removeAll()
        identify(exchange)
        state = .exchange
    }

    /// Gives the exchange its name and time.
    func identify(_ exchange: Exchange) {
        exchange.startNanos = worker.loop.nowNanos
        exchange.startUnixMillis = worker.loop.unixMillis
        exchange.rules = worker.rules
        exchange.clientSubject = session?.clientSubject
        if let peerAddress = peer.ipAddress {
            let isTrusted = worker.rules.isTrustedProxy(peerAddress)
            let isNamed = exchange.headBytes.with { bytes in
                exchange.clientAddress = ClientAddress.find(
                    peer: peerAddress, exchange.head, bytes, worker.rules)
                return isTrusted
                    && ForwardedHeaders.takeRequestID(exchange.head, bytes, into: &exchange.requestID)
            }
            if isNamed { return }
        }
        worker.requestIDs.next(into: &exchange.requestID)
    }

    private func decide(_ exchange: Exchange) {
        let rules = worker.rules
        if rules.mindsOrigins, answersPreflight(exchange, rules) { return }
        let unrouted = Admission.route(exchange, rules)
        if rules.mindsOrigins { noteOrigin(exchange, rules, unrouted: unrouted) }
        if let unrouted { return refuse(exchange, unrouted) }
        guard let route = exchange.route else { return refuse(exchange, Refusal(.routeNotFound)) }
        if let refusal = Admission.upgrade(exchange, route) {
            return refuse(exchange, refusal, closing: true)
        }
        exchange.bodyLimit = route.bodyLimitBytes
        if case .length(let remaining) = exchange.body, remaining > exchange.bodyLimit {
            return refuse(exchange, Refusal(.payloadTooLarge))
        }
        let judged = Admission.judge(
            exchange, rules, route, worker.reader, worker.limiter, nowMillis: worker.loop.unixMillis)
        if let judged {
            let refusal =
                worker.failedKeys.note(
                    judged, exchange, rules.configuration.settings.failedKeyLimit, at: worker.limiter.time,
                    nowMillis: worker.loop.unixMillis) ?? judged
            if !route.isShadow { return refuse(exchange, refusal) }
            noteShadow(exchange, refusal.reason)
        } else if let key = exchange.key, key.hasCredits {
            return pay(exchange, rules, route, key)
        }
        forward(exchange, rules, route)
    }

    func noteShadow(_ exchange: Exchange, _ reason: RefusalReason) {
        exchange.shadowRefusal = reason
        worker.counters.shadowed.add()
    }

    // MARK: Going on

    /// The request's body has arrived whole.
    func bodyCompleted(_ exchange: Exchange) {
        if exchange.discardsBody {
            finish(exchange)
        } else if exchange.isUpgrade {
            // There is none, and what follows it is no end.
            return
        } else if let transfer = exchange.transfer {
            if !exchange.bodyWasEnded, case .chunked = exchange.head.framing {
                ForwardedHeaders.append(
                    trailers: exchange.decoder.trailers, exchange, to: &transfer.requestTrailers)
            }
            exchange.bodyWasEnded = true
            transfer.endRequestBody()
        } else if role != .client, !exchange.bodyWasEnded {
            exchange.bodyWasEnded = true
            answerLocally(exchange)
        }
    }

    /// Sets the deadline for whatever the exchange is waiting for.
    func waitForExchange(_ exchange: Exchange) {
        switch awaited(exchange) {
        case .client: wait(nanos: Int64(worker.settings.clientTimeouts.bodyNanos))
        case .management: wait(nanos: Connection.managementNanos)
        case .server: wait(nanos: exchange.lineDeadlineNanos - worker.loop.nowNanos)
        case .upstream:
            guard let route = exchange.route else { return }
            if exchange.hasSentHead {
                wait(nanos: Int64(route.timeouts.idleNanos))
            } else {
                // Counted from the request, so that a head that trickles in gains nothing.
                wait(
                    nanos: Int64(route.timeouts.firstByteNanos)
                        - (worker.loop.nowNanos - exchange.lastSentNanos))
            }
        }
    }

    private enum Awaited { case client, upstream, management, server }

    private func awaited(_ exchange: Exchange) -> Awaited {
        if !exchange.output.isEmpty { return .client }
        if exchange.line != nil { return .server }
        guard let transfer = exchange.transfer else {
            return exchange.awaitsManagement || exchange.awaitsCredits ? .management : .client
        }
        if !exchange.hasWholeBody, transfer.hasRoomForBody, !exchange.owesContinue { return .client }
        return .upstream
    }

    func deadlinePassed() {
        switch state {
        case .closed:
            return
        case .preamble, .idle, .closing, .lingering:
            close(.now)
        case .handshake:
            handshakeFailed(worker.isDraining ? "the gateway is draining" : "it took too long")
            close(.now)
        case .head:
            guard let exchange else { return close(.now) }
            beginWithoutHead(exchange)
            refuse(exchange, Refusal(.requestTimeout), closing: true)
            flush()
        case .exchange:
            guard let exchange else { return close(.now) }
            exchangeTimedOut(exchange)
            if state != .closed { drive() }
        case .tunnel:
            guard let exchange else { return close(.now) }
            tunnelTimedOut(exchange)
        }
    }

    private func exchangeTimedOut(_ exchange: Exchange) {
        if exchange.clientMayBeGone, !exchange.hasSentHead {
            worker.counters.clientsLeft.add()
            close(.now)
            return
        }
        switch awaited(exchange) {
        case .client where exchange.discardsBody:
            // The refusal has gone out; the body that was to follow it has not come.
            record(exchange)
            close(.afterFlush)
        case .client where exchange.hasSentHead || !exchange.output.isEmpty:
            close(.reset)
        case .client:
            refuse(exchange, Refusal(.requestTimeout), closing: true)
        case .management:
            refuse(exchange, Refusal(.overloaded), closing: true)
        case .server:
            waitedInVain(exchange)
        case .upstream:
            if exchange.hasSentHead {
                breakOff(exchange)
            } else {
                firstByteMissed(exchange)
                refuse(exchange, Refusal(.upstreamTimeout), closing: !exchange.hasWholeBody)
            }
        }
    }

    /// The client has ended its direction while it is owed an answer.
    func expectClientGone() {
        guard let exchange, exchange.hasWholeBody, !exchange.hasSentHead, !exchange.clientMayBeGone else {
            return
        }
        exchange.clientMayBeGone = true
        wait(nanos: Connection.halfClosedGraceNanos)
    }

    // MARK: Ending

    /// Answers in the backend's place.
    func refuse(_ exchange: Exchange, _ refusal: Refusal, closing: Bool = false) {
        letGo(exchange)
        exchange.key = nil
        // An answer under way cannot be replaced by another.
        if exchange.hasSentHead {
            exchange.breakReason = refusal.reason
            return breakOff(exchange)
        }
        exchange.outcome = .refused(refusal.reason)
        worker.counters.countRefusal(refusal.reason)
        let canKeep = canGetPastBody(exchange)
        if closing || !canKeep { exchange.closesAfterwards = true }
        if let answer = localAnswer(to: refusal, exchange) {
            write(answer, exchange)
        } else {
            exchange.status = refusal.reason.description.status
            exchange.hasSentHead = true
            if exchange.hasOriginPolicy { exchange.limitLines.append(exchange.corsLines.bytes) }
            exchange.answerBytes += refusal.append(
                to: &exchange.output, scratch: &exchange.scratch, limitLines: exchange.limitLines,
                Refusal.Form(
                    requestID: exchange.requestID,
                    asProblem: exchange.headBytes.with { Connection.wantsProblem(exchange.head, $0) },
                    isHead: exchange.isHeadRequest, closes: exchange.closesAfterwards,
                    saysKeepAlive: exchange.head.minorVersion == 0 && !exchange.closesAfterwards))
        }
        if exchange.closesAfterwards || exchange.hasWholeBody {
            finish(exchange)
        } else {
            exchange.discardsBody = true
            waitForExchange(exchange)
        }
    }

    /// Whether the rest of the request's body is small enough to be read for the sake of the connection. A
    /// client that was not told to go on may send its body or leave it out: nobody can know (RFC 9110 §10.1.1).
    private func canGetPastBody(_ exchange: Exchange) -> Bool {
        if exchange.owesContinue { return false }
        switch exchange.body {
        case .finished: return true
        case .length(let remaining): return remaining <= Connection.discardableBodyBytes
        case .chunked: return false
        }
    }

    private static func wantsProblem(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Bool {
        guard let accept = head.headers.value(of: .accept) else { return false }
        let wanted: StaticString = "application/problem+json"
        let length = wanted.utf8CodeUnitCount
        var start = accept.lowerBound
        while start + length <= accept.upperBound {
            if ASCII.equalsIgnoringCase(bytes.extracting(start..<start + length), wanted) { return true }
            start += 1
        }
        return false
    }

    /// The answer broke after its head: what was sent must not look complete.
    func breakOff(_ exchange: Exchange) {
        worker.counters.answersBroken.add()
        exchange.isBroken = true
        record(exchange)
        // Without a length or a last chunk, an orderly end is how an answer is complete.
        if exchange.answerFraming == .close { close(.reset) } else { close(.afterFlush) }
    }

    /// The exchange ends before its time: the connection is gone, or the gateway is.
    func abandonExchange(_ exchange: Exchange) {
        if exchange.isRecorded { return }
        // Whoever leaves behind a refusal has been refused all the same.
        if !exchange.discardsBody {
            if worker.isStopping { cutShort(exchange) } else { exchange.isAbandoned = true }
        }
        record(exchange)
    }

    /// The gateway ends, for the second signal or at the end of its grace period. That is no doing of the client's.
    private func cutShort(_ exchange: Exchange) {
        exchange.isStopped = true
        if exchange.hasSentHead {
            worker.counters.answersBroken.add()
        } else {
            // Nobody is told any more; for the log and the counters it is this.
            exchange.status = .serviceUnavailable
        }
    }

    /// The answer is complete in the output. Every exchange gets here, or to `breakOff` or `abandonExchange`,
    /// exactly once.
    func finish(_ exchange: Exchange) {
        let canGoOn = !exchange.closesAfterwards && exchange.hasWholeBody && !worker.isDraining
        record(exchange)
        if !canGoOn {
            close(.afterFlush)
            return
        }
        // Where the store is still asked what it cost, another one has taken its place.
        self.exchange?.reset(limits: worker.requestLimits)
        state = .idle
        wait(nanos: Int64(worker.settings.clientTimeouts.idleNanos))
    }

    /// Settles what it costs, counts it and writes its log line. Afterwards the connection may have another
    /// exchange, with this one's input and output.
    func record(_ exchange: Exchange) {
        letGo(exchange)
        exchange.isRecorded = true
        exchange.endNanos = Clock.monotonicNanos()
        if let payer = exchange.payer { return settle(exchange, payer) }
        worker.record(exchange, role: role, peerText: peerText)
    }
}
