// A backend that does what a test tells it to: it reads and writes raw bytes, blocking, on a thread of its
// own, one connection after the other. Everything it received is kept for the test to look at.

import Bytes
import CLinux
import Glibc
import Reactor
import Synchronization

/// A server whose connections are played by a script. Ends when it goes away.
final class ScriptedServer {
    /// Plays one connection; `number` counts them from 0. It is closed when the script returns or throws.
    typealias Script = @Sendable (_ connection: ServerConnection, _ number: Int) throws -> Void

    let address: SocketAddress
    private let record = Record()
    private let stop: Mailbox<Void>
    private let thread: Reactor.Thread

    /// What the thread shares with the test.
    private final class Record: Sendable {
        let heads = Mutex<[String]>([])
        let connectionCount = Mutex(0)
    }

    init(unixPath: String? = nil, _ script: @escaping Script) throws(Errno) {
        let wanted =
            unixPath.map { SocketAddress.unix(path: $0) } ?? SocketAddress(host: "127.0.0.1", port: 0)
        guard let wanted else { preconditionFailure("127.0.0.1 is an address") }
        let listener = try ListeningSocket(wanted)
        address = listener.address
        let stop = try Mailbox<Void>()
        let record = self.record
        let shared = Shared(listener)
        self.stop = stop
        thread = try Reactor.Thread(name: "backend") {
            ScriptedServer.serve(shared.listener, stop, record, script)
        }
    }

    private final class Shared: Sendable {
        let listener: ListeningSocket
        init(_ listener: consuming ListeningSocket) { self.listener = listener }
    }

    deinit {
        stop.post(())
        thread.join()
    }

    var origin: String { "http://\(address.description)" }

    /// The request heads received so far, each with its empty line.
    var heads: [String] { record.heads.withLock { $0 } }
    var connectionCount: Int { record.connectionCount.withLock { $0 } }

    private static func serve(
        _ listener: borrowing ListeningSocket, _ stop: Mailbox<Void>, _ record: Record, _ script: Script
    ) {
        while true {
            var entries = [
                pollfd(fd: listener.descriptor.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop.wakeNumber, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&entries, 2, -1)
            if entries[1].revents != 0 { return }
            guard let accepted = try? listener.accept() else { continue }
            let connection = ServerConnection(accepted.intoDescriptor()) { head in
                record.heads.withLock { $0.append(head) }
            }
            let number = record.connectionCount.withLock { count in
                count += 1
                return count - 1
            }
            try? script(connection, number)
        }
    }
}

/// Why a script ended early: the peer closed, or nothing came for a minute.
struct ConnectionEnded: Error {}

/// The backend's end of one connection.
final class ServerConnection {
    private let descriptor: FileDescriptor
    private let sawHead: (String) -> Void
    private var received = ByteBuffer()

    init(_ descriptor: consuming FileDescriptor, sawHead: @escaping (String) -> Void) {
        let number = descriptor.number
        self.descriptor = descriptor
        self.sawHead = sawHead
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK)
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        _ = unsafe setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
    }

    /// Reads until `end` has come; returns everything up to and including it.
    func read(until end: String) throws -> String {
        let wanted = Array(end.utf8)
        while true {
            let bytes = Array(copying: received.bytes)
            if bytes.count >= wanted.count {
                for start in 0...(bytes.count - wanted.count)
                where bytes[start] == wanted[0] && Array(bytes[start..<start + wanted.count]) == wanted {
                    received.consume(start + wanted.count)
                    return String(decoding: bytes[..<(start + wanted.count)], as: UTF8.self)
                }
            }
            try readMore()
        }
    }

    /// A request's head, its empty line included.
    @discardableResult
    func readHead() throws -> String {
        let head = try read(until: "\r\n\r\n")
        sawHead(head)
        return head
    }

    func read(exactly count: Int) throws -> String {
        while received.count < count { try readMore() }
        let text = String(forDisplay: received[0..<count])
        received.consume(count)
        return text
    }

    /// Reads and drops what comes until the peer closes.
    func readToEnd() throws {
        do {
            while true {
                received.removeAll()
                try readMore()
            }
        } catch is ConnectionEnded {}
    }

    private func readMore() throws {
        guard case .bytes = try descriptor.read(into: &received, minimum: 16 << 10) else {
            throw ConnectionEnded()
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var offset = 0
        while offset < bytes.count {
            guard case .bytes(let sent) = try descriptor.send(bytes.span.extracting(offset..<bytes.count))
            else {
                throw ConnectionEnded()
            }
            offset += sent
        }
    }

    /// Closing becomes a reset.
    func resetOnClose() { descriptor.resetOnClose() }
}
