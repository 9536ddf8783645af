// Ownership of a descriptor: closed exactly once, when its owner goes away.

public import Bytes
import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// An open file descriptor with one owner. Closed on `deinit`.
public struct FileDescriptor: ~Copyable, Sendable {
    /// For system calls and as an index only; it means nothing once this owner is gone.
    public let number: Int32

    /// Takes ownership of an open descriptor.
    public init(owning number: Int32) {
        precondition(number >= 0, "a descriptor cannot be negative")
        self.number = number
    }

    deinit { _ = Glibc.close(number) }

    /// Gives ownership away: the caller closes it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// Reads once into `buffer`, at most what fits behind `minimum` bytes of fresh room.
    public borrowing func read(into buffer: inout ByteBuffer, minimum: Int) throws(Errno) -> ReadOutcome {
        var outcome = ReadOutcome.wouldBlock
        _ = try unsafe buffer.withWritable(minimum: minimum) { (room) throws(Errno) -> Int in
            let got = try Syscall.nonBlocking { unsafe recv(number, room.baseAddress, room.count, 0) }
            guard let got else { return 0 }
            outcome = got == 0 ? .endOfStream : .bytes(got)
            return got
        }
        return outcome
    }

    /// Looks at what a socket has received, at most `maximum` bytes, and leaves it there.
    public borrowing func peek(into buffer: inout ByteBuffer, maximum: Int) throws(Errno) -> ReadOutcome {
        var outcome = ReadOutcome.wouldBlock
        _ = try unsafe buffer.withWritable(minimum: maximum) { (room) throws(Errno) -> Int in
            let got = try Syscall.nonBlocking {
                unsafe recv(number, room.baseAddress, min(room.count, maximum), Int32(MSG_PEEK))
            }
            guard let got else { return 0 }
            outcome = got == 0 ? .endOfStream : .bytes(got)
            return got
        }
        return outcome
    }

    /// Takes `count` bytes away that were seen with `peek`. At most `ProxyHeader.maxLength`.
    public borrowing func discard(_ count: Int) throws(Errno) {
        precondition(count <= ProxyHeader.maxLength, "more is thrown away than was looked at")
        var thrown = InlineArray<4096, UInt8>(repeating: 0)
        var rest = count
        while rest > 0 {
            var span = thrown.mutableSpan
            let got = try unsafe span.withUnsafeMutableBytes { (room) throws(Errno) -> Int in
                try Syscall.retrying { unsafe recv(number, room.baseAddress, min(room.count, rest), 0) }
            }
            // What was seen is there, unless the connection was reset meanwhile.
            if got == 0 { throw Errno(code: ECONNRESET) }
            rest -= got
        }
    }

    /// Sends as much of `bytes` as the socket takes at once.
    public borrowing func send(_ bytes: Span<UInt8>) throws(Errno) -> WriteOutcome {
        let sent = try unsafe bytes.withUnsafeBytes { (raw) throws(Errno) -> Int? in
            try Syscall.nonBlocking {
                unsafe Glibc.send(number, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
        }
        guard let sent else { return .wouldBlock }
        return .bytes(sent)
    }

    /// Writes all of `bytes` to a blocking descriptor: a file, standard output.
    public borrowing func writeAll(_ bytes: Span<UInt8>) throws(Errno) {
        var offset = 0
        while offset < bytes.count {
            let rest = bytes.extracting(offset..<bytes.count)
            offset += try unsafe rest.withUnsafeBytes { (raw) throws(Errno) -> Int in
                try Syscall.retrying { unsafe Glibc.write(number, raw.baseAddress, raw.count) }
            }
        }
    }

    /// Takes room for `count` bytes from `offset` on, in a file whose length stays what it is. A file system
    /// that cannot promise room is believed to have it.
    public borrowing func reserve(_ count: Int, from offset: Int) throws(Errno) {
        do throws(Errno) {
            _ = try Syscall.retrying { kg_fallocate_keep_size(number, Int64(offset), Int64(count)) }
        } catch Errno.notSupported {
            return
        }
    }

    /// Ends our direction: the peer reads end-of-stream, and may still send.
    public borrowing func shutdownWriting() {
        _ = Glibc.shutdown(number, Int32(SHUT_WR))
    }

    /// Makes closing send a reset instead of an orderly end: an answer that broke must not look complete.
    public borrowing func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

extension FileDescriptor {
    /// A second descriptor for standard output, so that its owner may close it like any other.
    public static func duplicateOfStandardOutput() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Syscall.retrying { fcntl(1, F_DUPFD_CLOEXEC, 3) })
    }

    /// Opens a file to append to, creating it with mode 0640.
    public static func openForAppending(_ path: String) throws(Errno) -> FileDescriptor {
        FileDescriptor(
            owning: try Syscall.retrying { unsafe kg_open(path, O_WRONLY | O_APPEND | O_CREAT, 0o640) })
    }
}

/// Questions about files that are opened by others.
public enum FileAccess {
    /// Throws why the file cannot be read by this process, if it cannot.
    public static func checkReadable(_ path: String) throws(Errno) {
        _ = FileDescriptor(owning: try Syscall.retrying { unsafe kg_open(path, O_RDONLY, 0) })
    }
}
