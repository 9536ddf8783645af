// The journal, byte for byte. A file is a head and then one record per transaction:
//
//     head      0 "KEYGATEJ"   8 u32 format version   12 u32 1 if the file before this one is cut short, else 0
//              16 u64 sequence number of the file   24 u64 number of the first transaction
//              32 u32 0   36 u32 CRC-32C of bytes 0–35
//
//     record    0 u32 marker   4 u32 length of the payload   8 u8 type   9 u8 version   10 u16 0
//              12 u32 CRC-32C of all the rest of the record
//              16 u64 transaction number   24 u64 last transaction on disk when this one was written
//              32 payload: changes, each `1` and a block, or `2`, u8 kind, u32 number of what is removed, or
//              `3` and an entry of the ledger, since version 2
//
// A record holds what entities are afterwards, not what was done to them, so replaying needs no logic.
//
// The difficulty is telling a torn tail from damage. Transactions that wait together are written by one
// call and synced once; if the machine stops before that, any part of the batch may be missing, in any
// order, and none of it was acknowledged: that is a tail, and it is cut. But a record that cannot be read
// while a later one says "everything up to N is on disk", N being it or beyond, is damage to something
// that was acknowledged, and then nothing is guessed.

//
// A file is cut short by the next one after a write or a sync of it has failed: nobody knows what of the last
// batch will be found in it, and nobody was told that it was done. The next file begins where that batch
// would have, and says so; of the file before it only what comes before counts then.
//
// Version 1 had no such files; everything else is the same.

import Bytes

#if canImport(Glibc)
    import Glibc
#endif

enum JournalFormat {
    static let version: UInt32 = 2
    static let headLength = 40
    static let recordHeadLength = 32
    static let changesType: UInt8 = 1
    static let changesVersion: UInt8 = 2
    /// A transaction longer than this is damage, not data.
    static let maxPayloadLength = 1 << 30
    private static let magic: StaticString = "KEYGATEJ"
    // "KGr" and a byte that is no text.
    private static let marker: UInt32 = 0xF5_72_47_4B

    struct Head: Equatable {
        let sequence: UInt64
        let firstTransaction: UInt64
        /// Of the file before this one only transactions before `firstTransaction` count.
        var cutsPredecessor = false
        var version = JournalFormat.version
    }

    struct Record: Equatable {
        let transaction: UInt64
        let durableTransaction: UInt64
        let payload: Range<Int>
    }

    enum Problem: Error, Equatable {
        case damaged(String)
        case newer(version: Int, supported: Int)
    }

    // MARK: Writing

    static func encode(_ head: Head) -> [UInt8] {
        var out = ByteBuffer(capacity: headLength)
        out.append(magic)
        out.append(little: head.version)
        out.append(little: UInt32(head.cutsPredecessor ? 1 : 0))
        out.append(little: head.sequence)
        out.append(little: head.firstTransaction)
        out.append(little: UInt32(0))
        out.append(little: CRC32C.of(out.bytes))
        return Array(copying: out.bytes)
    }

    /// Appends one record with the changes of `refs`, as they are in `catalog`, and what the ledger says of
    /// them.
    static func encode(
        _ refs: [EntityRef], of catalog: Catalog, _ entries: ArraySlice<LedgerEntry>, transaction: UInt64,
        durable: UInt64,
        into out: inout ByteBuffer
    ) {
        let start = out.count
        var length = 0
        for ref in refs { length += catalog.block(ref.kind, ref.number).map { 1 + $0.length } ?? 6 }
        for entry in entries { length += 1 + entry.encodedLength }
        out.reserve(recordHeadLength + length)
        out.append(little: marker)
        out.append(little: UInt32(length))
        out.append(changesType)
        out.append(changesVersion)
        out.append(little: UInt16(0))
        out.append(little: UInt32(0))
        out.append(little: transaction)
        out.append(little: durable)
        for ref in refs {
            if let block = catalog.block(ref.kind, ref.number) {
                out.append(1)
                block.with(0..<block.length) { out.append($0) }
            } else {
                out.append(2)
                out.append(ref.kind.rawValue)
                out.append(little: ref.number)
            }
        }
        for var entry in entries {
            entry.transaction = transaction
            out.append(3)
            entry.encode(into: &out)
        }
        var crc = checksum(out.bytes.extracting(start..<out.count))
        for index in 0..<4 {
            out.replace(at: start + 12 + index, with: UInt8(truncatingIfNeeded: crc))
            crc >>= 8
        }
    }

    private static func checksum(_ record: Span<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.combine(record.extracting(0..<12))
        crc.combine(record.extracting(16..<record.count))
        return crc.value
    }

    // MARK: Reading

    static func head(_ file: Span<UInt8>) throws(Problem) -> Head {
        guard file.count >= headLength else { throw .damaged("the file is shorter than its head") }
        guard ASCII.equals(file.extracting(0..<8), magic) else { throw .damaged("this is not a journal") }
        // Before the checksum: a later format may place it elsewhere.
        let found = file.little32(at: 8)
        guard found <= version else { throw .newer(version: Int(found), supported: Int(version)) }
        guard found > 0, CRC32C.of(file.extracting(0..<36)) == file.little32(at: 36) else {
            throw .damaged("the checksum of the head does not match")
        }
        return Head(
            sequence: file.little64(at: 16), firstTransaction: file.little64(at: 24),
            cutsPredecessor: file.little32(at: 12) & 1 != 0, version: found)
    }

