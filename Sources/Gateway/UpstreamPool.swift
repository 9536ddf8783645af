// The servers of one upstream as one loop uses them: whom to ask next, and who is being asked.

import Reactor
import Rules
import Upstream

/// Made anew with the rules; what it stands on, records and waiting line, stays.
final class UpstreamPool {
    struct Server {
        let record: UpstreamRecord
        /// This loop's part of the record.
        let counts: ServerCounts
        /// For `CurlMulti.acquire`.
        let curlKey: Int
        let authority: [UInt8]
        /// Most requests at a time over all loops; nil for as many as come.
        let limit: Int?

        init(_ record: UpstreamRecord, loop: Int, curlKey: Int, authority: [UInt8], limit: Int?) {
            self.record = record
            counts = record.counts[loop]
            self.curlKey = curlKey
            self.authority = authority
            self.limit = limit
        }
    }

    let servers: [Server]
    let sendsClientHost: Bool
    let ejection: EjectionPolicy?
    let queue: UpstreamQueue?
    let line: LoopLine
    /// Whether requests may have to wait.
    private let hasLimits: Bool
    private var choice: ServerChoice

    init(_ group: UpstreamGroup, servers: [Server], line: LoopLine) {
        self.servers = servers
        self.line = line
        hasLimits = servers.contains { $0.limit != nil }
        sendsClientHost = group.hostHeader == .client
        ejection = group.ejection.map { EjectionPolicy($0) }
        queue = group.queue
        choice = ServerChoice(
            weights: group.servers.map(\.weight), slowStartNanos: Int64(group.slowStartNanos))
    }

    /// Whether there is nobody else to turn to.
    var isAlone: Bool { servers.count == 1 }

    /// Chooses a server and counts a request to it, to be given back exactly once. `excluded`: bits of servers
    /// not to be asked again.
    func take(excluding excluded: UInt64 = 0, nowNanos: Int64) -> ServerChoice.Outcome {
        if servers.count == 1 {
            if excluded != 0 { return .none }
            if let limit = servers[0].limit, !servers[0].record.places.take(limit: limit) { return .full }
            count(0)
            return .server(0)
        }
        observe()
        while true {
            let outcome = choice.next(nowNanos: nowNanos, excluding: excluded)
            guard case .server(let index) = outcome else { return outcome }
            if let limit = servers[index].limit, !servers[index].record.places.take(limit: limit) {
                // Another loop was faster.
                choice.candidates[index].isFull = true
                continue
            }
            count(index)
            return outcome
        }
    }

    private func observe() {
        for index in servers.indices {
            let record = servers[index].record
            choice.candidates[index].inFlight = Int(servers[index].counts.inFlight.current)
            choice.candidates[index].outUntilNanos = record.outUntilNanos
            choice.candidates[index].recoveredNanos = record.recoveredNanos
            if let limit = servers[index].limit {
                choice.candidates[index].isFull = record.places.current >= limit
            }
        }
    }

    private func count(_ index: Int) {
        servers[index].counts.inFlight.add()
        servers[index].counts.requests.add()
    }

    /// A request to this server is over. True if its place may be given to one that waits: also where there is
    /// no limit, for a server that was left alone is tried with one request at a time.
    func giveBack(_ index: Int) -> Bool {
        servers[index].counts.inFlight.subtract()
        guard hasLimits else { return false }
        if servers[index].limit != nil { servers[index].record.places.giveBack() }
        return line.line.places.current > 0
    }

    /// When the next of the servers that are left alone may be tried; monotonic, `Int64.max` for none.
    func returnNanos(after now: Int64) -> Int64 {
        servers.lazy.map(\.record.outUntilNanos).filter { $0 > now }.min() ?? .max
    }

    func succeeded(_ index: Int, nowNanos: Int64) { servers[index].record.succeeded(atNanos: nowNanos) }

    func failed(_ index: Int, _ detail: StaticDetail, nowNanos: Int64) {
        servers[index].counts.failures.add()
        servers[index].record.failed(atNanos: nowNanos, detail, ejection, isAlone: isAlone)
    }

    func countRetry(from index: Int) { servers[index].counts.retries.add() }
}

extension EjectionPolicy {
    init(_ ejection: UpstreamEjection) {
        self.init(
            failureCount: ejection.failureCount, firstNanos: Int64(ejection.firstNanos),
            longestNanos: Int64(ejection.longestNanos))
    }
}

@available(*, unavailable)
extension UpstreamPool: Sendable {}
