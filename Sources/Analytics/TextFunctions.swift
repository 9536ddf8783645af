// Functions about text. Text is bytes, as in ClickHouse: `length` counts bytes, `lower` knows ASCII only,
// and `substring` begins at 1.

import Bytes
import JSON

extension ScalarFunction {
    func textual(_ values: [QueryValue]) throws(QueryError) -> QueryValue {
        switch self {
        case .toString: return .text(values[0].written)
        case .concat: return .text(values.flatMap(\.written))
        case .length:
            if case .array(let elements) = values[0] { return .integer(Int64(elements.count)) }
        default: break
        }
        guard case .text(let text) = values[0] else { throw mismatch(values[0]) }
        switch self {
        case .length: return .integer(Int64(text.count))
        case .lower: return .text(text.map { ASCII.lower($0) })
        case .upper: return .text(text.map { $0 &- UInt8(ascii: "a") < 26 ? $0 & 0xDF : $0 })
        case .trim:
            let end = text.lastIndex { $0 != 0x20 } ?? -1
            return .text(Array(text[..<(end + 1)].drop { $0 == 0x20 }))
        case .substring: return try substring(text, values)
        default: break
        }
        guard case .text(let other) = values[1] else { throw mismatch(values[1]) }
        switch self {
        case .startsWith: return .bool(text.starts(with: other))
        case .endsWith: return .bool(text.reversed().starts(with: other.reversed()))
        case .like: return .bool(Like.matches(text, other))
        case .notLike: return .bool(!Like.matches(text, other))
        case .ilike: return .bool(Like.matches(text.map(ASCII.lower), other.map(ASCII.lower)))
        case .notILike: return .bool(!Like.matches(text.map(ASCII.lower), other.map(ASCII.lower)))
        default: return Self.member(other, ofJSON: text)
        }
    }

    private func substring(_ text: [UInt8], _ values: [QueryValue]) throws(QueryError) -> QueryValue {
        guard case .integer(let start) = values[1] else { throw mismatch(values[1]) }
        // A negative start counts from the end; 0 is before the beginning.
        let first = start > 0 ? Int(min(start, 1 << 40)) - 1 : text.count + Int(max(start, -1 << 40))
        if start == 0 || first >= text.count { return .text([]) }
        var count = text.count
        if values.count > 2 {
            guard case .integer(let wanted) = values[2] else { throw mismatch(values[2]) }
            count = Int(min(max(0, wanted), 1 << 40))
        }
        let end = min(text.count, first + count)
        return .text(Array(text[max(0, first)..<max(max(0, first), end)]))
    }

    /// A string member of a text that is a JSON object; empty for anything else.
    private static func member(_ name: [UInt8], ofJSON text: [UInt8]) -> QueryValue {
        let parsed = try? JSONValue(parsing: text.span)
        return .text(parsed?.object?[name]?.stringBytes ?? [])
    }
}

/// Patterns of LIKE: `%` is any run of bytes, `_` one character, a backslash takes the next byte as it is.
enum Like {
    static func matches(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        var at = 0
        var rule = 0
        // Where to go on when the run behind the last `%` turns out too short: one byte further in the text.
        // Going back to the last one only is enough, and keeps the time below the product of the lengths.
        var retry: (rule: Int, text: Int)?
        while at < text.count {
            if rule < pattern.count, pattern[rule] == UInt8(ascii: "%") {
                retry = (rule + 1, at)
                rule += 1
                continue
            }
            if rule < pattern.count, let (nextAt, nextRule) = step(text, at, pattern, rule) {
                at = nextAt
                rule = nextRule
                continue
            }
            guard let back = retry else { return false }
            retry = (back.rule, back.text + 1)
            at = back.text + 1
            rule = back.rule
        }
        return pattern[rule...].allSatisfy { $0 == UInt8(ascii: "%") }
    }

    /// The places behind one character that matches; nil if it does not.
    private static func step(
        _ text: [UInt8], _ at: Int, _ pattern: [UInt8], _ rule: Int
    ) -> (Int, Int)? {
        if pattern[rule] == UInt8(ascii: "_") {
            var end = at + 1
            while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
            return (end, rule + 1)
        }
        var rule = rule
        if pattern[rule] == UInt8(ascii: "\\"), rule + 1 < pattern.count { rule += 1 }
        return text[at] == pattern[rule] ? (at + 1, rule + 1) : nil
    }
}
