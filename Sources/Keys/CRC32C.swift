// CRC-32C (Castagnoli), the checksum of journal and snapshot: eight bytes a step through eight tables, which
// keeps up with any disk and needs no special instructions.

struct CRC32C {
    private var state: UInt32 = .max

    var value: UInt32 { ~state }

    static func of(_ bytes: Span<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.combine(bytes)
        return crc.value
    }

    // tables[256 * k + b]: what byte b does to the checksum when k more bytes follow it.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x82F6_3B78 }
            tables[byte] = crc
        }
        for index in 256..<(8 * 256) {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 255)]
        }
        return tables
    }()

    mutating func combine(_ bytes: Span<UInt8>) {
        state = unsafe bytes.withUnsafeBytes { raw in
            unsafe Self.tables.withUnsafeBufferPointer { unsafe Self.run(state, raw, $0) }
        }
    }

    // Every table index is a byte plus a multiple of 256 below 2048; every load ends within `raw`.
    private static func run(
        _ start: UInt32, _ raw: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>
    ) -> UInt32 {
        guard let base = raw.baseAddress, let table = tables.baseAddress else { return start }
        var crc = start
        var offset = 0
        while raw.count - offset >= 8 {
            let word = unsafe UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let mixed = word ^ UInt64(crc)
            let low =
                unsafe table[1792 + Int(mixed & 255)] ^ table[1536 + Int(mixed >> 8 & 255)]
                ^ table[1280 + Int(mixed >> 16 & 255)] ^ table[1024 + Int(mixed >> 24 & 255)]
            let high =
                unsafe table[768 + Int(mixed >> 32 & 255)] ^ table[512 + Int(mixed >> 40 & 255)]
                ^ table[256 + Int(mixed >> 48 & 255)] ^ table[Int(mixed >> 56)]
            crc = low ^ high
            offset += 8
        }
        while offset < raw.count {
            let byte = unsafe base.load(fromByteOffset: offset, as: UInt8.self)
            crc = unsafe crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
            offset += 1
        }
        return crc
    }
}
