// What is being done while it takes long: one line on a terminal, redrawn a few times a second and gone at the end.
// It stands on standard error, and only if that is a terminal, so nothing of it ever gets into a pipe or a file.

import Bytes
import Glibc
import Reactor
import Synchronization

/// Work under way.
final class Progress: Sendable {
    private static let periodMillis: Int32 = 250
    /// Back to the first column, and nothing in the line.
    private static let erasure = "\r\u{1B}[K"

    private let title: String
    /// Steps in all; 0 where nobody can tell.
    private let total: Int
    private let done = Atomic<Int>(0)
    private let begun = Clock.monotonicNanos()

    private init(_ title: String, _ total: Int) {
        self.title = title
        self.total = total
    }

    /// Does `work`, which this thread carries out, and shows meanwhile for how long it has gone on, and how far it
    /// has come if it says so by `advance` and how much there is. What takes less than a quarter of a second is not
    /// shown at all.
    static func showing<R, Failure>(
        _ title: String, of total: Int = 0, _ work: (Progress) throws(Failure) -> R
    ) throws(Failure) -> R {
        let progress = Progress(title, total)
        guard isatty(2) == 1, let end = try? Mailbox<Void>(),
            let thread = try? Thread(name: "progress", { progress.draw(until: end) })
        else { return try work(progress) }
        defer {
            end.post(())
            // After this nothing is drawn over what comes next.
            thread.join()
        }
        return try work(progress)
    }

    /// So many steps more are done.
    func advance(by count: Int) { done.add(count, ordering: .relaxed) }

    private func draw(until end: Mailbox<Void>) {
        var isDrawn = false
        while true {
            var entry = pollfd(fd: end.wakeNumber, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&entry, 1, Self.periodMillis)
            if !end.drain().isEmpty { break }
            StandardError.write(Self.erasure + line)
            isDrawn = true
        }
        if isDrawn { StandardError.write(Self.erasure) }
    }

    /// At most 79 columns: a line that wraps cannot be erased.
    private var line: String {
        let seconds = (Clock.monotonicNanos() - begun) / 1_000_000_000
        let count = total == 0 ? "" : ", \(done.load(ordering: .relaxed)) of \(total)"
        let rest = "\(count), \(seconds) s"
        return String(title.prefix(79 - rest.count)) + rest
    }
}
