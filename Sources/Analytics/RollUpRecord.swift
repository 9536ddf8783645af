// Roll-ups as bytes, for the file that survives a restart. A record is a segment with the strings it uses:
//
//     0 u8 format   1 u8 what the rows are   2 u32 number of strings, each u32 length and bytes (the empty
//     string is number 0 and not written); then u32 number of rows, each i64 time, eight u32 strings, i64
//     count, i64 spent credits. Everything is little endian.
//
// Checksums and the place in the file are the business of whoever writes it.

import Bytes

/// What a record says.
enum RollUpRecord {
    /// These events came in: they count in every granularity.
    case increment(Segment)
    /// The sums of one granularity so far.
    case sums(Granularity, Segment)

    private static let format: UInt8 = 1

    var bytes: [UInt8] {
        switch self {
        case .increment(let segment): Self.encode(0, segment)
        case .sums(let granularity, let segment): Self.encode(granularity.rawValue, segment)
        }
    }

    private static func encode(_ kind: UInt8, _ segment: Segment) -> [UInt8] {
        var out: [UInt8] = [format, kind]
        func append<Number: FixedWidthInteger>(_ number: Number) {
            for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
                out.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
            }
        }
        out.reserveCapacity(
            10 + segment.symbols.byteCount + 4 * segment.symbols.count
                + segment.count * (24 + 4 * Dimensions.count))
        append(UInt32(segment.symbols.count - 1))
        for symbol in 1..<max(1, UInt32(segment.symbols.count)) {
            segment.symbols.with(symbol) { text in
                append(UInt32(text.count))
                out.append(copying: text)
            }
        }
        append(UInt32(segment.count))
        for row in 0..<segment.count {
            append(segment.times[row])
            for index in 0..<Dimensions.count { append(segment.dimensions[row][index]) }
            append(segment.counts[row])
            append(segment.spentCredits[row])
        }
        return out
    }

    /// Nil if the bytes are no record of this format.
    init?(_ bytes: Span<UInt8>) {
        var reader = Reader()
        guard reader.number(bytes, UInt8.self) == Self.format, let kind = reader.number(bytes, UInt8.self),
            let segment = Self.decode(bytes, &reader)
        else { return nil }
        if kind == 0 {
            self = .increment(segment)
        } else {
            guard let granularity = Granularity(rawValue: kind) else { return nil }
            self = .sums(granularity, segment)
        }
    }

    private static func decode(_ bytes: Span<UInt8>, _ reader: inout Reader) -> Segment? {
        var segment = Segment()
        guard let symbolCount = reader.number(bytes, UInt32.self) else { return nil }
        for _ in 0..<symbolCount {
            guard let length = reader.number(bytes, UInt32.self), Int(length) <= bytes.count - reader.offset
            else { return nil }
            // Strings were unique when they were written, so they get the numbers they had.
            _ = segment.intern(bytes.extracting(reader.offset..<reader.offset + Int(length)))
            reader.offset += Int(length)
        }
        guard segment.symbols.count == Int(symbolCount) + 1,
            let rowCount = reader.number(bytes, UInt32.self)
        else { return nil }
        for _ in 0..<rowCount {
            guard let time = reader.number(bytes, Int64.self) else { return nil }
            var row = Dimensions()
            for index in 0..<Dimensions.count {
                guard let symbol = reader.number(bytes, UInt32.self), symbol <= symbolCount else {
                    return nil
                }
                row[index] = symbol
            }
            guard let count = reader.number(bytes, Int64.self), let spent = reader.number(bytes, Int64.self)
            else { return nil }
            segment.append(CivilTime.clamp(time), row, count: count, spent: spent)
        }
        return reader.offset == bytes.count ? segment : nil
    }

    private struct Reader {
        var offset = 0

        mutating func number<Number: FixedWidthInteger>(_ bytes: Span<UInt8>, _: Number.Type) -> Number? {
            let width = Number.bitWidth / 8
            guard bytes.count - offset >= width else { return nil }
            var value: Number = 0
            for index in 0..<width {
                value |= Number(truncatingIfNeeded: bytes[offset + index]) << Number(8 * index)
            }
            offset += width
            return value
        }
    }
}
