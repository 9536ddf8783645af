// Where the entries of a store's ledger are: first in its file, then in the journals. Compaction moves them
// from the latter to the former, and when the file has grown beyond its bound makes its older half into one
// opening for each key.

import Bytes
import Reactor

/// The ledger of the store in a directory. Compaction, copies and questions use it one at a time.
struct LedgerStore {
    static let fileName = "ledger"
    private static let asidePrefix = "ledger.damaged-"
    /// Entries that are folded at a time, and so are in memory at once.
    private static let foldedCount = 1 << 14

    let directory: String
    let disk: Disk
    private var path: String { directory + "/" + Self.fileName }

    init(_ directory: String, _ disk: Disk) {
        self.directory = directory
        self.disk = disk
    }

    // MARK: Reading

    /// Calls `body` with every entry of transactions up to `last`, those of each key in their order, and
    /// `noteDamage` with what of the file cannot be read, where it would have come.
    func forEach(
        through last: UInt64, _ body: (LedgerEntry) -> Void, noteDamage: (StoreFileError) -> Void
    ) throws(StoreFileError) {
        var done: UInt64 = 0
        let first = try firstInJournals()
        if try exists {
            done = try disk.withCopy(of: path) { (file) throws(StoreFileError) -> UInt64 in
                let map = try map(file)
                var ranges = map.damage[...]
                defer { if let lost = lostTail(map, file, first) { noteDamage(lost) } }
                for chunk in map.chunks {
                    while let range = ranges.first, range.upperBound <= chunk.payload.lowerBound {
                        noteDamage(damage(ranges.removeFirst()))
                    }
                    try forEachEntry(of: chunk, in: file) { if $0.transaction <= last { body($0) } }
                }
                return map.transaction
            }
        }
        try forEachInJournals(after: done, through: last) { entry in body(entry) }
    }

    /// Whole chunks of the file, the entries in them, and the first damage.
    func inspect() throws(StoreFileError) -> (entryCount: Int, problem: StoreFileError?)? {
        // The journals first: what a compaction takes out of them meanwhile is in the file by then.
        let first = try firstInJournals()
        guard try exists else { return nil }
        return try disk.withCopy(of: path) { (file) throws(StoreFileError) in try inspect(file, first) }
    }

    /// As above, of bytes that are to be such a file; `first` is the oldest transaction in a journal.
    func inspect(
        _ file: Span<UInt8>, _ first: UInt64? = nil
    ) throws(StoreFileError) -> (entryCount: Int, problem: StoreFileError?) {
        let map = try map(file)
        var count = 0
        for chunk in map.chunks { try forEachEntry(of: chunk, in: file) { _ in count += 1 } }
        return (count, map.damage.first.map { damage($0) } ?? lostTail(map, file, first))
    }

    /// What was wrong with files that a compaction has laid aside, by name: the history before the moment in the
    /// name is in them.
    var asideNames: [String] {
        get throws(StoreFileError) {
            try disk.names(in: directory).filter { $0.hasPrefix(Self.asidePrefix) }.sorted()
        }
    }

    /// The end of the file is missing, and not because a crash has cut off what the journals still have.
    private func lostTail(_ map: LedgerMap, _ file: Span<UInt8>, _ first: UInt64?) -> StoreFileError? {
        guard let first, first > map.transaction + 1 else { return nil }
        return .corrupt(
            file: path, offset: map.length,
            reason: "\(file.count - map.length) bytes at the end of the ledger are no entries, "
                + "and transactions \(map.transaction + 1) to \(first - 1) are in no journal either")
    }

    /// The oldest transaction that a journal could tell of; nil if no journal says so.
    private func firstInJournals() throws(StoreFileError) -> UInt64? {
        var first: UInt64?
        for name in try disk.names(in: directory) {
            guard case .journal = StoreFileName(name) else { continue }
            // A compaction may just be removing it.
            guard let file = try? disk.openForReading(directory + "/" + name) else { continue }
            var buffer = ByteBuffer(capacity: JournalFormat.headLength)
            try disk.read(file, JournalFormat.headLength, into: &buffer, directory + "/" + name)
            guard let head = try? JournalFormat.head(buffer.bytes) else { continue }
            first = min(first ?? .max, head.firstTransaction)
        }
        return first
    }

