// The embedded store: a directory with a lock, a journal and now and then a snapshot, and in memory the
// catalog of everything in them. This type is synchronous and belongs to one thread at a time: the command
// line uses it directly on a store that no server runs; a server hands it to a `StoreThread`.
//
// The order is always: stage, write, sync, publish, answer. What readers see and what callers are told has
// been on the disk before.

import Bytes
import Reactor

#if canImport(Glibc)
    import Glibc
#endif

/// How a store is opened.
public struct StoreOptions: Sendable {
    /// The journal is compacted into a snapshot once it is longer than this and than the last snapshot.
    public var compactionThresholdBytes = 64 << 20
    /// How long the ledger's file may become, beside one opening for each key: beyond it, at a compaction, the
    /// older half is folded into those.
    public var ledgerBudgetBytes = 64 << 20
    var disk = Disk()

    public init() {}
}

/// Sizes and counts of an open store.
public struct StoreStatistics: Sendable, Equatable {
    /// Records that lists show.
    public let apiCount, keyCount, identityCount, permissionCount, roleCount, rootKeyCount: Int
    /// Records kept of what was soft-deleted; keys of a soft-deleted API are among them.
    public let deletedAPICount, deletedKeyCount, deletedIdentityCount: Int
    /// Bytes of packed records in memory.
    public let recordByteCount: Int
    /// Bytes of journal since the newest snapshot.
    public let journalByteCount: Int
    public let snapshotByteCount: Int
    public let journalSequence: Int
    /// The number of the last transaction on disk.
    public let transaction: Int
    /// Why the store takes no more mutations; nil while it does.
    public let unavailableReason: String?
}

/// An open store. Only one process has it; the lock goes when this object does.
public final class KeyStore {
    /// Where it is now: `rescue` may choose another.
    public internal(set) var directory: String
    /// What opening found. A torn tail in it deserves a loud line.
    public let report: OpenReport
    /// Why the store takes no mutations at the moment; nil while it does.
    public var unavailableReason: String? { failure?.description }
    /// What made the store read-only, until `resume` succeeds.
    var failure: StoreFileError?

    let catalog: Catalog
    var journal: Journal
    var lock: StoreLock
    let disk: Disk
    private let compactionThreshold: Int
    let ledgerBudget: Int
    var snapshotLength: Int
    /// Bytes in journals before the current one that no snapshot contains yet.
    var earlierJournalLength: Int
    private var batchMark: Catalog.Mark?
    /// Where the journal's length was when a compaction last failed: not to be tried again at once.
    private var compactionFloor = 0
    /// Journals should not be relied on for longer than necessary.
    var distrustsJournals = false
    /// The device the directory is on.
    let device: UInt

    /// Opens the store in `directory`, which is created if it does not exist.
    public static func open(_ directory: String, _ options: StoreOptions = StoreOptions())
        throws(StoreFileError) -> KeyStore
    {
        let disk = options.disk
        try disk.createDirectory(directory)
        let lock = try StoreLock.take(directory: directory)
        var recovery = Recovery(directory: directory, disk)
        try recovery.run()
        for name in recovery.leftovers { try disk.remove(directory + "/" + name.text) }
        let journal = try openJournal(directory, recovery, disk)
        let device = try disk.identity(at: directory).device
        let store = KeyStore(directory, options, recovery, lock, journal, device)
        store.writeOffLeases()
        return store
    }

    /// Whether there is a store in `directory`, of whatever format and in whatever state.
    public static func exists(_ directory: String) throws(StoreFileError) -> Bool {
        let disk = Disk()
        guard try disk.exists(directory) else { return false }
        return try disk.names(in: directory).contains { name in
            switch StoreFileName(name) {
            case .journal, .snapshot: true
            case .unfinished, nil: false
            }
        }
    }

    /// The journal that recovery ended with, or the one that has to follow it.
    private static func openJournal(_ directory: String, _ recovery: borrowing Recovery, _ disk: Disk)
        throws(StoreFileError) -> Journal
    {
        guard let last = recovery.lastJournal else {
            return try Journal.create(in: directory, sequence: 1, after: 0, disk)
        }
        // A journal without its head: the one before it may be torn, and stays as it is.
        guard last.length > 0 else {
            return try Journal.create(
                in: directory, sequence: last.sequence, after: recovery.transaction, disk, .cutShort)
        }
        let journal = try Journal.reopen(
            in: directory, sequence: last.sequence, length: last.length, after: recovery.transaction, disk)
        // An older keygate must not take for its own what it cannot read; the next compaction removes the old.
        if recovery.lastVersion < JournalFormat.version {
            return try Journal.create(
                in: directory, sequence: last.sequence + 1, after: recovery.transaction, disk)
        }
        return journal
    }

