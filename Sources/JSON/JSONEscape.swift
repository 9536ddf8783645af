// Escapes inside strings, both ways (RFC 8259 §7). The decoder works on raw text at an offset, so that
// the parser, which copies, and the scanner, which only compares, read escapes in exactly one way.

public import Bytes

enum JSONEscape {
    enum Decoded: Equatable {
        /// A Unicode scalar value and the length of its escape in bytes: 2, 6, or 12 for a pair.
        case scalar(UInt32, length: Int)
        case malformed
        case loneSurrogate
        /// The text ends inside the escape.
        case cut
    }

    /// Decodes the escape whose backslash stands at `offset`.
    static func decode(_ text: Span<UInt8>, at offset: Int) -> Decoded {
        guard offset + 1 < text.count else { return .cut }
        switch text[offset + 1] {
        case UInt8(ascii: "\""): return .scalar(0x22, length: 2)
        case UInt8(ascii: "\\"): return .scalar(0x5C, length: 2)
        case UInt8(ascii: "/"): return .scalar(0x2F, length: 2)
        case UInt8(ascii: "b"): return .scalar(0x08, length: 2)
        case UInt8(ascii: "f"): return .scalar(0x0C, length: 2)
        case UInt8(ascii: "n"): return .scalar(0x0A, length: 2)
        case UInt8(ascii: "r"): return .scalar(0x0D, length: 2)
        case UInt8(ascii: "t"): return .scalar(0x09, length: 2)
        case UInt8(ascii: "u"): break
        default: return .malformed
        }
        guard offset + 6 <= text.count else { return .cut }
        guard let unit = unit(text, at: offset + 2) else { return .malformed }
        switch unit {
        case 0xD800...0xDBFF:
            guard offset + 12 <= text.count, text[offset + 6] == UInt8(ascii: "\\"),
                text[offset + 7] == UInt8(ascii: "u"), let low = self.unit(text, at: offset + 8),
                0xDC00...0xDFFF ~= low
            else { return .loneSurrogate }
            return .scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00), length: 12)
        case 0xDC00...0xDFFF:
            return .loneSurrogate
        default:
            return .scalar(unit, length: 6)
        }
    }

    private static func unit(_ text: Span<UInt8>, at offset: Int) -> UInt32? {
        var value: UInt32 = 0
        for index in offset..<offset + 4 {
            guard let digit = Hex.value(text[index]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}

/// Which characters a written string escapes.
public enum JSONEscaping: Equatable, Sendable {
    /// Only what must be: quotation mark, backslash and controls.
    case minimal
    /// Everything outside printable ASCII too, as a header field needs it.
    case asciiOnly
}

extension ByteBuffer {
    /// Appends `text` as a JSON string with its quotation marks. Any bytes will do: what is not UTF-8
    /// becomes U+FFFD, one for each byte that starts no sequence, so a log line is always valid JSON.
    public mutating func appendJSONString(_ text: Span<UInt8>, escaping: JSONEscaping = .minimal) {
        append(UInt8(ascii: "\""))
        appendJSONStringBody(text, escaping: escaping)
        append(UInt8(ascii: "\""))
    }

    /// The same without the quotation marks, for a string that is put together from pieces.
    public mutating func appendJSONStringBody(_ text: Span<UInt8>, escaping: JSONEscaping = .minimal) {
        var plainStart = 0
        var offset = 0
        // Runs that need no escape are copied at once; in practice that is nearly all text.
        while offset < text.count {
            let byte = text[offset]
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                offset += 1
                continue
            }
            let sequence = UTF8Sequence.decode(text, at: offset)
            if let sequence, sequence.scalar >= 0x7F, escaping == .minimal {
                offset += sequence.length
                continue
            }
            append(text.extracting(plainStart..<offset))
            offset += sequence?.length ?? 1
            appendEscape(sequence?.scalar ?? 0xFFFD)
            plainStart = offset
        }
        append(text.extracting(plainStart..<offset))
    }

    /// Appends already valid JSON with everything outside printable ASCII as `\u` escapes. Outside
    /// strings valid JSON has only ASCII, so this needs no knowledge of where strings are.
    public mutating func appendJSONInASCII(_ json: Span<UInt8>) {
        var plainStart = 0
        var offset = 0
        while offset < json.count {
            if json[offset] < 0x7F {
                offset += 1
                continue
            }
            append(json.extracting(plainStart..<offset))
            let sequence = UTF8Sequence.decode(json, at: offset)
            offset += sequence?.length ?? 1
            appendEscape(sequence?.scalar ?? 0xFFFD)
            plainStart = offset
        }
        append(json.extracting(plainStart..<offset))
    }

    private mutating func appendEscape(_ scalar: UInt32) {
        switch scalar {
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        case 0x08: append("\\b")
        case 0x0C: append("\\f")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        case 0x10000...:
            appendUnit(0xD800 + (scalar - 0x10000) >> 10)
            appendUnit(0xDC00 + (scalar - 0x10000) & 0x3FF)
        default: appendUnit(scalar)
        }
    }

    private mutating func appendUnit(_ unit: UInt32) {
        append("\\u")
        for shift in stride(from: 12, through: 0, by: -4) {
            append(Hex.lowerDigit(UInt8(truncatingIfNeeded: unit >> UInt32(shift) & 15)))
        }
    }
}
