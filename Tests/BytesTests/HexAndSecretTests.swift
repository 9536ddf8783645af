// Hexadecimal both ways, secrets and fingerprints.

import Bytes
import Testing

@Suite struct HexTests {
    @Test func everyByteComesBack() {
        let all = Array(UInt8.min...UInt8.max)
        let text = Hex.string(all.span)
        #expect(text.utf8.count == 512)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
        #expect(bytes(ofHex: text) == all)
        #expect(bytes(ofHex: text.uppercased()) == all)
    }

    @Test func everyDigitHasItsValue() {
        for byte in UInt8.min...UInt8.max {
            let expected =
                Character(UnicodeScalar(byte)).isASCII ? Character(UnicodeScalar(byte)).hexDigitValue : nil
            #expect(Hex.value(byte).map(Int.init) == expected, "\(byte)")
        }
        for value in UInt8(0)..<16 {
            #expect(Hex.value(Hex.lowerDigit(value)) == value)
            #expect(Hex.value(Hex.upperDigit(value)) == value)
        }
        #expect(Hex.lowerDigit(11) == UInt8(ascii: "b"))
        #expect(Hex.upperDigit(11) == UInt8(ascii: "B"))
    }

    @Test(arguments: ["0", "abc", "0g", "g0", "0x", " 0", "0 ", "é"])
    func whatIsNotHexadecimalIsRefused(_ text: String) {
        #expect(bytes(ofHex: text) == nil)
    }

    @Test func nothingIsTheHexadecimalOfNothing() {
        let nothing: [UInt8] = []
        #expect(bytes(ofHex: "") == nothing)
        let text = Hex.string(nothing.span)
        #expect(text == "")
    }

    private func bytes(ofHex text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        return Hex.bytes(digits.span)
    }
}

@Suite struct SecretTests {
    @Test func aSecretKeepsItsOwnCopy() {
        var text = Array("key_secret".utf8)
        let secret = Secret(copying: text.span)
        text[0] = 0
        let kept = String(forDisplay: secret.bytes)
        #expect(kept == "key_secret")
        #expect(secret.count == 10)
    }

    @Test func anEmptySecretIsEmpty() {
        let nothing: [UInt8] = []
        let secret = Secret(copying: nothing.span)
        let kept = Array(copying: secret.bytes)
        #expect(kept == nothing)
    }
}

@Suite struct FingerprintTests {
    private func fingerprint(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var fingerprint = Fingerprint(seed: seed)
        let bytes = Array(text.utf8)
        fingerprint.combine(bytes.span)
        return fingerprint.value
    }

    @Test func aSpanCountsAsItsBytes() {
        var byByte = Fingerprint()
        for byte in "invoices.read".utf8 { byByte.combine(byte) }
        #expect(byByte.value == fingerprint("invoices.read"))
    }

    @Test func similarNamesAndOtherSeedsDiffer() {
        let names = (0..<10_000).map { "permission.\($0)" }
        #expect(Set(names.map { fingerprint($0) }).count == names.count)
        #expect(fingerprint("a", seed: 0) != fingerprint("a", seed: 1))
    }

    /// Open addressing uses the low bits: they must spread names that differ in their last digit only.
    @Test func lowBitsAreSpread() {
        var buckets = [Int](repeating: 0, count: 64)
        for number in 0..<6400 { buckets[Int(fingerprint("route/\(number)") & 63)] += 1 }
        #expect(buckets.allSatisfy { (50...150).contains($0) })
    }
}
