// A hashed timer wheel for deadlines that are nearly always moved before they are due. Moving one is free:
// the owner only writes its own deadline field. The wheel holds one entry per owner; when it comes up the
// owner compares with its field and either acts or goes round again.

/// Deadlines of things that have an index and a generation. Owned by one loop.
public struct TimerWheel: ~Copyable {
    /// One tick of the wheel: a deadline may be noticed this much late, never early.
    public static let tickNanos: Int64 = 20_000_000
    private static let slotCount = 1024

    /// Anything further away comes up once per round of the wheel and is put back by its owner.
    public static let horizonNanos = tickNanos * Int64(slotCount - 2)

    public struct Entry: Sendable {
        public let index: Int32
        public let generation: UInt32
    }

    private var slots: [[Entry]]
    private var due: [Entry] = []
    private var currentTick: Int64
    /// Entries in the wheel, stale ones included.
    public private(set) var count = 0

    public init(nowNanos: Int64) {
        slots = [[Entry]](repeating: [], count: Self.slotCount)
        currentTick = nowNanos / Self.tickNanos
    }

    /// Enters an owner. Returns the time at which it will come up at the latest: the owner keeps that, and
    /// enters itself again only for a deadline that is earlier.
    public mutating func add(index: Int, generation: UInt32, deadlineNanos: Int64) -> Int64 {
        let wanted = deadlineNanos / Self.tickNanos + 1
        let tick = min(max(wanted, currentTick + 1), currentTick + Int64(Self.slotCount) - 1)
        slots[Int(tick) & (Self.slotCount - 1)].append(Entry(index: Int32(index), generation: generation))
        count += 1
        return tick * Self.tickNanos
    }

    /// Moves the wheel to `nowNanos` and returns how many entries `dueEntry(at:)` has.
    public mutating func advance(nowNanos: Int64) -> Int {
        due.removeAll(keepingCapacity: true)
        let target = nowNanos / Self.tickNanos
        // A process that was stopped for long has at most one round to look at.
        if target - currentTick > Int64(Self.slotCount) { currentTick = target - Int64(Self.slotCount) }
        while currentTick < target {
            currentTick += 1
            let slot = Int(currentTick) & (Self.slotCount - 1)
            if slots[slot].isEmpty { continue }
            due.append(contentsOf: slots[slot])
            count -= slots[slot].count
            slots[slot].removeAll(keepingCapacity: true)
        }
        return due.count
    }

    public borrowing func dueEntry(at position: Int) -> Entry { due[position] }

    /// Milliseconds a loop may sleep without missing a tick that has entries: -1 when there are none.
    public borrowing func sleepMillis(nowNanos: Int64) -> Int32 {
        if count == 0 { return -1 }
        var tick = currentTick + 1
        while slots[Int(tick) & (Self.slotCount - 1)].isEmpty { tick += 1 }
        let nanos = tick * Self.tickNanos - nowNanos
        return Int32(clamping: max(0, (nanos + 999_999) / 1_000_000))
    }
}
