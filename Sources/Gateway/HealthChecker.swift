// Active checks: asks servers at intervals whether they are well. A thread with a loop and a libcurl of its own,
// so that a check waits for no request and no request for a check; there is none where nothing is checked.

import Bytes
import HTTP1
import Reactor
import Rules
import Upstream

/// A server and how it is asked.
struct CheckedServer: Sendable {
    let record: UpstreamRecord
    let origin: UpstreamOrigin
    let path: [UInt8]
    let everyNanos: Int64
    let timeoutNanos: Int64
    let policy: CheckPolicy
    /// There is no other server in its upstream.
    let isAlone: Bool
}

/// What the checking thread can be told.
enum HealthCheckerMessage: Sendable {
    /// Ask these, and no others.
    case check([CheckedServer])
    case stop
}

/// Everything on the checking thread.
private final class HealthChecker {
    private enum TokenKind {
        static let upstream: UInt8 = 1
        static let mailbox: UInt8 = 2
    }

    private struct Probe {
        let server: CheckedServer
        /// When it is asked next.
        var dueNanos: Int64
        /// While it is being asked, and until when it may answer.
        var transfer: Transfer?
        var deadlineNanos: Int64 = .max
    }

    private let loop: EventLoop
    private let multi: CurlMulti
    private let mailbox: Mailbox<HealthCheckerMessage>
    private var probes: [Probe] = []
    private var touched: [Transfer] = []
    private var isStopping = false

    /// Call on the thread that will run it.
    init(_ mailbox: Mailbox<HealthCheckerMessage>) throws(Errno) {
        self.mailbox = mailbox
        loop = try EventLoop()
        multi = CurlMulti(loop: loop, tokenKind: TokenKind.upstream, maxIdleConnections: 8)
        try loop.poller.add(
            mailbox.wakeNumber, .level(.readable), Token(kind: TokenKind.mailbox, generation: 0, index: 0))
    }

    func run() {
        while !isStopping { turn() }
        release()
    }

    private func turn() {
        let events: Int
        do throws(Errno) {
            events = try loop.wait(longestMillis: sleepMillis)
        } catch {
            preconditionFailure("waiting for events failed: \(error)")
        }
        for position in 0..<events {
            let (token, readiness) = loop.poller.event(at: position)
            if token.kind == TokenKind.upstream {
                multi.socketReady(token, readiness)
            } else {
                for message in mailbox.drain() { handle(message) }
            }
        }
        for index in probes.indices { attend(index) }
        var workLeft = CurlMulti.workPerTurn
        multi.run(&workLeft)
        multi.takeTouched(into: &touched)
        for transfer in touched where probes.indices.contains(transfer.ownerIndex) {
            progressed(transfer.ownerIndex, transfer)
        }
    }

    private var sleepMillis: Int32 {
        let forTransfers = multi.sleepMillis
        guard let next = probes.map({ $0.transfer == nil ? $0.dueNanos : $0.deadlineNanos }).min() else {
            return forTransfers
        }
        let forProbes = Int32(clamping: max(0, (next - loop.nowNanos + 999_999) / 1_000_000))
        return forTransfers < 0 ? forProbes : min(forTransfers, forProbes)
    }

    private func handle(_ message: HealthCheckerMessage) {
        switch message {
        case .stop:
            isStopping = true
        case .check(let servers):
            release()
            let earlier = probes
            probes = servers.map { server in
                // A reload is no reason to ask earlier or later than before.
                let due = earlier.first { $0.server.record === server.record }?.dueNanos ?? loop.nowNanos
                return Probe(server: server, dueNanos: min(due, loop.nowNanos + server.everyNanos))
            }
        }
    }

    private func release() {
        for index in probes.indices {
            if let transfer = probes[index].transfer { multi.release(transfer) }
            probes[index].transfer = nil
        }
    }

    // MARK: A check

