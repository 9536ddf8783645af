// What the whole process knows of one server: its health, and how much is under way. Loops share nothing else
// about servers. The health machine is behind a lock that is taken when something changes; requests read
// what it last said from atomics, and count where only their own loop writes.

import Bytes
import Reactor
import Synchronization
import Upstream

/// What one loop counts of one server. Only the loop writes.
final class ServerCounts: Sendable {
    let inFlight = Counter()
    let requests = Counter()
    /// Requests that failed for the server's sake.
    let failures = Counter()
    /// Requests that went on to another server after this one had failed them.
    let retries = Counter()
}

/// One server of one upstream. Lives as long as it stands in the configuration, or as a loop uses it.
final class UpstreamRecord: Sendable {
    /// Requests that wait for a server of the same upstream.
    private let line: WaitingLine
    /// As written in the configuration.
    let address: String
    /// By loop.
    let counts: [ServerCounts]

    private let health = Mutex(ServerHealth())
    // Published by whoever changed `health`, while holding its lock.
    private let outUntil = Atomic<Int64>(0)
    private let recovered = Atomic<Int64>(0)
    private let isTroubled = Atomic<Bool>(false)
    /// Requests under way over all loops; counted only where there is a limit.
    let places = PlaceCount()

    init(line: WaitingLine, address: String, loopCount: Int) {
        self.line = line
        self.address = address
        counts = (0..<loopCount).map { _ in ServerCounts() }
    }

    /// The name of the upstream.
    var group: String { line.group }

    // MARK: Read by requests

    /// 0: in use; otherwise left alone until then, `Int64.max` until further notice.
    var outUntilNanos: Int64 { outUntil.load(ordering: .relaxed) }
    var recoveredNanos: Int64 { recovered.load(ordering: .relaxed) }

    // MARK: What happened

    /// A request was answered. In ordinary times one look at a flag.
    func succeeded(atNanos now: Int64) {
        guard isTroubled.load(ordering: .relaxed) else { return }
        change { $0.succeeded(atNanos: now) }
    }

    /// A request failed. `detail` says why, for the log; `isAlone`: there is no other server to turn to.
    func failed(atNanos now: Int64, _ detail: StaticDetail, _ policy: EjectionPolicy?, isAlone: Bool) {
        guard let policy else { return }
        change(detail.description, isAlone: isAlone) {
            $0.failed(atNanos: now, policy, spread: UInt8.random(in: .min ... .max))
        }
    }

    func checkPassed(atNanos now: Int64, _ policy: CheckPolicy) {
        change { $0.checkPassed(atNanos: now, policy) }
    }

    func checkFailed(_ reason: String, _ policy: CheckPolicy, isAlone: Bool) {
        change(reason, isAlone: isAlone) { $0.checkFailed(policy) }
    }

    /// The configuration has no checks for this server any more.
    func checksEnded(atNanos now: Int64) { change { $0.checksEnded(atNanos: now) } }

    private func change(
        _ reason: String = "", isAlone: Bool = false,
        _ event: (inout ServerHealth) -> ServerHealth.Change?
    ) {
        let change = health.withLock { health in
            let change = event(&health)
            let until: Int64 =
                switch health.standing {
                case .up: 0
                case .ejected(let until): until
                case .down: .max
                }
            outUntil.store(until, ordering: .relaxed)
            recovered.store(health.recoveredNanos, ordering: .relaxed)
            isTroubled.store(health.isTroubled, ordering: .relaxed)
            return change
        }
        if let change {
            say(change, reason, isAlone: isAlone)
            line.wake()
        }
    }

    private func say(_ change: ServerHealth.Change, _ reason: String, isAlone: Bool) {
        let server = "upstream \(group): server \(address)"
        let alone = isAlone ? "; it is the only one and still asked" : ""
        switch change {
        case .ejected(let nanos, let count):
            let tenths = max(1, nanos / 100_000_000)
            Diagnostics.say(
                "\(server) is out for \(tenths / 10).\(tenths % 10)s after \(count.counted("failure")) in a row: \(reason)\(alone)"
            )
        case .down(let count):
            Diagnostics.say("\(server) is down after \(count.counted("failed check")): \(reason)\(alone)")
        case .up:
            Diagnostics.say("\(server) is up again")
        }
    }

    // MARK: For /metrics

    /// Ejected, or failing its checks.
    var isOut: Bool { outUntilNanos != 0 }
    var isDown: Bool { outUntilNanos == .max }
    func sum(_ counter: (ServerCounts) -> UInt64) -> UInt64 { counts.reduce(0) { $0 &+ counter($1) } }
}
