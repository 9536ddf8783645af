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

/// What a loop can be told.
enum WorkerMessage: Sendable {
    /// Use these rules for requests whose head is not complete yet.
    case reload(Configuration, ListenerCertificates, generation: Int)
    /// The control socket cannot be reached under its path any more: listen there anew.
    case listenAgain(controlSocket: String)
    /// Accept no more, finish what is under way, then end.
    case drain
    /// End now.
    case stop
    /// The answer to a management call of one of its connections.
    case answer(ConnectionTicket, LocalAnswer)
    /// The answer to a request for credits of one of its connections.
    case paid(ConnectionTicket, Payment)
    /// The store's word on what a request has cost, by the number it was asked under.
    case settled(Int, SettlementAnswer)
    /// A server of this upstream may have room for a request that waits.
    case serverFree(String)
    /// Explain this request to one of its connections.
    case explain(ConnectionTicket, ExplainedRequest, Configuration)
}

/// Names a connection to other threads; stale once the connection is gone.
struct ConnectionTicket: Sendable {
    let index: Int
    let generation: UInt32
    let requestNumber: Int
}

final class Worker {
    enum TokenKind {
        static let connection: UInt8 = 1
        static let upstream: UInt8 = 2
        static let listener: UInt8 = 3
        static let mailbox: UInt8 = 4
    }

    /// How long a connection without a request lives on once the gateway drains: a request that was already
    /// on its way is still answered, and told that the connection closes.
    static let drainIdleNanos: Int64 = 500_000_000
    /// How long no connection is accepted after descriptors ran out.
    private static let acceptPauseNanos: Int64 = 100_000_000
    private static let acceptsPerTurn = 32
    private static let pooledExchangeCount = 1024

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

    private var listeners: [Listener]
    /// By position of the listener in the configuration.
    private var certificates: [TLSContext?]
    private var acceptPausedUntil: Int64 = 0
    /// When running exchanges are looked at again; monotonic.
    private var nextRecheckNanos: Int64 = 0
    private var connections: [Connection] = []
    private var freeIndices: [Int] = []
    private var clientCount = 0
    private var exchanges: [Exchange] = []
    private var touched: [Transfer] = []
    /// Requests that wait for a server, by upstream.
    private var lines: [LoopLine] = []
    private var dueLineCount = 0
    /// Connections that have more to do and let others go first, with their generations.
    private var waiting: [(index: Int, generation: UInt32)] = []
    private var logBuffer = ByteBuffer()
    private var logScratch = ByteBuffer()
    /// Verifications of this turn.
    private var verifications = EventBatch()
    /// What the store has been asked about credits.
    var creditQuestions = CreditQuestions()
    private(set) var isDraining = false
    private(set) var isStopping = false
    private var upstreamTrouble = RepeatedTrouble()
    private var handshakeTrouble = RepeatedTrouble(occasions: "handshakes")
    private var preambleTrouble = RepeatedTrouble(occasions: "connections")
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

    private func watchListeners() throws(Errno) {
        for (index, listener) in listeners.enumerated() {
            try loop.poller.add(
                listener.socket.descriptor.number, .exclusiveRead,
                Token(kind: TokenKind.listener, generation: 0, index: index))
        }
    }

