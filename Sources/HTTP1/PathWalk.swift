// The walk over the bytes of a path that decides whether it has one meaning, and writes that meaning down.
//
// Servers differ in when they decode (before or after splitting), in what they take for a separator (`/`,
// `%2F`, `\`), in whether they drop `;parameters`, trim spaces, or decode a second time. The walk looks at
// each segment the way the most eager of them would, and refuses if that is not what is written.

import Bytes

/// The state of one walk. Used once.
struct PathWalk {
    private(set) var hasEmptySegments = false
    private(set) var hasEncodedSlash = false
    private var segment = Segment()
    private var utf8 = UTF8Sequence()
    private var secondDecoding = SecondDecoding()

    /// Appends the canonical form of `path`, which begins with a slash or is refused. The buffer holds
    /// part of the path when it is refused.
    mutating func append(_ path: Span<UInt8>, to buffer: inout ByteBuffer) -> PathAmbiguity? {
        var index = 0
        while index < path.count {
            let byte = path[index]
            let refused: PathAmbiguity?
            if byte == UInt8(ascii: "%") {
                refused = appendEscape(path, at: index, to: &buffer)
                index += 3
            } else {
                refused = appendRaw(byte, isFirst: index == 0, to: &buffer)
                index += 1
            }
            if let refused { return refused }
        }
        if segment.isDotSegment { return .dotSegment }
        // A path may end in a slash, but what is behind the last one may not be parameters alone.
        if segment.isOnlyParameters { hasEmptySegments = true }
        return utf8.isComplete ? nil : .invalidUTF8
    }

    private mutating func appendRaw(
        _ byte: UInt8, isFirst: Bool, to buffer: inout ByteBuffer
    ) -> PathAmbiguity? {
        guard utf8.isComplete else { return .invalidUTF8 }
        if byte == Byte.slash {
            if segment.isDotSegment { return .dotSegment }
            if !isFirst, segment.isEmpty || segment.isOnlyParameters { hasEmptySegments = true }
            segment = Segment()
        } else if isFirst {
            // Only behind an authority: `http://host#fragment`.
            return .fragment
        } else if Self.isPathCharacter(byte) {
            segment.admit(byte)
        } else {
            return Self.ambiguity(of: byte)
        }
        buffer.append(byte)
        return secondDecoding.admit(byte) ? nil : .doubleEncoding
    }

    private mutating func appendEscape(
        _ path: Span<UInt8>, at index: Int, to buffer: inout ByteBuffer
    ) -> PathAmbiguity? {
        guard path.count - index >= 3, let high = Hex.value(path[index + 1]),
            let low = Hex.value(path[index + 2])
        else { return .invalidEscape }
        let byte = high << 4 | low
        guard utf8.admit(byte) else { return .invalidUTF8 }
        if byte < 0x20 || byte == 0x7F || utf8.isControl { return .controlCharacter }
        if byte == UInt8(ascii: "\\") { return .backslash }
        if Self.isUnreserved(byte) {
            segment.admit(byte)
            buffer.append(byte)
            return secondDecoding.admit(byte) ? nil : .doubleEncoding
        }
        if byte >= 0x80 {
            guard admitScalar() else { return .dotSegment }
        } else if byte == Byte.slash {
            // To a backend that decodes before it splits this ends the segment.
            if segment.isDotSegment { return .dotSegment }
            segment = Segment()
            segment.followsEncodedSlash = true
            hasEncodedSlash = true
        } else {
            segment.admit(byte)
        }
        buffer.append(UInt8(ascii: "%"))
        buffer.append(Hex.upperDigit(high))
        buffer.append(Hex.upperDigit(low))
        secondDecoding.admitEscape(of: byte)
        return nil
    }

    /// Takes in a character beyond ASCII once its last byte is there. Backends that fold such characters to
    /// the nearest in ASCII (best fit, NFKC) see dots and slashes in some: as data they pass, as `..` they do
    /// not. False for a dot segment.
    private mutating func admitScalar() -> Bool {
        guard utf8.isComplete else { return true }
        switch utf8.scalar {
        // one dot leader, small full stop, fullwidth full stop
        case 0x2024, 0xFE52, 0xFF0E: segment.admit(UInt8(ascii: "."))
        // fraction slash, division slash, small and fullwidth reverse solidus, fullwidth solidus
        case 0x2044, 0x2215, 0xFE68, 0xFF3C, 0xFF0F:
            if segment.isDotSegment { return false }
            segment = Segment()
            segment.followsEncodedSlash = true
        // two dot leader
        case 0x2025:
            segment.admit(UInt8(ascii: "."))
            segment.admit(UInt8(ascii: "."))
        default: segment.admit(0x80)
        }
        return true
    }

