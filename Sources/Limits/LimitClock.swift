// The clock of the windows. What the contract promises is promised in time that passes: at most so many in a
// minute, and free again after it. The wall clock cannot measure that, because it is set: by hand, by NTP at boot,
// by whoever moves a virtual machine. So windows age by the monotonic clock, and the wall clock has two duties only:
// it says where a counter's first window begins, because windows are aligned to 1970 (management-api.md 9.1), and
// it is the language in which clients are told when a window ends.
//
//     steady   = monotonic now + (wall − monotonic when this clock was made)      never jumps
//     step     = wall now − steady                                               0 until somebody sets the clock
//
// As long as nobody sets the clock, steady and wall are the same number and everything is as 9.1 writes it. After
// a step, a counter in use keeps the phase it had (its windows neither end early nor late; their ends are told in
// the new wall time), and one that begins afresh is aligned to the new wall time. Time in which the machine sleeps
// does not pass for the windows: waking up frees nothing that was not free.

import Reactor
import Synchronization

/// A moment as the windows see it.
public struct LimitTime: Sendable, Hashable {
    /// Milliseconds on a clock that never jumps; the wall clock's as long as that is not set.
    let steadyMillis: Int64
    /// What to add for the wall clock.
    let stepMillis: Int64

    /// For a clock that nobody sets: `unixMillis` is milliseconds since 1970.
    public init(unixMillis: Int64) {
        steadyMillis = unixMillis
        stepMillis = 0
    }

    init(steadyMillis: Int64, stepMillis: Int64) {
        self.steadyMillis = steadyMillis
        self.stepMillis = stepMillis
    }

    /// Milliseconds since 1970, as people count.
    var wallMillis: Int64 { steadyMillis &+ stepMillis }
}

/// Turns readings of the two clocks of the machine into moments for windows. Any thread.
public final class LimitClock: Sendable {
    /// Both clocks, read one right after the other.
    public struct Readings: Sendable {
        public let monotonicNanos: Int64
        public let unixNanos: Int64

        public init(monotonicNanos: Int64, unixNanos: Int64) {
            self.monotonicNanos = monotonicNanos
            self.unixNanos = unixNanos
        }

        public static func ofThisMachine() -> Readings {
            Readings(monotonicNanos: Clock.monotonicNanos(), unixNanos: Clock.realtimeNanos())
        }
    }

    /// Readings are two, so they disagree by what comes between them; a clock that was set by less is not worth
    /// telling anybody.
    private static let toleranceMillis: Int64 = 250
    /// A thread that was put aside between its two readings sees a step that never was: it looks again.
    private static let looks = 3

    private let source: @Sendable () -> Readings
    private let anchorNanos: Int64
    private let step = Atomic<Int64>(0)

    /// `source` reads the clocks; tests have their own.
    public init(_ source: @escaping @Sendable () -> Readings = { Readings.ofThisMachine() }) {
        self.source = source
        let first = source()
        anchorNanos = first.unixNanos &- first.monotonicNanos
    }

    /// Reads the clocks.
    public func now() -> LimitTime { time(source()) }

    /// The moment at which `readings` were taken. Costs a load and a comparison while nobody sets the clock.
    public func time(_ readings: Readings) -> LimitTime {
        let steadyMillis = steady(readings)
        let known = step.load(ordering: .relaxed)
        if deviation(readings, from: known) <= Self.toleranceMillis {
            return LimitTime(steadyMillis: steadyMillis, stepMillis: known)
        }
        for _ in 0..<Self.looks {
            let again = source()
            let after = source()
            // Only readings that were taken in one go say anything about a step.
            guard after.monotonicNanos &- again.monotonicNanos < 1_000_000 else { continue }
            if deviation(again, from: known) > Self.toleranceMillis {
                let found = again.unixNanos / 1_000_000 &- steady(again)
                step.store(found, ordering: .relaxed)
                return LimitTime(steadyMillis: steadyMillis, stepMillis: found)
            }
            break
        }
        return LimitTime(steadyMillis: steadyMillis, stepMillis: known)
    }

    private func steady(_ readings: Readings) -> Int64 {
        (readings.monotonicNanos &+ anchorNanos) / 1_000_000
    }

    private func deviation(_ readings: Readings, from known: Int64) -> Int64 {
        abs(readings.unixNanos / 1_000_000 &- steady(readings) &- known)
    }
}