    /// Runs until told to stop, or until drained.
    func run() {
        while !isStopping, !(isDraining && clientCount == 0 && creditQuestions.isEmpty) { turn() }
        closeEverything()
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
            let untilRecheck = Int32(
                clamping: max(0, (nextRecheckNanos - loop.nowNanos + 999_999) / 1_000_000))
            longest = longest < 0 ? untilRecheck : min(untilRecheck, longest)
        }
        return longest
    }

    /// Looks through the connections for exchanges whose decision has grown old.
    private func recheckExchanges() {
        nextRecheckNanos = loop.nowNanos + Recheck.pauseNanos(settings)
        let ageNanos = Recheck.ageNanos(settings)
        // By position: what is closed on the way frees a slot, and none is added.
        for index in connections.indices where connections[index].state == .exchange {
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
        for _ in 0..<4 {
            if dueLineCount > 0 { serveLines() }
            multi.run()
            multi.takeTouched(into: &touched)
            if touched.isEmpty { return }
            for transfer in touched where transfer.ownerIndex >= 0 {
                connections[transfer.ownerIndex].transferProgressed(transfer)
            }
            if !multi.hasWork { return }
        }
    }

    // MARK: Servers

    private func makeRules(_ configuration: Configuration, generation: Int) -> RuleSet {
        let pools = configuration.upstreams.map { group in
            UpstreamPool(
                group,
                servers: group.servers.map { server in
                    UpstreamPool.Server(
                        shared.upstreams.record(group.name, server.description), loop: number,
                        curlKey: multi.register(UpstreamOrigin(server, of: group)),
                        authority: Array(server.authority.utf8), limit: server.maxConnections)
                }, line: line(of: group.name))
        }
        return RuleSet(configuration, generation: generation, pools: pools)
    }

    private func line(of upstream: String) -> LoopLine {
        if let known = lines.first(where: { $0.line.group == upstream }) { return known }
        let line = LoopLine(shared.upstreams.line(upstream), loop: number)
        lines.append(line)
        return line
    }

    /// A place at a server of this line has become free: whoever has waited longest, in whatever loop, may look
    /// for it. In this loop that happens later in the turn, from where nothing is under way.
    func placeFreed(_ line: LoopLine) {
        guard let longest = line.line.longestWaitingLoop else { return }
        if longest == number {
            serve(line)
        } else {
            shared.mailboxes[longest].post(.serverFree(line.line.group))
        }
    }

    /// Looks for a server for those who wait, before the next round of transfers.
    func serve(_ line: LoopLine) {
        if line.isDue { return }
        line.isDue = true
        dueLineCount += 1
    }

    private func serveLines() {
        for line in lines where line.isDue {
            line.isDue = false
            dueLineCount -= 1
            while let ticket = line.first {
                // Whoever waits is where it was when it began to: the line is left when anything else happens.
                guard let waiting = connection(for: ticket) else {
                    preconditionFailure("a connection that is gone waits for a server")
                }
                if !waiting.leaveLine(line) { break }
            }
            // What was free for this loop and is not used here may be what another waits for.
            if line.isEmpty, line.line.places.current > 0 { placeFreed(line) }
        }
    }

    // MARK: Connections

    /// Accepts what waits, up to a number per turn; returns how many there were.
    @discardableResult
    private func accept(_ listener: Listener) -> Int {
        for count in 0..<Self.acceptsPerTurn {
            do throws(Errno) {
                guard let accepted = try listener.socket.accept() else { return count }
                admit(accepted, listener)
            } catch {
                // Out of descriptors or memory. The listener stays readable, so it must not be asked at once.
                pauseAccepting(error)
                return count
            }
        }
        return Self.acceptsPerTurn
    }

    private func pauseAccepting(_ error: Errno) {
        Diagnostics.say("no connection is accepted for a moment: \(error)")
        for listener in listeners { loop.poller.remove(listener.socket.descriptor.number) }
        acceptPausedUntil = loop.nowNanos + Self.acceptPauseNanos
    }

    private func admit(_ accepted: consuming AcceptedSocket, _ listener: Listener) {
        let role = listener.role
        if listener.acceptsProxyHeader, !mayIntroduce(accepted.peer) { return }
        let context = listener.position.flatMap { certificates[$0] }
        if role == .client, clientCount >= settings.limits.connectionsPerWorker {
            counters.connectionsRefused.add()
            // A handshake only to say no is what there is no room for.
            if context != nil || listener.acceptsProxyHeader { return }
            // One attempt to say why; the socket's empty buffer takes it.
            var answer = ByteBuffer(capacity: 1024)
            var id: [UInt8] = []
            requestIDs.next(into: &id)
            Refusal(.overloaded).append(
                to: &answer, scratch: &logScratch, limitLines: ByteBuffer(),
                Refusal.Form(
                    requestID: id, asProblem: false, isHead: false, closes: true, saysKeepAlive: false))
            _ = try? accepted.descriptor.send(answer.bytes)
            return
        }
        let index: Int
        if let free = freeIndices.popLast() {
            index = free
        } else {
            index = connections.count
            connections.append(Connection(worker: self, index: index))
        }
        let connection = connections[index]
        let number = accepted.descriptor.number
        connection.open(accepted, listener, context)
        if role == .client { clientCount += 1 }
        counters.connectionsOpened.add()
        counters.connectionsOpen.add()
        let token = Token(kind: TokenKind.connection, generation: connection.generation, index: index)
        do throws(Errno) {
            try loop.poller.add(number, .edgeBoth, token)
        } catch {
            connection.close(.now)
        }
    }

    /// A connection has closed its socket; its slot is free.
    func connectionClosed(_ connection: Connection) {
        if connection.role == .client { clientCount -= 1 }
        counters.connectionsOpen.subtract()
        freeIndices.append(connection.index)
    }

    func acquireExchange() -> Exchange {
        exchanges.popLast() ?? Exchange(limits: requestLimits)
    }

    func release(_ exchange: Exchange) {
        guard exchanges.count < Self.pooledExchangeCount else { return }
        exchange.clear(limits: requestLimits)
        exchanges.append(exchange)
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
        case .listenAgain(let path):
            listenAgain(path)
        case .drain:
            drain()
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
    private func connection(for ticket: ConnectionTicket) -> Connection? {
        let connection = connections[ticket.index]
        guard connection.state == .exchange, connection.generation == ticket.generation,
            connection.requestCount == ticket.requestNumber
        else { return nil }
        return connection
    }

    private func drain() {
        if isDraining { return }
        isDraining = true
        askForTheLastTime()
        // What is queued in the kernel was accepted in the client's eyes. Ours may be the last reference:
        // the socket then closes right behind the last accept.
        for listener in listeners where listener.role == .client {
            while accept(listener) == Self.acceptsPerTurn {}
        }
        replaceListeners { $0.removeAll { $0.role == .client } }
        for connection in connections where connection.role == .client && connection.isQuiet {
            connection.wait(nanos: Self.drainIdleNanos)
        }
    }

    /// Tokens of listeners are their positions, so all are watched anew when these change.
    private func replaceListeners(_ change: (inout [Listener]) -> Void) {
        for listener in listeners { loop.poller.remove(listener.socket.descriptor.number) }
        change(&listeners)
        try? watchListeners()
    }

    private func listenAgain(_ path: String) {
        if isDraining { return }
        replaceListeners { listeners in
            // First this: the old one takes the path with it when it goes.
            listeners.removeAll { $0.role == .control }
            // The directory may be gone as well; the main thread asks again.
            guard let socket = try? ListeningSocket(.unix(path: path), mode: 0o600) else { return }
            listeners.append(Listener(socket, role: .control))
        }
    }

    private func closeEverything() {
        for connection in connections where connection.state != .closed { connection.close(.now) }
        awaitCredits()
        connections.removeAll()
        flushLog()
        shared.events.submit(&verifications)
    }

    // MARK: The record of what happened

    /// Counts a finished exchange, remembers its verification and writes its log line.
    func record(_ exchange: Exchange, role: Connection.Role, peerText: [UInt8]) {
        let now = exchange.endNanos
        counters.countStatus(exchange.status)
        counters.totalTime.record(nanos: now - exchange.startNanos)
        if exchange.forwardNanos > 0, exchange.headNanos > 0 {
            counters.upstreamTime.record(nanos: exchange.headNanos - exchange.forwardNanos)
        }
        guard role == .client else { return }
        ExchangeEvent.append(exchange, nowNanos: now, to: &verifications, scratch: &logScratch)
        guard shared.log != nil else { return }
        AccessLogLine.append(
            exchange, peer: peerText, nowNanos: now, to: &logBuffer, scratch: &logScratch)
    }

    private func flushLog() {
        guard !logBuffer.isEmpty, let log = shared.log else { return }
        let lines = Array(copying: logBuffer.bytes)
        logBuffer.removeAll()
        if !log.submit(lines) {
            counters.logLinesDropped.add(UInt64(lines.count { $0 == 0x0A }))
        }
    }

    /// Says what is wrong with a backend, once a second at most.
    func sayUpstreamTrouble(_ detail: String, upstream: String) {
        upstreamTrouble.say("upstream \(upstream): \(detail)", nowNanos: loop.nowNanos)
    }

    func sayPreambleTrouble(_ text: String) { preambleTrouble.say(text, nowNanos: loop.nowNanos) }

    func sayHandshakeTrouble(_ text: String) { handshakeTrouble.say(text, nowNanos: loop.nowNanos) }
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
