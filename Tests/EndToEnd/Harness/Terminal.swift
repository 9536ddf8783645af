import Glibc

/// A terminal that a test watches: what is written to `path` is read here.
final class Terminal {
    /// What a process opens as its terminal.
    let path: String
    private let ours: Int32
    /// Held open, or reading fails whenever no process has it.
    private let theirs: Int32

    /// TIOCSPTLCK and TIOCGPTN, macros that Swift does not import.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    init() throws {
        ours = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard ours >= 0 else { throw SocketError.failed("open /dev/ptmx", errno: errno) }
        // What unlockpt and ptsname do, which the module of the C library does not show.
        var lock: Int32 = 0
        var number: Int32 = 0
        guard unsafe ioctl(ours, Self.setLock, &lock) == 0, unsafe ioctl(ours, Self.getNumber, &number) == 0
        else { throw SocketError.failed("ioctl of /dev/ptmx", errno: errno) }
        path = "/dev/pts/\(number)"
        theirs = unsafe open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard theirs >= 0 else { throw SocketError.failed("open \(path)", errno: errno) }
    }

    deinit {
        close(theirs)
        close(ours)
    }

    /// Reads until `isEnough` of all that was read, and returns that.
    func read(milliseconds: Int32 = 60_000, until isEnough: (String) -> Bool) throws -> String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while !isEnough(String(decoding: text, as: UTF8.self)) {
            var entry = pollfd(fd: ours, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, milliseconds) == 1 else {
                throw SocketError.timedOut("the terminal shows \(String(decoding: text, as: UTF8.self))")
            }
            let count = unsafe Glibc.read(ours, &chunk, chunk.count)
            guard count > 0 else { throw SocketError.failed("read", errno: errno) }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