    /// unreserved of RFC 3986 §2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    /// pchar of RFC 3986 §3.3 without escapes, as two 64-bit sets: letters, digits and `-._~!$&'()*+,;=:@`.
    private static func isPathCharacter(_ byte: UInt8) -> Bool {
        let set: UInt64 = byte < 64 ? 0x2FFF_7FD2_0000_0000 : byte < 128 ? 0x47FF_FFFE_87FF_FFFF : 0
        return (set >> UInt64(byte & 63)) & 1 != 0
    }

    /// Why a byte that is no path character is refused.
    private static func ambiguity(of byte: UInt8) -> PathAmbiguity {
        switch byte {
        case 0..<0x20, 0x7F: .controlCharacter
        case UInt8(ascii: "\\"): .backslash
        case UInt8(ascii: "#"): .fragment
        case 0x80...: .nonASCII
        default: .forbiddenCharacter
        }
    }
}

/// What is known of the segment being walked, as a backend sees it that decodes it, drops its parameters
/// and trims its spaces: for such a one `..;x`, `%2E%2E%20` and `.%2e` are all `..`.
private struct Segment {
    private var dotCount = 0
    private var hasParameters = false
    private var hasSpaces = false
    private var hasOther = false
    /// The segment began behind a `%2F`, so it is not an empty segment when nothing follows.
    var followsEncodedSlash = false

    var isDotSegment: Bool { !hasOther && (dotCount == 1 || dotCount == 2) }
    var isOnlyParameters: Bool { hasParameters && !hasOther && !hasSpaces && dotCount == 0 }
    var isEmpty: Bool {
        !hasOther && !hasSpaces && !hasParameters && dotCount == 0 && !followsEncodedSlash
    }

    /// Takes in one byte, raw or decoded.
    mutating func admit(_ byte: UInt8) {
        if hasParameters { return }
        switch byte {
        case UInt8(ascii: ";"): hasParameters = true
        case UInt8(ascii: "."): dotCount += 1
        case Byte.space: hasSpaces = true
        default: hasOther = true
        }
    }
}

/// Checks that consecutive escapes spell well-formed UTF-8 (Unicode table 3-7). Overlong forms are how a `/`
/// or a `.` gets past a filter and is seen by a sloppy decoder: `%C0%AF`.
private struct UTF8Sequence {
    private var missing = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF
    private var lead: UInt8 = 0
    /// The sequence just completed is a control character of the C1 set, U+0080…U+009F.
    private(set) var isControl = false
    /// The character just completed, if it took more than one byte.
    private(set) var scalar: UInt32 = 0

    var isComplete: Bool { missing == 0 }

    mutating func admit(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard byte >= lowest, byte <= highest else { return false }
            (lowest, highest) = (0x80, 0xBF)
            missing -= 1
            scalar = scalar << 6 | UInt32(byte & 0x3F)
            isControl = lead == 0xC2 && byte < 0xA0
            return true
        }
        lead = byte
        switch byte {
        case 0..<0x80: return true
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF4: (missing, highest) = (3, 0x8F)
        case 0xF1...0xF3: missing = 3
        default: return false
        }
        scalar = UInt32(byte) & (missing == 1 ? 0x1F : missing == 2 ? 0x0F : 0x07)
        return true
    }
}

/// Watches what is written for a `%25` with two hexadecimal digits behind it: to a server that decodes twice
/// that is another escape. Looking at the output catches digits that were themselves escaped (`%25%32%65`);
/// a `%25` before anything else is data, as in `100%25`.
private struct SecondDecoding {
    private var digitCount: Int?

    /// Takes in one literal byte; false if it completes an escape.
    mutating func admit(_ byte: UInt8) -> Bool {
        guard let seen = digitCount else { return true }
        guard Hex.value(byte) != nil else {
            digitCount = nil
            return true
        }
        digitCount = seen + 1
        return seen + 1 < 2
    }

    mutating func admitEscape(of byte: UInt8) {
        digitCount = byte == UInt8(ascii: "%") ? 0 : nil
    }
}
