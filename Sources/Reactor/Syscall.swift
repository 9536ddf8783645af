// The one place where `errno` is read. It is captured in the statement after the call, before any Swift
// object is touched, because a release may run a `deinit` that closes something and changes it.

#if canImport(Glibc)
    import Glibc
#endif

/// What a read from a non-blocking descriptor came to.
public enum ReadOutcome: Equatable, Sendable {
    case bytes(Int)
    case wouldBlock
    case endOfStream
}

/// What a write to a non-blocking descriptor came to. A short write is `.bytes` with less than was offered.
public enum WriteOutcome: Equatable, Sendable {
    case bytes(Int)
    case wouldBlock
}

enum Syscall {
    /// Calls until the result is not EINTR; negative results become the `Errno`.
    static func retrying<Result: FixedWidthInteger & SignedInteger>(
        _ call: () -> Result
    ) throws(Errno) -> Result {
        while true {
            let result = call()
            let code = errno
            if result >= 0 { return result }
            if code == EINTR { continue }
            // EBADF and EFAULT are our own mistakes, never the peer's: a descriptor used after it was
            // closed may by now be somebody else's.
            precondition(
                code != EBADF && code != EFAULT, "a system call was given a bad descriptor or address")
            throw Errno(code: code)
        }
    }

    /// As `retrying`, with nil for "would block".
    static func nonBlocking<Result: FixedWidthInteger & SignedInteger>(
        _ call: () -> Result
    ) throws(Errno) -> Result? {
        do {
            return try retrying(call)
        } catch {
            if error.code == EAGAIN || error.code == EWOULDBLOCK { return nil }
            throw error
        }
    }
}
