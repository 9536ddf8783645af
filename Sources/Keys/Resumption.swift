// How a store that could not be written takes mutations again, without a restart.
//
// Nothing that failed is tried a second time. Of a journal whose write or sync has failed nobody knows what is
// on the disk behind the last batch that was acknowledged, and another sync would not tell: the kernel may
// have dropped the pages and would report success. So a new journal begins there, a new file with a sync of
// its own, whose head says that what follows in the old one does not count. From then on the batch that
// failed, whose callers were told so, is gone for good. Until then a restart may find it, or a part of it
// that is whole: it was answered "503", which says that it was not done for all Keygate knows; what was
// acknowledged is there in either case.
//
// A directory that was deleted is made again from memory, which has everything that was acknowledged. That is
// done only where nobody can have meant something else: not over another store, and not on another device,
// where the directory would be the bare mount point of a file system that went away.

import Bytes
import Reactor

extension KeyStore {
    /// Room that has to be there before mutations are taken again, so that a full disk is not found full
    /// again by the first of them.
    private static let roomToResume = 256 << 10

    /// Tries to take mutations again after a failure; throws why it cannot be yet. Says what had to be done
    /// beyond going on.
    func resume() throws(StoreFileError) -> Resumption {
        guard let failure else { return .continued }
        guard try isInPlace else {
            try remake()
            endFailure()
            return .remade
        }
        // A journal without transactions is replaced, whether its creation failed or its first write.
        var sequence = journal.isEmpty ? journal.sequence : journal.sequence + 1
        for name in try disk.names(in: directory) {
            if case .journal(let number) = StoreFileName(name) { sequence = max(sequence, number) }
        }
        let next = try Journal.create(
            in: directory, sequence: sequence, after: journal.durableTransaction, disk, .cutShort,
            reserving: Self.roomToResume)
        if sequence != journal.sequence { earlierJournalLength += journal.length }
        journal = next
        // A device that has failed once may do so where it matters next time: what is in memory is whole.
        distrustsJournals = failure.reason == Errno.inputOutput.description
        endFailure()
        return .continued
    }

    private func endFailure() {
        failure = nil
        catalog.creditMoves.endDoubt(catalog.tables.creditCells)
    }

    enum Resumption {
        /// In a new journal.
        case continued
        /// The directory was gone and is there again.
        case remade
    }

    /// Whether a restart would find the lock and the journal that are in use here.
    private var isInPlace: Bool {
        get throws(StoreFileError) {
            guard try disk.exists(lock.path), try lock.isPresent else { return false }
            if journal.isEmpty { return true }
            return try disk.exists(journal.path)
        }
    }

    /// Writes everything into a new directory beside the place of the old one, with a lock of its own, and
    /// moves it there. Whoever looks finds nothing, as before, or a whole store that is in use.
    private func remake() throws(StoreFileError) {
        let parent = Disk.parent(of: directory)
        guard try disk.identity(at: parent).device == device else { throw unsafePlace("its device is gone") }
        if try disk.exists(directory) {
            guard try disk.identity(at: directory).device == device else {
                throw unsafePlace("another device is mounted there")
            }
            if try !disk.names(in: directory).isEmpty {
                throw unsafePlace("there are other files; restart Keygate to use them")
            }
        }
        let fresh = directory + ".remade"
        try disk.removeTree(fresh)
        let image = imageForBackup()
        try Self.writeBackup(image, of: directory, to: fresh, disk, .none)
        let newLock = try StoreLock.take(directory: fresh)
        let newJournal = try Journal.reopen(
            in: fresh, sequence: 1, length: JournalFormat.headLength, after: image.head.transaction, disk)
        // Takes the place of an empty directory, and of nothing else.
        try disk.rename(fresh, to: directory)
        try disk.syncDirectory(parent)
        lock = newLock
        lock.wasMoved(to: directory)
        journal = newJournal
        journal.wasMoved(to: directory)
        snapshotLength = catalog.publishedByteCount
        earlierJournalLength = 0
        distrustsJournals = false
    }

    private func unsafePlace(_ reason: String) -> StoreFileError {
        .system(action: "make again", path: directory, reason: reason)
    }
}
