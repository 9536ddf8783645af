// What one event-loop thread owns: its epoll, its clock readings and its timer wheel. What the events mean
// is decided by the layer above, which asks for a turn and looks at each event.

/// The waiting half of an event loop. Owned and used by one thread.
public final class EventLoop {
    public var poller: Poller
    public var timers: TimerWheel

    /// Monotonic nanoseconds, read once a turn, after waiting.
    public private(set) var nowNanos: Int64

    /// Unix time in nanoseconds, read together with `nowNanos`.
    public private(set) var unixNanos: Int64

    /// Unix time in milliseconds.
    public var unixMillis: Int64 { unixNanos / 1_000_000 }

    /// Not thread-safe: create it on the thread that will use it.
    public init() throws(Errno) {
        poller = try Poller()
        nowNanos = Clock.monotonicNanos()
        unixNanos = Clock.realtimeNanos()
        timers = TimerWheel(nowNanos: nowNanos)
    }

    /// Waits for events, until the next timer tick or `longestMillis` (negative: no bound), whichever is
    /// first; then reads the clocks. Returns the number of events.
    public func wait(longestMillis: Int32) throws(Errno) -> Int {
        let timerMillis = timers.sleepMillis(nowNanos: nowNanos)
        let sleep: Int32
        switch (longestMillis < 0, timerMillis < 0) {
        case (true, _): sleep = timerMillis
        case (false, true): sleep = longestMillis
        case (false, false): sleep = min(longestMillis, timerMillis)
        }
        let count = try poller.wait(milliseconds: sleep)
        nowNanos = Clock.monotonicNanos()
        unixNanos = Clock.realtimeNanos()
        return count
    }
}

@available(*, unavailable)
extension EventLoop: Sendable {}
