// A snapshot, byte for byte: all entities as they were after one transaction.
//
//     head      0 "KEYGATES"   8 u32 format version   12 u32 0   16 u64 sequence number of the first journal
//              that is not contained   24 u64 last transaction contained   32 i64 time of writing, ms
//              40 16 × u32 entities by kind   104 16 × u32 last number given out by kind
//              168 u32 0   172 u32 CRC-32C of bytes 0–171
//
//     chunk     0 u32 marker   4 u32 length of the payload   8 u32 number of blocks
//              12 u32 CRC-32C of bytes 0–11 and the payload   16 payload: blocks, one after another
//
// Chunks come in the order of the kinds, so that what a block refers to was read before it. A chunk
// without blocks ends the file; a snapshot that lacks it, or has anything behind it, is damaged.

import Bytes

enum SnapshotFormat {
    static let version: UInt32 = 1
    static let headLength = 176
    static let chunkHeadLength = 16
    /// A chunk is closed once it is this long, so it is at most one block longer.
    static let chunkLength = 1 << 20
    private static let magic: StaticString = "KEYGATES"
    private static let marker: UInt32 = 0xF5_73_47_4B

    struct Head {
        var sequence: UInt64 = 0
        var transaction: UInt64 = 0
        var writtenAtMillis: Int64 = 0
        var counts = InlineArray<16, UInt32>(repeating: 0)
        var lastNumbers = InlineArray<16, UInt32>(repeating: 0)
    }

    struct Chunk {
        let payloadLength: Int
        let blockCount: Int
        let checksum: UInt32
    }

    static func encode(_ head: Head) -> [UInt8] {
        var out = ByteBuffer(capacity: headLength)
        out.append(magic)
        out.append(little: version)
        out.append(little: UInt32(0))
        out.append(little: head.sequence)
        out.append(little: head.transaction)
        out.append(little: head.writtenAtMillis)
        for index in head.counts.indices { out.append(little: head.counts[index]) }
        for index in head.lastNumbers.indices { out.append(little: head.lastNumbers[index]) }
        out.append(little: UInt32(0))
        out.append(little: CRC32C.of(out.bytes))
        return Array(copying: out.bytes)
    }

    static func head(_ file: Span<UInt8>) throws(JournalFormat.Problem) -> Head {
        guard file.count >= headLength else { throw .damaged("the file is shorter than its head") }
        guard ASCII.equals(file.extracting(0..<8), magic) else { throw .damaged("this is not a snapshot") }
        let found = file.little32(at: 8)
        guard found <= version else { throw .newer(version: Int(found), supported: Int(version)) }
        guard found > 0, CRC32C.of(file.extracting(0..<172)) == file.little32(at: 172) else {
            throw .damaged("the checksum of the head does not match")
        }
        var head = Head()
        head.sequence = file.little64(at: 16)
        head.transaction = file.little64(at: 24)
        head.writtenAtMillis = Int64(bitPattern: file.little64(at: 32))
        for index in head.counts.indices { head.counts[index] = file.little32(at: 40 + 4 * index) }
        for index in head.lastNumbers.indices { head.lastNumbers[index] = file.little32(at: 104 + 4 * index) }
        return head
    }

    static func encodeChunkHead(_ payload: Span<UInt8>, blockCount: Int) -> [UInt8] {
        var out = ByteBuffer(capacity: chunkHeadLength)
        out.append(little: marker)
        out.append(little: UInt32(payload.count))
        out.append(little: UInt32(blockCount))
        var crc = CRC32C()
        crc.combine(out.bytes)
        crc.combine(payload)
        out.append(little: crc.value)
        return Array(copying: out.bytes)
    }

    static func chunkHead(_ bytes: Span<UInt8>) throws(JournalFormat.Problem) -> Chunk {
        guard bytes.count >= chunkHeadLength else { throw .damaged("the file ends without its last chunk") }
        guard bytes.little32(at: 0) == marker else { throw .damaged("no chunk begins here") }
        let length = Int(bytes.little32(at: 4))
        guard length <= chunkLength + Block.maxLength else { throw .damaged("a chunk of \(length) bytes") }
        return Chunk(
            payloadLength: length, blockCount: Int(bytes.little32(at: 8)), checksum: bytes.little32(at: 12))
    }

    /// `bytes` is the head of a chunk and its payload.
    static func isIntact(_ chunk: Chunk, _ bytes: Span<UInt8>) -> Bool {
        var crc = CRC32C()
        crc.combine(bytes.extracting(0..<12))
        crc.combine(bytes.extracting(chunkHeadLength..<bytes.count))
        return crc.value == chunk.checksum
    }
}
