// One UTF-8 sequence at a time, strictly: the table of well-formed sequences in RFC 3629 §4 (Unicode
// table 3-7), so overlong forms, surrogates and values above U+10FFFF are not decoded but reported.

import Bytes

/// A well-formed UTF-8 sequence: the scalar value and the number of bytes that spell it (1…4).
struct UTF8Sequence: Equatable {
    let scalar: UInt32
    let length: Int

    /// Decodes the sequence that starts at `offset`, which must be inside `text`. Nil if it is not
    /// well formed.
    @inline(__always)
    static func decode(_ text: Span<UInt8>, at offset: Int) -> UTF8Sequence? {
        let lead = text[offset]
        if lead < 0x80 { return UTF8Sequence(scalar: UInt32(lead), length: 1) }
        return decodeMultibyte(text, at: offset, lead: lead)
    }

    private static func decodeMultibyte(_ text: Span<UInt8>, at offset: Int, lead: UInt8) -> UTF8Sequence? {
        // The second byte carries all the special cases: its range depends on the first.
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)  // no overlong forms
        case 0xED: (length, second) = (3, 0x80...0x9F)  // no surrogates
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)  // no overlong forms
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)  // nothing above U+10FFFF
        default: return nil
        }
        guard text.count - offset >= length, second.contains(text[offset + 1]) else { return nil }
        var scalar = UInt32(lead & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07))
        for index in offset + 1..<offset + length {
            guard text[index] & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(text[index] & 0x3F)
        }
        return UTF8Sequence(scalar: scalar, length: length)
    }

    /// The bytes of `scalar`, which must be a Unicode scalar value, one call of `emit` for each.
    @inline(__always)
    static func encode(_ scalar: UInt32, _ emit: (UInt8) -> Void) {
        let low = { (shift: UInt32) in UInt8(truncatingIfNeeded: scalar >> shift & 0x3F) | 0x80 }
        switch scalar {
        case ..<0x80:
            emit(UInt8(scalar))
        case ..<0x800:
            emit(UInt8(scalar >> 6) | 0xC0)
            emit(low(0))
        case ..<0x10000:
            emit(UInt8(scalar >> 12) | 0xE0)
            emit(low(6))
            emit(low(0))
        default:
            emit(UInt8(scalar >> 18) | 0xF0)
            emit(low(12))
            emit(low(6))
            emit(low(0))
        }
    }
}
