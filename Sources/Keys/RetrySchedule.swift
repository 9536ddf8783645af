// When a store that could not be written is tried again: soon, then less and less often.

/// Belongs to the store's thread. Times are of the monotonic clock, in nanoseconds.
struct RetrySchedule {
    private static let shortestNanos: Int64 = 100_000_000
    private static let longestNanos: Int64 = 10_000_000_000

    private var delayNanos = shortestNanos
    private var nextNanos: Int64?
    private var endedNanos: Int64?

    /// Whether the store is read-only and waits to be tried.
    var isUnderWay: Bool { nextNanos != nil }

    /// The store has just failed. If it had not worked for long before, the pace stays as slow as it was.
    mutating func begin(_ now: Int64) {
        if endedNanos.map({ now - $0 > Self.longestNanos }) ?? true { delayNanos = Self.shortestNanos }
        nextNanos = now + delayNanos
    }

    mutating func postpone(_ now: Int64) {
        delayNanos = min(delayNanos * 2, Self.longestNanos)
        nextNanos = now + delayNanos
    }

    mutating func end(_ now: Int64) {
        delayNanos = min(delayNanos * 2, Self.longestNanos)
        nextNanos = nil
        endedNanos = now
    }

    func isDue(_ now: Int64) -> Bool { nextNanos.map { $0 <= now } ?? false }

    /// At least one, so that waiting is not spinning.
    func millisToWait(_ now: Int64) -> Int32 {
        Int32(clamping: max(1, ((nextNanos ?? now) - now) / 1_000_000 + 1))
    }
}
