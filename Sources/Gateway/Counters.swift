// What a loop counts. Only the loop writes, so an increment is a plain load and store; whoever serves
// /metrics reads from another thread, so both are atomic.

import HTTP1
import Synchronization

/// One number, written by one thread and read by any.
struct Counter: ~Copyable {
    private let value = Atomic<UInt64>(0)

    /// Called by the owner only.
    func add(_ amount: UInt64 = 1) {
        value.store(value.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    func subtract(_ amount: UInt64 = 1) {
        value.store(value.load(ordering: .relaxed) &- amount, ordering: .relaxed)
    }

    var current: UInt64 { value.load(ordering: .relaxed) }
}

/// Durations in buckets that double: up to 128 µs, 256 µs, … 16.8 s, and more.
final class LatencyHistogram: Sendable {
    static let bucketCount = 19
    /// Upper bound of a bucket in microseconds; nil for the last.
    static func boundMicros(_ bucket: Int) -> Int? { bucket == bucketCount - 1 ? nil : 128 << bucket }

    private let buckets: [Atomic64]
    let sumMicros = Atomic64()

    init() { buckets = (0..<Self.bucketCount).map { _ in Atomic64() } }

    func record(nanos: Int64) {
        let micros = UInt64(max(0, nanos) / 1000)
        var bucket = 0
        if micros > 128 { bucket = min(Self.bucketCount - 1, 64 - ((micros - 1) >> 7).leadingZeroBitCount) }
        buckets[bucket].counter.add()
        sumMicros.counter.add(micros)
    }

    func count(_ bucket: Int) -> UInt64 { buckets[bucket].counter.current }
}

/// A counter that can stand in an array.
final class Atomic64: Sendable {
    let counter = Counter()
}

/// All counters of one loop.
final class Counters: Sendable {
    let connectionsOpened = Counter()
    let connectionsOpen = Counter()
    let connectionsRefused = Counter()
    /// Connections that were closed for the PROXY header they had not, or had no business to have.
    let proxyHeadersRefused = Counter()
    /// WebSockets whose backend has switched.
    let tunnelsOpened = Counter()
    let tunnelsOpen = Counter()
    let handshakes = Counter()
    let handshakesFailed = Counter()
    let bytesFromClients = Counter()
    let bytesToClients = Counter()
    let allowed = Counter()
    let shadowed = Counter()
    let clientsLeft = Counter()
    let answersBroken = Counter()
    let logLinesDropped = Counter()
    let credits = CreditCounters()
    let totalTime = LatencyHistogram()
    let upstreamTime = LatencyHistogram()
    /// Answers by hundred: 1xx … 5xx at index 1 … 5.
    private let statuses = (0..<6).map { _ in Atomic64() }
    private let refusals = RefusalReason.allCases.map { _ in Atomic64() }
    private let revocations = RefusalReason.allCases.map { _ in Atomic64() }

    func countStatus(_ status: Status) { statuses[min(5, max(0, status.code / 100))].counter.add() }
    func countRefusal(_ reason: RefusalReason) { refusals[Int(reason.rawValue)].counter.add() }
    func countRevocation(_ reason: RefusalReason) { revocations[Int(reason.rawValue)].counter.add() }
    func revocationCount(_ reason: RefusalReason) -> UInt64 {
        revocations[Int(reason.rawValue)].counter.current
    }
    func statusCount(hundred: Int) -> UInt64 { statuses[hundred].counter.current }
    func refusalCount(_ reason: RefusalReason) -> UInt64 { refusals[Int(reason.rawValue)].counter.current }
}

/// What became of credits that were taken for requests whose cost could change.
final class CreditCounters: Sendable {
    /// Credits given back, taken in addition, and owed without being there.
    let returned = Counter()
    let added = Counter()
    let uncollected = Counter()
    /// Settlements the store did not carry out.
    let failures = Counter()
    private let grounds = AmountOwed.Ground.allCases.map { _ in Atomic64() }

    /// Called by the owning loop only.
    func count(_ settled: SettledCost, spent: Int64) {
        if settled.hasFailed { return failures.add() }
        grounds[settled.ground.rawValue].counter.add()
        returned.add(UInt64(max(0, settled.taken - spent)))
        added.add(UInt64(max(0, spent - settled.taken)))
        uncollected.add(UInt64(settled.uncollected))
    }

    func groundCount(_ ground: AmountOwed.Ground) -> UInt64 { grounds[ground.rawValue].counter.current }
}
