// Where blocks live. They come and go one at a time for as long as a process runs (every lease replaces a
// record), and look-ups land on any of them. So they have memory of their own: cut into pieces of one size
// each, so that what one leaves behind fits the next and memory does not creep, and in huge pages, so that
// finding one among a million costs the cache misses of its bytes and not those of the page tables as well
// (measured by `Tests/Support/StoreBench`).
//
// A piece is a multiple of 16 bytes. A size takes its pieces from runs of 16 KiB, and runs come one after
// another from regions that are mapped as they are needed. What was freed waits in a list of its size,
// linked through its own first word, and memory that became a run stays one.

import Reactor
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The memory of the blocks of all stores of this process. Any thread; a lock for the length of a few moves.
///
/// Memory safety: a piece is given out once until it is freed, by its owner, with the length it was asked for.
@safe enum BlockMemory {
    private static let shared = Mutex(Pieces())
    /// What finds misuse of memory has to see each block come and go.
    private static let isBypassed = ProcessLimits.hasSanitizer

    /// Memory for a block of `byteCount` bytes, at least 1, aligned to 16. Traps when memory is exhausted:
    /// nothing can go on then.
    static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        if byteCount > Pieces.maxByteCount || isBypassed { return unsafe malloc(byteCount).unsafelyUnwrapped }
        let address = shared.withLock { $0.take(byteCount) }
        return unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Takes back what `allocate` gave for that many bytes.
    static func free(_ memory: UnsafeMutableRawPointer, byteCount: Int) {
        if byteCount > Pieces.maxByteCount || isBypassed { return unsafe Glibc.free(memory) }
        let address = UInt(bitPattern: memory)
        shared.withLock { $0.giveBack(address, byteCount) }
    }

    private struct Pieces: ~Copyable {
        /// Larger blocks are rare and malloc's.
        static let maxByteCount = 1024
        private static let grain = 16
        private static let runLength: UInt = 16 << 10
        private static let hugePageLength: UInt = 2 << 20
        /// Address space; memory it becomes where it is touched.
        private static let regionLength: UInt = 64 << 20

        /// Of each size: the piece freed last, 0 if none, and what is left of its newest run.
        private var freed = [UInt](repeating: 0, count: maxByteCount / grain)
        private var runs = [Range<UInt>](repeating: 0..<0, count: maxByteCount / grain)
        private var region: Range<UInt> = 0..<0
        private var regionCount = 0

        mutating func take(_ byteCount: Int) -> UInt {
            let size = (byteCount - 1) / Self.grain
            let address = freed[size]
            if address != 0 {
                freed[size] = unsafe Self.link(address).pointee
                return address
            }
            let pieceLength = UInt((size + 1) * Self.grain)
            if runs[size].count < Int(pieceLength) { runs[size] = nextRun() }
            let piece = runs[size].lowerBound
            runs[size] = piece + pieceLength..<runs[size].upperBound
            return piece
        }

        mutating func giveBack(_ address: UInt, _ byteCount: Int) {
            let size = (byteCount - 1) / Self.grain
            unsafe Self.link(address).pointee = freed[size]
            freed[size] = address
        }

        private static func link(_ address: UInt) -> UnsafeMutablePointer<UInt> {
            unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
        }

        private mutating func nextRun() -> Range<UInt> {
            if region.isEmpty { region = nextRegion() }
            let start = region.lowerBound
            region = start + Self.runLength..<region.upperBound
            return start..<start + Self.runLength
        }

        /// The first is the length of one huge page and made of small ones: a store of a few keys should not
        /// take more memory than it needs.
        private mutating func nextRegion() -> Range<UInt> {
            let length = regionCount == 0 ? Self.hugePageLength : Self.regionLength
            regionCount += 1
            // Room to begin where a huge page can.
            let mapped = unsafe mmap(
                nil, Int(length + Self.hugePageLength), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            precondition(unsafe mapped != MAP_FAILED, "no address space for records")
            let start = (UInt(bitPattern: mapped) + Self.hugePageLength - 1) & ~(Self.hugePageLength - 1)
            // A system without huge pages serves the same in small ones.
            if regionCount > 1 {
                _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: start), Int(length), MADV_HUGEPAGE)
            }
            return start..<start + length
        }
    }
}
