// A request on its way to a server: which one, what happens when that one fails, and waiting when all have as
// much as they may have.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules
import Upstream

extension Connection {
    /// A request is sent to so many servers at most: each may take the whole time for a connection.
    private static let mostAttempts = 5

    /// Everything has let the request pass: it goes to a server, or waits for one.
    func forward(_ exchange: Exchange, _ rules: RuleSet, _ route: Route) {
        let pool = rules.pools[route.upstreamIndex]
        // Whoever waits already comes first.
        let outcome = pool.line.isEmpty ? pool.take(nowNanos: worker.loop.nowNanos) : .full
        switch outcome {
        case .server(let server): send(exchange, rules, route, pool, server)
        case .full: joinLine(exchange, pool)
        case .none: refuse(exchange, Refusal(.upstreamUnreachable))
        }
    }

    private func send(
        _ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ pool: UpstreamPool, _ server: Int
    ) {
        let transfer = adopt(exchange, route, pool, server)
        let origin = ForwardedHeaders.Origin(
            peerText: peerText, peerIsTrusted: peer.ipAddress.map { rules.isTrustedProxy($0) } ?? false,
            authority: pool.sendsClientHost ? nil : pool.servers[server].authority, isSecure: session != nil)
        ForwardedHeaders.build(exchange, rules, route, key: exchange.key, origin, into: &transfer.headers)
        // The key is valid in this turn only; everything that is needed of it has been copied.
        exchange.key = nil
        worker.counters.allowed.add()
        exchange.forwardNanos = Clock.monotonicNanos()
        start(exchange, transfer, rules, route)
    }

    /// A transfer to this server, which counts as being asked from now on.
    private func adopt(_ exchange: Exchange, _ route: Route, _ pool: UpstreamPool, _ server: Int) -> Transfer
    {
        let transfer = worker.multi.acquire(server: pool.servers[server].curlKey, ownerIndex: index)
        if let bill = route.cost.bill { transfer.response.withhold(bill.header) }
        exchange.transfer = transfer
        exchange.pool = pool
        exchange.serverIndex = server
        exchange.triedServers |= 1 << UInt64(server)
        return transfer
    }

    private func start(_ exchange: Exchange, _ transfer: Transfer, _ rules: RuleSet, _ route: Route) {
        let body: OutgoingBody =
            switch exchange.head.framing {
            case .none: .none
            // A HEAD that announces an empty body has none; the other methods say so to the backend as well.
            case .length(0) where exchange.isHeadRequest: .none
            case .length(let count): .length(count)
            case .chunked: .chunked
            }
        ForwardedTarget.build(exchange, rules, route)
        exchange.lastSentNanos = worker.loop.nowNanos
        if exchange.isUpgrade { return startTunnel(exchange, transfer, route) }
        exchange.headBytes.with { bytes in
            exchange.scratch.with { target in
                worker.multi.start(
                    transfer, method: bytes.extracting(exchange.head.methodRange),
                    isHead: exchange.isHeadRequest,
                    target: target, body: body, expectsContinue: exchange.owesContinue,
                    mayReplay: exchange.head.method.isSafe && body == .none,
                    connectTimeoutMillis: max(1, route.timeouts.connectNanos / Nanos.millisecond))
            }
        }
        waitForExchange(exchange)
        if exchange.hasWholeBody { transfer.endRequestBody() }
    }

    // MARK: Failing

    /// The transfer failed before the head of an answer. Counts against its server, if it says something about
    /// it, and sends the request to another if it may be: true then.
    ///
    /// A request of which nothing was sent may go anywhere, whatever its method and body. One that was sent may
    /// have been carried out: it goes on only if its method is safe and it has no body. RFC 9110 §9.2.2 would
    /// allow PUT and DELETE as well, but an answer that says "created" once and "replaced" the second time, or
    /// "gone", is not the answer of one request. A POST never runs twice.
    func failedOver(_ exchange: Exchange, _ transfer: Transfer, _ error: UpstreamError) -> Bool {
        guard let pool = exchange.pool, error.isServerFailure else { return false }
        pool.failed(exchange.serverIndex, error.detail, nowNanos: worker.loop.nowNanos)
        let mayRepeat =
            transfer.sentNothing || (exchange.head.method.isSafe && exchange.head.framing == .none)
        guard mayRepeat, exchange.triedServers.nonzeroBitCount < Self.mostAttempts,
            let rules = exchange.rules, let route = exchange.route,
            case .server(let server) = pool.take(
                excluding: exchange.triedServers, nowNanos: worker.loop.nowNanos)
        else { return false }
        worker.sayUpstreamTrouble(error.detail.description, upstream: exchange.upstreamName)
        let failed = exchange.serverIndex
        pool.countRetry(from: failed)
        let next = adopt(exchange, route, pool, server)
        next.headers.copy(
            transfer.headers, firstName: "Host",
            firstValue: pool.sendsClientHost ? nil : pool.servers[server].authority)
        if transfer.sentNothing { next.takeBody(of: transfer) }
        worker.multi.release(transfer)
        if pool.giveBack(failed) { worker.placeFreed(pool.line) }
        start(exchange, next, rules, route)
        return true
    }

