// What is known of one server's health, and what follows from it. A pure machine: no socket, no clock, no
// chance of its own. Time and chance come in with the events; whoever owns the machine publishes what it says.

/// When a server is left alone for failing, and for how long.
public struct EjectionPolicy: Sendable, Hashable {
    /// So many failures in a row; at least 1.
    public var failureCount: Int
    /// The first time, in nanoseconds; each further time twice as long.
    public var firstNanos: Int64
    /// The longest time, in nanoseconds.
    public var longestNanos: Int64

    public init(failureCount: Int, firstNanos: Int64, longestNanos: Int64) {
        precondition(
            failureCount > 0 && firstNanos > 0 && longestNanos >= firstNanos,
            "an ejection has a count and a time")
        self.failureCount = failureCount
        self.firstNanos = firstNanos
        self.longestNanos = longestNanos
    }
}

/// How many checks in a row change a server's standing; each at least 1.
public struct CheckPolicy: Sendable, Hashable {
    /// Passed checks after which it is taken back.
    public var riseCount: Int
    /// Failed checks after which it is left alone.
    public var fallCount: Int

    public init(riseCount: Int, fallCount: Int) {
        precondition(riseCount > 0 && fallCount > 0, "checks change nothing before there was one")
        self.riseCount = riseCount
        self.fallCount = fallCount
    }
}

/// The health of one server. Failures are those that say something about the server and nothing about the
/// request: no connection, no TLS, no byte of an answer in time, a cut before the head of the answer.
public struct ServerHealth: Sendable {
    public enum Standing: Sendable, Equatable {
        /// It gets requests.
        case up
        /// It failed too often in a row: left alone until then, after which one request at a time tries it.
        case ejected(untilNanos: Int64)
        /// The checks failed: left alone until they pass.
        case down
    }

    /// A standing that is new, for the log.
    public enum Change: Sendable, Equatable {
        case ejected(forNanos: Int64, failureCount: Int)
        case down(failureCount: Int)
        case up
    }

    public private(set) var standing = Standing.up
    /// Failures of requests since the last success.
    public private(set) var failuresInRow = 0
    /// When it was last taken back; 0 if it has never been left alone.
    public private(set) var recoveredNanos: Int64 = 0
    /// Ejections since it last stayed up for long: the exponent of the back-off.
    private var ejectionsInRow = 0
    private var checksPassedInRow = 0
    private var checksFailedInRow = 0

    public init() {}

    /// Whether a success would change anything.
    public var isTroubled: Bool { failuresInRow > 0 || standing != .up }

    /// A request has failed. `spread` is any number, drawn anew each time: it moves the end of an ejection by
    /// up to a quarter either way, so that the loops of many gateways do not come back in one moment.
    public mutating func failed(atNanos now: Int64, _ policy: EjectionPolicy, spread: UInt8) -> Change? {
        failuresInRow += 1
        switch standing {
        case .up:
            return failuresInRow >= policy.failureCount ? eject(now, policy, spread) : nil
        case .ejected(let until):
            // Requests that were under way, or that had nowhere else to go, do not make it longer.
            return now >= until ? eject(now, policy, spread) : nil
        case .down:
            return nil
        }
    }

    private mutating func eject(_ now: Int64, _ policy: EjectionPolicy, _ spread: UInt8) -> Change {
        // A server that flaps is up for a moment each time: only a longer while makes its past forgotten.
        if standing == .up, now - recoveredNanos > policy.longestNanos { ejectionsInRow = 0 }
        let doublings = min(ejectionsInRow, 40)
        let grown = policy.firstNanos.multipliedReportingOverflow(by: 1 << Int64(doublings))
        let whole = grown.overflow ? policy.longestNanos : min(grown.partialValue, policy.longestNanos)
        let nanos = whole - whole / 4 + whole / 512 * Int64(spread)
        ejectionsInRow += 1
        checksPassedInRow = 0
        standing = .ejected(untilNanos: now + nanos)
        return .ejected(forNanos: nanos, failureCount: failuresInRow)
    }

    /// A request has been answered, whatever the answer.
    public mutating func succeeded(atNanos now: Int64) -> Change? {
        failuresInRow = 0
        switch standing {
        case .up, .down: return nil
        case .ejected: return recover(now)
        }
    }

    public mutating func checkPassed(atNanos now: Int64, _ policy: CheckPolicy) -> Change? {
        checksFailedInRow = 0
        checksPassedInRow += 1
        if standing == .up || checksPassedInRow < policy.riseCount { return nil }
        return recover(now)
    }

    public mutating func checkFailed(_ policy: CheckPolicy) -> Change? {
        checksPassedInRow = 0
        checksFailedInRow += 1
        if standing == .down || checksFailedInRow < policy.fallCount { return nil }
        standing = .down
        return .down(failureCount: checksFailedInRow)
    }

    /// There will be no more checks: what the last ones said must not keep it out for ever.
    public mutating func checksEnded(atNanos now: Int64) -> Change? {
        checksPassedInRow = 0
        checksFailedInRow = 0
        return standing == .down ? recover(now) : nil
    }

    private mutating func recover(_ now: Int64) -> Change {
        failuresInRow = 0
        recoveredNanos = now
        standing = .up
        return .up
    }
}
