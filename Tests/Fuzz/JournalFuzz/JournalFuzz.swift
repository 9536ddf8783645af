// Feeds bytes to the recovery of the store as if they were its journal. Whatever they are, recovery must
// come to a verdict: no trap, no read out of bounds, no memory without end.
//
// The first byte chooses how the rest is meant: a journal or the file of the ledger. As a whole file, bytes
// rarely get past the checksums, so otherwise they are the payloads of records or chunks whose heads are made
// to fit.

import Bytes
import Keys

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    if size == 0 { return 0 }
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let rest = Array(input.dropFirst())
    let image = input[0] & 1 == 0 ? rest : input[0] & 2 == 0 ? journal(of: rest) : chunk(of: rest)
    if input[0] & 2 == 0 {
        _ = KeyStore.verifyJournal(image.span)
    } else {
        _ = KeyStore.verifyLedgerFile(image.span)
    }
    return 0
}

/// A file of the ledger with one chunk, whose payload this is.
private func chunk(of payload: [UInt8]) -> [UInt8] {
    let front = little(0xF56C_474B, 4) + little(UInt64(payload.count), 4) + [1, 0, 0, 0]
    let back = little(1, 8) + payload
    return front + little(UInt64(crc32c(front + back)), 4) + back
}

/// A journal with a fitting head, in which `payload` is cut into records: two bytes of length, then that
/// many bytes.
private func journal(of payload: [UInt8]) -> [UInt8] {
    var file =
        Array("KEYGATEJ".utf8) + little(1, 4) + little(0, 4) + little(1, 8) + little(1, 8) + little(0, 4)
    file += little(UInt64(crc32c(file)), 4)
    var offset = 0
    var transaction: UInt64 = 0
    while payload.count - offset >= 2 {
        let length = min(Int(payload[offset]) | Int(payload[offset + 1]) << 8, payload.count - offset - 2)
        let body = Array(payload[(offset + 2)..<(offset + 2 + length)])
        transaction += 1
        let front = little(0xF572_474B, 4) + little(UInt64(length), 4) + [1, 2, 0, 0]
        let back = little(transaction, 8) + little(transaction - 1, 8) + body
        file += front + little(UInt64(crc32c(front + back)), 4) + back
        offset += 2 + length
    }
    return file
}

private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
}

private func crc32c(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x82F6_3B78 }
    }
    return ~crc
}
