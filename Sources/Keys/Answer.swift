// Waiting, on one thread, for a value that another thread gives.

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Given once, waited for once.
///
/// Memory safety: the semaphore lives from `init` to `deinit`; both sides hold this object, so neither can
/// outlive it.
@safe final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private nonisolated(unsafe) let given: UnsafeMutablePointer<sem_t>

    init() {
        unsafe given = .allocate(capacity: 1)
        let failed = unsafe sem_init(given, 0, 0)
        precondition(failed == 0, "a semaphore could not be made")
    }

    deinit {
        _ = unsafe sem_destroy(given)
        unsafe given.deallocate()
    }

    func give(_ newValue: Value) {
        value.withLock { $0 = newValue }
        _ = unsafe sem_post(given)
    }

    func wait() -> Value {
        // Interrupted by a signal handler, it is just waited again.
        while unsafe sem_wait(given) != 0 {}
        guard let given = value.withLock({ $0 }) else { preconditionFailure("woken without an answer") }
        return given
    }
}
