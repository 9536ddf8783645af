// From files to a catalog: the newest snapshot, then the journals that follow it.
//
// What is certain is taken, a torn tail is measured and left to the caller to cut, and anything else stops
// the reading with the file and the offset. Nothing here changes a file, so that `verify` can use it on any
// store.

import Bytes
import Reactor

/// What opening a store found.
public struct OpenReport: Sendable, Equatable {
    /// The sequence number of the snapshot that was read; nil if there is none yet.
    public internal(set) var snapshotSequence: Int?
    public internal(set) var journalCount = 0
    /// Transactions read from journals.
    public internal(set) var transactionCount = 0
    /// What was found behind the last complete transaction, and cut off.
    public internal(set) var tornTail: TornTail?

    public struct TornTail: Sendable, Equatable, CustomStringConvertible {
        public let file: String
        public let offset: Int
        public let byteCount: Int
        public let reason: String

        public var description: String {
            "\(file): \(byteCount) bytes at the end are no complete transaction "
                + "(\(reason) at byte \(offset)); they were never acknowledged and are cut off"
        }
    }
}

struct Recovery: ~Copyable {
    let catalog = Catalog()
    private let directory: String
    private let disk: Disk
    private(set) var report = OpenReport()
    /// The last transaction read.
    private(set) var transaction: UInt64 = 0
    /// The journal to go on with, and how much of it is good; nil when the first has yet to be created.
    private(set) var lastJournal: (sequence: UInt64, length: Int)?
    /// The format of the journal to go on with.
    private(set) var lastVersion = JournalFormat.version
    /// Files that a later snapshot has made needless.
    private(set) var leftovers: [StoreFileName] = []
    private(set) var snapshotLength = 0
    private(set) var journalLength = 0
    /// Files that were read without complaint.
    private(set) var files: [VerificationReport.File] = []

    init(directory: String, _ disk: Disk) {
        self.directory = directory
        self.disk = disk
    }

    private func path(_ name: StoreFileName) -> String { directory + "/" + name.text }

    /// Reads everything.
    mutating func run() throws(StoreFileError) {
        var snapshots: [UInt64] = []
        var journals: [UInt64] = []
        for name in try disk.names(in: directory) {
            switch StoreFileName(name) {
            case .journal(let sequence): journals.append(sequence)
            case .snapshot(let sequence): snapshots.append(sequence)
            case .unfinished(let name): leftovers.append(.unfinished(name))
            case nil: break
            }
        }
        journals.sort()
        let newest = snapshots.max()
        if let newest { try readSnapshot(newest) }
        leftovers += snapshots.filter { $0 != newest }.map { .snapshot($0) }
        let first = newest ?? 1
        leftovers += journals.filter { $0 < first }.map { .journal($0) }
        journals.removeAll { $0 < first }
        if journals.isEmpty, newest == nil { return }
        for (index, sequence) in journals.enumerated() where sequence != first + UInt64(index) {
            throw .missingFile(directory: directory, name: StoreFileName.journal(first + UInt64(index)).text)
        }
        if journals.isEmpty {
            throw .missingFile(directory: directory, name: StoreFileName.journal(first).text)
        }
        try readJournals(journals)
        report.journalCount = journals.count
        // Tables that were outgrown while loading: nobody has seen them.
        catalog.collect()
    }

    // MARK: Snapshot

