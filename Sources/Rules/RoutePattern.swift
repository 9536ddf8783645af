// The pattern of a route: `/v1/orgs/{org}/**`. It is cut at slashes exactly as a path is, so `/a/` is the two
// segments "a" and "" and matches nothing but `/a/`. `**` stands for whole segments, also none: `/a/**` matches
// `/a`, `/a/` and `/a/b`.

import Bytes

enum PatternSegment: Hashable {
    case literal([UInt8])
    /// Exactly one non-empty segment.
    case capture
    /// Zero or more segments, last only.
    case rest
}

struct RoutePattern {
    let text: [UInt8]
    let segments: [PatternSegment]
    let captureNames: [[UInt8]]

    var endsWithRest: Bool { segments.last == .rest }

    /// Reads a pattern or reports what is wrong with it; nil after a report.
    ///
    /// A literal must be written as canonical paths have it, else no request could ever match it: that is a
    /// route whose author believes in a protection that is not there.
    init?(_ word: Word, allowsEmptySegments: Bool, allowsEncodedSlash: Bool, findings: Findings) {
        guard word.text.first == UInt8(ascii: "/") else {
            findings.error("expected a path that starts with \"/\", found \(word.shown)", at: word.place)
            return nil
        }
        let parts = Array(word.split(at: UInt8(ascii: "/")).dropFirst())
        var segments: [PatternSegment] = []
        var names: [[UInt8]] = []
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            if part.text.elementsEqual("**".utf8) {
                guard isLast else {
                    findings.error("\"**\" must be the last segment", at: part.place)
                    return nil
                }
                segments.append(.rest)
            } else if part.text.contains(UInt8(ascii: "{")) || part.text.contains(UInt8(ascii: "}")) {
                guard let name = Self.captureName(part.text) else {
                    findings.error(
                        "expected a whole segment {name} of letters, digits, \"_\" and \"-\", found \(part.shown)",
                        at: part.place)
                    return nil
                }
                if names.contains(name) {
                    findings.error(
                        "{\(String(decoding: name, as: UTF8.self))} is already a name in this pattern",
                        at: part.place)
                    return nil
                }
                names.append(name)
                segments.append(.capture)
            } else {
                if let reason = Self.objection(
                    to: part.text, isLast: isLast, allowsEmptySegments: allowsEmptySegments,
                    allowsEncodedSlash: allowsEncodedSlash)
                {
                    findings.error(reason, at: part.text.isEmpty ? word.place : part.place)
                    return nil
                }
                if part.text.first == UInt8(ascii: ":"),
                    let name = Self.captureName(Array("{\(part.string.dropFirst())}".utf8))
                {
                    findings.warning(
                        "\(part.shown) matches only itself; any segment is written {\(String(decoding: name, as: UTF8.self))}",
                        at: part.place)
                }
                segments.append(.literal(part.text))
            }
        }
        text = word.text
        self.segments = segments
        captureNames = names
    }

    private static func captureName(_ text: [UInt8]) -> [UInt8]? {
        guard text.count > 2, text.first == UInt8(ascii: "{"), text.last == UInt8(ascii: "}") else {
            return nil
        }
        let name = Array(text[1..<(text.count - 1)])
        for byte in name
        where
            !(ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-"))
        {
            return nil
        }
        return name
    }

    /// Why no canonical path contains this segment, or nil.
    static func objection(
        to segment: [UInt8], isLast: Bool, allowsEmptySegments: Bool, allowsEncodedSlash: Bool
    ) -> String? {
        if segment.isEmpty {
            return isLast || allowsEmptySegments
                ? nil : "an empty segment never matches without allow-empty-segments in the route"
        }
        if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
            return "a dot segment never matches: such paths are refused"
        }
        if segment.contains(UInt8(ascii: "*")) {
            return "\"*\" must be written as the whole last segment \"**\""
        }
        var index = 0
        while index < segment.count {
            let byte = segment[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < segment.count, let high = Hex.value(segment[index + 1]),
                    let low = Hex.value(segment[index + 2])
                else { return "expected two hexadecimal digits after \"%\"" }
                if segment[index + 1] != Hex.upperDigit(high) || segment[index + 2] != Hex.upperDigit(low) {
                    return
                        "the digits after \"%\" must be upper-case: paths are written so before they are matched"
                }
                if let reason = objection(toEscaped: high << 4 | low, allowsEncodedSlash: allowsEncodedSlash)
                {
                    return reason
                }
                index += 2
            } else if byte >= 0x80 {
                return "bytes beyond ASCII never match: write them percent-encoded"
            } else if byte <= 0x20 || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "#")
                || byte == UInt8(ascii: "?")
            {
                return "blanks, \"\\\", \"#\" and \"?\" never match in a path"
            }
            index += 1
        }
        return nil
    }

    private static func objection(toEscaped byte: UInt8, allowsEncodedSlash: Bool) -> String? {
        if isUnreserved(byte) {
            return
                "\"\(Character(Unicode.Scalar(byte)))\" must be written as it is: paths are decoded before they are matched"
        }
        if byte == UInt8(ascii: "/") {
            return allowsEncodedSlash
                ? nil : "an encoded slash never matches without allow-encoded-slash in the route"
        }
        if byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") {
            return "encoded controls and backslashes never match: such paths are refused"
        }
        return nil
    }

    /// RFC 3986 §2.3
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}
