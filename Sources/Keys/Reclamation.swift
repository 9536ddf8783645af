// When memory that readers may be looking at can be freed, without the readers taking a lock or counting a
// reference. Each reader says, once per turn of its loop, "I hold nothing from before": it copies the
// current epoch into its slot. What was unpublished in epoch E is freed once every slot that is not idle
// shows E or later.
//
// The order that matters: unpublish, then advance the epoch, then look at the slots. A reader that wakes in
// between either is seen as awake, or wakes after the advance and can only find what is published now. Both
// sides need a full fence for that (store, then load of another location), and it is taken on waking and on
// collecting, never on a look-up.

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The epoch and the readers' slots. Any thread; which operations are whose is said at each.
///
/// `@unchecked` because of the address of the slots, which are atomic words. Memory safety: the slots live
/// from `init` to `deinit`, an index is handed out by `claim` and in range.
@safe final class Reclamation: @unchecked Sendable {
    static let maxReaders = 256
    /// Two cache lines, so that neighbours do not share one even where the processor fetches them in pairs.
    private static let wordsPerSlot = 16
    private static let free: UInt = 0
    private static let idle = UInt.max

    private let epoch = Atomic<UInt>(1)
    private let slots: UnsafeMutablePointer<Atomic<UInt>>

    init() { unsafe slots = zeroedWords(Self.maxReaders * Self.wordsPerSlot) }
    deinit { unsafe Glibc.free(slots) }

    /// Takes a slot for a new reader, which starts awake: one that forgets what it has to say then keeps
    /// memory from being freed, and not the other way round. Traps when there are more readers than slots.
    func claim() -> Int {
        for index in 0..<Self.maxReaders {
            let (taken, _) = unsafe slots[index * Self.wordsPerSlot].compareExchange(
                expected: Self.free, desired: Self.idle, ordering: .acquiringAndReleasing)
            if taken {
                wake(index)
                return index
            }
        }
        preconditionFailure("more than \(Self.maxReaders) readers of one store")
    }

    func release(_ slot: Int) {
        unsafe slots[slot * Self.wordsPerSlot].store(Self.free, ordering: .releasing)
    }

    /// The reader of `slot` holds nothing it has found so far.
    @inline(__always) func quiesce(_ slot: Int) {
        unsafe slots[slot * Self.wordsPerSlot].store(epoch.load(ordering: .acquiring), ordering: .releasing)
    }

    /// The reader of `slot` holds nothing, and will look at nothing before it wakes.
    func goIdle(_ slot: Int) {
        unsafe slots[slot * Self.wordsPerSlot].store(Self.idle, ordering: .releasing)
    }

    func wake(_ slot: Int) {
        quiesce(slot)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Called by the store's thread after it unpublished something: the epoch in which that was.
    func advance() -> UInt {
        let now = epoch.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return now
    }

    /// The epoch that every reader has reached: what was unpublished in it or before may be freed.
    func reachedByAll() -> UInt {
        var least = UInt.max
        for index in 0..<Self.maxReaders {
            let seen = unsafe slots[index * Self.wordsPerSlot].load(ordering: .acquiring)
            if seen != Self.free, seen < least { least = seen }
        }
        return least
    }
}

/// Memory that waits to be freed, oldest first. The store's thread only.
struct Limbo {
    /// Something that was unpublished.
    private enum Remains {
        case block(Block)
        /// The address of an index that was outgrown.
        case table(UInt)

        func free() {
            switch self {
            case .block(let block): block.free()
            case .table(let address): unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: address))
            }
        }
    }

    private var waiting: [(epoch: UInt, remains: Remains)] = []
    /// Unpublished since the epoch was last advanced.
    private var fresh: [Remains] = []

    var isEmpty: Bool { waiting.isEmpty && fresh.isEmpty }

    mutating func add(_ block: Block) { fresh.append(.block(block)) }
    mutating func add(tableAt address: UInt) { fresh.append(.table(address)) }

    /// Frees what no reader can see any more. Call after publishing.
    mutating func collect(_ reclamation: Reclamation) {
        if isEmpty { return }
        if !fresh.isEmpty {
            let now = reclamation.advance()
            for remains in fresh { waiting.append((now, remains)) }
            fresh.removeAll(keepingCapacity: true)
        }
        let reached = reclamation.reachedByAll()
        let end = waiting.firstIndex { $0.epoch > reached } ?? waiting.count
        if end == 0 { return }
        for entry in waiting[..<end] { entry.remains.free() }
        waiting.removeFirst(end)
    }

    /// Frees everything. No reader may be left.
    mutating func freeAll() {
        for entry in waiting { entry.remains.free() }
        for remains in fresh { remains.free() }
        waiting = []
        fresh = []
    }
}
