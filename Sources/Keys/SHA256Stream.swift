// SHA-256 of bytes that come in pieces.

import Bytes
import CCrypto

/// A digest under way. One use: `finish` ends it.
///
/// Memory safety: the context is a plain value that only libcrypto looks into, by address, during a call.
@safe public struct SHA256Stream: ~Copyable {
    private var context = kg_sha256_ctx()

    public init() {
        let started = unsafe SHA256_Init(&context)
        precondition(started == 1, "SHA-256 is not available")
    }

    public mutating func update(_ bytes: Span<UInt8>) {
        _ = unsafe bytes.withUnsafeBytes { unsafe SHA256_Update(&context, $0.baseAddress, $0.count) }
    }

    /// The 32 bytes of the digest.
    public consuming func finish() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { room, count in
            _ = unsafe SHA256_Final(room.baseAddress, &context)
            count = 32
        }
    }
}
