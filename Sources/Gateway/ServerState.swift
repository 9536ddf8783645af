// What the loops of one server have in common: immutable, or safe to use from any thread.

import Analytics
import Keys
import Limits
import Management
import Reactor
public import Rules
import Synchronization

/// A listening socket and what is spoken on it. Shared by the loops that accept from it; closed when the
/// last of them lets go.
final class Listener: Sendable {
    let socket: ListeningSocket
    let role: Connection.Role
    /// Connections begin with a PROXY header.
    let acceptsProxyHeader: Bool

    /// Position among the listeners of the configuration; nil for those that are not written there.
    let position: Int?

    init(
        _ socket: consuming ListeningSocket, role: Connection.Role, position: Int? = nil,
        acceptsProxyHeader: Bool = false
    ) {
        self.socket = socket
        self.role = role
        self.position = position
        self.acceptsProxyHeader = acceptsProxyHeader
    }
}

/// Reads the configuration file at a path. Called from any thread.
public typealias ConfigurationCompiler =
    @Sendable (_ path: String) throws(ConfigurationError) -> Configuration

/// Shared by the main thread, the loops and, through completions, the store's thread.
final class ServerState: Sendable {
    /// Where a server is in its life.
    enum Phase: Int, AtomicRepresentable, Sendable {
        case starting, serving, draining
    }

    let store: StoreThread
    let log: LogSink?
    let mailboxes: [Mailbox<WorkerMessage>]
    let counters: [Counters]
    /// Every rate limit of the process; no two loops count apart.
    let rateCounters: RateCounters
    /// Keys that were no good, by address.
    let failedKeys: RateCounters
    /// From a call that takes something away to its governing every loop. Only the store's thread records.
    let revocationTime = LatencyHistogram()
    /// Where queries of past verifications are answered.
    let questions: QuestionThread
    /// What was verified, by any loop and by the store's thread.
    let events = EventLog(workspaceID: Workspace.id)
    /// The servers behind the gateway: what outlives a reload.
    let upstreams: UpstreamRegistry
    let version: String
    /// Compiles the configuration file at a path.
    let compile: ConfigurationCompiler
    let startUnixMillis: Int64
    let phase = Atomic<Phase>(.starting)
    /// Loops that have not ended.
    let runningWorkers: Atomic<Int>
    /// Reloads that took effect, plus one; and those that were refused.
    let generation = Atomic<Int>(1)
    let refusedReloads = Atomic<Int>(0)
    /// The store takes no mutation any more.
    let storeIsReadOnly = Atomic<Bool>(false)

    init(
        store: StoreThread, rateCounters: RateCounters, log: LogSink?, workerCount: Int, version: String,
        compile: @escaping ConfigurationCompiler
    ) throws(Errno) {
        self.store = store
        self.rateCounters = rateCounters
        failedKeys = RateCounters(capacity: FailedKeys.addressCount, clock: rateCounters.clock)
        self.log = log
        questions = try QuestionThread()
        self.version = version
        self.compile = compile
        var mailboxes: [Mailbox<WorkerMessage>] = []
        for _ in 0..<workerCount { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
        upstreams = UpstreamRegistry(mailboxes: mailboxes)
        counters = (0..<workerCount).map { _ in Counters() }
        runningWorkers = Atomic(workerCount)
        startUnixMillis = Clock.realtimeNanos() / 1_000_000
    }

    var hasOneLoopLeft: Bool { runningWorkers.load(ordering: .acquiring) <= 1 }

    /// Called by a loop that has ended, as the last it does.
    func loopEnded() {
        runningWorkers.subtract(1, ordering: .releasing)
        mailboxes[0].post(.loopEnded)
    }

    func tellAll(_ message: WorkerMessage) {
        for mailbox in mailboxes { mailbox.post(message) }
    }
}
