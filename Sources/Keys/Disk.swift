// The files under the store. Everything the store does to a disk goes through here, so that tests can make
// the n-th operation fail or stop half-way and see what is left.

import Bytes
import Reactor
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What tests put under the store: the operation with this number goes wrong, and those that follow it.
final class FaultSchedule: Sendable {
    enum Fault: Sendable {
        case fails
        /// A write stores the first half of its bytes before it fails; other operations just fail.
        case tears
    }

    /// Operations until the first that goes wrong, and how many do.
    private let remaining: Mutex<(before: Int, failing: Int)>
    let fault: Fault
    /// What a failing operation says.
    let code: Int32

    /// Of all operations the one with this number fails, and `count` in all; every later one unless said.
    init(failing number: Int, _ fault: Fault, count: Int = .max, code: Int32 = EIO) {
        remaining = Mutex((number - 1, count))
        self.fault = fault
        self.code = code
    }

    /// Whether the operation that is about to begin goes wrong.
    func strikes() -> Bool {
        remaining.withLock { left in
            if left.before > 0 {
                left.before -= 1
                return false
            }
            left.failing -= 1
            return left.failing >= 0
        }
    }

    /// From now on everything goes well.
    func end() { remaining.withLock { $0.failing = 0 } }
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

    private func strike(_ action: String, _ path: String) throws(StoreFileError) {
        if let faults, faults.strikes() { throw failure(action, path, faults.code) }
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
        if strikes { throw failure("write", path, faults?.code ?? EIO) }
    }

    /// Returns when the file's bytes and length are on the disk. Must not be called again after it threw:
    /// the kernel may have dropped the pages and would report success.
    func sync(_ descriptor: borrowing FileDescriptor, _ path: String) throws(StoreFileError) {
        try strike("sync", path)
        let number = descriptor.number
        _ = try check("sync", path) { fdatasync(number) }
    }

    /// Returns when the names in a directory are on the disk.
    func syncDirectory(_ path: String) throws(StoreFileError) {
        try strike("sync", path)
        let directory = FileDescriptor(
            owning: try check("open", path) { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
        let number = directory.number
        _ = try check("sync", path) { fsync(number) }
    }

    func rename(_ path: String, to newPath: String) throws(StoreFileError) {
        try strike("rename", path)
        _ = try check("rename", path) { unsafe Glibc.rename(path, newPath) }
    }

    /// Takes room for `count` bytes behind the file's end, which stays where it is.
    func reserve(_ descriptor: borrowing FileDescriptor, _ count: Int, _ path: String) throws(StoreFileError)
    {
        let end = try length(descriptor, path)
        do throws(Errno) {
            try descriptor.reserve(count, from: end)
        } catch {
            throw failure("reserve room in", path, error.code)
        }
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

    /// Removes a directory with the files in it; one that does not exist is fine.
    func removeTree(_ path: String) throws(StoreFileError) {
        guard try exists(path) else { return }
        for name in try names(in: path) { try remove(path + "/" + name) }
        _ = try check("remove", path) { unsafe rmdir(path) }
    }

    /// An empty file that nobody but its owner may read; an existing one is emptied.
    func create(_ path: String) throws(StoreFileError) -> FileDescriptor {
        try strike("create", path)
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

    /// The directory that a name stands in.
    static func parent(of path: String) -> String {
        var bytes = Array(path.utf8)
        let slash = UInt8(ascii: "/")
        while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
        guard let last = bytes.lastIndex(of: slash) else { return "." }
        return last == 0 ? "/" : String(decoding: bytes[..<last], as: UTF8.self)
    }

    /// A name beside a path, and not in it.
    static func sibling(of path: String, _ suffix: String) -> String {
        var trimmed = Substring(path)
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        return trimmed + suffix
    }

    // MARK: Looking

    /// Which file it is, whatever it is called.
    struct Identity: Equatable {
        let device: UInt
        let inode: UInt
    }

    func identity(_ descriptor: borrowing FileDescriptor, _ path: String) throws(StoreFileError) -> Identity {
        var info = stat()
        let number = descriptor.number
        _ = try check("examine", path) { unsafe fstat(number, &info) }
        return Identity(device: info.st_dev, inode: info.st_ino)
    }

    /// Whether anything has this name.
    func exists(_ path: String) throws(StoreFileError) -> Bool {
        var info = stat()
        let result = unsafe lstat(path, &info)
        let code = errno
        if result == 0 { return true }
        if code == ENOENT || code == ENOTDIR { return false }
        throw failure("examine", path, code)
    }

    /// The file that has this name now.
    func identity(at path: String) throws(StoreFileError) -> Identity {
        var info = stat()
        _ = try check("find", path) { unsafe stat(path, &info) }
        return Identity(device: info.st_dev, inode: info.st_ino)
    }

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
