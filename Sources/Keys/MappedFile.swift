// Reading a whole file: where it lies, without a copy of it in memory, or with one.

import Bytes
import Reactor

#if canImport(Glibc)
    import Glibc
#endif

extension Disk {
    /// Calls `body` with the bytes of a file as long as it is now. Files of the store grow at their end and are
    /// never shortened while somebody reads them, so every byte seen is there.
    func withContents<R>(
        of path: String, _ body: (Span<UInt8>) throws(StoreFileError) -> R
    ) throws(StoreFileError) -> R {
        let file = try openForReading(path)
        let length = try length(file, path)
        if length == 0 { return try body([UInt8]().span) }
        let number = file.number
        let memory = unsafe mmap(nil, length, PROT_READ, MAP_PRIVATE, number, 0)
        let code = errno
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw .system(action: "map", path: path, reason: Errno(code: code).description)
        }
        defer { _ = unsafe munmap(memory, length) }
        let bytes = unsafe UnsafeRawBufferPointer(start: memory, count: length).assumingMemoryBound(
            to: UInt8.self)
        return try unsafe body(bytes.span)
    }

    /// The same with a copy in memory: for what is read while a server runs. A device that cannot read a mapped file
    /// ends the process (SIGBUS); here that is an error like any other.
    func withCopy<R>(
        of path: String, _ body: (Span<UInt8>) throws(StoreFileError) -> R
    ) throws(StoreFileError) -> R {
        let file = try openForReading(path)
        let length = try length(file, path)
        var copy = ByteBuffer(capacity: length)
        try read(file, length, into: &copy, path)
        return try body(copy.bytes)
    }
}
