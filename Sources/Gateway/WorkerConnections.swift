// The connections of one event loop: taken from the listeners, kept in slots, and let go when the gateway drains.

import Bytes
import HTTP1
import Reactor
import Rules

extension Worker {
    /// How long a connection without a request lives on once the gateway drains: a request that was already
    /// on its way is still answered, and told that the connection closes.
    static let drainIdleNanos: Int64 = 500_000_000
    /// The same for one that has begun a handshake or a head: a few round trips around the world.
    private static let drainBegunNanos: Int64 = 2_000_000_000
    /// How long no connection is accepted after descriptors ran out.
    private static let acceptPauseNanos: Int64 = 100_000_000
    private static let acceptsPerTurn = 32
    private static let pooledExchangeCount = 1024
    /// So many connections beyond the limit are waited for at a time, for as long as any that lingers.
    private static let mostTurnedAway = 128

    /// Accepts what waits, up to a number per turn; returns how many there were.
    @discardableResult
    func accept(_ listener: Listener) -> Int {
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
            if context == nil, !listener.acceptsProxyHeader { turnAway(accepted, listener) }
            return
        }
        let connection = freeConnection()
        let number = accepted.descriptor.number
        connection.open(accepted, listener, context)
        if role == .client { clientCount += 1 }
        counters.connectionsOpened.add()
        counters.connectionsOpen.add()
        watch(connection, number)
    }

    private func freeConnection() -> Connection {
        if let free = freeIndices.popLast() { return connections[free] }
        connections.append(Connection(worker: self, index: connections.count))
        return connections[connections.count - 1]
    }

    private func watch(_ connection: Connection, _ number: Int32) {
        let token = Token(
            kind: TokenKind.connection, generation: connection.generation, index: connection.index)
        do throws(Errno) {
            try loop.poller.add(number, .edgeBoth, token)
        } catch {
            connection.close(.now)
        }
    }

    /// Says that there is no room. The request is on its way or there already, and closing over it would reset the
    /// connection and take the answer back, so the connection lingers, as long as not too many do.
    private func turnAway(_ accepted: consuming AcceptedSocket, _ listener: Listener) {
        let answer = noRoom()
        guard turnedAwayCount < Self.mostTurnedAway else {
            // One attempt; the socket's empty buffer takes it.
            _ = try? accepted.descriptor.send(answer.bytes)
            return
        }
        turnedAwayCount += 1
        let connection = freeConnection()
        let number = accepted.descriptor.number
        connection.open(accepted, listener, nil)
        connection.isTurnedAway = true
        let exchange = acquireExchange()
        exchange.output.append(answer.bytes)
        connection.exchange = exchange
        watch(connection, number)
        if connection.state != .closed { connection.close(.afterFlush) }
    }

    private func noRoom() -> ByteBuffer {
        var answer = ByteBuffer(capacity: 1024)
        var id: [UInt8] = []
        requestIDs.next(into: &id)
        Refusal(.overloaded).append(
            to: &answer, scratch: &logScratch, limitLines: ByteBuffer(),
            Refusal.Form(requestID: id, asProblem: false, isHead: false, closes: true, saysKeepAlive: false))
        return answer
    }

    /// A connection has closed its socket; its slot is free.
    func connectionClosed(_ connection: Connection) {
        freeIndices.append(connection.index)
        if connection.isTurnedAway {
            turnedAwayCount -= 1
            return
        }
        if connection.role == .client { clientCount -= 1 }
        counters.connectionsOpen.subtract()
    }

    func acquireExchange() -> Exchange {
        exchanges.popLast() ?? Exchange(limits: requestLimits)
    }

    func release(_ exchange: Exchange) {
        guard exchanges.count < Self.pooledExchangeCount else { return }
        exchange.clear(limits: requestLimits)
        exchanges.append(exchange)
    }

    // MARK: Listening no more, and anew

    func watchListeners() throws(Errno) {
        for (index, listener) in listeners.enumerated() {
            try loop.poller.add(
                listener.socket.descriptor.number, .exclusiveRead,
                Token(kind: TokenKind.listener, generation: 0, index: index))
        }
    }

    func drain() {
        if isDraining { return }
        isDraining = true
        drainStartNanos = loop.nowNanos
        askForTheLastTime()
        // What is queued in the kernel was accepted in the client's eyes. Ours may be the last reference:
        // the socket then closes right behind the last accept.
        for listener in listeners where listener.role == .client {
            while accept(listener) == Self.acceptsPerTurn {}
        }
        replaceListeners { $0.removeAll { $0.role == .client } }
        for connection in connections where connection.role == .client { connection.hurry() }
    }

    /// Nothing is left for this loop to do. The first one, which alone has the admin listener and the control socket,
    /// answers there until the others are through as well: load balancers ask it whether the gateway drains, and
    /// management calls can still be made.
    var isDrained: Bool {
        guard isDraining, clientCount == 0, creditQuestions.isEmpty else { return false }
        if number != 0 { return true }
        return shared.hasOneLoopLeft && !connections.contains { $0.role != .client && $0.owesAnswer }
    }

    /// While draining: how long a client that has begun may take until its head is complete.
    var drainHeadNanos: Int64 {
        max(Self.drainIdleNanos, drainStartNanos + Self.drainBegunNanos - loop.nowNanos)
    }

    /// Tokens of listeners are their positions, so all are watched anew when these change.
    private func replaceListeners(_ change: (inout [Listener]) -> Void) {
        for listener in listeners { loop.poller.remove(listener.socket.descriptor.number) }
        change(&listeners)
        try? watchListeners()
    }

    func listenAgain(_ path: String) {
        if isDraining { return }
        replaceListeners { listeners in
            // First this: the old one takes the path with it when it goes.
            listeners.removeAll { $0.role == .control }
            // The directory may be gone as well; the main thread asks again.
            guard let socket = try? ListeningSocket(.unix(path: path), mode: 0o600) else { return }
            listeners.append(Listener(socket, role: .control))
        }
    }
}
