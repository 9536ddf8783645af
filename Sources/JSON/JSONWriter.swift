// Writing a tree as compact JSON: no spaces, members in order, numbers as they were spelled, strings with
// the fewest escapes. So writing is canonical for strings and spacing, and exact for everything else.

public import Bytes

extension ByteBuffer {
    /// Appends `value` as compact JSON.
    public mutating func append(json value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(true): append("true")
        case .bool(false): append("false")
        case .number(let number): append(number.digits)
        case .string(let text): appendJSONString(text.span)
        case .array(let elements):
            append(UInt8(ascii: "["))
            var first = true
            for element in elements {
                if !first { append(UInt8(ascii: ",")) }
                first = false
                append(json: element)
            }
            append(UInt8(ascii: "]"))
        case .object(let object):
            append(UInt8(ascii: "{"))
            var first = true
            for member in object.members {
                if !first { append(UInt8(ascii: ",")) }
                first = false
                appendJSONString(member.name.span)
                append(UInt8(ascii: ":"))
                append(json: member.value)
            }
            append(UInt8(ascii: "}"))
        }
    }
}

extension JSONValue: CustomStringConvertible {
    /// Compact JSON in UTF-8.
    public func compactBytes() -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(json: self)
        return Array(copying: buffer.bytes)
    }

    /// Compact JSON.
    public var description: String { String(decoding: compactBytes(), as: UTF8.self) }
}

/// Questions about a whole JSON text.
public enum JSONText {
    /// Whether `text` is one strict JSON value.
    public static func isValid(_ text: Span<UInt8>, maxDepth: Int = JSONValue.defaultMaxDepth) -> Bool {
        (try? JSONValue(parsing: text, maxDepth: maxDepth)) != nil
    }

    /// The same value without spaces and with the fewest escapes; numbers and member order as they were.
    /// The result is what `JSONScanner` reads.
    public static func compact(
        _ text: Span<UInt8>, maxDepth: Int = JSONValue.defaultMaxDepth
    ) throws(JSONError) -> [UInt8] {
        try JSONValue(parsing: text, maxDepth: maxDepth).compactBytes()
    }
}
