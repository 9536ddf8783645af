// The two windows of one counter and the arithmetic over them. With windows aligned to 1970,
//
//     start     = floor(now / duration) · duration
//     elapsed   = (now - start) / duration                                      in [0, 1)
//     effective = current + trunc(previous · (1 - elapsed))
//
// and a cost passes iff effective + cost ≤ limit. It is all done in integers: 1 - elapsed is
// (duration - offset) / duration, and the product has 128 bits, so the result is the formula's, not nearly it.
//
// What that promises, in time that passes: in each window at most `limit`; and in any interval of one duration,
// which touches two windows and reaches `offset` into the second, at most limit + ceil(limit · offset / duration)
// ≤ 2 · limit. After a window that was full, something passes again from the first millisecond past its end.
//
// `now` is the steady time of `LimitClock`, which does not jump, so no setting of the wall clock changes any of
// this. A window is known by its start and not by its number: the start is aligned to the wall clock when the
// counter begins afresh, which it does only when nothing has passed for a whole duration, and from then on windows
// follow one another without a gap. Threads read the clock at slightly different moments: one that is a moment
// behind the window is judged at its beginning, as if no time had passed since, so that nothing is freed.

struct SlidingWindow {
    /// 0 in an unused slot.
    var durationMillis: Int64 = 0
    /// When the current window began, in steady milliseconds.
    private(set) var startMillis: Int64 = 0
    private(set) var current: Int64 = 0
    private(set) var previous: Int64 = 0

    init() {}

    init(durationMillis: Int64, at time: LimitTime) {
        self.durationMillis = durationMillis
        startMillis = Self.start(durationMillis, time)
    }

    init(durationMillis: Int64, startMillis: Int64, current: Int64, previous: Int64) {
        self.durationMillis = durationMillis
        self.startMillis = startMillis
        self.current = current
        self.previous = previous
    }

    private static func start(_ durationMillis: Int64, _ time: LimitTime) -> Int64 {
        let offset = time.wallMillis % durationMillis
        return time.steadyMillis - (offset < 0 ? offset + durationMillis : offset)
    }

    /// Brings the windows to what they are at `time`.
    mutating func advance(to time: LimitTime) {
        let age = time.steadyMillis - startMillis
        if age < durationMillis { return }
        if age - durationMillis < durationMillis {
            previous = current
            startMillis += durationMillis
        } else {
            // Nothing has passed for a whole duration: wherever the next window begins, it sees nothing of this.
            previous = 0
            startMillis = Self.start(durationMillis, time)
        }
        current = 0
    }

    /// What counts at `time`, to which the windows have been advanced.
    func effective(at time: LimitTime) -> Int64 {
        if previous == 0 { return current }
        let offset = max(0, time.steadyMillis - startMillis)
        let product = UInt64(previous).multipliedFullWidth(by: UInt64(durationMillis - offset))
        // The quotient is at most `previous`, so the division cannot overflow.
        let weighed = UInt64(durationMillis).dividingFullWidth(product).quotient
        return current.addingSaturating(Int64(weighed))
    }

    /// The end of the current window, in the wall time of `time`.
    func endMillis(at time: LimitTime) -> Int64 {
        startMillis.addingSaturating(durationMillis).addingSaturating(time.stepMillis)
    }

    /// `cost` has been judged to fit.
    mutating func raise(by cost: Int64) { current += cost }

    /// Takes back what was raised when the current window was the one that began at `raised`.
    mutating func restore(_ cost: Int64, raisedIn raised: Int64) {
        if startMillis == raised {
            current = max(0, current - cost)
        } else if startMillis == raised.addingSaturating(durationMillis) {
            previous = max(0, previous - cost)
        }
    }

    /// Whether nothing that happened to this counter matters any more.
    func isOver(at time: LimitTime) -> Bool { isZero || time.steadyMillis >= overMillis }

    /// Whether nothing is counted, so that forgetting the counter changes nothing.
    var isZero: Bool { current == 0 && previous == 0 }

    /// The first steady moment at which nothing counted so far matters.
    var overMillis: Int64 { startMillis.addingSaturating(durationMillis).addingSaturating(durationMillis) }
}
