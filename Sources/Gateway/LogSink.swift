// Where access-log lines go. Writing can block (a full pipe, a slow disk), so it is the job of one thread;
// loops hand it whole batches. What it cannot take is dropped and counted, never waited for: a reader of
// the log that hangs must not stop the traffic.

import Reactor
import Rules
import Synchronization

/// The thread that writes access-log lines. Shared by all loops; closed once, after they have ended.
final class LogSink: Sendable {
    private enum Message: Sendable {
        case lines([UInt8])
        case reopen
        case stop
    }

    /// Lines waiting to be written may take up this much memory.
    private static let maxPendingBytes = 32 << 20

    private let mailbox: Mailbox<Message>
    private let pendingBytes = Atomic<Int>(0)
    private let thread = Mutex<Thread?>(nil)

    /// Nil when the log is off. Throws if the file cannot be opened.
    static func open(_ destination: AccessLog) throws(Errno) -> LogSink? {
        switch destination {
        case .off: nil
        case .standardOutput: try LogSink(path: nil)
        case .file(let path): try LogSink(path: path)
        }
    }

    private init(path: String?) throws(Errno) {
        mailbox = try Mailbox()
        let first = try LogSink.openFile(path)
        let number = first.release()
        let started = try Thread(name: "access-log") { [self] in
            write(to: FileDescriptor(owning: number), path: path)
        }
        thread.withLock { $0 = started }
    }

    private static func openFile(_ path: String?) throws(Errno) -> FileDescriptor {
        if let path { return try FileDescriptor.openForAppending(path) }
        return try FileDescriptor.duplicateOfStandardOutput()
    }

    /// Hands over whole lines. False if too much is waiting already: the lines are dropped.
    func submit(_ lines: [UInt8]) -> Bool {
        let pending = pendingBytes.add(lines.count, ordering: .relaxed).newValue
        if pending > Self.maxPendingBytes {
            pendingBytes.subtract(lines.count, ordering: .relaxed)
            return false
        }
        mailbox.post(.lines(lines))
        return true
    }

    /// Opens the file anew by its name, for whoever has moved it away.
    func reopen() { mailbox.post(.reopen) }

    /// Writes what is waiting and ends the thread.
    func close() {
        mailbox.post(.stop)
        thread.withLock { $0.take() }?.join()
    }

    private func write(to first: consuming FileDescriptor, path: String?) {
        var file = first
        while true {
            mailbox.wait()
            for message in mailbox.drain() {
                switch message {
                case .lines(let lines):
                    // A log that cannot be written (a full disk) is no reason to stop; the next line tries again.
                    try? file.writeAll(lines.span)
                    pendingBytes.subtract(lines.count, ordering: .relaxed)
                case .reopen:
                    do throws(Errno) {
                        file = try LogSink.openFile(path)
                    } catch {
                        Diagnostics.say(
                            "the access log cannot be reopened, going on with the old file: \(error)")
                    }
                case .stop:
                    return
                }
            }
        }
    }
}
