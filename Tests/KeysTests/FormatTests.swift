// Digests, checksums, key texts.

import Bytes
import Testing

@testable import Keys

@Suite struct FormatTests {
    @Test(
        "a digest is SHA-256",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    func sha256(text: String, expected: String) {
        let bytes = digest(text).bytes
        let spelled = Hex.string(bytes.span)
        let copy = KeyDigest(bytes: bytes.span)
        let tooShort = KeyDigest(bytes: bytes.span.extracting(0..<31))
        #expect(spelled == expected)
        #expect(copy == digest(text))
        #expect(tooShort == nil)
    }

    @Test(
        "the checksum is CRC-32C of RFC 3720 B.4",
        arguments: [
            (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
        ] as [([UInt8], UInt32)])
    func crc32c(bytes: [UInt8], expected: UInt32) {
        #expect(CRC32C.of(bytes.span) == expected)
    }

    @Test(
        "base58 is that of Bitcoin",
        arguments: [
            ("", ""), ("00", "1"), ("61", "2g"), ("626262", "a3gV"), ("0000287fb4cd", "11233QC4"),
            ("00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"),
        ])
    func base58(hex: String, expected: String) {
        let spelled = Array(hex.utf8)
        let bytes = Hex.bytes(spelled.span) ?? []
        #expect(KeyMaterial.base58(bytes) == Array(expected.utf8))
    }

    @Test(
        "a generated key starts with its prefix and is found by its digest",
        arguments: [nil, "live", "my_app"])
    func generatedKeys(prefix: String?) {
        let key = KeyMaterial.generate(prefix: prefix, byteLength: 24)
        let text = String(forDisplay: key.secret.bytes)
        let head = prefix.map { $0 + "_" } ?? ""
        #expect(text.hasPrefix(key.start))
        #expect(key.start.hasPrefix(head) && key.start.utf8.count == head.utf8.count + 4)
        #expect(text.hasSuffix(key.end))
        #expect(key.digest == KeyDigest(hashing: key.secret.bytes))
        #expect(text.utf8.count > head.utf8.count + 28)
    }

    @Test("ids are a prefix and sixteen letters or digits, never twice the same")
    func identifiers() {
        var seen: Set<String> = []
        for _ in 0..<1000 {
            let id = Identifier.make("key")
            #expect(id.hasPrefix("key_") && id.utf8.count == 20)
            #expect(id.utf8.dropFirst(4).allSatisfy { ASCII.isLetter($0) || ASCII.isDigit($0) })
            seen.insert(id)
        }
        #expect(seen.count == 1000)
    }
}
