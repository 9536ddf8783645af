// The counters of one shard: open addressing with linear probing, bounded, cleaned in place. Counters are made by
// strangers, who can knock from as many addresses as they like, so what happens when the table is full decides
// what the limits are worth: a counter is only ever forgotten once both its windows are over, and where there is
// no room for a new one, it is refused. Forgetting a live one would hand out a fresh allowance.

struct CounterTable {
    private struct Slot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var window = SlidingWindow()

        var isEmpty: Bool { window.durationMillis == 0 }
        func holds(_ key: CounterKey) -> Bool { high == key.high && low == key.low && !isEmpty }
    }

    /// What one charge came to.
    struct Judgement {
        var fits: Bool
        var effective: Int64
        var resetMillis: Int64
        /// The start of the window that was raised.
        var raisedStart: Int64?
    }

    private var slots: [Slot] = []
    private(set) var count = 0
    private let maximumCount: Int
    private let maximumSlotCount: Int
    /// Before this steady moment, no counter that was here at the last sweep can be over.
    private var nextSweepMillis: Int64 = 0
    // Keeps the locks of neighbouring shards out of each other's cache lines.
    private let padding = InlineArray<8, UInt64>(repeating: 0)

    init(maximumCount: Int) {
        self.maximumCount = maximumCount
        var slotCount = 16
        // At most half full at the bound, so that probing stays short.
        while slotCount < 2 * maximumCount { slotCount *= 2 }
        maximumSlotCount = slotCount
    }

    /// Judges `charge` and, if it fits and `raises`, counts it. `pending` is what earlier charges of the same
    /// call ask of this counter without having been counted.
    mutating func judge(_ charge: Charge, pending: Int64, raises: Bool, _ time: LimitTime) -> Judgement {
        var index = find(charge.counter)
        var stored: Int64 = 0
        let resetMillis: Int64
        if let index {
            slots[index].window.advance(to: time)
            stored = slots[index].window.effective(at: time)
            resetMillis = slots[index].window.endMillis(at: time)
        } else {
            resetMillis = SlidingWindow(durationMillis: charge.durationMillis, at: time).endMillis(at: time)
        }
        let effective = stored.addingSaturating(pending)
        var judgement = Judgement(
            fits: effective <= charge.limit && charge.cost <= charge.limit - effective, effective: effective,
            resetMillis: resetMillis)
        guard judgement.fits, raises, charge.cost > 0 else { return judgement }
        if index == nil {
            index = insert(
                charge.counter, SlidingWindow(durationMillis: charge.durationMillis, at: time), time)
        }
        guard let index else {
            judgement.fits = false
            judgement.effective = charge.limit
            return judgement
        }
        slots[index].window.raise(by: charge.cost)
        judgement.raisedStart = slots[index].window.startMillis
        return judgement
    }

    /// Takes back what `judge` raised. A counter that is gone meanwhile has nothing to take back, and one that
    /// came to nothing makes room: refused requests must not fill the table.
    mutating func restore(_ charge: Charge) {
        guard let raised = charge.raisedStart, let index = find(charge.counter) else { return }
        slots[index].window.restore(charge.cost, raisedIn: raised)
        if slots[index].window.isZero { remove(at: index) }
    }

    // MARK: Across restarts

    /// Every counter that still matters at `time`.
    func forEachLive(at time: LimitTime, _ body: (CounterKey, SlidingWindow) -> Void) {
        for slot in slots where !slot.isEmpty && !slot.window.isOver(at: time) {
            body(CounterKey(high: slot.high, low: slot.low), slot.window)
        }
    }

    /// Puts a counter back that was here before. One that is over, or for which there is no room, is left out.
    mutating func putBack(_ key: CounterKey, _ window: SlidingWindow, _ time: LimitTime) {
        if window.isOver(at: time) || find(key) != nil { return }
        _ = insert(key, window, time)
    }

    // MARK: The slots

    private func home(_ high: UInt64) -> Int { Int(truncatingIfNeeded: high) & (slots.count - 1) }

    private func find(_ key: CounterKey) -> Int? {
        if slots.isEmpty { return nil }
        var index = home(key.high)
        while !slots[index].isEmpty {
            if slots[index].holds(key) { return index }
            index = (index + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Nil if there is no room.
    private mutating func insert(_ key: CounterKey, _ window: SlidingWindow, _ time: LimitTime) -> Int? {
        if (count + 1) * 4 > slots.count * 3 || count >= maximumCount {
            if time.steadyMillis >= nextSweepMillis { sweep(time) }
            // Growing stops once half of the table is enough, so a sweep always buys many insertions.
            if (count + 1) * 2 > slots.count, slots.count < maximumSlotCount { grow() }
            if count >= maximumCount { return nil }
        }
        nextSweepMillis = min(nextSweepMillis, window.overMillis)
        count += 1
        return place(Slot(high: key.high, low: key.low, window: window))
    }

    private mutating func place(_ slot: Slot) -> Int {
        var index = home(slot.high)
        while !slots[index].isEmpty { index = (index + 1) & (slots.count - 1) }
        slots[index] = slot
        return index
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: max(16, old.count * 2))
        for slot in old where !slot.isEmpty { _ = place(slot) }
    }

    /// Forgets what is over, in place.
    private mutating func sweep(_ time: LimitTime) {
        var next = Int64.max
        var index = 0
        while index < slots.count {
            if slots[index].isEmpty {
                index += 1
            } else if slots[index].window.isOver(at: time) {
                // Something else may have moved into this slot.
                remove(at: index)
            } else {
                slots[index].window.advance(to: time)
                next = min(next, slots[index].window.overMillis)
                index += 1
            }
        }
        nextSweepMillis = next
    }

    /// Deletion without tombstones: what stands behind the hole and may stand in it moves up (Knuth, The Art
    /// of Computer Programming, 6.4, algorithm R).
    private mutating func remove(at index: Int) {
        let mask = slots.count - 1
        var hole = index
        var next = (index + 1) & mask
        while !slots[next].isEmpty {
            let distanceFromHome = (next - home(slots[next].high)) & mask
            if distanceFromHome >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Slot()
        count -= 1
    }
}
