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
// where the directory would be the bare mount point of a file system that went away. Whoever stops in that state
// writes a directory of another name, and says which.

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
    var isInPlace: Bool {
        get throws(StoreFileError) {
            guard try lock.isPresent else { return false }
            if journal.isEmpty { return true }
            return try disk.exists(journal.path)
        }
    }

    /// Fails, as a write would, if a restart would not find the journal. Costs one look at a name.
    func checkPlace() {
        if failure != nil { return }
        do throws(StoreFileError) {
            try journal.checkPresent()
        } catch {
            failure = error
        }
    }

    /// Makes the directory again where nobody has put anything in its place. Whoever looks finds nothing, as
    /// before, or a whole store that is in use.
    private func remake() throws(StoreFileError) {
        let parent = Disk.parent(of: directory)
        guard try disk.identity(at: parent).device == device else { throw unsafePlace("its device is gone") }
        if try disk.exists(directory) {
            guard try disk.identity(at: directory).device == device else {
                throw unsafePlace("another device is mounted there")
            }
            if try !disk.names(in: directory).isEmpty {
                throw unsafePlace(
                    "there are other files, which are left alone; a stop writes this store beside them")
            }
        }
        try move(to: directory)
    }

    /// Goes on in a new directory beside one that others have filled, which is left alone. Returns its name. For
    /// the end of a process: the next start opens what the configuration names.
    func rescue() throws(StoreFileError) -> String {
        var moment = ByteBuffer()
        let seconds = Clock.realtimeNanos() / 1_000_000_000
        Timestamp.append(unixMillis: seconds * 1000, fraction: .unlessZero, to: &moment)
        let name = ".rescued-" + String(decoding: Array(copying: moment.bytes), as: UTF8.self)
        let target = Disk.sibling(of: directory, name)
        try move(to: target)
        endFailure()
        return target
    }

    /// Writes everything into a draft and goes on in it, under the name `target`.
    private func move(to target: String) throws(StoreFileError) {
        let draft = Disk.sibling(of: target, ".remade")
        try disk.removeTree(draft)
        do throws(StoreFileError) {
            try move(to: target, by: draft)
        } catch {
            // Once it has the name this finds nothing.
            try? disk.removeTree(draft)
            throw error
        }
    }

    /// Writes everything into a draft, with a lock of its own, and gives it the name `target`, which nothing but
    /// an empty directory may have.
    private func move(to target: String, by draft: String) throws(StoreFileError) {
        let image = imageForBackup()
        try Self.writeBackup(image, of: directory, to: draft, disk, .none)
        let newLock = try StoreLock.take(directory: draft)
        let newJournal = try Journal.reopen(
            in: draft, sequence: 1, length: JournalFormat.headLength, after: image.head.transaction, disk)
        // Takes the place of an empty directory, and of nothing else.
        try disk.rename(draft, to: target)
        try disk.syncDirectory(Disk.parent(of: target))
        directory = target
        lock = newLock
        lock.wasMoved(to: target)
        journal = newJournal
        journal.wasMoved(to: target)
        snapshotLength = catalog.publishedByteCount
        earlierJournalLength = 0
        distrustsJournals = false
    }

    private func unsafePlace(_ reason: String) -> StoreFileError {
        .system(action: "make again", path: directory, reason: reason)
    }
}
