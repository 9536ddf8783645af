// From an entity's number to its block, for any thread.

import Synchronization

/// Block addresses by number. One thread stores, any thread loads. Owned by `PublishedState`, which frees it.
struct PagedTable {
    private let words = PagedWords()

    /// The block of `number`, or nil if there is none.
    @inline(__always) subscript(number: UInt32) -> Block? {
        guard let word = unsafe words.word(number) else { return nil }
        let address = unsafe word.pointee.load(ordering: .acquiring)
        return address == 0 ? nil : Block(address: address)
    }

    /// Publishes `block` as what `number` stands for; nil removes it. Only the store's thread.
    func store(_ block: Block?, at number: UInt32) {
        let word = unsafe block == nil ? words.word(number) : words.makeWord(number)
        unsafe word?.pointee.store(block?.address ?? 0, ordering: .releasing)
    }

    /// Frees the pages and every block. No thread may use the table any more.
    func free(upTo last: UInt32) {
        words.forEachSet(upTo: last) { _, address in Block(address: address).free() }
        words.free(upTo: last)
    }
}
