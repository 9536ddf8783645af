import Bytes
import JSON
import Testing

@Suite("JSON strings in a buffer")
struct WriterTests {
    @Test(
        "any bytes become a valid JSON string",
        arguments: [
            (Array("plain".utf8), "\"plain\""),
            ([], "\"\""),
            (Array("a\"b\\c\n".utf8), "\"a\\\"b\\\\c\\n\""),
            ([0x00, 0x1F], "\"\\u0000\\u001f\""),
            (Array("naïve €😀".utf8), "\"naïve €😀\""),
            ([0x61, 0xFF, 0x62], "\"a\\ufffdb\""),
            ([0xC3], "\"\\ufffd\""),
            ([0xED, 0xA0, 0x80], "\"\\ufffd\\ufffd\\ufffd\""),
        ] as [([UInt8], String)])
    func escapes(_ bytes: [UInt8], _ expected: String) {
        let json = written { $0.appendJSONString(bytes.span) }
        #expect(json == Array(expected.utf8))
        #expect(isValid(json))
    }

    @Test(
        "a string can be kept to printable ASCII",
        arguments: [
            ("naïve", "\"na\\u00efve\""), ("€", "\"\\u20ac\""), ("😀", "\"\\ud83d\\ude00\""),
            ("\u{7F}", "\"\\u007f\""),
        ])
    func ascii(_ text: String, _ expected: String) {
        let bytes = Array(text.utf8)
        #expect(written { $0.appendJSONString(bytes.span, escaping: .asciiOnly) } == Array(expected.utf8))
    }

    @Test("whole valid JSON can be kept to printable ASCII")
    func asciiDocument() {
        let json = Array("{\"größe\":[\"😀\",1.5]}".utf8)
        let ascii = written { $0.appendJSONInASCII(json.span) }
        #expect(String(decoding: ascii, as: UTF8.self) == "{\"gr\\u00f6\\u00dfe\":[\"\\ud83d\\ude00\",1.5]}")
    }

    @Test("a tree built in code is written in its order")
    func literals() {
        let value: JSONValue = ["z": 1, "a": [true, "x"], "n": .null]
        #expect(value.description == "{\"z\":1,\"a\":[true,\"x\"],\"n\":null}")
    }
}
