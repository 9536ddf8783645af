// The files under the store. Everything the store does to a disk goes through here, so that tests can make
// the n-th operation fail or stop half-way and see what is left.

import Bytes
import Reactor
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What tests put under the store: the operation with this number goes wrong, and all that follow it.
final class FaultSchedule: Sendable {
    enum Fault: Sendable {
        case fails
        /// A write stores the first half of its bytes before it fails; other operations just fail.
        case tears
    }

    private let remaining: Mutex<Int>
    let fault: Fault

    init(failing number: Int, _ fault: Fault) {
        remaining = Mutex(number)
        self.fault = fault
    }

    /// Whether the operation that is about to begin goes wrong.
    func strikes() -> Bool {
        remaining.withLock { left in
            left -= 1
            return left <= 0
        }
    }
}

/// The operations on files, with errors that say what was being done to what.
struct Disk: Sendable {
    var faults: FaultSchedule?

    private func failure(_ action: String, _ path: String, _ code: Int32) -> StoreFileError {
        .system(action: action, path: path, reason: Errno(code: code).description)
    }

    private func check(_ action: String, _ path: String, _ call: () -> Int32) throws(StoreFileError) -> Int32
    {
        while true {
            let result = call()
            let code = errno
            if result >= 0 { return result }
            if code != EINTR { throw failure(action, path, code) }
        }
    }

    // MARK: Changing

    /// Writes all of `bytes` at the descriptor's position.
    func write(_ descriptor: borrowing FileDescriptor, _ bytes: Span<UInt8>, _ path: String)
        throws(StoreFileError)
    {
        var bytes = bytes
        var strikes = false
        if let faults, faults.strikes() {
            strikes = true
            switch faults.fault {
            case .fails: bytes = bytes.extracting(0..<0)
            case .tears: bytes = bytes.extracting(0..<(bytes.count / 2))
            }
        }
        do {
            try descriptor.writeAll(bytes)
        } catch {
            throw failure("write", path, error.code)
        }
        if strikes { throw failure("write", path, EIO) }
    }

    /// Returns when the file's bytes and length are on the disk. Must not be called again after it threw:
    /// the kernel may have dropped the pages and would report success.
    func sync(_ descriptor: borrowing FileDescriptor, _ path: String) throws(StoreFileError) {
        if let faults, faults.strikes() { throw failure("sync", path, EIO) }
        let number = descriptor.number
        _ = try check("sync", path) { fdatasync(number) }
    }

    /// Returns when the names in a directory are on the disk.
    func syncDirectory(_ path: String) throws(StoreFileError) {
        if let faults, faults.strikes() { throw failure("sync", path, EIO) }
        let directory = FileDescriptor(
            owning: try check("open", path) { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        let number = directory.number
        _ = try check("sync", path) { fsync(number) }
    }

    func rename(_ path: String, to newPath: String) throws(StoreFileError) {
        if let faults, faults.strikes() { throw failure("rename", path, EIO) }
        _ = try check("rename", path) { unsafe Glibc.rename(path, newPath) }
    }

    func truncate(_ descriptor: borrowing FileDescriptor, to length: Int, _ path: String)
        throws(StoreFileError)
    {
        let number = descriptor.number
        _ = try check("truncate", path) { ftruncate(number, length) }
    }

    func remove(_ path: String) throws(StoreFileError) {
        _ = try check("remove", path) { unsafe unlink(path) }
    }

    /// An empty file that nobody but its owner may read; an existing one is emptied.
    func create(_ path: String) throws(StoreFileError) -> FileDescriptor {
        if let faults, faults.strikes() { throw failure("create", path, EIO) }
        return FileDescriptor(
            owning: try check("create", path) {
                unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            })
    }

    /// A directory that nobody but its owner may enter; one that exists is fine. A new one will be found
    /// after a crash.
    func createDirectory(_ path: String) throws(StoreFileError) {
        if unsafe mkdir(path, 0o700) != 0 {
            let code = errno
            if code != EEXIST { throw failure("create directory", path, code) }
            return
        }
        try syncDirectory(Self.parent(of: path))
    }

    private static func parent(of path: String) -> String {
        var bytes = Array(path.utf8)
        let slash = UInt8(ascii: "/")
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        guard let last = bytes.lastIndex(of: slash) else { return "." }
        return last == 0 ? "/" : String(decoding: bytes[..<last], as: UTF8.self)
    }

    // MARK: Looking

    func openForAppending(_ path: String) throws(StoreFileError) -> FileDescriptor {
        FileDescriptor(owning: try check("open", path) { unsafe open(path, O_RDWR | O_APPEND | O_CLOEXEC) })
    }

    func openForReading(_ path: String) throws(StoreFileError) -> FileDescriptor {
        FileDescriptor(owning: try check("open", path) { unsafe open(path, O_RDONLY | O_CLOEXEC) })
    }

    func length(_ descriptor: borrowing FileDescriptor, _ path: String) throws(StoreFileError) -> Int {
        var info = stat()
        let number = descriptor.number
        _ = try check("examine", path) { unsafe fstat(number, &info) }
        return Int(info.st_size)
    }

    /// Reads up to `count` bytes; fewer only at the end of the file.
    func read(
        _ descriptor: borrowing FileDescriptor, _ count: Int, into buffer: inout ByteBuffer, _ path: String
    ) throws(StoreFileError) {
        var left = count
        while left > 0 {
            let number = descriptor.number
            let wanted = left
            let got = try unsafe buffer.withWritable(minimum: left) { (room) throws(StoreFileError) -> Int in
                while true {
                    let result = unsafe Glibc.read(number, room.baseAddress, wanted)
                    let code = errno
                    if result >= 0 { return result }
                    if code != EINTR { throw failure("read", path, code) }
                }
            }
            if got == 0 { return }
            left -= got
        }
    }

    /// The names in a directory, without `.` and `..`.
    func names(in path: String) throws(StoreFileError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            let code = errno
            throw failure("list", path, code)
        }
        defer { _ = unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
                unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
