// The name under which a key is known: SHA-256 of its text. The text itself is never stored.

import Bytes
import CCrypto

/// The SHA-256 of the full text of a key. 32 bytes held in four words, so that it hashes, compares and
/// travels without an allocation.
public struct KeyDigest: Hashable, Sendable {
    // Little-endian words of the digest, first byte first.
    let word0, word1, word2, word3: UInt64

    init(words word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    /// The digest of the text of a key.
    public init(hashing text: Span<UInt8>) {
        var words = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        let done = unsafe text.withUnsafeBufferPointer { bytes in
            unsafe withUnsafeMutableBytes(of: &words) { digest in
                unsafe kg_sha256(
                    bytes.baseAddress, bytes.count,
                    digest.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
            }
        }
        precondition(done == 1, "libcrypto could not compute SHA-256")
        self.init(
            words: UInt64(littleEndian: words.0), UInt64(littleEndian: words.1),
            UInt64(littleEndian: words.2), UInt64(littleEndian: words.3))
    }

    /// A digest computed elsewhere (imported keys). Nil unless `bytes` is exactly 32 bytes long.
    public init?(bytes: Span<UInt8>) {
        guard bytes.count == 32 else { return nil }
        func word(_ at: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in 0..<8 { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
            return value
        }
        self.init(words: word(0), word(8), word(16), word(24))
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(32)
        for word in [word0, word1, word2, word3] {
            for index in 0..<8 { result.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
        }
        return result
    }

    // Digests are uniform already: where a digest lies in a table is its own first word.
    var indexHash: UInt64 { word0 }

    public func hash(into hasher: inout Hasher) { hasher.combine(word0) }
}
