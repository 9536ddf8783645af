// Hexadecimal digits, both ways.

public enum Hex {
    /// The lower-case digit of a value 0…15.
    @inlinable public static func lowerDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// The upper-case digit of a value 0…15, as percent-encoding writes it (RFC 3986 §2.1).
    @inlinable public static func upperDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// The value of a hexadecimal digit in either case, or nil.
    @inlinable public static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The bytes in lower-case hexadecimal.
    public static func string(_ bytes: Span<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for index in bytes.indices {
            text.append(lowerDigit(bytes[index] >> 4))
            text.append(lowerDigit(bytes[index] & 15))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` spells in hexadecimal, or nil if its length is odd or a digit is none.
    public static func bytes(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 2)
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }
}
