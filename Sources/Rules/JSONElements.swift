// Walks the elements of a JSON array whose text is already known to be valid (the store wrote it): enough to
// answer `has` and `in`, no more. Text that is not valid after all ends the walk; it never traps.

import Bytes

struct JSONElements {
    private var offset: Int
    private let end: Int

    /// `range` of the scratch buffer holds an array; an object has no elements.
    init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    /// The next element; the decoded bytes of a string are appended to `scratch`.
    mutating func next(_ scratch: inout ByteBuffer) -> CheckValue? {
        skipSpace(scratch.bytes)
        guard offset < end else { return nil }
        let byte = scratch.bytes[offset]
        // "[" before the first element, "," before each other one.
        guard byte == UInt8(ascii: "[") || byte == UInt8(ascii: ",") else { return nil }
        offset += 1
        skipSpace(scratch.bytes)
        guard offset < end else { return nil }
        let first = scratch.bytes[offset]
        switch first {
        case UInt8(ascii: "]"):
            return nil
        case UInt8(ascii: "\""):
            return readString(&scratch)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let start = offset
            return skipNested(scratch.bytes) ? .json(start..<offset) : nil
        default:
            return readScalar(scratch.bytes)
        }
    }

    private mutating func readScalar(_ bytes: Span<UInt8>) -> CheckValue? {
        let start = offset
        while offset < end, bytes[offset] != UInt8(ascii: ","), bytes[offset] != UInt8(ascii: "]"),
            bytes[offset] > 0x20
        {
            offset += 1
        }
        let text = bytes.extracting(start..<offset)
        skipSpace(bytes)
        if ASCII.equals(text, "true") { return .bool(true) }
        if ASCII.equals(text, "false") { return .bool(false) }
        if ASCII.equals(text, "null") { return .missing }
        return JSONNumber.value(of: text)
    }

    /// Over an array or object, brackets inside of strings aside. False if it does not end.
    private mutating func skipNested(_ bytes: Span<UInt8>) -> Bool {
        var depth = 0
        var isInString = false
        while offset < end {
            let byte = bytes[offset]
            offset += 1
            if isInString {
                if byte == UInt8(ascii: "\\") {
                    offset += 1
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return true }
            default: continue
            }
        }
        return false
    }

    private mutating func readString(_ scratch: inout ByteBuffer) -> CheckValue? {
        let start = scratch.count
        offset += 1
        while offset < end {
            let byte = scratch.bytes[offset]
            offset += 1
            if byte == UInt8(ascii: "\"") { return .text(start..<scratch.count) }
            if byte != UInt8(ascii: "\\") {
                scratch.append(byte)
                continue
            }
            guard offset < end else { return nil }
            let escape = scratch.bytes[offset]
            offset += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(escape)
            case UInt8(ascii: "b"): scratch.append(0x08)
            case UInt8(ascii: "f"): scratch.append(0x0C)
            case UInt8(ascii: "n"): scratch.append(0x0A)
            case UInt8(ascii: "r"): scratch.append(0x0D)
            case UInt8(ascii: "t"): scratch.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = readScalarEscape(scratch.bytes) else { return nil }
                for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { scratch.append(unit) }
            default: return nil
            }
        }
        return nil
    }

    /// The digits after `\u`, and the second half of a surrogate pair (RFC 8259 §7).
    private mutating func readScalarEscape(_ bytes: Span<UInt8>) -> Unicode.Scalar? {
        guard let first = readHex(bytes) else { return nil }
        guard first >= 0xD800, first < 0xDC00 else { return Unicode.Scalar(first) }
        guard offset + 1 < end, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
        else {
            return nil
        }
        offset += 2
        guard let second = readHex(bytes), second >= 0xDC00, second < 0xE000 else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func readHex(_ bytes: Span<UInt8>) -> UInt32? {
        guard end - offset >= 4 else { return nil }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(bytes[offset]) else { return nil }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while offset < end {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }
}
