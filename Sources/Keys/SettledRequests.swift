// Which requests have been settled, for any thread and without a lock. A request has one slot that it can be
// in, so one exchange of a word says both whether it was there and that it is now, also when two threads
// settle it at once.
//
// The price is that the memory is not a queue: a request is forgotten when another one falls on its slot.
// After n settlements of others that has happened with a probability of about n / 262,144. An exchange
// settles once by itself; this is what stands behind it when an id occurs twice.

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The requests that were settled last. Two mebibytes at most, of which the system gives what is touched.
///
/// `@unchecked` because of the address of the words, which are atomic. Memory safety: the words live from
/// `init` to `deinit`, and an index is cut to their number.
@safe final class SettledRequests: @unchecked Sendable {
    static let slotCount = 1 << 18

    private let slots: UnsafeMutablePointer<Atomic<UInt>>

    init() { unsafe slots = zeroedWords(Self.slotCount) }
    deinit { unsafe Glibc.free(slots) }

    /// Remembers the request. False if it was remembered already.
    func insert(_ request: RequestReference, of key: Reference<KeyRecord>) -> Bool {
        var hasher = Hasher()
        hasher.combine(key.number)
        hasher.combine(request)
        // Zero stands for none.
        let mark = UInt(bitPattern: hasher.finalize()) | 1
        // The lowest bit says nothing any more, and the highest ones tell the requests of a slot apart.
        let slot = Int(mark >> 1) & (Self.slotCount - 1)
        return unsafe slots[slot].exchange(mark, ordering: .acquiringAndReleasing) != mark
    }
}
