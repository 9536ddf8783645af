// Where questions are answered that take long: queries over past verifications read millions of rows, which
// neither a loop nor the store's thread has time for. One thread is enough, since queries have a limit of
// time and nobody waits for them but who asked.

import Reactor
import Synchronization

/// A thread for long work. Any thread gives it some; it ends once, after the loops have.
final class QuestionThread: Sendable {
    private static let maxWaiting = 64

    private let mailbox: Mailbox<(@Sendable () -> Void)?>
    private let waitingCount = Atomic<Int>(0)
    private let thread = Mutex<Thread?>(nil)

    init() throws(Errno) {
        mailbox = try Mailbox()
        let started = try Thread(name: "questions") { [self] in serve() }
        thread.withLock { $0 = started }
    }

    /// Runs `work` after what was given before. False if too much is waiting already.
    func run(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard waitingCount.add(1, ordering: .relaxed).newValue <= Self.maxWaiting else {
            waitingCount.subtract(1, ordering: .relaxed)
            return false
        }
        mailbox.post(work)
        return true
    }

    /// Finishes what was given before, and ends the thread.
    func stop() {
        mailbox.post(nil)
        thread.withLock { $0.take() }?.join()
    }

    private func serve() {
        while true {
            mailbox.wait()
            for work in mailbox.drain() {
                guard let work else { return }
                work()
                waitingCount.subtract(1, ordering: .relaxed)
            }
        }
    }
}