    /// The record at `offset`, which must be before the end of the file.
    static func record(_ file: Span<UInt8>, at offset: Int) throws(Problem) -> Record {
        guard file.count - offset >= recordHeadLength else { throw .damaged("a record is cut off") }
        guard file.little32(at: offset) == marker else { throw .damaged("no record begins here") }
        let length = Int(file.little32(at: offset + 4))
        let payload = offset + recordHeadLength
        guard length <= maxPayloadLength, length <= file.count - payload else {
            throw .damaged("a record is cut off")
        }
        let end = payload + length
        guard checksum(file.extracting(offset..<end)) == file.little32(at: offset + 12) else {
            throw .damaged("the checksum of a record does not match")
        }
        guard file[offset + 8] == changesType, file[offset + 9] <= changesVersion else {
            throw .newer(version: Int(file[offset + 9]), supported: Int(changesVersion))
        }
        return Record(
            transaction: file.little64(at: offset + 16), durableTransaction: file.little64(at: offset + 24),
            payload: payload..<end)
    }

    /// Whether behind `offset`, where no record could be read, some record proves that transaction `next`
    /// was on disk: then this is damage and not a torn tail.
    static func provesDurable(_ file: Span<UInt8>, behind offset: Int, _ next: UInt64) -> Bool {
        var at = offset + 1
        while let found = nextMarker(file, from: at) {
            do {
                if try record(file, at: found).durableTransaction >= next { return true }
            } catch {
                // Bytes that merely look like a marker; go on behind them.
            }
            at = found + 1
        }
        return false
    }

    /// Where the first byte of the marker occurs next.
    private static func nextMarker(_ file: Span<UInt8>, from offset: Int) -> Int? {
        if offset >= file.count { return nil }
        return unsafe file.extracting(offset..<file.count).withUnsafeBytes { raw in
            guard let base = raw.baseAddress, let found = unsafe memchr(base, Int32(marker & 255), raw.count)
            else {
                return nil
            }
            return unsafe offset + (UnsafeRawPointer(found) - base)
        }
    }

    /// Applies the changes of one record to the catalog. Entries of the ledger are looked at and left where
    /// they are.
    static func apply(_ payload: Span<UInt8>, of transaction: UInt64, to catalog: Catalog) throws(BlockError)
    {
        var offset = 0
        while offset < payload.count {
            switch payload[offset] {
            case 1:
                let block = try Block.load(payload.extracting((offset + 1)..<payload.count))
                let length = block.length
                do {
                    try catalog.install(EntityRef(block.kind, block.number), block)
                } catch {
                    block.free()
                    throw error
                }
                offset += 1 + length
            case 2:
                guard payload.count - offset >= 6 else { throw .damaged("a removal is cut off") }
                guard let kind = EntityKind(rawValue: payload[offset + 1]) else {
                    throw .newerLayout(kind: payload[offset + 1], version: 0)
                }
                try catalog.install(EntityRef(kind, payload.little32(at: offset + 2)), nil)
                offset += 6
            case 3:
                offset = try ledgerEntry(payload, at: offset, of: transaction).end
            default:
                throw .damaged("change of unknown sort \(payload[offset])")
            }
        }
    }
}

extension JournalFormat {
    private static func ledgerEntry(
        _ payload: Span<UInt8>, at offset: Int, of transaction: UInt64
    ) throws(BlockError) -> (entry: LedgerEntry, end: Int) {
        let entry = try LedgerEntry.decode(payload, at: offset + 1)
        guard entry.transaction == transaction else {
            throw .damaged("a ledger entry of transaction \(entry.transaction) in \(transaction)")
        }
        return (entry, offset + 1 + entry.encodedLength)
    }

    /// Calls `body` with the entries of the ledger in one record, which were made by `transaction`.
    static func forEachLedgerEntry(
        _ payload: Span<UInt8>, of transaction: UInt64, _ body: (LedgerEntry) -> Void
    ) throws(BlockError) {
        var offset = 0
        while offset < payload.count {
            switch payload[offset] {
            case 1 where payload.count - offset >= 5:
                offset += 1 + max(Int(payload.little32(at: offset + 1)), Block.headLength)
            case 2: offset += 6
            case 3:
                let (entry, end) = try ledgerEntry(payload, at: offset, of: transaction)
                body(entry)
                offset = end
            default:
                throw .damaged("change of unknown sort \(payload[offset])")
            }
        }
    }
}

extension ByteBuffer {
    mutating func append<Value: FixedWidthInteger>(little value: Value) {
        var rest = value
        for _ in 0..<(Value.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}

extension Span<UInt8> {
    func little32(at offset: Int) -> UInt32 {
        UInt32(self[offset]) | UInt32(self[offset + 1]) << 8 | UInt32(self[offset + 2]) << 16
            | UInt32(self[offset + 3]) << 24
    }

    func little64(at offset: Int) -> UInt64 {
        UInt64(little32(at: offset)) | UInt64(little32(at: offset + 4)) << 32
    }
}
