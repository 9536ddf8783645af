import Bytes
import JSON
import Testing

@Suite("Strict JSON")
struct ParserTests {
    struct Refused: CustomTestStringConvertible {
        let testDescription: String
        let text: [UInt8]
        let reason: JSONError.Reason
        let offset: Int

        init(_ label: String, _ text: String, _ reason: JSONError.Reason, at offset: Int) {
            self.init(label, bytes: Array(text.utf8), reason, at: offset)
        }

        init(_ label: String, bytes: [UInt8], _ reason: JSONError.Reason, at offset: Int) {
            testDescription = label
            text = bytes
            self.reason = reason
            self.offset = offset
        }
    }

    static let refused: [Refused] = [
        Refused("nothing at all", "", .unexpectedEnd, at: 0),
        Refused("only spaces", "  ", .unexpectedEnd, at: 2),
        Refused("an open array", "[1,", .unexpectedEnd, at: 3),
        Refused("an open object", "{\"a\":1", .unexpectedEnd, at: 6),
        Refused("an open string", "\"abc", .unexpectedEnd, at: 4),
        Refused("a cut escape", "\"\\u12", .unexpectedEnd, at: 5),
        Refused("a cut literal", "tru", .unexpectedEnd, at: 3),
        Refused("a misspelled literal", "nulL", .unexpectedByte(UInt8(ascii: "L")), at: 3),
        Refused("NaN", "NaN", .unexpectedByte(UInt8(ascii: "N")), at: 0),
        Refused("Infinity", "Infinity", .unexpectedByte(UInt8(ascii: "I")), at: 0),
        Refused("minus Infinity", "-Infinity", .malformedNumber, at: 0),
        Refused("a leading zero", "[01]", .malformedNumber, at: 1),
        Refused("a leading zero behind a minus", "-012", .malformedNumber, at: 0),
        Refused("a lone minus", "-", .malformedNumber, at: 0),
        Refused("a plus", "+1", .unexpectedByte(UInt8(ascii: "+")), at: 0),
        Refused("a bare point", "1.", .malformedNumber, at: 0),
        Refused("a point first", ".5", .unexpectedByte(UInt8(ascii: ".")), at: 0),
        Refused("an empty exponent", "1e+", .malformedNumber, at: 0),
        Refused("hexadecimal", "0x10", .trailingBytes, at: 1),
        Refused("a trailing comma in an array", "[1,]", .unexpectedByte(UInt8(ascii: "]")), at: 3),
        Refused("a trailing comma in an object", "{\"a\":1,}", .unexpectedByte(UInt8(ascii: "}")), at: 7),
        Refused("a name without quotation marks", "{a:1}", .unexpectedByte(UInt8(ascii: "a")), at: 1),
        Refused("a missing colon", "{\"a\" 1}", .unexpectedByte(UInt8(ascii: "1")), at: 5),
        Refused("two values", "1 2", .trailingBytes, at: 2),
        Refused("a NUL behind the value", "1\u{0}", .trailingBytes, at: 1),
        Refused("a byte order mark", "\u{FEFF}1", .unexpectedByte(0xEF), at: 0),
        Refused("a comment", "/**/1", .unexpectedByte(UInt8(ascii: "/")), at: 0),
        Refused("single quotes", "'a'", .unexpectedByte(UInt8(ascii: "'")), at: 0),
        Refused("a raw line break in a string", "\"a\nb\"", .controlInString, at: 2),
        Refused("a raw NUL in a string", "\"\u{0}\"", .controlInString, at: 1),
        Refused("an unknown escape", "\"\\x41\"", .malformedEscape, at: 1),
        Refused("an escape with a bad digit", "\"\\u12g4\"", .malformedEscape, at: 1),
        Refused("a lone high surrogate", "\"\\ud800\"", .loneSurrogate, at: 1),
        Refused("a lone low surrogate", "\"a\\udc00\"", .loneSurrogate, at: 2),
        Refused("two high surrogates", "\"\\ud800\\ud800\"", .loneSurrogate, at: 1),
        Refused("a high surrogate before another escape", "\"\\ud800\\n12345\"", .loneSurrogate, at: 1),
        Refused("a duplicate member", "{\"a\":1,\"b\":2,\"a\":3}", .duplicateMember([0x61]), at: 13),
        Refused("a duplicate behind an escape", "{\"a\":1,\"\\u0061\":2}", .duplicateMember([0x61]), at: 7),
        Refused("a stray continuation byte", bytes: [0x22, 0x80, 0x22], .invalidUTF8, at: 1),
        Refused("an overlong slash", bytes: [0x22, 0xC0, 0xAF, 0x22], .invalidUTF8, at: 1),
        Refused("an overlong three-byte form", bytes: [0x22, 0xE0, 0x9F, 0x80, 0x22], .invalidUTF8, at: 1),
        Refused("a surrogate in UTF-8", bytes: [0x22, 0xED, 0xA0, 0x80, 0x22], .invalidUTF8, at: 1),
        Refused("a scalar above U+10FFFF", bytes: [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], .invalidUTF8, at: 1),
        Refused("a cut sequence", bytes: [0x22, 0xE2, 0x82, 0x22], .invalidUTF8, at: 1),
        Refused("a sequence cut by the end", bytes: [0x22, 0xE2], .invalidUTF8, at: 1),
    ]

