import Bytes
import Testing

@Suite("Base64") struct Base64Tests {
    @Test(
        "base64 has one spelling for the same bytes",
        arguments: [
            ("", []), ("Zg==", [0x66]), ("Zm8=", [0x66, 0x6F]), ("Zm9v", [0x66, 0x6F, 0x6F]),
            ("+/8=", [0xFB, 0xFF]),
            ("Zg", nil), ("Zh==", nil), ("Zm9=", nil), ("Z===", nil), ("====", nil), ("Zm 8", nil),
            ("Zm=8", nil), ("-_8=", nil),
        ] as [(String, [UInt8]?)])
    func base64(_ text: String, _ bytes: [UInt8]?) {
        let encoded = Array(text.utf8)
        let decoded = Base64.decode(encoded.span)
        #expect(decoded == bytes)
    }

    @Test("what is spelt is read as the same bytes, whatever their number", arguments: 0..<70)
    func spelling(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
        var text: [UInt8] = []
        Base64.append(bytes.span, to: &text)
        #expect(text.count == (count + 2) / 3 * 4)
        #expect(Base64.decode(text.span) == bytes)
    }
}