    /// Begins a check that is due, gives one up that takes too long.
    private func attend(_ index: Int) {
        let server = probes[index].server
        if let transfer = probes[index].transfer {
            guard loop.nowNanos >= probes[index].deadlineNanos else { return }
            // A name that does not resolve and a server that is silent look alike from here.
            end(index, transfer, failure: "no answer within \(server.timeoutNanos / 1_000_000)ms")
        } else if loop.nowNanos >= probes[index].dueNanos {
            start(index, server)
        }
    }

    private func start(_ index: Int, _ server: CheckedServer) {
        let transfer = multi.acquire(server: multi.register(server.origin), ownerIndex: index)
        probes[index].transfer = transfer
        probes[index].deadlineNanos = loop.nowNanos + server.timeoutNanos
        // Every check is to find out whether a connection can be made.
        _ = transfer.headers.append(name: Self.host.span, value: Array(server.origin.authority.utf8).span)
        _ = transfer.headers.append(name: Self.agent.span, value: Self.agentName.span)
        _ = transfer.headers.append(name: Self.connection.span, value: Self.close.span)
        multi.start(
            transfer, method: Self.get.span, isHead: false, target: server.path.span, body: .none,
            expectsContinue: false, mayReplay: false)
        transfer.endRequestBody()
    }

    private func progressed(_ index: Int, _ transfer: Transfer) {
        guard probes[index].transfer === transfer else { return }
        transfer.responseBody.removeAll()
        guard transfer.isComplete else { return transfer.resumeReceiving() }
        if let error = transfer.error { return end(index, transfer, failure: error.detail.description) }
        let status = transfer.response.head.status.code
        end(index, transfer, failure: (200...299).contains(status) ? nil : "status \(status)")
    }

    private func end(_ index: Int, _ transfer: Transfer, failure: String?) {
        multi.release(transfer)
        probes[index].transfer = nil
        probes[index].dueNanos = max(probes[index].dueNanos + probes[index].server.everyNanos, loop.nowNanos)
        let server = probes[index].server
        if let failure {
            server.record.checkFailed(failure, server.policy, isAlone: server.isAlone)
        } else {
            server.record.checkPassed(atNanos: loop.nowNanos, server.policy)
        }
    }

    private static let get = Array("GET".utf8)
    private static let host = Array("Host".utf8)
    private static let agent = Array("User-Agent".utf8)
    private static let agentName = Array("keygate-health".utf8)
    private static let connection = Array("Connection".utf8)
    private static let close = Array("close".utf8)
}

@available(*, unavailable)
extension HealthChecker: Sendable {}

/// The checking thread, in the hands of the main thread.
struct HealthChecks: ~Copyable {
    private var thread: Thread?
    private var mailbox: Mailbox<HealthCheckerMessage>?

    init() {}

    /// Checks what this configuration says, whose servers the registry knows.
    mutating func use(_ groups: [UpstreamGroup], _ registry: UpstreamRegistry) throws(Errno) {
        var servers: [CheckedServer] = []
        for group in groups {
            guard let check = group.check else { continue }
            for server in group.servers {
                servers.append(
                    CheckedServer(
                        record: registry.record(group.name, server.description),
                        origin: UpstreamOrigin(server, of: group), path: check.path,
                        everyNanos: Int64(check.everyNanos), timeoutNanos: Int64(check.timeoutNanos),
                        policy: CheckPolicy(riseCount: check.riseCount, fallCount: check.fallCount),
                        isAlone: group.servers.count == 1))
            }
        }
        if mailbox == nil {
            if servers.isEmpty { return }
            let made = try Mailbox<HealthCheckerMessage>()
            thread = try Thread(name: "health") {
                do throws(Errno) {
                    try HealthChecker(made).run()
                } catch {
                    Diagnostics.say("servers are not checked: \(error)")
                }
            }
            mailbox = made
        }
        mailbox?.post(.check(servers))
    }

    consuming func stop() {
        mailbox?.post(.stop)
        thread?.join()
    }
}