    /// No byte of an answer came in time.
    func firstByteMissed(_ exchange: Exchange) {
        exchange.pool?.failed(exchange.serverIndex, .noFirstByte, nowNanos: worker.loop.nowNanos)
    }

    // MARK: Ending

    /// The exchange needs its server no more. Called at every end, also when there was none.
    func letGo(_ exchange: Exchange) {
        if let line = exchange.line {
            line.leave(connection: index)
            exchange.line = nil
            giveCreditsBack(exchange)
        }
        guard let transfer = exchange.transfer, let pool = exchange.pool else { return }
        // What the backend has said by now is known.
        exchange.statedCost = transfer.response.withheldNumber
        worker.multi.release(transfer)
        exchange.transfer = nil
        exchange.pool = nil
        if pool.giveBack(exchange.serverIndex) { worker.placeFreed(pool.line) }
    }

    // MARK: Waiting

    /// All servers have as many requests as they may have.
    private func joinLine(_ exchange: Exchange, _ pool: UpstreamPool) {
        exchange.waitingKey = exchange.key?.reference
        exchange.key = nil
        let ticket = ConnectionTicket(index: index, generation: generation, requestNumber: requestCount)
        guard let queue = pool.queue else { return refuseOverloaded(exchange, pool) }
        guard pool.line.join(ticket, limit: queue.limit, nowNanos: worker.loop.nowNanos) else {
            return refuseOverloaded(exchange, pool)
        }
        exchange.line = pool.line
        exchange.lineDeadlineNanos = worker.loop.nowNanos + Int64(queue.timeoutNanos)
        waitForExchange(exchange)
        // A place may have become free before anybody knew of this request.
        worker.serve(pool.line)
    }

    private func refuseOverloaded(_ exchange: Exchange, _ pool: UpstreamPool) {
        giveCreditsBack(exchange)
        refuse(exchange, .serversFull)
    }

    /// The request has waited as long as it may.
    func waitedInVain(_ exchange: Exchange) {
        exchange.line?.countRefusal()
        refuse(exchange, .serversFull)
    }

    /// What was paid for a request that no server has seen: it costs nothing, whatever the route says of errors.
    private func giveCreditsBack(_ exchange: Exchange) {
        guard let key = exchange.waitingKey, exchange.spentCredits > 0 else { return }
        worker.settle(
            Settlement(
                key: key, request: requestReference(exchange), reserved: exchange.spentCredits, used: 0))
        exchange.spentCredits = 0
        exchange.payer = nil
    }

    /// First in line: takes a server, if there is one, and leaves the line. False if there is none.
    func leaveLine(_ line: LoopLine) -> Bool {
        guard let exchange, exchange.line === line, let rules = exchange.rules, let route = exchange.route
        else {
            preconditionFailure("an exchange that does not wait is first in a line")
        }
        // Servers that a reload has brought serve also those who wait since before.
        let pool = worker.pool(of: line) ?? rules.pools[route.upstreamIndex]
        switch pool.take(nowNanos: worker.loop.nowNanos) {
        case .full:
            line.retryNanos = pool.returnNanos(after: worker.loop.nowNanos)
            return false
        case .none:
            refuse(exchange, Refusal(.upstreamUnreachable))
        case .server(let server):
            line.leave(connection: index)
            exchange.line = nil
            // Meanwhile the key may have been changed.
            if exchange.waitingKey != nil, let refusal = judgeAgain(exchange, route) {
                if pool.giveBack(server) { worker.placeFreed(pool.line) }
                giveCreditsBack(exchange)
                refuse(exchange, refusal)
            } else {
                send(exchange, rules, route, pool, server)
            }
        }
        if state != .closed { drive() }
        return true
    }
}

extension Refusal {
    /// Every server of the upstream has as many requests as it may have, and so has the line before them.
    static var serversFull: Refusal {
        Refusal(.overloaded, detail: "The service behind the gateway has more requests than it may take.")
    }
}
