// Atomic words by number, for any thread. Two levels, so that growing adds a page and never moves what a
// reader may be looking at: the directory is as large as it can ever get, but is memory that the system
// gives only where it is touched.

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Words that begin as zero. One thread makes pages, any thread uses the words. Freed by its owner.
///
/// Memory safety: pages are allocated before their address is published and live until `free`; the number
/// is split so that both halves are in range for every 32-bit number. All-zero memory is a valid array of
/// atomic words.
@safe struct PagedWords {
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

    /// The word of `number`; nil while its page has not been made.
    @inline(__always) func word(_ number: UInt32) -> UnsafeMutablePointer<Atomic<UInt>>? {
        let page = unsafe pages[Int(number >> 12)].load(ordering: .acquiring)
        if page == 0 { return nil }
        return unsafe entries(page) + Int(number & 4095)
    }

    /// The word of `number`, whose page is made if need be. Only the thread that owns the words.
    func makeWord(_ number: UInt32) -> UnsafeMutablePointer<Atomic<UInt>> {
        if let word = unsafe word(number) { return unsafe word }
        let page = unsafe UInt(bitPattern: zeroedWords(Self.entriesPerPage))
        unsafe pages[Int(number >> 12)].store(page, ordering: .releasing)
        return unsafe entries(page) + Int(number & 4095)
    }

    /// Calls `body` with each number up to `last` whose word is not zero.
    func forEachSet(upTo last: UInt32, _ body: (UInt32, UInt) -> Void) {
        for index in 0...Int(last >> 12) {
            let page = unsafe pages[index].load(ordering: .acquiring)
            if page == 0 { continue }
            for entry in 0...min(Self.entriesPerPage - 1, Int(last) - (index << 12)) {
                let value = unsafe entries(page)[entry].load(ordering: .relaxed)
                if value != 0 { body(UInt32(index << 12 | entry), value) }
            }
        }
    }

    private func entries(_ page: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
        unsafe UnsafeMutablePointer(bitPattern: page).unsafelyUnwrapped
    }

    /// Frees the pages. No thread may use the words any more.
    func free(upTo last: UInt32) {
        for index in 0...Int(last >> 12) {
            let page = unsafe pages[index].load(ordering: .relaxed)
            if page != 0 { unsafe Glibc.free(entries(page)) }
        }
        _ = unsafe munmap(pages, Self.directoryLength)
    }
}

/// Zeroed atomic words. Traps when memory is exhausted.
func zeroedWords(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
    let memory = unsafe calloc(count, MemoryLayout<Atomic<UInt>>.stride)
    return unsafe memory.unsafelyUnwrapped.bindMemory(to: Atomic<UInt>.self, capacity: count)
}
