// Which targets have one meaning, what it is, and why the others are refused.

import Bytes
import HTTP1
import Testing

/// The outcome as text: the canonical path with its flags and query, or the reason of the refusal.
func canonicalise(_ target: [UInt8], _ method: HTTP1.Method = .get) -> String {
    var buffer = ByteBuffer()
    // Something in front, as in a real buffer: ranges must count from the start of the readable bytes.
    buffer.append("junk")
    switch RequestTarget.canonicalise(target.span, method: method, into: &buffer) {
    case .malformed(let reason):
        #expect(buffer.count == 4)
        return "malformed \(reason.reason)"
    case .ambiguous(let reason):
        #expect(buffer.count == 4, "a refused path leaves nothing behind")
        return "ambiguous \(reason.reason)"
    case .canonical(let result):
        var outcome = text(buffer.bytes, result.path)
        if let query = result.query { outcome += " ? " + text(target.span, query) }
        if result.hasEmptySegments { outcome += " +empty" }
        if result.hasEncodedSlash { outcome += " +slash" }
        return outcome
    }
}

private let meaningful: [(String, String)] = [
    ("/", "/"), ("/a/b", "/a/b"), ("/a/", "/a/"), ("/a+b", "/a+b"),
    ("/..foo/bar..baz/a...b", "/..foo/bar..baz/a...b"),
    ("/...", "/..."), ("/.well-known/x", "/.well-known/x"), ("/a.", "/a."),
    ("/a-._~!$&'()*+,;=:@z", "/a-._~!$&'()*+,;=:@z"), ("/a;v=1/b", "/a;v=1/b"), ("/a..;x", "/a..;x"),
    // Escapes of unreserved characters are decoded, all others kept in upper case.
    ("/%61%2D%2e%5f%7E%30z", "/a-._~0z"), ("/a%c3%a9b", "/a%C3%A9b"), ("/%f0%9f%98%80", "/%F0%9F%98%80"),
    ("/a%20b", "/a%20b"), ("/%3a%40%21", "/%3A%40%21"), ("/a%3bb", "/a%3Bb"), ("/%7b%7D", "/%7B%7D"),
    ("/a%23b", "/a%23b"), ("/a%3fb", "/a%3Fb"),
    // Characters that some backends fold to a slash or a dot are data, as long as no dot segment comes of it.
    ("/a%ef%bc%8fb", "/a%EF%BC%8Fb"), ("/a%ef%bc%8f", "/a%EF%BC%8F"), ("/a%ef%bc%8f/b", "/a%EF%BC%8F/b"),
    ("/%e2%80%a6", "/%E2%80%A6"), ("/a%ef%bc%8eb", "/a%EF%BC%8Eb"), ("/a..%ef%bc%8fb", "/a..%EF%BC%8Fb"),
    // A percent sign is data unless it could begin another escape.
    ("/100%25", "/100%25"), ("/100%25/a", "/100%25/a"), ("/100%25z", "/100%25z"), ("/100%252", "/100%252"),
    ("/100%2525x", "ambiguous path_double_encoding"), ("/%25%25", "/%25%25"), ("/%25%2D41", "/%25-41"),
    // Left to the route.
    ("//a", "//a +empty"), ("/a//b", "/a//b +empty"), ("/a//", "/a// +empty"), ("//", "// +empty"),
    ("/;x/a", "/;x/a +empty"), ("/a/;x", "/a/;x +empty"), ("/a%2fb", "/a%2Fb +slash"),
    ("/%2F", "/%2F +slash"),
    ("/a%2f/b", "/a%2F/b +slash"), ("/%2f%2fa//b", "/%2F%2Fa//b +empty +slash"),
    // The query is nobody's business but the backend's.
    ("/a?", "/a ? "), ("/a?b=c&b=d&&e=;f=?/:@!$'()*,", "/a ? b=c&b=d&&e=;f=?/:@!$'()*,"),
    ("/a?../%2e%2e/%zz\\[]{}|^`\"<>", "/a ? ../%2e%2e/%zz\\[]{}|^`\"<>"), ("/?/open/", "/ ? /open/"),
    // Absolute form.
    ("http://kg.test", "/"), ("https://kg.test?q", "/ ? q"), ("HTTP://kg.test:80/a%2eb?q", "/a.b ? q"),
]

