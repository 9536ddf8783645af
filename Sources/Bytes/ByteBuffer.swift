// The one owner of I/O memory. A `ByteBuffer` is a growable run of bytes with a read end and a write end:
// sockets and libcurl fill it at the back, parsers look at `bytes` and `consume` from the front.
//
// The difficulty is that everything above must use it without a single unsafe operation and without an
// allocation in steady state: so reading is a borrowed `Span`, and emptying keeps the memory.

#if canImport(Glibc)
    import Glibc
#endif

/// A growable first-in, first-out run of bytes with one owner.
///
/// Memory safety: `base` is allocated with `capacity` bytes and freed only in `deinit` or `reallocate`;
/// `0 <= readOffset <= writeOffset <= capacity` holds after every mutation; every span handed out borrows
/// `self`, so the compiler refuses a mutation while one lives.
@safe public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer?
    @usableFromInline var readOffset = 0
    @usableFromInline var writeOffset = 0

    /// Bytes of memory held, whether in use or not.
    public private(set) var capacity: Int

    /// An empty buffer. With capacity 0 nothing is allocated until the first byte is written.
    public init(capacity: Int = 0) {
        precondition(capacity >= 0, "a buffer cannot have a negative capacity")
        self.capacity = capacity
        unsafe self.base = capacity == 0 ? nil : .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe base?.deallocate() }

    /// Number of bytes that can be read.
    @inlinable public var count: Int { writeOffset - readOffset }
    @inlinable public var isEmpty: Bool { writeOffset == readOffset }

    /// The readable bytes.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        @inlinable borrowing get {
            let view = unsafe UnsafeBufferPointer<UInt8>(
                start: base.map { unsafe ($0 + readOffset).assumingMemoryBound(to: UInt8.self) },
                count: writeOffset - readOffset)
            return unsafe _overrideLifetime(view.span, borrowing: self)
        }
    }

    /// Calls `body` with the readable bytes. For buffers that are properties of objects: an access to such a
    /// property ends with the expression it stands in, and a span may not outlive it.
    @inlinable public borrowing func with<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try body(bytes)
    }

    /// Some of the readable bytes. Traps if the range is outside of `0..<count`.
    public subscript(range: Range<Int>) -> Span<UInt8> {
        @_lifetime(borrow self)
        @inlinable borrowing get {
            precondition(range.upperBound <= writeOffset - readOffset, "the range is outside of the buffer")
            let view = unsafe UnsafeBufferPointer<UInt8>(
                start: base.map {
                    unsafe ($0 + readOffset + range.lowerBound).assumingMemoryBound(to: UInt8.self)
                },
                count: range.count)
            return unsafe _overrideLifetime(view.span, borrowing: self)
        }
    }

    /// Drops the first `count` readable bytes. Traps if there are fewer.
    @inlinable public mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= writeOffset - readOffset, "consuming more than the buffer holds")
        readOffset += count
        if readOffset == writeOffset {
            readOffset = 0
            writeOffset = 0
        }
    }

    /// Drops everything readable and keeps the memory.
    @inlinable public mutating func removeAll() {
        readOffset = 0
        writeOffset = 0
    }

    /// Drops the readable bytes after the first `count`. Traps if there are fewer.
    @inlinable public mutating func truncate(to count: Int) {
        precondition(
            count >= 0 && count <= writeOffset - readOffset, "truncating to more than the buffer holds")
        writeOffset = readOffset + count
    }

    /// Gives the memory back. The buffer must be empty; it may be used again.
    public mutating func releaseMemory() {
        precondition(isEmpty, "releasing a buffer that still holds bytes would lose them")
        unsafe base?.deallocate()
        unsafe base = nil
        capacity = 0
        removeAll()
    }

    /// Makes room for `additional` more bytes behind the readable ones.
    public mutating func reserve(_ additional: Int) {
        if capacity - writeOffset >= additional { return }
        let used = writeOffset - readOffset
        // Sliding down costs a copy of what is readable; it only pays when that frees the room asked for
        // and at least half of the memory is behind the read end. Otherwise double.
        if used + additional <= capacity, used <= capacity / 2 {
            if let base = unsafe base, readOffset > 0 { unsafe memmove(base, base + readOffset, used) }
            readOffset = 0
            writeOffset = used
            return
        }
        let newCapacity = max(used + additional, capacity * 2, 256)
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        if let base = unsafe base {
            unsafe fresh.copyMemory(from: base + readOffset, byteCount: used)
            unsafe base.deallocate()
        }
        unsafe base = fresh
        capacity = newCapacity
        readOffset = 0
        writeOffset = used
    }

    @inlinable public mutating func append(_ byte: UInt8) {
        if writeOffset == capacity { reserve(1) }
        unsafe base.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: writeOffset, as: UInt8.self)
        writeOffset += 1
    }

    @inlinable public mutating func append(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBytes { unsafe append(copying: $0) }
    }

    @inlinable public mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append(copying: UnsafeRawBufferPointer($0)) }
    }

    /// Appends the UTF-8 of a string: for logs, errors and the command line, not for protocol text.
    // Disfavoured: a literal would otherwise become a String first, which costs ten times its bytes.
    @_disfavoredOverload
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { unsafe append(copying: UnsafeRawBufferPointer($0)) }
    }

    public mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

    /// Appends `value` in decimal, with a minus sign where there is one.
    public mutating func append(decimal value: Int) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    public mutating func append(decimal value: UInt) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value
        repeat {
            first -= 1
            digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        append(digits.span.extracting(first..<20))
    }

    /// Appends `value` in lower-case hexadecimal without leading zeros.
    public mutating func append(hex value: UInt) {
        var digits = InlineArray<16, UInt8>(repeating: 0)
        var first = 16
        var rest = value
        repeat {
            first -= 1
            digits[first] = Hex.lowerDigit(UInt8(truncatingIfNeeded: rest & 15))
            rest >>= 4
        } while rest > 0
        append(digits.span.extracting(first..<16))
    }

    /// Overwrites one readable byte. Traps outside of `0..<count`.
    @inlinable public mutating func replace(at index: Int, with byte: UInt8) {
        precondition(index >= 0 && index < writeOffset - readOffset, "index is outside of the buffer")
        unsafe base.unsafelyUnwrapped.storeBytes(of: byte, toByteOffset: readOffset + index, as: UInt8.self)
    }

    /// Calls `body` with at least `minimum` writable bytes behind the readable ones; what `body` returns
    /// is how many of them it filled. For system calls and libcurl; the pointer must not outlive the call.
    @unsafe public mutating func withWritable<E: Error>(
        minimum: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) -> Int {
        reserve(minimum)
        let room = unsafe UnsafeMutableRawBufferPointer(
            start: base.map { unsafe $0 + writeOffset }, count: capacity - writeOffset)
        let filled = try unsafe body(room)
        precondition(filled >= 0 && filled <= room.count, "more bytes reported than there was room for")
        writeOffset += filled
        return filled
    }

    /// Appends raw memory. The pointer must be readable for its count and may not point into this buffer.
    @inlinable @unsafe public mutating func append(copying source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress, source.count > 0 else { return }
        if capacity - writeOffset < source.count { reserve(source.count) }
        unsafe (base.unsafelyUnwrapped + writeOffset).copyMemory(from: start, byteCount: source.count)
        writeOffset += source.count
    }

    /// Calls `body` with the readable bytes as raw memory, for system calls and libcurl. The address is
    /// stable until the next mutation.
    @inlinable @unsafe public borrowing func withUnsafeReadable<R, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try unsafe body(
            UnsafeRawBufferPointer(
                start: base.map { unsafe UnsafeRawPointer($0 + readOffset) }, count: writeOffset - readOffset)
        )
    }
}

/// A buffer has one owner and shares its memory with nobody: whoever is handed it has all of it.
extension ByteBuffer: @unchecked Sendable {}
