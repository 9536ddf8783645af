// Standard error, unbuffered and shared by all threads: one write per line keeps lines whole.

#if canImport(Glibc)
    import Glibc
#endif

public enum StandardError {
    /// Writes the text in one call. What cannot be written is lost: there is nobody left to tell.
    public static func write(_ text: String) {
        var text = text
        _ = text.withUTF8 { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