    @Test("is refused, with the reason and the place", arguments: refused)
    func refuses(_ row: Refused) {
        #expect(throws: JSONError(row.reason, at: row.offset)) { try parse(row.text) }
        #expect(!isValid(row.text))
    }

    @Test(
        "is written back as it came, but for spaces and needless escapes",
        arguments: [
            ("null", "null"), ("true", "true"), (" false ", "false"), ("0", "0"), ("-0", "-0"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1.10", "1.10"), ("1E+05", "1E+05"), ("-0.0e-0", "-0.0e-0"),
            ("\"\"", "\"\""), ("\"\\u0041\\/\"", "\"A/\""), ("\"\\ud83d\\ude00\"", "\"😀\""),
            ("\"\\u0000\\u001f\\b\\f\\n\\r\\t\"", "\"\\u0000\\u001f\\b\\f\\n\\r\\t\""),
            ("\"\\\"\\\\\"", "\"\\\"\\\\\""),
            ("\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\"", "\"\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\""),
            ("[ ]", "[]"), ("{ }", "{}"), ("[1, [2 ,{}]\n]", "[1,[2,{}]]"),
            ("{ \"z\" : 1 ,\t\"a\":[ null ] }", "{\"z\":1,\"a\":[null]}"),
            // Precomposed and decomposed é are one `Character` but two member names.
            ("{\"\u{E9}\":1,\"e\u{301}\":2}", "{\"\u{E9}\":1,\"e\u{301}\":2}"),
        ])
    func roundTrips(_ text: String, _ compact: String) throws {
        let value = try JSONValue(parsing: text)
        #expect(Array(value.description.utf8) == Array(compact.utf8))
        #expect(try JSONValue(parsing: compact) == value)
        #expect(try compacted(Array(text.utf8)) == Array(compact.utf8))
    }

    @Test("every cut of a valid text is refused")
    func cuts() {
        let text = Array("{\"a\":[1.5e3,true,null,\"\\u20ac\\ud83d\\ude00 €\"],\"b\":{\"c\":false}}".utf8)
        #expect(isValid(text))
        for end in 0..<text.count {
            #expect(!isValid(Array(text[..<end])), "cut at \(end)")
        }
    }

    @Test("nesting is bounded by the caller's limit, and the limit itself is allowed")
    func depth() throws {
        let nested = { (depth: Int) in
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(256)) }
        #expect(throws: JSONError(.tooDeep(limit: 256), at: 256)) { try JSONValue(parsing: nested(257)) }
        #expect(throws: JSONError(.tooDeep(limit: 2), at: 2)) {
            try JSONValue(parsing: nested(3), maxDepth: 2)
        }
        #expect(throws: JSONError(.tooDeep(limit: 256), at: 256)) {
            try JSONValue(parsing: String(repeating: "[", count: 1_000_000))
        }
        // Width is not depth.
        #expect(throws: Never.self) { try JSONValue(parsing: "[[],[],[],{},{}]", maxDepth: 2) }
    }

    @Test("duplicates are found in large objects too")
    func largeObjects() throws {
        let members = (0..<2_000).map { "\"m\($0)\":\($0)" }
        let text = "{" + members.joined(separator: ",") + "}"
        #expect(try JSONValue(parsing: text).description == text)
        let doubled = "{" + (members + ["\"m7\":0"]).joined(separator: ",") + "}"
        #expect(throws: JSONError(.duplicateMember(Array("m7".utf8)), at: text.utf8.count)) {
            try JSONValue(parsing: doubled)
        }
    }

    @Test("an error knows its line and column and says what is wrong")
    func positions() {
        let text = Array("{\n  \"a\": 1,\n  \"a\": 2\n}".utf8)
        do throws(JSONError) {
            _ = try JSONValue(parsing: text.span)
            Issue.record("the text has a duplicate member")
        } catch {
            let position = error.position(in: text.span)
            #expect(position.line == 3 && position.column == 3)
            #expect(error.description == "member \"a\" appears twice at byte 14")
        }
    }

    @Test(
        "integers are exact or absent",
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
            ("9223372036854775808", nil), ("1.0", nil), ("1e3", nil), ("\"1\"", nil),
        ] as [(String, Int?)])
    func integers(_ text: String, _ expected: Int?) throws {
        #expect(try JSONValue(parsing: text).integer == expected)
    }
}
