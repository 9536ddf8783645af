// How often the disk was waited for, and for how many at once: what says whether group commit does its work. And
// whether the directory is still where it was.

import Synchronization

/// Counts since the store was opened. Written by the thread that owns the store, read by any.
public final class StoreActivity: Sendable {
    private let commits = Atomic<UInt64>(0)
    private let changes = Atomic<UInt64>(0)

    /// Batches that were written and synced: one `fdatasync` each.
    public var commitCount: UInt64 { commits.load(ordering: .relaxed) }
    /// Transactions in them; each waited for its batch.
    public var changeCount: UInt64 { changes.load(ordering: .relaxed) }

    private let place = Atomic<Bool>(true)
    /// False from when the directory was found gone, or filled by others, until it is there again.
    public var isInPlace: Bool { place.load(ordering: .relaxed) }

    func note(isInPlace: Bool) { place.store(isInPlace, ordering: .relaxed) }

    func noteCommit(of count: UInt64) {
        commits.add(1, ordering: .relaxed)
        changes.add(count, ordering: .relaxed)
    }
}
