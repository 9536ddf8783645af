// The only way from one thread into a loop: values put into a locked array, and an eventfd that wakes it.

import CLinux
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Messages for one loop, in the order they were posted. Any thread posts; the owner drains.
public final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let wake: FileDescriptor

    public init() throws(Errno) {
        wake = FileDescriptor(owning: try Syscall.retrying { kg_eventfd() })
    }

    /// The descriptor that is readable while messages wait; the owner watches it, level-triggered.
    public var wakeNumber: Int32 { wake.number }

    public func post(_ message: Message) {
        let wasEmpty = messages.withLock { waiting in
            waiting.append(message)
            return waiting.count == 1
        }
        // Only the first message wakes: the owner takes all there are at once.
        if wasEmpty {
            var one: UInt64 = 1
            _ = unsafe write(wake.number, &one, 8)
        }
    }

    /// Blocks until a message waits: for an owner that has nothing else to do.
    public func wait() {
        var entry = pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&entry, 1, -1)
    }

    /// Takes everything that waits.
    public func drain() -> [Message] {
        var counter: UInt64 = 0
        _ = unsafe read(wake.number, &counter, 8)
        return messages.withLock { waiting in
            let taken = waiting
            waiting = []
            return taken
        }
    }
}
