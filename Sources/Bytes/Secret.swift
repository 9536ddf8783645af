// Key text and other secrets, kept so that they cannot leak by accident: a `Secret` cannot be copied,
// printed or interpolated, and its memory is wiped when it goes away.

#if canImport(Glibc)
    import Glibc
#endif

/// The raw bytes of a credential. Not copyable, so `print`, `dump` and string interpolation of one do not
/// compile; wiped on `deinit`.
@safe public struct Secret: ~Copyable {
    private let base: UnsafeMutableRawPointer
    public let count: Int

    public init(copying bytes: Span<UInt8>) {
        count = bytes.count
        unsafe base = .allocate(byteCount: max(1, bytes.count), alignment: 1)
        unsafe bytes.withUnsafeBytes {
            unsafe UnsafeMutableRawBufferPointer(start: base, count: count).copyMemory(from: $0)
        }
    }

    deinit {
        unsafe explicit_bzero(base, count)
        unsafe base.deallocate()
    }

    /// The secret text. Whoever copies out of it owns a copy that nobody wipes.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let view = unsafe UnsafeBufferPointer<UInt8>(
                start: base.assumingMemoryBound(to: UInt8.self), count: count)
            return unsafe _overrideLifetime(view.span, borrowing: self)
        }
    }
}
