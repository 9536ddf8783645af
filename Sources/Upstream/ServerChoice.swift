// Which server of an upstream gets the next request. A pure machine: what it goes by is written into its
// candidates by whoever owns it.

/// Weighted least connections: the server with the fewest requests for its weight, in units of what the lightest
/// one has for each of its requests. So a server of three times the weight is the equal of an idle one until it has
/// three, and shares hold also where few requests overlap. Among equals, which is everybody as long as none do,
/// "smooth" weighted round robin as nginx does it: each turn every equal gains its weight, the one with most is
/// taken and pays the total, so shares come without bursts.
public struct ServerChoice: Sendable {
    public struct Candidate: Sendable {
        /// Share of the requests, relative to the others; at least 1.
        public let weight: Int
        /// Requests under way.
        public var inFlight = 0
        /// It may not have more requests at the moment.
        public var isFull = false
        /// 0: in use. Otherwise left alone until then, and then tried with one request at a time;
        /// `Int64.max`: until further notice.
        public var outUntilNanos: Int64 = 0
        /// When it was taken back, 0 for never: from then on its share grows, where there is a slow start.
        public var recoveredNanos: Int64 = 0
        fileprivate var credit = 0
        /// The weight of this turn, in 256ths; 0: takes no part.
        fileprivate var effectiveWeight = 0
        /// Its requests by that weight, in this turn.
        fileprivate var load = 0

        public init(weight: Int) {
            precondition(weight > 0, "a server's weight is positive")
            self.weight = weight
        }
    }

    public enum Outcome: Sendable, Equatable {
        case server(Int)
        /// Those that may be used have all the requests they may have.
        case full
        /// There is none that was not excluded.
        case none
    }

    /// Excluded servers are a bit set.
    public static let mostServers = 64

    public var candidates: [Candidate]
    /// How long a server that was taken back gets less than its share, in nanoseconds; 0: not at all.
    public let slowStartNanos: Int64
    /// The smallest weight there is, in 256ths.
    private let unit: Int

    public init(weights: [Int], slowStartNanos: Int64 = 0) {
        precondition(
            !weights.isEmpty && weights.count <= Self.mostServers, "an upstream has one to 64 servers")
        candidates = weights.map { Candidate(weight: $0) }
        unit = (weights.min() ?? 1) * 256
        self.slowStartNanos = slowStartNanos
    }

    /// The weight of a server in 256ths: it grows from nothing to the whole in the time of a slow start.
    public static func weight(_ weight: Int, recoveredFor nanos: Int64, slowStartNanos: Int64) -> Int {
        if nanos >= slowStartNanos { return weight * 256 }
        // By percent first: nanoseconds times a weight might not fit.
        let thousandths = Int(max(0, nanos) / max(1, slowStartNanos / 1000))
        return max(1, weight * 256 * min(thousandths, 1000) / 1000)
    }

    /// Chooses. `excluded` has the bits of servers that were tried already.
    public mutating func next(nowNanos: Int64, excluding excluded: UInt64 = 0) -> Outcome {
        var isAnyFull = false
        var best = -1
        for index in candidates.indices {
            candidates[index].effectiveWeight = 0
            if excluded & (1 << UInt64(index)) != 0 { continue }
            guard isUsable(candidates[index], nowNanos) else { continue }
            if candidates[index].isFull {
                isAnyFull = true
                continue
            }
            let weight = weight(of: candidates[index], nowNanos)
            candidates[index].effectiveWeight = weight
            candidates[index].load = candidates[index].inFlight * unit / weight
            if best < 0 || candidates[index].load < candidates[best].load { best = index }
        }
        if best >= 0 { return .server(takeTurn(amongEqualsOf: best)) }
        return isAnyFull ? .full : leastBad(excluded)
    }

    private func isUsable(_ candidate: Candidate, _ now: Int64) -> Bool {
        candidate.outUntilNanos == 0 || (candidate.outUntilNanos <= now && candidate.inFlight == 0)
    }

    private func weight(of candidate: Candidate, _ now: Int64) -> Int {
        if slowStartNanos == 0 || candidate.recoveredNanos == 0 { return candidate.weight * 256 }
        return Self.weight(
            candidate.weight, recoveredFor: now - candidate.recoveredNanos, slowStartNanos: slowStartNanos)
    }

    private mutating func takeTurn(amongEqualsOf best: Int) -> Int {
        let load = candidates[best].load
        var total = 0
        var taken = -1
        for index in candidates.indices where candidates[index].effectiveWeight > 0 {
            if candidates[index].load > load { continue }
            total += candidates[index].effectiveWeight
            candidates[index].credit += candidates[index].effectiveWeight
            if taken < 0 || candidates[index].credit > candidates[taken].credit { taken = index }
        }
        candidates[taken].credit -= total
        return taken
    }

    /// All that are left are out. The last server is never given up: the one whose time is over first.
    private func leastBad(_ excluded: UInt64) -> Outcome {
        var best = -1
        var isAnyFull = false
        for index in candidates.indices where excluded & (1 << UInt64(index)) == 0 {
            if candidates[index].isFull {
                isAnyFull = true
            } else if best < 0 || isLessBad(candidates[index], candidates[best]) {
                best = index
            }
        }
        if best >= 0 { return .server(best) }
        return isAnyFull ? .full : .none
    }

    private func isLessBad(_ left: Candidate, _ right: Candidate) -> Bool {
        (left.outUntilNanos, left.inFlight) < (right.outUntilNanos, right.inFlight)
    }
}
