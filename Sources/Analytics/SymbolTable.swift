// Strings of a segment, each stored once and named by a small number. Key ids, identities and tags repeat
// from event to event, so a row holds four bytes for each of them; and because every segment has a table of
// its own, dropping an old segment drops its strings, however many different ones clients came up with.

import Bytes

/// An append-only set of byte strings. The empty string is always symbol 0. The texts stand one after another
/// in one array: a table has tens of thousands, there are hundreds of tables, and as arrays of their own the
/// texts would take three times the memory and leave holes everywhere when a table goes.
struct SymbolTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where the text of each symbol ends; it begins where the one before ends.
    private var ends: [UInt32] = [0]
    /// Open addressing; a slot is a symbol plus one, 0 when free. Its size is a power of two.
    private var slots = [UInt32](repeating: 0, count: 64)

    var count: Int { ends.count }
    /// Bytes of all texts together.
    var byteCount: Int { bytes.count }

    private func range(_ symbol: UInt32) -> Range<Int> {
        (symbol == 0 ? 0 : Int(ends[Int(symbol) - 1]))..<Int(ends[Int(symbol)])
    }

    /// The text of a symbol, which must be one of this table.
    func text(_ symbol: UInt32) -> [UInt8] { Array(bytes[range(symbol)]) }

    /// Calls `body` with the text of a symbol.
    func with<R>(_ symbol: UInt32, _ body: (Span<UInt8>) -> R) -> R {
        body(bytes.span.extracting(range(symbol)))
    }

    /// The number of this text, which is added if it is new. The texts of one table come to less than 4 GiB.
    mutating func intern(_ text: Span<UInt8>) -> UInt32 {
        if text.isEmpty { return 0 }
        let slot = slot(of: text)
        if slots[slot] != 0 { return slots[slot] - 1 }
        bytes.append(copying: text)
        ends.append(UInt32(bytes.count))
        slots[slot] = UInt32(ends.count)
        if ends.count * 2 > slots.count { grow() }
        return UInt32(ends.count - 1)
    }

    /// The number of this text; nil if the table does not have it.
    func find(_ text: Span<UInt8>) -> UInt32? {
        if text.isEmpty { return 0 }
        let slot = slots[slot(of: text)]
        return slot == 0 ? nil : slot - 1
    }

    /// Forgets all texts and keeps the memory.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        ends.append(0)
        for index in slots.indices { slots[index] = 0 }
    }

    /// Gives back the memory that further texts would have taken.
    mutating func trim() {
        bytes = bytes.trimmed()
        ends = ends.trimmed()
    }

    /// Where the text is, or where it would be.
    private func slot(of text: Span<UInt8>) -> Int {
        // Tags may be text of clients.
        var slot = KeyedHash.hash(text) & (slots.count - 1)
        while slots[slot] != 0, !with(slots[slot] - 1, { ASCII.equals($0, text) }) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for symbol in 1..<UInt32(ends.count) {
            var slot = with(symbol) { KeyedHash.hash($0) } & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = symbol + 1
        }
    }
}

extension Array {
    /// The same elements in memory of their size.
    func trimmed() -> [Element] {
        if capacity <= count + count / 8 { return self }
        var exact: [Element] = []
        exact.reserveCapacity(count)
        exact += self
        return exact
    }
}
