// The ledger's file: what the journals had to say about credits, kept when they go. It is written by
// compaction alone, before the snapshot that makes the journals superfluous, and read by whoever asks. Its
// loss or damage keeps no store from opening. Byte for byte it is chunks:
//
//      0 u32 marker   4 u32 length of the payload   8 u8 version   9 u8 1 if openings   10 u16 0
//     12 u32 CRC-32C of all the rest of the chunk
//     16 u64 last transaction of which this or an earlier chunk has everything   24 payload: entries
//
// A chunk has whole transactions only. So everything up to the last chunk's transaction is in the file, and
// everything behind it is in the journals that are still there.

import Bytes
import Reactor

enum LedgerFormat {
    static let version: UInt8 = 1
    static let headLength = 24
    /// A chunk is closed once it is this long.
    static let chunkLength = 1 << 20
    /// Longer than that is damage: one transaction may have many entries, but not more than a journal's record.
    static let maxPayloadLength = JournalFormat.maxPayloadLength
    // "KGl" and a byte that is no text.
    static let marker: UInt32 = 0xF5_6C_47_4B

    struct Chunk {
        let payload: Range<Int>
        let transaction: UInt64
        /// Whether it holds what older entries have come to.
        let isBase: Bool
    }

    static func encode(_ payload: Span<UInt8>, through transaction: UInt64, isBase: Bool) -> ByteBuffer {
        var out = ByteBuffer(capacity: headLength + payload.count)
        out.append(little: marker)
        out.append(little: UInt32(payload.count))
        out.append(version)
        out.append(isBase ? 1 : 0)
        out.append(little: UInt16(0))
        out.append(little: UInt32(0))
        out.append(little: transaction)
        out.append(payload)
        var crc = checksum(out.bytes)
        for index in 0..<4 {
            out.replace(at: 12 + index, with: UInt8(truncatingIfNeeded: crc))
            crc >>= 8
        }
        return out
    }

    private static func checksum(_ chunk: Span<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.combine(chunk.extracting(0..<12))
        crc.combine(chunk.extracting(16..<chunk.count))
        return crc.value
    }

    /// The chunk at `offset`; nil if there is none that is whole.
    static func chunk(_ file: Span<UInt8>, at offset: Int) throws(JournalFormat.Problem) -> Chunk? {
        guard file.count - offset >= headLength, file.little32(at: offset) == marker else { return nil }
        let length = Int(file.little32(at: offset + 4))
        let start = offset + headLength
        guard length <= maxPayloadLength, length <= file.count - start,
            checksum(file.extracting(offset..<start + length)) == file.little32(at: offset + 12)
        else { return nil }
        guard file[offset + 8] <= version else {
            throw .newer(version: Int(file[offset + 8]), supported: Int(version))
        }
        return Chunk(
            payload: start..<start + length, transaction: file.little64(at: offset + 16),
            isBase: file[offset + 9] == 1)
    }

    /// Where the next whole chunk begins, if any does.
    static func nextChunk(_ file: Span<UInt8>, behind offset: Int) throws(JournalFormat.Problem) -> Int? {
        var at = offset + 1
        while file.count - at >= headLength {
            if file[at] == UInt8(truncatingIfNeeded: marker), try chunk(file, at: at) != nil { return at }
            at += 1
        }
        return nil
    }
}

/// Where chunks are in the file, and where none are although there should be.
struct LedgerMap {
    var chunks: [LedgerFormat.Chunk] = []
    /// Bytes that are no chunk and stand before one.
    var damage: [Range<Int>] = []
    /// The end of the last chunk. What is behind it was cut off by a crash.
    var length = 0

    /// The last transaction of which everything is in the file.
    var transaction: UInt64 { chunks.last?.transaction ?? 0 }
    /// Bytes of chunks that only say what older ones came to.
    var baseLength: Int {
        chunks.reduce(0) { $0 + ($1.isBase ? LedgerFormat.headLength + $1.payload.count : 0) }
    }

    init(_ file: Span<UInt8>) throws(JournalFormat.Problem) {
        var offset = 0
        while offset < file.count {
            if let chunk = try LedgerFormat.chunk(file, at: offset) {
                chunks.append(chunk)
                offset = chunk.payload.upperBound
                length = offset
            } else if let next = try LedgerFormat.nextChunk(file, behind: offset) {
                damage.append(offset..<next)
                offset = next
            } else {
                return
            }
        }
    }
}
