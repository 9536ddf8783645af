// From a text to the number of the entity that bears it: ids, external ids, slugs, names. Only the store's
// thread looks here, so it is an ordinary open-addressing table; it is ours rather than a `Dictionary`
// because it keeps no copy of the text (the block has it) and costs eight bytes a slot.

import Bytes
import Reactor

struct NumberIndex {
    // 32 bits of hash above 32 bits of number. The hash bits also choose the slot, so growing needs no block.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var usedCount = 0
    private var liveCount = 0

    private static var tombstone: UInt64 { UInt64(UInt32.max) }

    /// The number with this hash for which `matches` holds.
    func find(_ hash: UInt32, where matches: (UInt32) -> Bool) -> UInt32? {
        let mask = slots.count - 1
        var index = Int(hash) & mask
        while slots[index] != 0 {
            if UInt32(truncatingIfNeeded: slots[index] >> 32) == hash, slots[index] != Self.tombstone {
                let number = UInt32(truncatingIfNeeded: slots[index])
                if matches(number) { return number }
            }
            index = (index + 1) & mask
        }
        return nil
    }

    mutating func insert(_ hash: UInt32, _ number: UInt32) {
        if (usedCount + 1) * 8 > slots.count * 5 { grow(toHold: liveCount + 1) }
        place(UInt64(hash) << 32 | UInt64(number))
        usedCount += 1
        liveCount += 1
    }

    private mutating func place(_ word: UInt64) {
        let mask = slots.count - 1
        var index = Int(word >> 32) & mask
        while slots[index] != 0 { index = (index + 1) & mask }
        slots[index] = word
    }

    mutating func remove(_ hash: UInt32, _ number: UInt32) {
        let wanted = UInt64(hash) << 32 | UInt64(number)
        let mask = slots.count - 1
        var index = Int(hash) & mask
        while slots[index] != wanted {
            precondition(slots[index] != 0, "removing a number that the index does not hold")
            index = (index + 1) & mask
        }
        slots[index] = Self.tombstone
        liveCount -= 1
    }

    mutating func reserve(_ count: Int) {
        if count * 8 > slots.count * 5 { grow(toHold: count) }
    }

    private mutating func grow(toHold count: Int) {
        var capacity = 16
        while count * 2 > capacity { capacity *= 2 }
        let old = slots
        slots = [UInt64](repeating: 0, count: capacity)
        for word in old where word != 0 && word != Self.tombstone { place(word) }
        usedCount = liveCount
    }
}

/// The hash of texts in a `NumberIndex`. Seeded per process: external ids are chosen by strangers.
enum TextHash {
    private static let seed = SystemRandom.word()

    static func of(_ text: Span<UInt8>) -> UInt32 {
        var hash = seed
        for index in text.indices { hash = (hash ^ UInt64(text[index])) &* 0x9E37_79B9_7F4A_7C15 }
        return finish(hash)
    }

    /// The same for texts that differ only in ASCII letter case.
    static func folding(_ text: Span<UInt8>) -> UInt32 {
        var hash = seed
        for index in text.indices {
            hash = (hash ^ UInt64(ASCII.lower(text[index]))) &* 0x9E37_79B9_7F4A_7C15
        }
        return finish(hash)
    }

    // A multiplication carries upwards only, so the low bits of the product know little of the last bytes;
    // the upper half, folded down, knows all of them.
    private static func finish(_ hash: UInt64) -> UInt32 {
        let mixed = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }
}
