// One process per store. The lock is the kernel's, so it goes when the process does, however that happens;
// the number written into the file is only there to name who holds it.

import Bytes
import Reactor

#if canImport(Glibc)
    import Glibc
#endif

/// The name of a lock and which file it was. Holds nothing, so any thread may ask.
struct StorePlace: Sendable {
    let path: String
    let identity: Disk.Identity

    /// Whether the lock is where it was. While it is, nobody else has taken the directory for his own.
    var isKept: Bool {
        get throws(StoreFileError) {
            guard try Disk().exists(path) else { return false }
            return try Disk().identity(at: path) == identity
        }
    }

    /// Throws if the directory is gone or somebody else's: what is written by name would be written there.
    func check() throws(StoreFileError) {
        if try !isKept {
            throw .system(action: "find", path: path, reason: "the directory of the store is another or gone")
        }
    }
}

/// The lock on a store's directory, held until this value goes away.
struct StoreLock: ~Copyable {
    private let file: FileDescriptor
    private let identity: Disk.Identity
    private(set) var path: String

    private init(_ file: consuming FileDescriptor, _ path: String) throws(StoreFileError) {
        identity = try Disk().identity(file, path)
        self.file = file
        self.path = path
    }

    /// Whether another process would find this lock, and not another one or none.
    var isPresent: Bool {
        get throws(StoreFileError) { try place.isKept }
    }

    /// Where it is, for whoever is about to put something beside it.
    var place: StorePlace { StorePlace(path: path, identity: identity) }

    /// The directory has another name now.
    mutating func wasMoved(to directory: String) { path = directory + "/lock" }

    // Closing would do, were it not for a child that is just being started elsewhere in the process: until
    // it executes its program it shares the open file, and with it the lock.
    deinit { _ = flock(file.number, LOCK_UN) }

    /// Throws `inUse` if a process has the store open. Changes nothing.
    static func checkFree(directory: String) throws(StoreFileError) {
        let path = directory + "/lock"
        guard try Disk().exists(path) else { return }
        let file = try Disk().openForReading(path)
        if flock(file.number, LOCK_SH | LOCK_NB) != 0 {
            let code = errno
            throw try holder(file, code, directory: directory)
        }
        _ = flock(file.number, LOCK_UN)
    }

    /// The error of a lock that could not be had.
    private static func holder(
        _ file: borrowing FileDescriptor, _ code: Int32, directory: String
    ) throws(StoreFileError) -> StoreFileError {
        let path = directory + "/lock"
        guard code == EWOULDBLOCK else {
            return .system(action: "lock", path: path, reason: Errno(code: code).description)
        }
        var text = ByteBuffer()
        try Disk().read(file, 20, into: &text, path)
        let number = ASCII.decimal(text.bytes.extracting(ASCII.trimmed(text.bytes)))
        return .inUse(directory: directory, processID: number)
    }

    static func take(directory: String) throws(StoreFileError) -> StoreLock {
        let path = directory + "/lock"
        let number = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        let openCode = errno
        guard number >= 0 else {
            throw .system(action: "open", path: path, reason: Errno(code: openCode).description)
        }
        let file = FileDescriptor(owning: number)
        if flock(number, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            throw try holder(file, code, directory: directory)
        }
        var text = ByteBuffer()
        text.append(decimal: Int(getpid()))
        try Disk().truncate(file, to: 0, path)
        try Disk().write(file, text.bytes, path)
        return try StoreLock(file, path)
    }
}
