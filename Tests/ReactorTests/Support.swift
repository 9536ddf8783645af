// What the tests of the event loop share: socket pairs and a directory for socket files.

import Bytes
import CLinux
import Glibc

@testable import Reactor

/// Two connected stream sockets, non-blocking.
func socketPair() throws(Errno) -> (Endpoint, Endpoint) {
    var numbers: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    _ = try Syscall.retrying { unsafe socketpair(AF_UNIX, kind, 0, &numbers) }
    return (Endpoint(numbers[0]), Endpoint(numbers[1]))
}

/// One end of a pair. A descriptor cannot stand in a tuple; an object that has one can.
final class Endpoint {
    let descriptor: FileDescriptor
    init(_ number: Int32) { descriptor = FileDescriptor(owning: number) }

    func send(_ text: String) throws(Errno) -> WriteOutcome {
        let bytes = Array(text.utf8)
        return try descriptor.send(bytes.span)
    }
}

/// A directory under /tmp, removed with the files that tests put into it.
final class TemporaryDirectory {
    let path: String
    private var files: [String] = []

    init() {
        var template = Array("/tmp/keygate-reactor-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no directory under /tmp") }
        path = unsafe String(cString: made)
    }

    func file(_ name: String) -> String {
        files.append("\(path)/\(name)")
        return "\(path)/\(name)"
    }

    deinit {
        for file in files { _ = unsafe unlink(file) }
        _ = unsafe rmdir(path)
    }
}

/// A blocking connection to an address; -1 and the error if there is none.
func connect(to address: SocketAddress) throws(Errno) -> FileDescriptor {
    let number = try Syscall.retrying {
        socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }
    let descriptor = FileDescriptor(owning: number)
    _ = try unsafe address.withSockaddr { (pointer, length) throws(Errno) in
        try Syscall.retrying { unsafe Glibc.connect(number, pointer, length) }
    }
    return descriptor
}
