// Finding a block by a hash of its contents, lock-free: the table behind every key look-up. Open addressing
// with linear probing; a slot is one word, 48 bits of block address and 16 bits of the hash, so that a
// probe that does not match is nearly always refused without touching the block.
//
// One thread changes the table, any number look at it. A slot goes from empty to a block, to another
// block of the same hash, to a tombstone; never back to empty, so a probe that runs at the same time cannot
// miss what was there before it started. Growing builds a new table and publishes its address; the old one
// is freed when every reader has moved on (`Reclamation`).

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What an index hashes. The 16 bits from 48 up serve as a tag, those from 0 up choose the slot.
protocol BlockHashing {
    static func hash(_ block: Block) -> UInt64
}

/// Memory safety: `root` and `counts` live as long as the `PublishedState` that owns them; the table that
/// `root` points to begins with the mask, and every slot index is masked with it. Addresses are those of
/// blocks that are freed only after they were removed here and every reader has passed a quiescent state.
@safe struct BlockIndex<Hashing: BlockHashing> {
    /// Slots in use, tombstones included, and blocks in them. The store's thread only.
    private struct Counts {
        var used = 0
        var live = 0
    }

    private static var tombstone: UInt { 1 }
    private static var addressMask: UInt { (1 << 48) - 1 }
    /// The mask stands alone in the first cache line, slots begin at the second.
    private static var slotsOffset: Int { 64 }

    private let root: UnsafeMutablePointer<Atomic<UInt>>
    private let counts: UnsafeMutablePointer<Counts>

    init() {
        unsafe root = zeroedWords(1)
        unsafe root.pointee.store(Self.newTable(slotCount: 16), ordering: .releasing)
        unsafe counts = .allocate(capacity: 1)
        unsafe counts.initialize(to: Counts())
    }

    private static func newTable(slotCount: Int) -> UInt {
        let size = slotsOffset + slotCount * 8
        var memory: UnsafeMutableRawPointer?
        // Probes land anywhere: with huge pages a large table costs one cache miss a look-up and not two.
        let alignment = size > 2 << 20 ? 2 << 20 : 64
        let failed = unsafe posix_memalign(&memory, alignment, size)
        precondition(failed == 0, "no memory for an index of \(slotCount) slots")
        let table = unsafe memory.unsafelyUnwrapped
        if size > 2 << 20 { _ = unsafe madvise(table, size, MADV_HUGEPAGE) }
        unsafe memset(table, 0, size)
        unsafe table.storeBytes(of: UInt(slotCount - 1), as: UInt.self)
        return UInt(bitPattern: table)
    }

    @inline(__always) private static func mask(_ table: UInt) -> UInt {
        unsafe UnsafeRawPointer(bitPattern: table).unsafelyUnwrapped.load(as: UInt.self)
    }

    @inline(__always) private static func slots(_ table: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
        unsafe UnsafeMutableRawPointer(bitPattern: table + UInt(slotsOffset)).unsafelyUnwrapped
            .assumingMemoryBound(to: Atomic<UInt>.self)
    }

    /// The block with this hash for which `matches` holds.
    @inline(__always) func find(_ hash: UInt64, where matches: (Block) -> Bool) -> Block? {
        let table = unsafe root.pointee.load(ordering: .acquiring)
        let mask = Self.mask(table)
        let slots = unsafe Self.slots(table)
        let tag = UInt(hash >> 48)
        var index = UInt(hash) & mask
        while true {
            let slot = unsafe slots[Int(index)].load(ordering: .acquiring)
            if slot == 0 { return nil }
            if slot >> 48 == tag, slot & Self.addressMask != Self.tombstone {
                let block = Block(address: slot & Self.addressMask)
                if matches(block) { return block }
            }
            index = (index + 1) & mask
        }
    }

    private static func word(_ hash: UInt64, _ address: UInt) -> UInt {
        precondition(address & ~addressMask == 0, "an address of more than 48 bits")
        return UInt(hash >> 48) << 48 | address
    }

    /// Makes `block` findable. It must not be in the index. A table that had to grow goes to `retire`.
    func insert(_ block: Block, retire: (UInt) -> Void) {
        let usedCount = unsafe counts.pointee.used
        let table = unsafe root.pointee.load(ordering: .relaxed)
        if (usedCount + 1) * 8 > Int(Self.mask(table) + 1) * 5 {
            let liveCount = unsafe counts.pointee.live
            grow(toHold: liveCount + 1, retire: retire)
        }
        let current = unsafe root.pointee.load(ordering: .relaxed)
        Self.place(block, in: current)
        unsafe counts.pointee.used += 1
        unsafe counts.pointee.live += 1
    }

    private static func place(_ block: Block, in table: UInt) {
        let hash = Hashing.hash(block)
        let mask = mask(table)
        let slots = unsafe slots(table)
        var index = UInt(hash) & mask
        while unsafe slots[Int(index)].load(ordering: .relaxed) != 0 { index = (index + 1) & mask }
        unsafe slots[Int(index)].store(word(hash, block.address), ordering: .releasing)
    }

    /// Puts `new`, which has the same hash, in the place of `old`: a look-up finds one or the other.
    func replace(_ old: Block, with new: Block) {
        set(old, to: Self.word(Hashing.hash(new), new.address))
    }

    func remove(_ old: Block) {
        set(old, to: Self.tombstone)
        unsafe counts.pointee.live -= 1
    }

    private func set(_ old: Block, to word: UInt) {
        let hash = Hashing.hash(old)
        let table = unsafe root.pointee.load(ordering: .relaxed)
        let mask = Self.mask(table)
        let slots = unsafe Self.slots(table)
        let wanted = Self.word(hash, old.address)
        var index = UInt(hash) & mask
        while true {
            let slot = unsafe slots[Int(index)].load(ordering: .relaxed)
            precondition(slot != 0, "changing a record that the index does not hold")
            if slot == wanted { break }
            index = (index + 1) & mask
        }
        unsafe slots[Int(index)].store(word, ordering: .releasing)
    }

    /// Makes room for `count` blocks in all, without growing on the way.
    func reserve(_ count: Int, retire: (UInt) -> Void) {
        let table = unsafe root.pointee.load(ordering: .relaxed)
        if count * 8 > Int(Self.mask(table) + 1) * 5 { grow(toHold: count, retire: retire) }
    }

    private func grow(toHold count: Int, retire: (UInt) -> Void) {
        var slotCount = 16
        while count * 2 > slotCount { slotCount *= 2 }
        let old = unsafe root.pointee.load(ordering: .relaxed)
        let table = Self.newTable(slotCount: slotCount)
        let oldSlots = unsafe Self.slots(old)
        for index in 0...Int(Self.mask(old)) {
            let address = unsafe oldSlots[index].load(ordering: .relaxed) & Self.addressMask
            if address > Self.tombstone { Self.place(Block(address: address), in: table) }
        }
        unsafe root.pointee.store(table, ordering: .releasing)
        unsafe counts.pointee.used = counts.pointee.live
        retire(old)
    }

    /// Frees the table, not the blocks. No thread may use the index any more.
    func free() {
        unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: root.pointee.load(ordering: .relaxed)))
        unsafe Glibc.free(root)
        unsafe counts.deallocate()
    }
}
