// One event loop: the connections it accepted, their exchanges, and its libcurl. Everything in here belongs
// to one thread; the rest of the process speaks to it through its mailbox.

import Analytics
import Bytes
import HTTP1
import Keys
import Limits
import Reactor
import Rules
import TLS
import Upstream

final class Worker {
    enum TokenKind {
        static let connection: UInt8 = 1
        static let upstream: UInt8 = 2
        static let listener: UInt8 = 3
        static let mailbox: UInt8 = 4
    }

    let shared: ServerState
    let number: Int
    let loop: EventLoop
    let multi: CurlMulti
    let reader: StoreReader
    let mailbox: Mailbox<WorkerMessage>
    let counters: Counters
    let limiter: RateLimiter
    let failedKeys: FailedKeys
    private(set) var rules: RuleSet
    private(set) var settings: Settings
    private(set) var requestLimits: RequestLimits
    private(set) var spending: SpendingMode
    var requestIDs = RequestIDs()

    var listeners: [Listener]
    /// By position of the listener in the configuration.
    var certificates: [TLSContext?]
    var acceptPausedUntil: Int64 = 0
    /// When running exchanges are looked at again; monotonic.
    private var nextRecheckNanos: Int64 = 0
    var connections: [Connection] = []
    var freeIndices: [Int] = []
    var clientCount = 0
    /// Connections that were told that there is no room, and are still there to hear it. Not among the clients.
    var turnedAwayCount = 0
    var exchanges: [Exchange] = []
    private var touched: [Transfer] = []
    /// Requests that wait for a server, by upstream.
    var lines: [LoopLine] = []
    var dueLineCount = 0
    /// The earliest `retryNanos` of a line in which somebody waits.
    var nextRetryNanos = Int64.max
    /// Connections that have more to do and let others go first, with their generations.
    private var waiting: [(index: Int, generation: UInt32)] = []
    var logBuffer = ByteBuffer()
    var logScratch = ByteBuffer()
    /// Verifications of this turn.
    var verifications = EventBatch()
    /// What the store has been asked about credits.
    var creditQuestions = CreditQuestions()
    var isDraining = false
    var drainStartNanos: Int64 = 0
    private(set) var isStopping = false
    /// By upstream, so that one in trouble does not hide another.
    var upstreamTroubles: [String: RepeatedTrouble] = [:]
    var handshakeTrouble = RepeatedTrouble(occasions: "handshakes")
    var preambleTrouble = RepeatedTrouble(occasions: "connections")
    /// The first bytes of a connection that a load balancer passes on.
    var preamble = ByteBuffer()
    /// By `SettlementTrouble`.
    var settlementTroubles = SettlementTrouble.allCases.map { _ in RepeatedTrouble() }

    /// Call on the thread that will run it.
    init(
        _ shared: ServerState, number: Int, configuration: Configuration,
        _ certificates: ListenerCertificates, listeners: [Listener]
    ) throws(Errno) {
        self.shared = shared
        self.number = number
        self.listeners = listeners
        self.certificates = certificates.contexts
        mailbox = shared.mailboxes[number]
        counters = shared.counters[number]
        limiter = RateLimiter(shared.rateCounters, .charges)
        failedKeys = FailedKeys(shared.failedKeys)
        reader = shared.store.makeReader()
        loop = try EventLoop()
        let own = configuration.recompiled()
        settings = own.settings
        spending = SpendingMode(own.settings)
        requestLimits = RequestLimits(own.settings.limits)
        multi = CurlMulti(
            loop: loop, tokenKind: TokenKind.upstream,
            maxIdleConnections: own.settings.limits.connectionsPerWorker)
        rules = RuleSet(explaining: own)
        rules = makeRules(own, generation: 1)
        try loop.poller.add(
            mailbox.wakeNumber, .level(.readable), Token(kind: TokenKind.mailbox, generation: 0, index: 0))
        try watchListeners()
    }

    /// Runs until told to stop, or until drained.
    func run() {
        while !isStopping, !isDrained { turn() }
        closeEverything()
    }

    private func closeEverything() {
        for connection in connections where connection.state != .closed { connection.stop() }
        awaitCredits()
        connections.removeAll()
        flushLog()
        shared.events.submit(&verifications)
    }

    // MARK: A turn

    func turn() {
        reader.goIdle()
        let events: Int
        do throws(Errno) {
            events = try loop.wait(longestMillis: sleepMillis)
        } catch {
            preconditionFailure("waiting for events failed: \(error)")
        }
        reader.wake()
        limiter.time = shared.rateCounters.clock.time(
            LimitClock.Readings(monotonicNanos: loop.nowNanos, unixNanos: loop.unixNanos))
        for position in 0..<events {
            let (token, readiness) = loop.poller.event(at: position)
            switch token.kind {
            case TokenKind.connection:
                let connection = connections[token.index]
                // A connection that was closed earlier in this turn may have an event left.
                if connection.state != .closed, connection.generation & 0xFF_FFFF == token.generation {
                    connection.handle(readiness)
                }
            case TokenKind.upstream: multi.socketReady(token, readiness)
            case TokenKind.listener:
                if listeners.indices.contains(token.index) { accept(listeners[token.index]) }
            case TokenKind.mailbox: for message in mailbox.drain() { handle(message) }
            default: preconditionFailure("an event of unknown kind")
            }
        }
        runTimers()
        if creditQuestions.nextNanos != nil { askAgain() }
        if loop.nowNanos >= nextRecheckNanos { recheckExchanges() }
        if loop.nowNanos >= nextRetryNanos { retryServers() }
        runWaiting()
        runTransfers()
        flushLog()
        shared.events.submit(&verifications)
    }

