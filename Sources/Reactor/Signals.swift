// Signals as something to read, so that no Keygate code ever runs inside a signal handler.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

public enum Signal: Int32, Sendable {
    case hangUp = 1
    case interrupt = 2
    case terminate = 15
}

/// Receives the three signals a server listens to. Create it on the main thread before any other thread is
/// started: the signals are blocked in this thread, and threads inherit that.
public struct Signals: ~Copyable {
    private let descriptor: FileDescriptor

    public init() throws(Errno) {
        // A peer that closes while we write is an error of that write, not of the process.
        _ = signal(SIGPIPE, SIG_IGN)
        let numbers: [Int32] = [Signal.hangUp.rawValue, Signal.interrupt.rawValue, Signal.terminate.rawValue]
        let number = try Syscall.retrying {
            unsafe numbers.withUnsafeBufferPointer { unsafe kg_signalfd($0.baseAddress, Int32($0.count)) }
        }
        descriptor = FileDescriptor(owning: number)
    }

    /// The next signal, waiting at most `milliseconds` (negative: for ever); nil when none came.
    public borrowing func next(milliseconds: Int32) -> Signal? {
        var entry = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&entry, 1, milliseconds)
        let number = kg_signalfd_read(descriptor.number)
        return number > 0 ? Signal(rawValue: number) : nil
    }
}