private let ambiguous: [(String, String)] =
    [
        ("/..%ef%bc%8fa", "dot_segment"), ("/a%ef%bc%8f../b", "dot_segment"), ("/%ef%bc%8e./a", "dot_segment"),
        ("/%e2%80%a5/a", "dot_segment"), ("/%e2%80%a4", "dot_segment"), ("/..%e2%88%95a", "dot_segment"),
        ("/..%e2%81%84a", "dot_segment"), ("/..%ef%bc%bca", "dot_segment"),
        ("/.", "dot_segment"), ("/..", "dot_segment"), ("/./a", "dot_segment"), ("/a/..", "dot_segment"),
        ("/a/../b", "dot_segment"), ("/%2e%2e/a", "dot_segment"), ("/%2E%2E/a", "dot_segment"),
        ("/.%2e/a", "dot_segment"),
        ("/%2e./a", "dot_segment"), ("/%2e", "dot_segment"), ("/a/%2E/", "dot_segment"),
        ("/..;x/a", "dot_segment"),
        ("/%2e%2e;/a", "dot_segment"), ("/..%3bx/a", "dot_segment"), ("/.;/a", "dot_segment"),
        ("/..;", "dot_segment"),
        ("/..%20/a", "dot_segment"), ("/%20../a", "dot_segment"), ("/.%20.", "dot_segment"),
        ("/..%20;x", "dot_segment"),
        ("/..%2fa", "dot_segment"), ("/a%2f..", "dot_segment"), ("/a%2F%2e%2e%2Fb", "dot_segment"),
        ("/a%2f.", "dot_segment"),
        ("//../a", "dot_segment"), ("http://kg.test/../a", "dot_segment"),
        ("/\\a", "backslash"), ("/a%5cb", "backslash"), ("/..%5C", "backslash"),
        ("/a\u{00}", "control_character"), ("/a\tb", "control_character"), ("/a\u{7F}", "control_character"),
        ("/a%00", "control_character"), ("/a%0d%0a", "control_character"), ("/a%09", "control_character"),
        ("/a%7f", "control_character"), ("/a%c2%85", "control_character"),
        ("/%2541", "double_encoding"), ("/..%252fa", "double_encoding"), ("/%25%34%31", "double_encoding"),
        ("/%252e%252e/", "double_encoding"), ("/%25%32e", "double_encoding"), ("/%25aF", "double_encoding"),
        ("/%zz", "escape_invalid"), ("/%", "escape_invalid"), ("/a%4", "escape_invalid"),
        ("/%u0061", "escape_invalid"),
        ("/%2%35", "escape_invalid"), ("/%+1", "escape_invalid"), ("/a%2/", "escape_invalid"),
        ("/%%41", "escape_invalid"),
        ("/%c0%af", "utf8_invalid"), ("/%c0%ae%c0%ae/", "utf8_invalid"), ("/%e0%80%af", "utf8_invalid"),
        ("/%f0%80%80%af", "utf8_invalid"), ("/%c3", "utf8_invalid"), ("/%c3a", "utf8_invalid"),
        ("/%c3/%a9", "utf8_invalid"),
        ("/%a9", "utf8_invalid"), ("/%ff", "utf8_invalid"), ("/%ed%a0%80", "utf8_invalid"),
        ("/%f4%90%80%80", "utf8_invalid"),
        ("/%c3%41", "utf8_invalid"), ("/%f5%80%80%80", "utf8_invalid"),
        ("/a\u{E9}b", "not_ascii"), ("/\u{FF}", "not_ascii"),
        ("/a#b", "fragment"), ("http://kg.test#b", "fragment"), ("/#", "fragment"),
        ("/a\"b", "character_forbidden"), ("/<a>", "character_forbidden"), ("/a^b", "character_forbidden"),
        ("/a`b", "character_forbidden"), ("/{a}", "character_forbidden"), ("/a|b", "character_forbidden"),
        ("/[a]", "character_forbidden"), ("/a b", "character_forbidden"),
    ].map { ($0.0, "ambiguous path_" + $0.1) } + [
        ("/a?b\u{00}", "ambiguous query_invalid"), ("/a?\u{E9}", "ambiguous query_invalid"),
        ("/a?b c", "ambiguous query_invalid"), ("/a?\u{7F}", "ambiguous query_invalid"),
        ("/a?b#c", "ambiguous path_fragment"),
    ]