    var filePath: String { path }

    private var exists: Bool {
        get throws(StoreFileError) { try disk.names(in: directory).contains(Self.fileName) }
    }

    private func map(_ file: Span<UInt8>) throws(StoreFileError) -> LedgerMap {
        do { return try LedgerMap(file) } catch {
            switch error {
            case .damaged(let reason): throw .corrupt(file: path, offset: 0, reason: reason)
            case .newer(let version, let supported):
                throw .newerFormat(file: path, found: version, supported: supported)
            }
        }
    }

    private func damage(_ range: Range<Int>) -> StoreFileError {
        .corrupt(
            file: path, offset: range.lowerBound,
            reason: "\(range.count) bytes of the ledger are no entries")
    }

    private func forEachEntry(
        of chunk: LedgerFormat.Chunk, in file: Span<UInt8>, _ body: (LedgerEntry) -> Void
    ) throws(StoreFileError) {
        let payload = file.extracting(chunk.payload)
        var offset = 0
        while offset < payload.count {
            let entry: LedgerEntry
            do { entry = try LedgerEntry.decode(payload, at: offset) } catch {
                throw .corrupt(
                    file: path, offset: chunk.payload.lowerBound + offset, reason: "\(error)")
            }
            body(entry)
            offset += entry.encodedLength
        }
    }

    // MARK: Journals

    /// The journals that may have transactions behind `done`, in order, each with the last transaction that
    /// counts in it: what it has of those with which the next one begins was refused. One that is not needed
    /// is not looked at: a compaction may just be removing it.
    private func journals(
        after done: UInt64, through last: UInt64
    ) throws(StoreFileError) -> [(path: String, last: UInt64)] {
        var sequences: [UInt64] = []
        for name in try disk.names(in: directory) {
            if case .journal(let sequence) = StoreFileName(name) { sequences.append(sequence) }
        }
        var journals: [(path: String, last: UInt64)] = []
        var last = last
        for sequence in sequences.sorted().reversed() {
            let path = directory + "/" + StoreFileName.journal(sequence).text
            let file = try disk.openForReading(path)
            var buffer = ByteBuffer(capacity: JournalFormat.headLength)
            try disk.read(file, JournalFormat.headLength, into: &buffer, path)
            let first = try? JournalFormat.head(buffer.bytes).firstTransaction
            // One that was being created when the process died has no head and nothing to tell.
            guard let first else { continue }
            // Nothing but its head is looked at of a journal that is being written.
            if first <= last { journals.append((path, last)) }
            if first <= done + 1 { break }
            last = min(last, first - 1)
        }
        return journals.reversed()
    }

    private func forEachInJournals(
        after done: UInt64, through last: UInt64, _ body: (LedgerEntry) throws(StoreFileError) -> Void
    ) throws(StoreFileError) {
        if done >= last { return }
        for (path, last) in try journals(after: done, through: last) {
            try forEach(in: path, after: done, through: last, body)
        }
    }

    /// Reads a journal record by record: it may be the one that is being written, behind `last`, and a device
    /// that fails must be an error here and not a signal. Throws if it does not have all up to `last`.
    private func forEach(
        in path: String, after done: UInt64, through last: UInt64,
        _ body: (LedgerEntry) throws(StoreFileError) -> Void
    ) throws(StoreFileError) {
        let file = try disk.openForReading(path)
        var buffer = ByteBuffer(capacity: 64 << 10)
        try disk.read(file, JournalFormat.headLength, into: &buffer, path)
        var offset = JournalFormat.headLength
        var reached: UInt64 = 0
        while reached < last {
            buffer.removeAll()
            try disk.read(file, JournalFormat.recordHeadLength, into: &buffer, path)
            if buffer.count == JournalFormat.recordHeadLength {
                let length = Int(buffer.bytes.little32(at: 4))
                if length <= JournalFormat.maxPayloadLength {
                    try disk.read(file, length, into: &buffer, path)
                }
            }
            var entries: [LedgerEntry] = []
            do throws(JournalFormat.Problem) {
                let record = try JournalFormat.record(buffer.bytes, at: 0)
                reached = record.transaction
                if reached > done { entries = try Self.entries(of: record, in: buffer.bytes) }
            } catch {
                throw .corrupt(file: path, offset: offset, reason: "\(error)")
            }
            for entry in entries { try body(entry) }
            offset += buffer.count
        }
    }

