// From an entity's number to its block, for any thread. Two levels, so that growing adds a page and never
// moves what a reader may be looking at: the directory is as large as it can ever get, but is memory that
// the system gives only where it is touched.

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Block addresses by number. One thread stores, any thread loads. Owned by `PublishedState`, which frees it.
///
/// Memory safety: pages are allocated before their address is published and live until `free`; the index is
/// split so that both halves are in range for every 32-bit number. All-zero memory is a valid array of
/// atomic words.
@safe struct PagedTable {
    private static var entriesPerPage: Int { 4096 }
    private static var pageCount: Int { 1 << 20 }
    private static var directoryLength: Int { pageCount * MemoryLayout<UInt>.stride }

    private let pages: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        // Eight mebibytes of address space, of which a page becomes memory for each two million entities.
        // Not from calloc, which clears, and so touches, what it had given out before.
        let memory = unsafe mmap(
            nil, Self.directoryLength, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0)
        precondition(unsafe memory != MAP_FAILED, "no address space for a table")
        unsafe pages = memory.unsafelyUnwrapped.bindMemory(to: Atomic<UInt>.self, capacity: Self.pageCount)
    }

    /// The block of `number`, or nil if there is none.
    @inline(__always) subscript(number: UInt32) -> Block? {
        let page = unsafe pages[Int(number >> 12)].load(ordering: .acquiring)
        if page == 0 { return nil }
        let address = unsafe entries(page)[Int(number & 4095)].load(ordering: .acquiring)
        return address == 0 ? nil : Block(address: address)
    }

    /// Publishes `block` as what `number` stands for; nil removes it. Only the store's thread.
    func store(_ block: Block?, at number: UInt32) {
        var page = unsafe pages[Int(number >> 12)].load(ordering: .relaxed)
        if page == 0 {
            guard block != nil else { return }
            page = unsafe UInt(bitPattern: zeroedWords(Self.entriesPerPage))
            unsafe pages[Int(number >> 12)].store(page, ordering: .releasing)
        }
        unsafe entries(page)[Int(number & 4095)].store(block?.address ?? 0, ordering: .releasing)
    }

    private func entries(_ page: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
        unsafe UnsafeMutablePointer(bitPattern: page).unsafelyUnwrapped
    }

    /// Frees the pages and every block. No thread may use the table any more.
    func free(upTo last: UInt32) {
        for index in 0...Int(last >> 12) {
            let page = unsafe pages[index].load(ordering: .relaxed)
            if page == 0 { continue }
            for entry in 0...min(Self.entriesPerPage - 1, Int(last) - (index << 12)) {
                let address = unsafe entries(page)[entry].load(ordering: .relaxed)
                if address != 0 { Block(address: address).free() }
            }
            unsafe Glibc.free(entries(page))
        }
        _ = unsafe munmap(pages, Self.directoryLength)
    }
}

/// Zeroed atomic words. Traps when memory is exhausted.
func zeroedWords(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
    let memory = unsafe calloc(count, MemoryLayout<Atomic<UInt>>.stride)
    return unsafe memory.unsafelyUnwrapped.bindMemory(to: Atomic<UInt>.self, capacity: count)
}
