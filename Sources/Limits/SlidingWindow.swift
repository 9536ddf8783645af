// The two windows of one counter and the arithmetic over them. With windows aligned to 1970,
//
//     sequence  = floor(now / duration)
//     elapsed   = (now - sequence · duration) / duration                        in [0, 1)
//     effective = current + trunc(previous · (1 - elapsed))
//
// and a cost passes iff effective + cost ≤ limit. It is all done in integers: 1 - elapsed is
// (duration - offset) / duration, and the product has 128 bits, so the result is the formula's, not nearly it.
//
// Clocks are not to be trusted: they jump, and two threads read them at slightly different moments. A clock that
// is one window behind the counter is judged at the beginning of the counter's window, as if no time had passed
// since: nothing is freed, and nothing waits longer than one duration for the clock to catch up. A clock that is
// further behind was set back: the counter moves to it with all it has counted, and from there on ages as usual.

struct SlidingWindow {
    /// 0 in an unused slot.
    var durationMillis: Int64 = 0
    private(set) var sequence: Int64 = 0
    private(set) var current: Int64 = 0
    private(set) var previous: Int64 = 0

    init() {}

    init(durationMillis: Int64, nowMillis: Int64) {
        self.durationMillis = durationMillis
        sequence = nowMillis / durationMillis
    }

    /// Brings the windows to what they are at `nowMillis`.
    mutating func advance(to nowMillis: Int64) {
        let now = nowMillis / durationMillis
        if now == sequence || now == sequence - 1 { return }
        if now == sequence + 1 {
            previous = current
            current = 0
        } else if now > sequence {
            previous = 0
            current = 0
        }
        sequence = now
    }

    /// What counts at `nowMillis`, to which the windows have been advanced.
    func effective(at nowMillis: Int64) -> Int64 {
        if previous == 0 { return current }
        let offset = max(0, nowMillis - sequence * durationMillis)
        let product = UInt64(previous).multipliedFullWidth(by: UInt64(durationMillis - offset))
        // The quotient is at most `previous`, so the division cannot overflow.
        let weighed = UInt64(durationMillis).dividingFullWidth(product).quotient
        return current.addingSaturating(Int64(weighed))
    }

    /// The end of the current window. Only the very first window can be so long that this does not overflow
    /// by a hair: its end is then its duration.
    var endMillis: Int64 { (sequence + 1) * durationMillis }

    /// `cost` has been judged to fit.
    mutating func raise(by cost: Int64) { current += cost }

    /// Takes back what was raised when the window was `raised`.
    mutating func restore(_ cost: Int64, raisedIn raised: Int64) {
        // A window that is now before the one that was raised was set back with its counts.
        if sequence <= raised {
            current = max(0, current - cost)
        } else if sequence == raised + 1 {
            previous = max(0, previous - cost)
        }
    }

    /// Whether nothing that happened to this counter matters any more.
    func isOver(at nowMillis: Int64) -> Bool { nowMillis / durationMillis - sequence >= 2 || isZero }

    /// Whether nothing is counted, so that forgetting the counter changes nothing.
    var isZero: Bool { current == 0 && previous == 0 }

    /// The first moment at which nothing counted so far matters.
    var overMillis: Int64 {
        let (end, overflow) = (sequence + 2).multipliedReportingOverflow(by: durationMillis)
        return overflow ? .max : end
    }
}
