// A thread that does long things, one after another: writing snapshots and copies, beside the store's
// thread, which has transactions to answer.

import Reactor

#if canImport(Glibc)
    import Glibc
#endif

/// Owned by a `StoreThread`.
struct JobThread: ~Copyable {
    private let mailbox: Mailbox<(@Sendable () -> Void)?>
    private let thread: Thread

    init(name: String) throws(Errno) {
        let mailbox = try Mailbox<(@Sendable () -> Void)?>()
        let thread = try Thread(name: name) {
            while true {
                waitForMail(mailbox.wakeNumber, timeoutMillis: -1)
                for job in mailbox.drain() {
                    guard let job else { return }
                    job()
                }
            }
        }
        self.mailbox = mailbox
        self.thread = thread
    }

    func run(_ job: @escaping @Sendable () -> Void) { mailbox.post(job) }

    /// Finishes the jobs that were given before, then ends.
    consuming func stop() {
        mailbox.post(nil)
        thread.join()
    }
}

/// Blocks until a mailbox has something, or for as long as said; negative waits for ever.
func waitForMail(_ descriptor: Int32, timeoutMillis: Int32) {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&wanted, 1, timeoutMillis)
}
