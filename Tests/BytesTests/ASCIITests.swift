// Byte classes are checked for all 256 bytes against the grammar written out; comparisons and numbers by table.

import Bytes
import Testing

@Suite struct ASCIITests {
    static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    static let digits = Array("0123456789".utf8)
    /// RFC 9110 §5.6.2.
    static let tokenSymbols = Array("!#$%&'*+-.^_`|~".utf8)

    @Test func everyByteIsOfTheClassesTheGrammarSays() {
        for byte in UInt8.min...UInt8.max {
            let isLetter = Self.letters.contains(byte)
            let isDigit = Self.digits.contains(byte)
            #expect(ASCII.isLetter(byte) == isLetter, "\(byte)")
            #expect(ASCII.isDigit(byte) == isDigit, "\(byte)")
            #expect(
                ASCII.isTokenByte(byte) == (isLetter || isDigit || Self.tokenSymbols.contains(byte)),
                "\(byte)")
            #expect(ASCII.isPrintable(byte) == (0x20...0x7E).contains(byte), "\(byte)")
        }
    }

    @Test func onlyCapitalLettersAreFolded() {
        for byte in UInt8.min...UInt8.max {
            let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            #expect(ASCII.lower(byte) == (isCapital ? byte + 32 : byte), "\(byte)")
        }
    }

    @Test(arguments: [
        ("GET", true), ("X-Tenant-Id", true), ("!#$%&'*+-.^_`|~", true), ("", false), ("a b", false),
        ("a:", false),
        ("a\u{0}", false), ("é", false), ("\t", false), ("a\r\n", false), ("(a)", false), ("a@b", false),
    ])
    func aTokenIsOneOrMoreTokenBytes(_ text: String, _ expected: Bool) {
        let bytes = Array(text.utf8)
        let isToken = ASCII.isToken(bytes.span)
        #expect(isToken == expected)
    }

    struct Pair: CustomTestStringConvertible {
        let left, right: String
        let equals, ignoringCase: Bool
        var testDescription: String { "'\(left)' and '\(right)'" }
    }

    @Test(arguments: [
        Pair(left: "", right: "", equals: true, ignoringCase: true),
        Pair(left: "host", right: "host", equals: true, ignoringCase: true),
        Pair(left: "Host", right: "host", equals: false, ignoringCase: true),
        Pair(left: "HOST", right: "hOsT", equals: false, ignoringCase: true),
        Pair(left: "host", right: "hos", equals: false, ignoringCase: false),
        Pair(left: "host", right: "hosts", equals: false, ignoringCase: false),
        // Bytes 32 apart that are no letters, and signs that Unicode would fold.
        Pair(left: "[", right: "{", equals: false, ignoringCase: false),
        Pair(left: "@", right: "`", equals: false, ignoringCase: false),
        Pair(left: "É", right: "é", equals: false, ignoringCase: false),
        Pair(left: "\u{212A}", right: "k", equals: false, ignoringCase: false),
    ])
    func comparisonsAreByByte(_ pair: Pair) {
        let left = Array(pair.left.utf8)
        let right = Array(pair.right.utf8)
        #expect(ASCII.equals(left.span, right.span) == pair.equals)
        #expect(ASCII.equals(right.span, left.span) == pair.equals)
        #expect(ASCII.equalsIgnoringCase(left.span, right.span) == pair.ignoringCase)
        #expect(ASCII.equalsIgnoringCase(right.span, left.span) == pair.ignoringCase)
    }

    @Test func fixedTextIsComparedTheSameWay() {
        let name = Array("Content-Length".utf8)
        #expect(ASCII.equals(name.span, "Content-Length" as StaticString) == true)
        #expect(ASCII.equals(name.span, "content-length" as StaticString) == false)
        #expect(ASCII.equals(name.span, "Content-Lengt" as StaticString) == false)
        #expect(ASCII.equalsIgnoringCase(name.span, "content-length" as StaticString) == true)
        #expect(ASCII.equalsIgnoringCase(name.span, "content-lengths" as StaticString) == false)
    }

    @Test(
        arguments: [
            ("0", 0), ("7", 7), ("007", 7), ("1234567890", 1_234_567_890), ("9223372036854775807", Int.max),
            ("00000000000000000000000000000001", 1),
            ("9223372036854775808", nil), ("18446744073709551616", nil), ("99999999999999999999999", nil),
            ("", nil),
            ("+5", nil), ("-5", nil), (" 5", nil), ("5 ", nil), ("5\t", nil), ("0x10", nil), ("1e3", nil),
            ("1.0", nil),
            ("1_000", nil), ("1,000", nil), ("٣", nil), ("5\u{0}", nil),
        ] as [(String, Int?)])
    func aDecimalIsDigitsAndNothingElse(_ text: String, _ expected: Int?) {
        let bytes = Array(text.utf8)
        let value = ASCII.decimal(bytes.span)
        #expect(value == expected)
    }

    @Test(arguments: [
        ("", ""), ("a", "a"), ("  a", "a"), ("a\t ", "a"), (" \t a b \t", "a b"), (" \t ", ""),
        ("\r\na", "\r\na"),
        ("\u{0B}a", "\u{0B}a"), ("\u{A0}a", "\u{A0}a"),
    ])
    func trimmingTakesSpacesAndTabsOnly(_ text: String, _ expected: String) {
        let bytes = Array(text.utf8)
        let range = ASCII.trimmed(bytes.span)
        #expect(String(decoding: bytes[range], as: UTF8.self) == expected)
    }

    @Test func textForPeopleRepairsWhatIsNoUTF8() {
        let bytes: [UInt8] = [0x61, 0xFF, 0x62]
        let shown = String(forDisplay: bytes.span)
        #expect(shown == "a\u{FFFD}b")
    }
}
