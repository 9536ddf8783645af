import Glibc
import Synchronization

/// Where something listens: what a gateway prints and what a scripted upstream is given.
enum Endpoint: Sendable, Equatable {
    case loopback(port: UInt16)
    case loopback6(port: UInt16)
    case unix(path: String)

    /// Reads an address as the gateway prints it: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/x.sock`.
    init?(printed text: some StringProtocol) {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst("unix:".count)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        self = text.hasPrefix("[") ? .loopback6(port: port) : .loopback(port: port)
    }

    /// The same address as `server`, `listen` and `Host` spell it.
    var authority: String {
        switch self {
        case .loopback(let port): "127.0.0.1:\(port)"
        case .loopback6(let port): "[::1]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    var url: String {
        switch self {
        case .loopback, .loopback6: "http://\(authority)"
        case .unix: authority
        }
    }
}

enum SocketError: Error, CustomStringConvertible {
    case failed(String, errno: Int32)
    /// Nothing came within the receive timeout: a deadline, not a sleep, so a hung peer fails one test.
    case timedOut(String)
    /// The peer closed in the middle of something.
    case ended(String)

    var description: String {
        switch self {
        case .failed(let call, let code): "\(call): errno \(code)"
        case .timedOut(let what): "timed out: \(what)"
        case .ended(let what): "connection ended: \(what)"
        }
    }
}

/// Descriptors made without close-on-exec (`accept` has no such flag here) must not be seen by a
/// child spawned at the same moment: it would keep the connection open and the test would wait for ever.
let spawning = Mutex(())

/// A blocking stream socket with a receive and a send timeout. Closed when the last reference goes.
final class Socket: Sendable {
    private let fd: Int32

    private init(adopting fd: Int32) {
        self.fd = fd
    }

    deinit { _ = Glibc.close(fd) }

    private static func open(_ family: Int32) throws -> Socket {
        let fd = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SocketError.failed("socket", errno: errno) }
        return Socket(adopting: fd)
    }

    static func connect(to endpoint: Endpoint, timeoutSeconds: Int = 60, receiveBuffer: Int32? = nil) throws
        -> Socket
    {
        let opened = try open(endpoint.family)
        opened.setTimeout(seconds: timeoutSeconds)
        if let receiveBuffer { opened.set(SO_RCVBUF, receiveBuffer) }
        let status = unsafe endpoint.withAddress { unsafe Glibc.connect(opened.fd, $0, $1) }
        guard status == 0 else { throw SocketError.failed("connect to \(endpoint.authority)", errno: errno) }
        opened.setNoDelay()
        return opened
    }

    /// Listens on `endpoint`; port 0 takes a free one, which `localPort` tells.
    static func listen(on endpoint: Endpoint, backlog: Int32 = 128) throws -> Socket {
        let opened = try open(endpoint.family)
        opened.set(SO_REUSEADDR, 1)
        try opened.bind(to: endpoint)
        try opened.beginListening(backlog: backlog)
        return opened
    }

    /// A port of 127.0.0.1 at which nobody listens before `beginListening`, and which nobody else gets as long as
    /// this lives: without SO_REUSEADDR it is shared with no other socket.
    static func closed() throws -> Socket {
        let opened = try open(AF_INET)
        try opened.bind(to: .loopback(port: 0))
        return opened
    }

    private func bind(to endpoint: Endpoint) throws {
        guard unsafe endpoint.withAddress({ unsafe Glibc.bind(fd, $0, $1) }) == 0 else {
            throw SocketError.failed("bind \(endpoint.authority)", errno: errno)
        }
    }

    func beginListening(backlog: Int32 = 128) throws {
        guard Glibc.listen(fd, backlog) == 0 else { throw SocketError.failed("listen", errno: errno) }
    }

    /// A connected pair, used as a pipe that no child can inherit.
    static func pair() throws -> (Socket, Socket) {
        var fds: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &fds) == 0 else {
            throw SocketError.failed("socketpair", errno: errno)
        }
        return (Socket(adopting: fds[0]), Socket(adopting: fds[1]))
    }

    var localPort: UInt16 {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(fd, $0, &length)
            }
        }
        // The port stands at the same place in both address families.
        return UInt16(bigEndian: address.sin6_port)
    }

    /// Waits for one connection; nil once `disconnect` was called on the listening socket.
    func accept() -> Socket? {
        while true {
            guard waitReadable(milliseconds: -1) else { return nil }
            let accepted = spawning.withLock { _ in
                let accepted = Glibc.accept(fd, nil, nil)
                if accepted >= 0 { _ = fcntl(accepted, F_SETFD, FD_CLOEXEC) }
                return accepted
            }
            if accepted >= 0 {
                let connection = Socket(adopting: accepted)
                connection.setTimeout(seconds: 120)
                connection.setNoDelay()
                return connection
            }
            if errno != EINTR && errno != EAGAIN && errno != ECONNABORTED { return nil }
        }
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(fd, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SocketError.failed("send", errno: errno) }
            sent += count
        }
    }

    /// Up to `max` bytes; empty at the end of the stream.
    func receive(max: Int = 65536) throws -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max) { buffer, count in
            while true {
                let received = unsafe recv(fd, buffer.baseAddress!, max, 0)
                if received < 0 && errno == EINTR { continue }
                if received < 0 { failure = errno }
                count = Swift.max(0, received)
                return
            }
        }
        if failure == EAGAIN { throw SocketError.timedOut("receive") }
        if failure != 0 { throw SocketError.failed("receive", errno: failure) }
        return bytes
    }

    /// Sends one byte unless that would wait.
    func sendIfRoom(_ byte: UInt8) {
        var byte = byte
        _ = unsafe Glibc.send(fd, &byte, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    /// Takes what is there, without waiting.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        _ = unsafe recv(fd, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    }

    /// Whether a byte, or the end of the stream, is there within the time.
    func waitReadable(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = unsafe poll(&entry, 1, milliseconds)
            if ready < 0 && errno == EINTR { continue }
            return ready > 0
        }
    }

    /// Whether a send would still be taken at once: how far a peer that does not read lets us go.
    func waitWritable(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    func finishSending() { _ = shutdown(fd, Int32(SHUT_WR)) }

    /// What is there can still be read, and behind it is the end.
    func finishReceiving() { _ = shutdown(fd, Int32(SHUT_RD)) }

    /// Ends both directions now; the descriptor itself lives as long as the object.
    func disconnect() { _ = shutdown(fd, Int32(SHUT_RDWR)) }

    /// Makes the coming close a reset (RST) instead of an orderly end.
    func closeWillReset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// For the one caller that hands the descriptor to a child.
    var descriptor: Int32 { fd }

    private func setTimeout(seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    private func setNoDelay() {
        var on: Int32 = 1
        _ = unsafe setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private func set(_ option: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(fd, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

extension Endpoint {
    fileprivate var family: Int32 {
        switch self {
        case .loopback: AF_INET
        case .loopback6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    fileprivate func withAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        switch self {
        case .loopback(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return unsafe Self.pass(&address, body)
        case .loopback6(let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6addr_loopback
            return unsafe Self.pass(&address, body)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            precondition(
                path.utf8.count < MemoryLayout.size(ofValue: address.sun_path), "socket path too long")
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
            return unsafe Self.pass(&address, body)
        }
    }

    private static func pass<A, R>(_ address: inout A, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R
    {
        unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<A>.size))
            }
        }
    }
}
