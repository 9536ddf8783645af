// What a field line may consist of (RFC 9112 §5, RFC 9110 §5.5–5.6): the byte classes every parser of this
// module scans with, and the parser for a line that is already complete. A request head is scanned as it
// arrives, by `RequestParser`; trailers and the upstream's lines come whole and are judged here. Both use the
// same two loops, so a byte that one refuses is never let through by the other.

import Bytes

/// What is wrong with one field line.
public enum FieldFault: Sendable, Equatable, CaseIterable {
    case foldedLine, emptyName, invalidName, spaceBeforeColon, missingColon, invalidValue
    case bareCarriageReturn, bareLineFeed

    /// A stable word for logs and counters.
    public var reason: StaticString {
        switch self {
        case .foldedLine: "header_folded"
        case .emptyName: "header_name_empty"
        case .invalidName: "header_name_invalid"
        case .spaceBeforeColon: "header_space_before_colon"
        case .missingColon: "header_colon_missing"
        case .invalidValue: "header_value_invalid"
        case .bareCarriageReturn: "bare_cr"
        case .bareLineFeed: "bare_lf"
        }
    }

    /// One line for people.
    public var message: StaticString {
        switch self {
        case .foldedLine: "a header line begins with white space"
        case .emptyName: "a header has no name"
        case .invalidName: "a header name contains a byte that is not allowed in a token"
        case .spaceBeforeColon: "there is white space between a header name and its colon"
        case .missingColon: "a header line has no colon"
        case .invalidValue: "a header value contains a control character"
        case .bareCarriageReturn: "a carriage return is not followed by a line feed"
        case .bareLineFeed: "a line ends in a line feed without a carriage return"
        }
    }
}

enum Byte {
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let tab = UInt8(ascii: "\t")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")
}

enum FieldSyntax {
    /// The first index at or after `start` whose byte is not a `tchar`, or `end`.
    @inline(__always)
    static func endOfToken(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, isTokenByte(bytes[index]) { index += 1 }
        return index
    }

    /// The first index at or after `start` whose byte may not stand in a field value, or `end`. Bytes from
    /// 0x80 up (obs-text, RFC 9110 §5.5) pass: they carry no structure and backends rely on them.
    @inline(__always)
    static func endOfValue(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index < end, isValueByte(bytes[index]) { index += 1 }
        return index
    }

    /// `tchar` as two 64-bit sets: one shift for each byte where a chain of comparisons costs several.
    @inline(__always)
    static func isTokenByte(_ byte: UInt8) -> Bool {
        let set: UInt64 = byte < 64 ? 0x03FF_6CFA_0000_0000 : byte < 128 ? 0x57FF_FFFF_C7FF_FFFE : 0
        return (set >> UInt64(byte & 63)) & 1 != 0
    }

    @inline(__always)
    static func isValueByte(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == Byte.tab
    }

    /// What the byte that ended a name says about the line. Not for a colon.
    static func faultAfterName(_ byte: UInt8) -> FieldFault {
        switch byte {
        case Byte.space, Byte.tab: .spaceBeforeColon
        case Byte.carriageReturn: .missingColon
        case Byte.lineFeed: .bareLineFeed
        default: .invalidName
        }
    }

    /// The range between `start` and `end` without spaces and tabs at either end.
    @inline(__always)
    static func trim(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Range<Int> {
        var start = start
        var end = end
        while start < end, bytes[start] == Byte.space || bytes[start] == Byte.tab { start += 1 }
        while end > start, bytes[end - 1] == Byte.space || bytes[end - 1] == Byte.tab { end -= 1 }
        return start..<end
    }

    enum Line {
        case field(HeaderField)
        case fault(FieldFault)
    }

    /// Parses a whole line without its line end: `field-name ":" OWS field-value OWS`.
    static func parse(_ line: Span<UInt8>) -> Line {
        let nameEnd = endOfToken(line, from: 0, to: line.count)
        guard nameEnd < line.count else { return .fault(.missingColon) }
        guard line[nameEnd] == Byte.colon else {
            let isFold = nameEnd == 0 && (line[0] == Byte.space || line[0] == Byte.tab)
            return .fault(isFold ? .foldedLine : faultAfterName(line[nameEnd]))
        }
        guard nameEnd > 0 else { return .fault(.emptyName) }
        let valueEnd = endOfValue(line, from: nameEnd + 1, to: line.count)
        if valueEnd < line.count {
            return .fault(line[valueEnd] == Byte.carriageReturn ? .bareCarriageReturn : .invalidValue)
        }
        return .field(
            HeaderField(
                kind: .recognise(line.extracting(0..<nameEnd)), name: 0..<nameEnd,
                value: trim(line, from: nameEnd + 1, to: valueEnd)))
    }
}
