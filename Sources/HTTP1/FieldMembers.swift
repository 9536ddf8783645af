// The members of a field whose value is a list (RFC 9110 §5.6.1), one after the other. A comma inside of a quoted
// string separates nothing.

import Bytes

/// Where one is in a list. Empty members count for nothing.
public struct FieldMembers {
    private var position = 0

    public init() {}

    /// Where the next member lies in `value`, without the white space around it; nil behind the last.
    public mutating func next(in value: Span<UInt8>) -> Range<Int>? {
        while position < value.count {
            let start = position
            var isQuoted = false
            while position < value.count, isQuoted || value[position] != UInt8(ascii: ",") {
                if value[position] == UInt8(ascii: "\"") { isQuoted.toggle() }
                // A backslash takes the next byte's meaning away.
                if isQuoted, value[position] == UInt8(ascii: "\\") { position += 1 }
                position += 1
            }
            position = min(position, value.count)
            let member = FieldSyntax.trim(value, from: start, to: position)
            position += 1
            if !member.isEmpty { return member }
        }
        return nil
    }

    /// The part of a member in front of `delimiter`, without white space behind it.
    static func name(of member: Range<Int>, in value: Span<UInt8>, until delimiter: UInt8) -> Range<Int> {
        var end = member.lowerBound
        while end < member.upperBound, value[end] != delimiter { end += 1 }
        return FieldSyntax.trim(value, from: member.lowerBound, to: end)
    }
}
