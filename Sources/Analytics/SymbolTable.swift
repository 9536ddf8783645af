// Strings of a segment, each stored once and named by a small number. Key ids, identities and tags repeat
// from event to event, so a row holds four bytes for each of them; and because every segment has a table of
// its own, dropping an old segment drops its strings, however many different ones clients came up with.

import Bytes

/// An append-only set of byte strings. The empty string is always symbol 0.
struct SymbolTable: Sendable {
    private(set) var texts: [[UInt8]] = [[]]
    /// Bytes of all texts together.
    private(set) var byteCount = 0
    /// Open addressing; a slot is a symbol plus one, 0 when free. Its size is a power of two.
    private var slots = [UInt32](repeating: 0, count: 64)

    var count: Int { texts.count }

    /// The number of this text, which is added if it is new.
    mutating func intern(_ bytes: Span<UInt8>) -> UInt32 {
        if bytes.isEmpty { return 0 }
        var slot = Self.hash(bytes) & (slots.count - 1)
        while slots[slot] != 0 {
            if has(bytes, at: slots[slot] - 1) { return slots[slot] - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
        texts.append(Array(copying: bytes))
        byteCount += bytes.count
        slots[slot] = UInt32(texts.count)
        if texts.count * 2 > slots.count { grow() }
        return UInt32(texts.count - 1)
    }

    /// The number of this text; nil if the table does not have it.
    func find(_ bytes: Span<UInt8>) -> UInt32? {
        if bytes.isEmpty { return 0 }
        var slot = Self.hash(bytes) & (slots.count - 1)
        while slots[slot] != 0 {
            if has(bytes, at: slots[slot] - 1) { return slots[slot] - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func has(_ bytes: Span<UInt8>, at symbol: UInt32) -> Bool {
        let text = texts[Int(symbol)]
        return ASCII.equals(text.span, bytes)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for symbol in texts.indices.dropFirst() {
            let text = texts[symbol]
            var slot = Self.hash(text.span) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(symbol + 1)
        }
    }

    /// Tags may be text of clients, so this is the standard library's keyed hash (SipHash): chosen input
    /// must not make everybody probe for ever.
    private static func hash(_ bytes: Span<UInt8>) -> Int {
        var hasher = Hasher()
        var word: UInt64 = UInt64(truncatingIfNeeded: bytes.count)
        for index in bytes.indices {
            word = word << 8 | UInt64(bytes[index])
            if index & 7 == 7 {
                hasher.combine(word)
                word = 0
            }
        }
        hasher.combine(word)
        return hasher.finalize() & Int.max
    }
}