    private mutating func readSnapshot(_ sequence: UInt64) throws(StoreFileError) {
        let path = path(.snapshot(sequence))
        let file = try disk.openForReading(path)
        var buffer = ByteBuffer(capacity: SnapshotFormat.chunkLength + (128 << 10))
        try disk.read(file, SnapshotFormat.headLength, into: &buffer, path)
        let head = try Self.reading(path, 0) { () throws(JournalFormat.Problem) in
            try SnapshotFormat.head(buffer.bytes)
        }
        guard head.sequence == sequence else {
            throw .corrupt(file: path, offset: 16, reason: "it says it is snapshot \(head.sequence)")
        }
        catalog.restoreLastNumbers(head.lastNumbers)
        for kind in EntityKind.allCases { catalog.reserve(kind, Int(head.counts[Int(kind.rawValue)])) }
        var offset = SnapshotFormat.headLength
        var recordCount = 0
        while true {
            buffer.removeAll()
            try disk.read(file, SnapshotFormat.chunkHeadLength, into: &buffer, path)
            let chunk = try Self.reading(path, offset) { () throws(JournalFormat.Problem) in
                try SnapshotFormat.chunkHead(buffer.bytes)
            }
            try disk.read(file, chunk.payloadLength, into: &buffer, path)
            guard buffer.count == SnapshotFormat.chunkHeadLength + chunk.payloadLength,
                SnapshotFormat.isIntact(chunk, buffer.bytes)
            else {
                throw .corrupt(file: path, offset: offset, reason: "the checksum of a chunk does not match")
            }
            if chunk.blockCount == 0 { break }
            recordCount += try installChunk(chunk, buffer.bytes, path, offset)
            offset += buffer.count
        }
        offset += SnapshotFormat.chunkHeadLength
        if try disk.length(file, path) != offset {
            throw .corrupt(file: path, offset: offset, reason: "there are bytes behind the last chunk")
        }
        for kind in EntityKind.allCases
        where catalog.counts.all(kind) != Int(head.counts[Int(kind.rawValue)]) {
            throw .corrupt(file: path, offset: 40, reason: "the number of records is not what the head says")
        }
        transaction = head.transaction
        snapshotLength = offset
        report.snapshotSequence = Int(sequence)
        files.append(.init(path: path, recordCount: recordCount))
    }

    private func installChunk(
        _ chunk: SnapshotFormat.Chunk, _ bytes: Span<UInt8>, _ path: String, _ chunkOffset: Int
    ) throws(StoreFileError) -> Int {
        var at = SnapshotFormat.chunkHeadLength
        var count = 0
        while at < bytes.count {
            let block = try Self.loading(path, chunkOffset + at) { () throws(BlockError) in
                try Block.load(bytes.extracting(at..<bytes.count))
            }
            let length = block.length
            do {
                try catalog.install(EntityRef(block.kind, block.number), block)
            } catch {
                block.free()
                throw Self.error(error, path, chunkOffset + at)
            }
            at += length
            count += 1
        }
        guard count == chunk.blockCount else {
            throw .corrupt(
                file: path, offset: chunkOffset,
                reason: "a chunk holds \(count) records, not \(chunk.blockCount)")
        }
        return count
    }

    // MARK: Journals

    /// Reads journals that follow each other. Whether the end of one may be torn, and how much of it counts,
    /// depends on the next.
    private mutating func readJournals(_ sequences: [UInt64]) throws(StoreFileError) {
        var heads: [JournalFormat.Head?] = []
        for sequence in sequences { heads.append(try readHead(sequence)) }
        for (index, sequence) in sequences.enumerated() {
            let next = index + 1 < sequences.count ? heads[index + 1] : nil
            // The last one may have no head yet; then nothing was written since the one before.
            let isLast = index + 1 == sequences.count || (next == nil && index + 2 == sequences.count)
            let end = next.flatMap { $0.cutsPredecessor ? $0.firstTransaction - 1 : nil }
            try readJournal(sequence, isLast: isLast, through: end)
        }
    }

    /// The head of a journal; nil if it is damaged, which reading the whole file will judge.
    private func readHead(_ sequence: UInt64) throws(StoreFileError) -> JournalFormat.Head? {
        let path = path(.journal(sequence))
        let file = try disk.openForReading(path)
        var buffer = ByteBuffer(capacity: JournalFormat.headLength)
        try disk.read(file, JournalFormat.headLength, into: &buffer, path)
        return try? JournalFormat.head(buffer.bytes)
    }

    private mutating func readJournal(_ sequence: UInt64, isLast: Bool, through end: UInt64?)
        throws(StoreFileError)
    {
        let path = path(.journal(sequence))
        try disk.withContents(of: path) { (file) throws(StoreFileError) in
            try readJournal(sequence, file, path, isLast, through: end)
        }
    }

