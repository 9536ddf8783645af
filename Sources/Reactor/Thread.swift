// Threads with a name. There are few, they live as long as the server, and each has one job.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A started thread. Whoever started it calls `join` or `detach`, exactly once.
public struct Thread: Sendable {
    private let handle: pthread_t

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a new thread. `name` shows in `top -H`; at most 15 bytes of it.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        var handle = pthread_t()
        // Taken back by the one line at the start of the thread function.
        let start = unsafe Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        let failed = unsafe pthread_create(
            &handle, nil,
            { argument in
                let start = unsafe Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue()
                _ = unsafe kg_thread_name(String(start.name.prefix(15)))
                start.body()
                return nil
            }, start)
        if failed != 0 {
            unsafe Unmanaged<Start>.fromOpaque(start).release()
            throw Errno(code: failed)
        }
        self.handle = handle
    }

    /// Lets it run on by itself; nobody will wait for it.
    public func detach() {
        _ = pthread_detach(handle)
    }

    public func join() {
        _ = pthread_join(handle, nil)
    }
}

/// Limits of the process.
public enum ProcessLimits {
    /// Raises the number of open files to what the system allows; returns that number, nil if unknown.
    public static func raiseOpenFiles() -> Int? {
        let limit = kg_raise_fd_limit()
        return limit < 0 ? nil : Int(limit)
    }

    /// Gives allocations from 256 KiB a mapping of their own, which goes back to the system when they are freed. glibc
    /// would raise that bound up to 32 MiB as such are freed, and from then on put what lives for a second between
    /// what lives for months: the heap grows for hours, full of holes.
    public static func keepLargeAllocationsApart() {
        // Fixing the one fixes the other, which is how much room stays at the end of the heap.
        kg_set_malloc_thresholds(256 << 10, 4 << 20)
    }

    /// Whether this build looks for misuse of memory (the address or the thread sanitizer), which has to know
    /// of every allocation.
    public static let hasSanitizer = kg_has_sanitizer() != 0

    public static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Resident memory of this process in bytes, from /proc; 0 if it cannot be read.
    public static func residentBytes() -> Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { _ = unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard unsafe fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = line.prefix { $0 != 0 }.split(separator: 0x20)
        guard fields.count > 1 else { return 0 }
        var pages = 0
        for digit in fields[1] where digit >= 0x30 && digit <= 0x39 { pages = pages * 10 + Int(digit - 0x30) }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
