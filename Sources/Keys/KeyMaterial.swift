// Making things up: ids, and the text of new keys.

public import Bytes
import Reactor

/// Ids as `key_3kTz…`: a prefix and sixteen characters nobody can guess or collide with.
public enum Identifier {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static var suffixLength: Int { 16 }

    /// `prefix`, an underscore and sixteen random characters of `[a-zA-Z0-9]`.
    public static func make(_ prefix: StaticString) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(prefix.utf8CodeUnitCount + 1 + suffixLength)
        prefix.withUTF8Buffer { unsafe text.append(contentsOf: $0) }
        text.append(UInt8(ascii: "_"))
        let length = text.count + suffixLength
        while text.count < length {
            // 248 is the largest multiple of 62 in a byte: taking the rest of larger ones would favour the
            // first letters.
            for byte in SystemRandom.bytes(24) where byte < 248 && text.count < length {
                text.append(letters[Int(byte) % letters.count])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A new key, of which the text exists only here.
public struct GeneratedKey: ~Copyable {
    /// The full text, to be shown once.
    public let secret: Secret
    public let digest: KeyDigest
    /// The prefix with its underscore and the first four characters after it.
    public let start: String
    /// The last four characters.
    public let end: String
    public let byteLength: Int
}

public enum KeyMaterial {
    /// A key of `byteLength` random bytes in base58, behind `prefix` and an underscore if there is one.
    public static func generate(prefix: String? = nil, byteLength: Int = 16) -> GeneratedKey {
        precondition(byteLength >= 16 && byteLength <= 255, "a key of fewer than 16 or more than 255 bytes")
        var text = Array((prefix.map { $0 + "_" } ?? "").utf8)
        let startLength = text.count + 4
        text.append(contentsOf: base58(SystemRandom.bytes(byteLength)))
        let start = String(decoding: text.prefix(startLength), as: UTF8.self)
        let end = String(decoding: text.suffix(4), as: UTF8.self)
        let key = GeneratedKey(
            secret: Secret(copying: text.span), digest: KeyDigest(hashing: text.span), start: start, end: end,
            byteLength: byteLength)
        for index in text.indices { text[index] = 0 }
        return key
    }

    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    /// Base58 with the Bitcoin alphabet: the bytes as one big number, a `1` for each leading zero byte.
    static func base58(_ bytes: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []  // base 58, least significant first
        for byte in bytes {
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        let zeros = bytes.prefix { $0 == 0 }.count
        return [UInt8](repeating: alphabet[0], count: zeros) + digits.reversed().map { alphabet[Int($0)] }
    }
}
