// The hash of texts that clients choose: keyed anew in every process, so that nobody can make a table probe for ever.

public enum KeyedHash {
    /// The standard library's SipHash of these bytes; never negative, and different in every process.
    public static func hash(_ bytes: Span<UInt8>) -> Int {
        var hasher = Hasher()
        // The hasher reads them and keeps nothing.
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize() & Int.max
    }
}
