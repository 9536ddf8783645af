import Glibc

/// A fresh directory, removed with everything in it when the last reference goes.
final class Directory: Sendable {
    let path: String

    init() throws {
        // Short, because the path of a unix socket has room for 107 bytes.
        var template = Array("/tmp/keygate.XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw SocketError.failed("mkdtemp", errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { remove() }

    /// `KEEP=1` leaves it for a look.
    func remove() {
        guard environmentVariable("KEEP") == nil else { return }
        _ = try? runToEnd(["rm", "-rf", path], in: "/")
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ text: String, to name: String) throws { try writeFile(text, to: file(name)) }
    func write(_ bytes: [UInt8], to name: String) throws { try writeFile(bytes, to: file(name)) }
    func read(_ name: String) throws -> String { try readFile(file(name)) }
}

func writeFile(_ text: String, to path: String) throws { try writeFile(Array(text.utf8), to: path) }

func writeFile(_ bytes: [UInt8], to path: String) throws {
    let fd = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw SocketError.failed("open \(path)", errno: errno) }
    defer { _ = close(fd) }
    let written = unsafe bytes.withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
    guard written == bytes.count else { throw SocketError.failed("write \(path)", errno: errno) }
}

func readFile(_ path: String) throws -> String {
    let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw SocketError.failed("open \(path)", errno: errno) }
    defer { _ = close(fd) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = unsafe read(fd, &chunk, chunk.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw SocketError.failed("read \(path)", errno: errno) }
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
}

func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

var isRoot: Bool { geteuid() == 0 }

/// Whether a program of this name can be started by name.
func hasProgram(_ name: String) -> Bool {
    (try? runToEnd(["sh", "-c", "command -v \(name)"], in: "/").succeeded) == true
}