@Suite("Request targets")
struct RequestTargetTests {
    @Test("with one meaning are written in one way", arguments: meaningful)
    func canonical(_ target: String, _ expected: String) {
        #expect(canonicalise(latin1(target)) == expected)
    }

    @Test("that could be read in two ways are refused", arguments: ambiguous)
    func refused(_ target: String, _ expected: String) {
        #expect(canonicalise(latin1(target)) == expected)
    }

    @Test(
        "in no known form are malformed",
        arguments: [
            "", "*", "a", "a/b", "?q", "#", "ftp://a/", "http:/a", "http://", "http:///", "http://a@b/",
            "http://a:b@c/",
            "http://a,b/", "http://a:/", "https//a", "kg.test:443", "\\a",
        ])
    func malformed(_ target: String) {
        #expect(canonicalise(latin1(target)) == "malformed target_invalid")
    }

    @Test(
        "may be an asterisk for OPTIONS only",
        arguments: [
            ("*", "*"), ("http://kg.test", "*"), ("http://kg.test/", "/"), ("http://kg.test?", "/ ? "),
            ("**", "malformed target_invalid"), ("*?", "malformed target_invalid"),
        ])
    func options(_ target: String, _ expected: String) {
        #expect(canonicalise(latin1(target), .options) == expected)
    }

    @Test("come out as they are when they are canonical already")
    func fixedPoint() {
        var random = SeededGenerator(state: 0x5EED)
        // Pieces that hostile targets are made of, so that many survive and many interact.
        let pieces = [
            "/", "/", "/", "a", "Z9", ".", "..", "%2e", "%2E", ";", "%3b", "%25", "25", "41", "%2f", "%2F",
            "%5c", "\\",
            "%c3%a9", "%c3", "%a9", "%00", "%41", "%7e", "%20", "%", "x", "~", "%32", "%65", "=", ":", "@",
            "%e2%82%ac",
        ]
        var acceptedCount = 0
        for _ in 0..<50_000 {
            var target = "/"
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                target += pieces.randomElement(using: &random)!
            }
            let bytes = latin1(target)
            var first = ByteBuffer()
            guard
                case .canonical(let result) = RequestTarget.canonicalise(
                    bytes.span, method: .get, into: &first)
            else { continue }
            acceptedCount += 1
            let canonical = Array(copying: first.bytes)
            var second = ByteBuffer()
            let again = RequestTarget.canonicalise(canonical.span, method: .get, into: &second)
            #expect(again == .canonical(result), "\(target)")
            #expect(Array(copying: second.bytes) == canonical, "\(target)")
            #expect(isResolved(canonical), "\(target) became \(String(decoding: canonical, as: UTF8.self))")
        }
        #expect(acceptedCount > 5_000)
    }

    /// An independent look at what must never be forwarded: dot segments, however often it is decoded.
    private func isResolved(_ path: [UInt8]) -> Bool {
        var current = path
        for _ in 0..<3 {
            for segment in current.split(separator: UInt8(ascii: "/")) {
                let name = segment.prefix { $0 != UInt8(ascii: ";") }.filter { $0 != UInt8(ascii: " ") }
                if name == Array(".".utf8) || name == Array("..".utf8) { return false }
            }
            if current.contains(UInt8(ascii: "\\")) || current.contains(0) { return false }
            current = decodedOnce(current)
        }
        return true
    }

    private func decodedOnce(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Hex.value(bytes[index + 1]),
                let low = Hex.value(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
