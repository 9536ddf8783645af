import Glibc
import Synchronization

/// Runs `body` on a thread of its own. Scripted upstreams and process readers block, and the test
/// runner has only one thread per core: none of them may wait on it.
func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    // Taken back by `takeRetainedValue` in the first line of the new thread.
    let context = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    let status = unsafe pthread_create(
        &thread, nil,
        { context in
            unsafe Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
            return nil
        }, context)
    precondition(status == 0, "no thread: \(status)")
    pthread_detach(thread)
}

/// Runs the same closure on `count` threads and returns their results once all have ended.
func concurrently<R: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> R) throws -> [R] {
    let results = Channel<R>()
    for index in 0..<count { startThread { results.push(body(index)) } }
    return try (0..<count).map { _ in try results.next("thread result", milliseconds: 120_000) }
}

/// A queue between threads whose reader waits with a deadline.
final class Channel<Element: Sendable>: Sendable {
    private let items = Mutex<[Element]>([])
    /// Wakes the reader. A socket pair is the simplest thing one can wait on with a deadline; a byte
    /// means "look again", and when its buffer is full enough of them are there.
    private let bell: (ring: Socket, ears: Socket)

    init() {
        guard let pair = try? Socket.pair() else { preconditionFailure("no descriptors left") }
        bell = (pair.0, pair.1)
    }

    func push(_ element: Element) {
        items.withLock { $0.append(element) }
        bell.ring.sendIfRoom(1)
    }

    /// The oldest element not yet taken.
    func next(_ what: String, milliseconds: Int32 = 60_000) throws -> Element {
        let deadline = monotonicMilliseconds() + Int(milliseconds)
        while true {
            let taken = items.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if let taken { return taken }
            let left = deadline - monotonicMilliseconds()
            guard left > 0 else { throw SocketError.timedOut(what) }
            // Another reader may take the byte that was meant for us, so none waits for long.
            if bell.ears.waitReadable(milliseconds: Int32(min(left, 100))) { bell.ears.drain() }
        }
    }

    /// Elements not yet taken.
    var pendingCount: Int { items.withLock { $0.count } }
}

/// A flag one side raises and the other waits for.
final class Gate: Sendable {
    private let channel = Channel<Void>()
    func open() { channel.push(()) }
    func wait(milliseconds: Int32 = 60_000) { _ = try? channel.next("gate", milliseconds: milliseconds) }
}

/// Repeats a real observation (a request, a read of a file) until it holds or the time is up.
func eventually(within milliseconds: Int = 60_000, _ holds: () throws -> Bool) rethrows -> Bool {
    let deadline = monotonicMilliseconds() + milliseconds
    repeat {
        if try holds() { return true }
        sched_yield()
    } while monotonicMilliseconds() < deadline
    return false
}

func monotonicMilliseconds() -> Int {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
