// The journal that is being written. Transactions collect in a buffer; `commit` makes them durable with one
// write and one sync, whatever their number.

import Bytes
import Reactor

struct Journal: ~Copyable {
    let sequence: UInt64
    private(set) var path: String
    /// Bytes that are on the disk for certain.
    private(set) var length: Int
    /// The last transaction that is on the disk for certain.
    private(set) var durableTransaction: UInt64
    private var lastTransaction: UInt64
    private let disk: Disk
    private let identity: Disk.Identity
    private let file: FileDescriptor
    private var pending = ByteBuffer(capacity: 64 << 10)

    /// What a new journal says about the one before it.
    enum Predecessor {
        /// It ends with the last transaction.
        case complete
        /// It may end with something that was never acknowledged and does not count.
        case cutShort
    }

    /// Creates `journal-N` and returns when it will be found after a crash. It gets its name once its head is
    /// on the disk; a journal of that name goes at the same moment.
    static func create(
        in directory: String, sequence: UInt64, after transaction: UInt64,
        _ disk: Disk, _ predecessor: Predecessor = .complete, reserving room: Int = 0
    ) throws(StoreFileError) -> Journal {
        let path = directory + "/" + StoreFileName.journal(sequence).text
        let unfinished = path + ".tmp"
        let head = JournalFormat.encode(
            .init(
                sequence: sequence, firstTransaction: transaction + 1,
                cutsPredecessor: predecessor == .cutShort))
        do throws(StoreFileError) {
            let file = try disk.create(unfinished)
            try disk.write(file, head.span, unfinished)
            if room > 0 { try disk.reserve(file, room, unfinished) }
            try disk.sync(file, unfinished)
            try disk.rename(unfinished, to: path)
            try disk.syncDirectory(directory)
            return Journal(
                sequence: sequence, path: path, length: head.count, durableTransaction: transaction,
                lastTransaction: transaction, disk: disk, identity: try disk.identity(file, path), file: file)
        } catch {
            // Its room may be what others lack. Under its real name it stays: see `KeyStore`.
            try? disk.remove(unfinished)
            throw error
        }
    }

    /// Goes on with a journal that recovery has read up to `length`; what is behind that is cut off.
    static func reopen(
        in directory: String, sequence: UInt64, length: Int, after transaction: UInt64, _ disk: Disk
    ) throws(StoreFileError) -> Journal {
        let path = directory + "/" + StoreFileName.journal(sequence).text
        let file = try disk.openForAppending(path)
        if try disk.length(file, path) != length { try disk.truncate(file, to: length, path) }
        // What was read may never have been synced, by a process that was killed; the next record will call
        // it durable.
        try disk.sync(file, path)
        return Journal(
            sequence: sequence, path: path, length: length, durableTransaction: transaction,
            lastTransaction: transaction, disk: disk, identity: try disk.identity(file, path), file: file)
    }

    /// Whether no transaction is in it yet.
    var isEmpty: Bool { length == JournalFormat.headLength }

    /// The directory has another name now.
    mutating func wasMoved(to directory: String) {
        path = directory + "/" + StoreFileName.journal(sequence).text
    }

    /// Throws if a restart would not find this file. An open file outlives its name, so one that was
    /// deleted takes writes and syncs as ever.
    func checkPresent() throws(StoreFileError) {
        if try disk.identity(at: path) != identity {
            throw .system(action: "find", path: path, reason: "another file has taken its place")
        }
    }

    var hasPending: Bool { !pending.isEmpty }

    /// Adds one transaction to what the next `commit` writes.
    mutating func append(_ refs: [EntityRef], of catalog: Catalog, _ entries: ArraySlice<LedgerEntry>) {
        lastTransaction += 1
        JournalFormat.encode(
            refs, of: catalog, entries, transaction: lastTransaction, durable: durableTransaction,
            into: &pending)
    }

    /// Puts everything appended on the disk. If this throws, nothing of it may be acknowledged and the
    /// journal must not be used again: whether a later sync would mean anything is unknown. What was appended
    /// may be found by a restart, until the next journal says that it does not count.
    mutating func commit() throws(StoreFileError) {
        do {
            try checkPresent()
            try disk.write(file, pending.bytes, path)
            try disk.sync(file, path)
        } catch {
            pending.removeAll()
            lastTransaction = durableTransaction
            // Take back what may have been written, so that a restart does not find transactions that were
            // answered as failed. If even that fails, recovery judges what is there.
            try? disk.truncate(file, to: length, path)
            throw error
        }
        length += pending.count
        durableTransaction = lastTransaction
        pending.removeAll()
        if pending.capacity > 16 << 20 { pending.releaseMemory() }
    }
}

/// The files of a store.
enum StoreFileName: Hashable {
    case journal(UInt64)
    case snapshot(UInt64)
    /// A snapshot or a journal that was not finished.
    case unfinished(String)

    init?(_ name: String) {
        if name.hasSuffix(".tmp") {
            self = .unfinished(name)
        } else if name.hasPrefix("journal-"), let number = Self.number(name.dropFirst(8)) {
            self = .journal(number)
        } else if name.hasPrefix("snapshot-"), let number = Self.number(name.dropFirst(9)) {
            self = .snapshot(number)
        } else {
            return nil
        }
    }

    private static func number(_ digits: Substring) -> UInt64? {
        digits.utf8.count == 8 ? ASCII.decimal(Array(digits.utf8).span).map { UInt64($0) } : nil
    }

    var text: String {
        func padded(_ number: UInt64) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
        }
        return switch self {
        case .journal(let number): "journal-" + padded(number)
        case .snapshot(let number): "snapshot-" + padded(number)
        case .unfinished(let name): name
        }
    }
}