    /// The heart of recovery, on bytes: also what the fuzzer and `JournalInspection` run.
    /// Transactions behind number `end`, if it is said, do not count, nor does anything that follows them.
    mutating func readJournal(
        _ sequence: UInt64, _ file: Span<UInt8>, _ path: String, _ isLast: Bool, through end: UInt64? = nil
    ) throws(StoreFileError) {
        // A crash while the file was being created leaves a head that is not all there. No transaction is
        // written before the head is synced, so nothing is lost with it.
        if isLast, file.count <= JournalFormat.headLength, Self.isUnfinishedHead(file) {
            if report.tornTail == nil {
                report.tornTail = .init(
                    file: path, offset: 0, byteCount: file.count, reason: "a journal without its head")
            }
            lastJournal = (sequence, 0)
            files.append(.init(path: path, recordCount: 0))
            return
        }
        let head = try Self.reading(path, 0) { () throws(JournalFormat.Problem) in
            try JournalFormat.head(file)
        }
        guard head.sequence == sequence else {
            throw .corrupt(file: path, offset: 16, reason: "it says it is journal \(head.sequence)")
        }
        guard head.firstTransaction == transaction + 1 else {
            throw .corrupt(
                file: path, offset: 24,
                reason: "it begins with transaction \(head.firstTransaction), expected \(transaction + 1)")
        }
        var offset = JournalFormat.headLength
        var count = 0
        while offset < file.count, end.map({ transaction < $0 }) ?? true {
            let record: JournalFormat.Record
            do throws(JournalFormat.Problem) {
                record = try JournalFormat.record(file, at: offset)
            } catch .damaged(let reason) {
                if !isLast || JournalFormat.provesDurable(file, behind: offset, transaction + 1) {
                    throw .corrupt(file: path, offset: offset, reason: reason)
                }
                report.tornTail = .init(
                    file: path, offset: offset, byteCount: file.count - offset, reason: reason)
                break
            } catch {
                throw Self.error(error, path, offset)
            }
            guard record.transaction == transaction + 1 else {
                throw .corrupt(
                    file: path, offset: offset,
                    reason: "transaction \(record.transaction) stands where \(transaction + 1) belongs")
            }
            try Self.loading(path, offset) { () throws(BlockError) in
                try JournalFormat.apply(
                    file.extracting(record.payload), of: record.transaction, to: catalog)
            }
            transaction += 1
            count += 1
            offset = record.payload.upperBound
        }
        report.transactionCount += count
        journalLength += offset
        lastJournal = (sequence, offset)
        lastVersion = head.version
        files.append(.init(path: path, recordCount: count))
    }

    private static func isUnfinishedHead(_ file: Span<UInt8>) -> Bool {
        do throws(JournalFormat.Problem) {
            _ = try JournalFormat.head(file)
            return false
        } catch .damaged {
            return true
        } catch {
            return false
        }
    }

    // MARK: Errors

    private static func reading<R>(
        _ path: String, _ offset: Int, _ body: () throws(JournalFormat.Problem) -> R
    ) throws(StoreFileError) -> R {
        do { return try body() } catch { throw Self.error(error, path, offset) }
    }

    private static func loading<R>(
        _ path: String, _ offset: Int, _ body: () throws(BlockError) -> R
    ) throws(StoreFileError) -> R {
        do { return try body() } catch { throw Self.error(error, path, offset) }
    }

    private static func error(_ problem: JournalFormat.Problem, _ path: String, _ offset: Int)
        -> StoreFileError
    {
        switch problem {
        case .damaged(let reason): .corrupt(file: path, offset: offset, reason: reason)
        case .newer(let version, let supported):
            .newerFormat(file: path, found: version, supported: supported)
        }
    }

    private static func error(_ problem: BlockError, _ path: String, _ offset: Int) -> StoreFileError {
        switch problem {
        case .damaged(let reason): .corrupt(file: path, offset: offset, reason: reason)
        case .newerLayout(let kind, let version):
            .newerFormat(
                file: path, found: Int(version),
                supported: EntityKind(rawValue: kind).map { Int($0.layoutVersion) } ?? 0)
        }
    }
}