    /// Goes on with this connection in the next turn.
    func goOnLater(_ connection: Connection) {
        waiting.append((connection.index, connection.generation))
    }

    private func runWaiting() {
        if waiting.isEmpty { return }
        let batch = waiting
        waiting.removeAll()
        for (index, generation) in batch {
            let connection = connections[index]
            if connection.state != .closed, connection.generation == generation { connection.drive() }
        }
    }

    private var sleepMillis: Int32 {
        if !waiting.isEmpty || dueLineCount > 0 { return 0 }
        var longest = multi.sleepMillis
        if acceptPausedUntil != 0 || isStopping || creditQuestions.nextNanos != nil {
            longest = longest < 0 ? 100 : min(100, longest)
        }
        if clientCount > 0 {
            let next = min(nextRecheckNanos, nextRetryNanos)
            let untilLook = Int32(clamping: max(0, (next - loop.nowNanos + 999_999) / 1_000_000))
            longest = longest < 0 ? untilLook : min(untilLook, longest)
        }
        return longest
    }

    /// Looks through the connections for exchanges whose decision has grown old.
    private func recheckExchanges() {
        nextRecheckNanos = loop.nowNanos + Recheck.pauseNanos(settings)
        let ageNanos = Recheck.ageNanos(settings)
        // By position: what is closed on the way frees a slot, and none is added.
        for index in connections.indices {
            connections[index].recheck(ageNanos: ageNanos)
        }
    }

    private func runTimers() {
        let due = loop.timers.advance(nowNanos: loop.nowNanos)
        for position in 0..<due {
            let entry = loop.timers.dueEntry(at: position)
            let connection = connections[Int(entry.index)]
            if connection.state != .closed, connection.generation == entry.generation {
                connection.timerFired()
            }
        }
        if acceptPausedUntil != 0, loop.nowNanos >= acceptPausedUntil {
            acceptPausedUntil = 0
            try? watchListeners()
        }
    }

    /// libcurl's turn, then that of the exchanges with news, which may start further transfers. What is left
    /// after a few rounds goes on in the next turn.
    private func runTransfers() {
        var workLeft = CurlMulti.workPerTurn
        for _ in 0..<4 {
            if dueLineCount > 0 { serveLines() }
            multi.run(&workLeft)
            multi.takeTouched(into: &touched)
            if touched.isEmpty { return }
            for transfer in touched where transfer.ownerIndex >= 0 {
                connections[transfer.ownerIndex].transferProgressed(transfer)
            }
            if workLeft <= 0 || !multi.hasWork { return }
        }
    }

    // MARK: Messages

    private func handle(_ message: WorkerMessage) {
        switch message {
        case .reload(let configuration, let certificates, let generation):
            let own = configuration.recompiled()
            settings = own.settings
            spending = SpendingMode(own.settings)
            nextRecheckNanos = 0
            requestLimits = RequestLimits(own.settings.limits)
            exchanges.removeAll()
            self.certificates = certificates.contexts
            rules = makeRules(own, generation: generation)
            for line in lines where !line.isEmpty { serve(line) }
        case .listenAgain(let path):
            listenAgain(path)
        case .drain:
            drain()
        case .loopEnded:
            // That it came has ended the wait for events; `isDrained` looks for itself.
            break
        case .stop:
            isStopping = true
        case .answer(let ticket, let answer):
            connection(for: ticket)?.deliver(answer)
        case .settled(let number, let answer):
            settled(number, answer)
        case .paid(let ticket, let payment):
            creditQuestions.paymentCount -= 1
            if let connection = connection(for: ticket) { connection.paid(payment) } else { refund(payment) }
        case .serverFree(let upstream):
            if let line = lines.first(where: { $0.line.group == upstream }) { serve(line) }
        case .explain(let ticket, let request, let configuration):
            connection(for: ticket)?.deliver(LiveExplanation.finish(request, configuration, self))
        }
    }

    /// Gives back what was taken for a request that is not forwarded.
    func refund(_ payment: Payment) {
        guard case .spent = payment.outcome else { return }
        settle(Settlement(key: payment.key, request: payment.request, reserved: payment.cost, used: 0))
    }

    /// Nil if the connection has gone on, or is gone.
    func connection(for ticket: ConnectionTicket) -> Connection? {
        let connection = connections[ticket.index]
        guard connection.state == .exchange, connection.generation == ticket.generation,
            connection.requestCount == ticket.requestNumber
        else { return nil }
        return connection
    }
}

extension RequestLimits {
    init(_ limits: Limits) {
        self.init(
            maxHeadBytes: limits.headBytes, maxHeaderCount: limits.headerCount,
            maxTargetBytes: limits.targetBytes)
    }
}

@available(*, unavailable)
extension Worker: Sendable {}