    /// Nobody knows what was spent of the leases that were out when the process before this one died: they
    /// count as gone. If that cannot be written the store is open, and read-only.
    private func writeOffLeases() {
        var isMore = !catalog.leasedKeys.isEmpty
        while isMore {
            let written = stage { (store) throws(StoreError) in try store.writeOffLeases(limit: 4096) }
            isMore = commit() == nil && (try? written.get()) == true
        }
    }

    private init(
        _ directory: String, _ options: StoreOptions, _ recovery: consuming Recovery,
        _ lock: consuming StoreLock,
        _ journal: consuming Journal, _ device: UInt
    ) {
        self.directory = directory
        report = recovery.report
        catalog = recovery.catalog
        snapshotLength = recovery.snapshotLength
        earlierJournalLength = max(0, recovery.journalLength - journal.length)
        self.lock = lock
        self.device = device
        self.journal = journal
        disk = options.disk
        compactionThreshold = options.compactionThresholdBytes
        ledgerBudget = options.ledgerBudgetBytes
    }

    /// A reader for one event loop. May be called from any thread, and the reader may outlive the store.
    public func makeReader() -> StoreReader { StoreReader(catalog.state) }

    /// Runs one transaction and returns when it is on the disk and visible to every reader.
    public func transact<R, Refusal: Error & Sendable>(
        _ body: (inout Transaction) throws(Refusal) -> R
    ) throws(TransactionFailure<Refusal>) -> R {
        let result = stage(body)
        if let reason = commit() { throw .unavailable(reason) }
        return try result.get()
    }

    /// Refills every key for which it is due. A server does this by itself.
    public func refillCredits() throws(TransactionFailure<StoreError>) {
        while try transact({ (store) throws(StoreError) in try store.refillCredits(limit: 1000) }) {}
    }

    public var statistics: StoreStatistics {
        StoreStatistics(
            apiCount: catalog.livingCount(.api), keyCount: catalog.livingCount(.key),
            identityCount: catalog.livingCount(.identity),
            permissionCount: catalog.livingCount(.permission), roleCount: catalog.livingCount(.role),
            rootKeyCount: catalog.livingCount(.rootKey), deletedAPICount: catalog.deletedCount(.api),
            deletedKeyCount: catalog.deletedCount(.key),
            deletedIdentityCount: catalog.deletedCount(.identity),
            recordByteCount: catalog.publishedByteCount,
            journalByteCount: earlierJournalLength + journal.length, snapshotByteCount: snapshotLength,
            journalSequence: Int(journal.sequence), transaction: Int(journal.durableTransaction),
            unavailableReason: unavailableReason)
    }

    // MARK: Batches

    /// Runs one transaction of a batch: staged, seen by those that follow, not yet on disk. A transaction
    /// that changes nothing is answered even when the store cannot write.
    func stage<R, Refusal: Error & Sendable>(
        _ body: (inout Transaction) throws(Refusal) -> R
    ) -> Result<R, TransactionFailure<Refusal>> {
        let mark = catalog.mark
        if batchMark == nil { batchMark = mark }
        var transaction = Transaction(catalog, nowMillis: Clock.realtimeNanos() / 1_000_000)
        let result: R
        do throws(Refusal) {
            result = try body(&transaction)
        } catch {
            catalog.rollBack(to: mark, .undone)
            return .failure(.refused(error))
        }
        let changes = catalog.changes(since: mark)
        if changes.isEmpty { return .success(result) }
        if let unavailableReason {
            catalog.rollBack(to: mark, .undone)
            return .failure(.unavailable(unavailableReason))
        }
        journal.append(changes, of: catalog, catalog.ledgerEntries(since: mark))
        return .success(result)
    }

    /// Ends a batch: one write, one sync, then readers see it. Returns why it failed, in which case nothing
    /// of the batch is kept and the store takes no more mutations.
    func commit() -> String? {
        defer { batchMark = nil }
        guard journal.hasPending else {
            catalog.endWithoutChange()
            return nil
        }
        let durable = journal.durableTransaction
        do throws(StoreFileError) {
            try journal.commit()
        } catch {
            if let batchMark { catalog.rollBack(to: batchMark, .unwritten) }
            failure = error
            return error.description
        }
        catalog.publish()
        catalog.state.activity.noteCommit(of: journal.durableTransaction - durable)
        return nil
    }

    // MARK: Compaction and copies

    var wantsCompaction: Bool {
        let length = earlierJournalLength + journal.length
        return failure == nil
            && (distrustsJournals || length > max(compactionThreshold, snapshotLength) + compactionFloor)
    }

