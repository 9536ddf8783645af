// One client connection: a state machine over a socket, a pair of buffers and at most one exchange. Requests
// of a pipeline are served one after the other, so answers are in order by construction.
//
// The socket is registered once, edge-triggered: `canRead` and `canWrite` remember edges until a read or a
// write comes up short. An idle connection holds no buffer at all; those live in the exchange, which is
// borrowed from the loop's pool when bytes arrive.

import Bytes
import HTTP1
import Reactor
import Rules
import TLS
import Upstream

final class Connection {
    enum Role: Sendable {
        /// Requests to be verified and forwarded.
        case client
        /// Metrics and health.
        case admin
        /// The command line of the same user, over the store's control socket.
        case control
    }

    enum State {
        /// We are waiting for a load balancer to say whose connection this is.
        case preamble
        /// We are waiting for the handshake of TLS.
        case handshake
        /// We are waiting for the first byte of a request.
        case idle
        /// We are waiting for the rest of a head.
        case head
        /// We are waiting for the exchange: the request's body, the answer, or both.
        case exchange
        /// We are waiting for bytes of either side of a tunnel.
        case tunnel
        /// We are waiting for the client to take the rest of the last answer.
        case closing
        /// We are waiting for the client to close, having said everything: closing at once would reset the
        /// connection under an answer it may not have read yet (RFC 9112 §9.6).
        case lingering
        /// Nothing is waited for: the socket is closed, the slot is free.
        case closed
    }

    /// How a connection ends.
    enum Ending {
        /// After what is in the output has been taken.
        case afterFlush
        /// At once, with a reset: what was sent must not be taken for a complete answer.
        case reset
        /// At once.
        case now
    }

    /// Strong, for a weaker reference is counted up and down at each look. The worker lets its connections go when
    /// it ends.
    let worker: Worker
    let index: Int
    private(set) var generation: UInt32 = 0
    private(set) var role = Role.client
    var state = State.closed
    private(set) var descriptor: FileDescriptor?
    /// TLS over the descriptor; nil in the clear. Goes before the descriptor does.
    var session: TLSSession?
    private(set) var peer = SocketAddress.unix(path: "")
    /// The peer's address as text, made once.
    private(set) var peerText: [UInt8] = []

    var canRead = false
    var canWrite = false
    /// The client has said that it will send nothing more.
    var peerFinished = false
    var exchange: Exchange?
    var requestCount = 0
    /// It was told that there is no room for it; nothing that it sends is a request.
    var isTurnedAway = false

    /// When what we are waiting for has taken too long; monotonic.
    private(set) var deadlineNanos = Int64.max
    /// When the timer wheel will look at this connection again.
    private var armedNanos = Int64.max
    /// Bytes thrown away while lingering.
    var discardedBytes = 0

    init(worker: Worker, index: Int) {
        self.worker = worker
        self.index = index
    }

    // MARK: Beginning and end

    func open(_ accepted: consuming AcceptedSocket, _ listener: Listener, _ tls: TLSContext?) {
        generation &+= 1
        role = listener.role
        let address = accepted.peer
        setPeer(address, text: address.unixPath == nil ? address.host : "unix:")
        if let tls { session = TLSSession(tls, socket: accepted.descriptor.number) }
        descriptor = accepted.intoDescriptor()
        state = listener.acceptsProxyHeader ? .preamble : tls == nil ? .idle : .handshake
        canRead = false
        canWrite = true
        peerFinished = false
        requestCount = 0
        isTurnedAway = false
        deadlineNanos = Int64.max
        armedNanos = Int64.max
        discardedBytes = 0
        waitForFirstRequest()
    }

    /// From now on the connection is that of `address`, which the log writes as `text`.
    func setPeer(_ address: SocketAddress, text: String) {
        peer = address
        peerText.removeAll(keepingCapacity: true)
        peerText.append(contentsOf: text.utf8)
    }

    func waitForFirstRequest() {
        wait(nanos: worker.isDraining && state == .idle ? Worker.drainIdleNanos : headNanos)
    }

    /// How long the rest of a head may take, or of what comes before one.
    var headNanos: Int64 {
        let nanos = Int64(worker.settings.clientTimeouts.headNanos)
        return worker.isDraining ? min(nanos, worker.drainHeadNanos) : nanos
    }

