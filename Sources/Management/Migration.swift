// The ways in which hashes of keys made elsewhere are spelled; always available, under fixed ids.
//
// Two of them hash the whole text of a key, as Keygate does, so an imported key verifies at once. The third is
// that of github.com/seamapi/prefixed-api-key: a key reads `<prefix>_<short>_<long>` and only `<long>` was
// hashed. Such a key waits: the first verification that names the migration shows its text, and from then on
// it is known by the digest of the whole. Until then it must not be found by the text of `<long>` alone, so it
// is filed under the complement of its hash, which nobody can produce a text for.

import Bytes
import Keys

enum Migration: String {
    case base64 = "sha256_base64"
    case hexadecimal = "sha256_hex"
    case prefixedAPIKey = "seam_prefixed_api_key"

    /// The digest under which a key with this hash is stored; nil if the hash is no SHA-256 so spelled.
    func digest(_ hash: [UInt8]) -> KeyDigest? {
        let bytes =
            switch self {
            case .base64: Base64.decode(hash.span)
            case .hexadecimal: Hex.bytes(hash.span)
            case .prefixedAPIKey: Hex.bytes(hash.span).map(Self.complement)
            }
        return bytes.flatMap { KeyDigest(bytes: $0.span) }
    }

    fileprivate static func complement(_ digest: [UInt8]) -> [UInt8] { digest.map { ~$0 } }
}

/// The text of a key as `<prefix>_<short>_<long>`; the prefix may contain underscores.
struct PrefixedKeyText {
    private let text: [UInt8]
    private let shortStart: Int
    private let longStart: Int

    /// Splits from the right; refuses a text of fewer than three parts.
    init(_ text: [UInt8]) throws(ManagementError) {
        let underscore = UInt8(ascii: "_")
        guard let longSeparator = text.lastIndex(of: underscore),
            let shortSeparator = text[..<longSeparator].lastIndex(of: underscore)
        else {
            throw ManagementError(
                .authenticationMalformed, "the key does not read <prefix>_<short>_<long>")
        }
        self.text = text
        shortStart = shortSeparator + 1
        longStart = longSeparator + 1
    }

    /// Under which digest the key waits for its first use.
    var waitingDigest: KeyDigest {
        let hash = KeyDigest(hashing: text.span.extracting(longStart..<text.count))
        let complement = Migration.complement(hash.bytes)
        guard let digest = KeyDigest(bytes: complement.span) else {
            preconditionFailure("a complement is as long as what it complements")
        }
        return digest
    }

    /// Makes `key` one of ours: known by the whole text, shown by its beginning.
    func adopt(_ key: inout KeyRecord) {
        key.digest = KeyDigest(hashing: text.span)
        key.prefix = String(decoding: text[..<(shortStart - 1)], as: UTF8.self)
        key.start = String(decoding: text.prefix(shortStart + 4), as: UTF8.self)
    }
}