    private static func entries(
        of record: JournalFormat.Record, in bytes: Span<UInt8>
    ) throws(JournalFormat.Problem) -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        do throws(BlockError) {
            try JournalFormat.forEachLedgerEntry(
                bytes.extracting(record.payload), of: record.transaction
            ) { entries.append($0) }
        } catch {
            throw .damaged("\(error)")
        }
        return entries
    }

    // MARK: Writing

    /// Brings everything up to that of `image` from the journals into the file, and returns when it is on the disk.
    /// If the file is then longer than `budget`, the older half of it becomes one opening for each key. A file that
    /// is damaged is laid aside with everything in it, and a new one begins with what the records say.
    func extend(through image: StoreImage, budget: Int) throws(StoreFileError) {
        let last = image.head.transaction
        let first = try firstInJournals()
        if try !exists {
            _ = try disk.create(path)
            try disk.syncDirectory(directory)
        }
        let file = try disk.openForAppending(path)
        let (done, length, isDamaged) = try disk.withCopy(of: path) { (contents) throws(StoreFileError) in
            let map = try map(contents)
            // An empty one is that of a store from before there was a ledger.
            let isCut = contents.count > 0 && lostTail(map, contents, first) != nil
            return (map.transaction, map.length, isCut || !map.damage.isEmpty)
        }
        if !isDamaged, try disk.length(file, path) != length { try disk.truncate(file, to: length, path) }
        if done < last {
            try append(to: file, path, after: done, through: last)
            try disk.sync(file, path)
        }
        if isDamaged { return try beginAnew(with: image) }
        if done < last { try shorten(budget) }
    }

    /// Keeps the file under the name of this moment, and goes on in a new one.
    private func beginAnew(with image: StoreImage) throws(StoreFileError) {
        var name = ByteBuffer()
        name.append(Self.asidePrefix)
        Timestamp.append(unixMillis: Clock.realtimeNanos() / 1_000_000, to: &name)
        let aside = directory + "/" + String(decoding: Array(copying: name.bytes), as: UTF8.self)
        let newPath = path + ".tmp"
        try disk.copy(path, to: aside)
        try writeOpenings(of: image, to: newPath)
        try disk.rename(newPath, to: path)
        try disk.syncDirectory(directory)
    }

    /// Writes a ledger with everything up to `last` for a copy of the store in `target`.
    func copy(to target: String, through last: UInt64) throws(StoreFileError) {
        let copyPath = target + "/" + Self.fileName
        let first = try firstInJournals()
        let copy = try disk.create(copyPath)
        var done: UInt64 = 0
        if try exists {
            done = try disk.withCopy(of: path) { (file) throws(StoreFileError) -> UInt64 in
                let map = try map(file)
                var ranges = map.damage[...]
                for chunk in map.chunks {
                    // Damage goes along: what is not in a copy is not missed.
                    while let range = ranges.first, range.upperBound <= chunk.payload.lowerBound {
                        try disk.write(copy, file.extracting(ranges.removeFirst()), copyPath)
                    }
                    // The file may have gone on since the copy was begun.
                    if chunk.transaction > last {
                        var entries: [LedgerEntry] = []
                        try forEachEntry(of: chunk, in: file) {
                            if $0.transaction <= last { entries.append($0) }
                        }
                        try write(entries, through: last, isBase: chunk.isBase, to: copy, copyPath)
                        return last
                    }
                    let start = chunk.payload.lowerBound - LedgerFormat.headLength
                    try disk.write(copy, file.extracting(start..<chunk.payload.upperBound), copyPath)
                }
                if lostTail(map, file, first) != nil {
                    try disk.write(copy, file.extracting(map.length..<file.count), copyPath)
                }
                return map.transaction
            }
        }
        try append(to: copy, copyPath, after: done, through: last)
        try disk.sync(copy, copyPath)
    }

    /// Writes a ledger that begins with what the records of `image` say, where the history is lost.
    func begin(with image: StoreImage) throws(StoreFileError) { try writeOpenings(of: image, to: path) }

    private func writeOpenings(of image: StoreImage, to path: String) throws(StoreFileError) {
        let file = try disk.create(path)
        var openings: [LedgerEntry] = []
        image.forEachKey { key in
            guard let balance = key.remainingCredits, key.isInLedger, balance != 0 || key.leased != 0 else {
                return
            }
            openings.append(
                LedgerEntry(
                    key: key.block.number, transaction: image.head.transaction,
                    timeMillis: image.head.writtenAtMillis, kind: .opening, amount: balance,
                    balance: balance, leased: key.leased))
        }
        try write(openings, through: image.head.transaction, isBase: true, to: file, path)
        try disk.sync(file, path)
    }

    private func append(
        to file: borrowing FileDescriptor, _ path: String, after done: UInt64, through last: UInt64
    ) throws(StoreFileError) {
        var fold = LedgerFold()
        var current = done
        // A chunk ends with a transaction; `last` of the file is what it says it has all of.
        try forEachInJournals(after: done, through: last) { (entry) throws(StoreFileError) in
            if entry.transaction != current, fold.count >= Self.foldedCount {
                try write(fold.takeAll(), through: current, isBase: false, to: file, path)
            }
            current = entry.transaction
            fold.add(entry)
        }
        try write(fold.takeAll(), through: last, isBase: false, to: file, path)
    }

    private func write(
        _ entries: [LedgerEntry], through transaction: UInt64, isBase: Bool,
        to file: borrowing FileDescriptor, _ path: String
    ) throws(StoreFileError) {
        var payload = ByteBuffer(capacity: entries.reduce(0) { $0 + $1.encodedLength })
        for entry in entries { entry.encode(into: &payload) }
        let chunk = LedgerFormat.encode(payload.bytes, through: transaction, isBase: isBase)
        try disk.write(file, chunk.bytes, path)
    }

    /// Replaces the older chunks of a file that is too long by what they come to.
    private func shorten(_ budget: Int) throws(StoreFileError) {
        let newPath = path + ".tmp"
        let isShorter = try disk.withCopy(of: path) { (contents) throws(StoreFileError) -> Bool in
            let map = try map(contents)
            if map.length - map.baseLength <= budget { return false }
            var kept = 0
            var first = map.chunks.count
            while first > 0, !map.chunks[first - 1].isBase {
                kept += LedgerFormat.headLength + map.chunks[first - 1].payload.count
                if kept > budget / 2 { break }
                first -= 1
            }
            if first == 0 { return false }
            let file = try disk.create(newPath)
            try writeOpenings(map.chunks[..<first], contents, to: file, newPath)
            for chunk in map.chunks[first...] {
                let start = chunk.payload.lowerBound - LedgerFormat.headLength
                try disk.write(file, contents.extracting(start..<chunk.payload.upperBound), newPath)
            }
            try disk.sync(file, newPath)
            return true
        }
        if !isShorter { return }
        try disk.rename(newPath, to: path)
        try disk.syncDirectory(directory)
    }

    private func writeOpenings(
        _ chunks: ArraySlice<LedgerFormat.Chunk>, _ contents: Span<UInt8>,
        to file: borrowing FileDescriptor, _ path: String
    ) throws(StoreFileError) {
        var last: [UInt32: LedgerEntry] = [:]
        for chunk in chunks { try forEachEntry(of: chunk, in: contents) { last[$0.key] = $0 } }
        let through = chunks.last?.transaction ?? 0
        var openings: [LedgerEntry] = []
        for key in last.keys.sorted() {
            // Who has nothing needs no opening: that is what a ledger begins with.
            guard let entry = last[key], entry.balance != 0 || entry.leased != 0 else { continue }
            openings.append(
                LedgerEntry(
                    key: key, transaction: entry.transaction, timeMillis: entry.timeMillis, kind: .opening,
                    amount: entry.balance, balance: entry.balance, leased: entry.leased))
            if openings.count == Self.foldedCount {
                try write(openings, through: through, isBase: true, to: file, path)
                openings.removeAll(keepingCapacity: true)
            }
        }
        try write(openings, through: through, isBase: true, to: file, path)
    }
}
