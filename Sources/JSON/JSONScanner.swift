// Looking into compact JSON where it lies, for the request path: a header such as `identity.meta.plan` is
// found by walking the stored bytes, without a tree and without an allocation. The bytes were validated
// when they were stored; this code skips, it does not judge. Should they be damaged after all, the
// answer is "not found", never a trap and never a look outside.

public import Bytes

/// Where a value lies in a text, and what kind it is.
public struct JSONSlice: Equatable, Sendable {
    public let kind: JSONKind
    /// The raw value; a string with its quotation marks.
    public let range: Range<Int>
}

/// Look-ups in valid compact JSON (no whitespace outside strings), as `JSONText.compact` writes it.
public enum JSONScanner {
    /// The value at the start of `json`, which is the whole text if it is valid.
    public static func root(of json: Span<UInt8>) -> JSONSlice? { value(in: json, at: 0) }

    /// Follows member names from the root. Names are compared with the names in the text after
    /// unescaping. An empty path is the root. Nil if a member is missing or is looked for in no object.
    public static func find(path: [[UInt8]], in json: Span<UInt8>) -> JSONSlice? {
        guard var current = root(of: json) else { return nil }
        for name in path {
            guard let next = member(name.span, of: current, in: json) else { return nil }
            current = next
        }
        return current
    }

    /// The member `name` of an object; nil if there is none or `object` is none.
    public static func member(_ name: Span<UInt8>, of object: JSONSlice, in json: Span<UInt8>) -> JSONSlice? {
        guard object.kind == .object else { return nil }
        var offset = object.range.lowerBound + 1
        while offset < object.range.upperBound, json[offset] == UInt8(ascii: "\"") {
            guard let nameEnd = stringEnd(json, at: offset), nameEnd < json.count,
                json[nameEnd] == UInt8(ascii: ":"), let value = value(in: json, at: nameEnd + 1)
            else { return nil }
            if string(in: json, at: offset, equals: name) { return value }
            guard separated(json, at: value.range.upperBound) else { return nil }
            offset = value.range.upperBound + 1
        }
        return nil
    }

    /// Calls `body` with each element of an array, in order, until it returns false. Anything that is no
    /// array has no elements.
    public static func forEachElement(
        of array: JSONSlice, in json: Span<UInt8>, _ body: (JSONSlice) -> Bool
    ) {
        guard array.kind == .array else { return }
        var offset = array.range.lowerBound + 1
        while let element = value(in: json, at: offset) {
            guard body(element), separated(json, at: element.range.upperBound) else { return }
            offset = element.range.upperBound + 1
        }
    }

    /// Appends the unescaped text of a string to `buffer`. Traps if `slice` is no string.
    public static func appendText(of slice: JSONSlice, in json: Span<UInt8>, to buffer: inout ByteBuffer) {
        precondition(slice.kind == .string, "only a string has text")
        var offset = slice.range.lowerBound + 1
        let end = slice.range.upperBound - 1
        var plainStart = offset
        while offset < end {
            guard json[offset] == UInt8(ascii: "\\") else {
                offset += 1
                continue
            }
            buffer.append(json.extracting(plainStart..<offset))
            guard case .scalar(let scalar, let length) = JSONEscape.decode(json, at: offset) else { return }
            UTF8Sequence.encode(scalar) { buffer.append($0) }
            offset += length
            plainStart = offset
        }
        buffer.append(json.extracting(plainStart..<end))
    }

    /// Whether the text of a string, unescaped, is `text`. False if `slice` is no string.
    public static func text(of slice: JSONSlice, in json: Span<UInt8>, equals text: Span<UInt8>) -> Bool {
        slice.kind == .string && string(in: json, at: slice.range.lowerBound, equals: text)
    }

    /// Compares a string that starts with its quotation mark at `start`, unescaping as it goes.
    private static func string(in json: Span<UInt8>, at start: Int, equals text: Span<UInt8>) -> Bool {
        var offset = start + 1
        var matched = 0
        while offset < json.count {
            switch json[offset] {
            case UInt8(ascii: "\""):
                return matched == text.count
            case UInt8(ascii: "\\"):
                guard case .scalar(let scalar, let length) = JSONEscape.decode(json, at: offset) else {
                    return false
                }
                var same = true
                UTF8Sequence.encode(scalar) { byte in
                    if same, matched < text.count, text[matched] == byte {
                        matched += 1
                    } else {
                        same = false
                    }
                }
                guard same else { return false }
                offset += length
            case let byte:
                guard matched < text.count, text[matched] == byte else { return false }
                matched += 1
                offset += 1
            }
        }
        return false
    }

    /// The value that starts at `offset`; nil if none does.
    private static func value(in json: Span<UInt8>, at offset: Int) -> JSONSlice? {
        guard offset < json.count else { return nil }
        let kind: JSONKind
        let end: Int?
        switch json[offset] {
        case UInt8(ascii: "\""): (kind, end) = (.string, stringEnd(json, at: offset))
        case UInt8(ascii: "{"): (kind, end) = (.object, nestedEnd(json, at: offset))
        case UInt8(ascii: "["): (kind, end) = (.array, nestedEnd(json, at: offset))
        case UInt8(ascii: "t"): (kind, end) = (.true, offset + 4)
        case UInt8(ascii: "f"): (kind, end) = (.false, offset + 5)
        case UInt8(ascii: "n"): (kind, end) = (.null, offset + 4)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            (kind, end) = (.number, numberEnd(json, at: offset))
        default: return nil
        }
        guard let end, end <= json.count else { return nil }
        return JSONSlice(kind: kind, range: offset..<end)
    }

    /// The offset behind the closing quotation mark of the string that starts at `offset`.
    private static func stringEnd(_ json: Span<UInt8>, at offset: Int) -> Int? {
        var index = offset + 1
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    /// The offset behind the bracket that closes the one at `offset`. Only depth is counted: in a valid
    /// text the kinds of brackets match.
    private static func nestedEnd(_ json: Span<UInt8>, at offset: Int) -> Int? {
        var depth = 0
        var index = offset
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "\""):
                guard let end = stringEnd(json, at: index) else { return nil }
                index = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default:
                break
            }
            index += 1
        }
        return nil
    }

    private static func numberEnd(_ json: Span<UInt8>, at offset: Int) -> Int {
        var index = offset
        while index < json.count {
            switch json[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                index += 1
            default:
                return index
            }
        }
        return index
    }

    private static func separated(_ json: Span<UInt8>, at offset: Int) -> Bool {
        offset < json.count && json[offset] == UInt8(ascii: ",")
    }
}