    /// The gateway begins to drain. What has become a request is finished; for the rest there is little time, for it
    /// may never become one.
    func hurry() {
        switch state {
        case .idle, .preamble: wait(nanos: Worker.drainIdleNanos)
        case .handshake, .head: wait(nanos: min(deadlineNanos - worker.loop.nowNanos, headNanos))
        case .tunnel: drainTunnel()
        case .exchange, .closing, .lingering, .closed: break
        }
    }

    /// A request has come, and not all of its answer has been taken.
    var owesAnswer: Bool {
        switch state {
        case .exchange, .closing, .tunnel: true
        case .preamble, .handshake, .idle, .head, .lingering, .closed: false
        }
    }

    func close(_ ending: Ending) {
        switch ending {
        case .now, .reset:
            if case .reset = ending { descriptor?.resetOnClose() }
            if state == .exchange, let exchange { abandonExchange(exchange) }
            if state == .tunnel, let exchange { abandonTunnel(exchange) }
            if let exchange {
                worker.release(exchange)
                self.exchange = nil
            }
            // Between two requests nothing is cut short, and the client may know.
            if case .now = ending, state == .idle { _ = endSession() }
            session = nil
            descriptor = nil
            state = .closed
            worker.connectionClosed(self)
        case .afterFlush:
            state = .closing
            wait(nanos: Int64(worker.settings.clientTimeouts.bodyNanos))
            flush()
        }
    }

    /// The gateway ends. What is cut short by that must not look complete: without a length or a last chunk, an orderly
    /// end is how an answer is.
    func stop() {
        guard let exchange, exchange.answerFraming == .close else { return close(.now) }
        close(state == .exchange || !exchange.output.isEmpty ? .reset : .now)
    }

    // MARK: Events

    func handle(_ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .hangUp, .failed]) { canRead = true }
        if readiness.contains(.peerFinished) { peerFinished = true }
        if !readiness.isDisjoint(with: [.writable, .hangUp, .failed]) { canWrite = true }
        if session != nil, canRead || canWrite {
            // What TLS waits for in one direction may be an event of the other.
            canRead = true
            canWrite = true
        }
        if !readiness.isDisjoint(with: [.hangUp, .failed]), state == .tunnel {
            loseTunnelClient()
        } else if !readiness.isDisjoint(with: [.hangUp, .failed]) {
            // Both directions are over: nobody is left to read an answer. Why a handshake failed may have been
            // said before the end.
            if state == .handshake { _ = shakeHands() }
            if state == .closed { return }
            worker.counters.clientsLeft.add(state == .exchange ? 1 : 0)
            close(.now)
            return
        }
        drive()
        if peerFinished, state == .exchange { expectClientGone() }
    }

    /// Goes on as far as bytes and states allow, and until so many requests have begun.
    func advance(untilRequest limit: Int) {
        while true {
            switch state {
            case .preamble:
                if !readPreamble() { return }
            case .handshake:
                if !shakeHands() { return }
            case .idle, .head:
                if requestCount >= limit || !readHead() { return }
            case .exchange:
                guard let exchange else { return }
                pumpBody(exchange)
                // A refused request whose body was only read to get past it may have ended there.
                if state == .exchange { return }
            case .tunnel:
                pumpTunnel()
                return
            case .lingering:
                discardInput()
                return
            case .closing, .closed:
                return
            }
        }
    }

    // MARK: Deadlines

    /// From now on it is too late after so many nanoseconds.
    func wait(nanos: Int64) {
        let now = worker.loop.nowNanos
        deadlineNanos = now &+ nanos
        if deadlineNanos < armedNanos - TimerWheel.tickNanos || armedNanos == Int64.max { arm() }
    }

    private func arm() {
        armedNanos = worker.loop.timers.add(
            index: index, generation: generation, deadlineNanos: deadlineNanos)
    }

    /// The timer wheel has come to this connection.
    func timerFired() {
        let now = worker.loop.nowNanos
        // An earlier entry was left behind when a nearer deadline was set; the one that counts comes later.
        if now < armedNanos - TimerWheel.tickNanos { return }
        armedNanos = Int64.max
        if now < deadlineNanos {
            arm()
            return
        }
        deadlinePassed()
        if state != .closed, armedNanos == Int64.max { arm() }
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