    /// First half, on the store's thread and between batches: starts a new journal and takes the image that
    /// the snapshot will be written from. If no new journal can be made the old one goes on.
    func beginCompaction() throws(StoreFileError) -> StoreImage {
        if let failure {
            throw .system(action: "compact", path: directory, reason: "the store is read-only: \(failure)")
        }
        checkPlace()
        if let failure { throw failure }
        distrustsJournals = false
        let sequence = journal.sequence + 1
        let next: Journal
        do throws(StoreFileError) {
            next = try Journal.create(
                in: directory, sequence: sequence, after: journal.durableTransaction, disk)
        } catch {
            try discardJournal(sequence)
            throw error
        }
        earlierJournalLength += journal.length
        journal = next
        return StoreImage(catalog, sequence: sequence, transaction: journal.durableTransaction)
    }

    /// Makes sure that a journal which could not be created is not there after a restart: the old one goes
    /// on, and the next start would take the two for a history with a hole.
    private func discardJournal(_ sequence: UInt64) throws(StoreFileError) {
        let name = StoreFileName.journal(sequence).text
        do throws(StoreFileError) {
            if try disk.names(in: directory).contains(name) { try disk.remove(directory + "/" + name) }
            try disk.syncDirectory(directory)
        } catch {
            failure = error
            throw error
        }
    }

    /// Last part, on the store's thread: the snapshot is there, so what it contains can go.
    func finishCompaction(_ outcome: Result<Int, StoreFileError>, sequence: UInt64) -> StoreFileError? {
        switch outcome {
        case .failure(let error):
            compactionFloor = earlierJournalLength + journal.length
            return error
        case .success(let length):
            snapshotLength = length
            earlierJournalLength = 0
            compactionFloor = 0
        }
        do throws(StoreFileError) {
            try place.check()
            for text in try disk.names(in: directory) {
                switch StoreFileName(text) {
                case .journal(let number) where number < sequence,
                    .snapshot(let number) where number < sequence:
                    try disk.remove(directory + "/" + text)
                case .journal, .snapshot, .unfinished, nil: break
                }
            }
        } catch {
            // What could not be removed is removed by the next start.
            return error
        }
        return nil
    }

    /// Rewrites the store as one snapshot and an empty journal, on this thread.
    public func compact() throws(StoreFileError) {
        let image = try beginCompaction()
        let outcome = Self.write(image, ledgerStore, place, budget: ledgerBudget)
        if let error = finishCompaction(outcome, sequence: image.head.sequence) { throw error }
    }

    /// The long part, on any thread. The ledger first: once the snapshot is there the journals may go, and
    /// what they say of credits must have been copied.
    static func write(
        _ image: StoreImage, _ ledger: LedgerStore, _ place: StorePlace, budget: Int
    ) -> Result<Int, StoreFileError> {
        do throws(StoreFileError) {
            try place.check()
            try ledger.extend(through: image, budget: budget)
            return .success(try image.write(in: ledger.directory, ledger.disk, place))
        } catch {
            return .failure(error)
        }
    }

    /// The image of a copy, which begins its own history with snapshot 1.
    func imageForBackup() -> StoreImage {
        StoreImage(catalog, sequence: 1, transaction: journal.durableTransaction)
    }

    /// Writes a copy of the store, complete and openable, into `target`, which must be empty or not exist.
    public func backup(to target: String) throws(StoreFileError) {
        try Self.writeBackup(imageForBackup(), of: directory, to: target, disk)
    }

    /// What a copy knows of what moved credits before.
    enum CopiedHistory {
        /// All of it.
        case whole
        /// Nothing: the files that had it are gone, or are somebody else's. Its ledger begins with what the records say.
        case none
    }

    static func writeBackup(
        _ image: StoreImage, of directory: String, to target: String, _ disk: Disk,
        _ history: CopiedHistory = .whole
    ) throws(StoreFileError) {
        try disk.createDirectory(target)
        if try !disk.names(in: target).isEmpty {
            throw .system(action: "back up to", path: target, reason: "the directory is not empty")
        }
        // The journal first: a snapshot without its journal would be refused.
        _ = try Journal.create(in: target, sequence: 1, after: image.head.transaction, disk)
        switch history {
        case .whole:
            let usage = directory + "/" + usageFileName
            if try disk.exists(usage) { try disk.copy(usage, to: target + "/" + usageFileName) }
            try LedgerStore(directory, disk).copy(to: target, through: image.head.transaction)
        case .none: try LedgerStore(target, disk).begin(with: image)
        }
        _ = try image.write(in: target, disk)
    }

    var files: Disk { disk }

    /// Where it is now, for whoever writes beside it on another thread.
    var place: StorePlace { lock.place }
}

/// A store belongs to one thread at a time.
@available(*, unavailable)
extension KeyStore: Sendable {}
