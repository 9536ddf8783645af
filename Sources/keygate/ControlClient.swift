// Talks to a running server over the store's control socket: one HTTP/1.1 exchange per connection, blocking.
// Whoever can open the socket (mode 0600) is the operator, so there is no credential. All system calls of the
// command line are in this file.

import Bytes
import Glibc
import JSON
import Reactor

/// The control socket of a store directory.
struct ControlClient {
    private let path: String

    /// Nil if no server listens there: no socket file, or one whose server is gone.
    init?(storeDirectory: String) throws(CommandFailure) {
        path = storeDirectory + "/control.sock"
        switch try Self.connect(path) {
        case .some: break
        case nil: return nil
        }
    }

    struct Answer {
        let status: Int
        let body: JSONValue
    }

    /// Sends one request and waits for its answer. `body` nil sends a GET, anything else a POST.
    func send(_ path: String, body: JSONValue?) throws(CommandFailure) -> Answer {
        guard let socket = try Self.connect(self.path) else { throw .failed("the server went away") }
        var request = ByteBuffer()
        request.append(body == nil ? "GET " : "POST ")
        request.append(path)
        request.append(" HTTP/1.1\r\nHost: keygate\r\nConnection: close\r\n")
        if let body {
            let content = body.compactBytes()
            request.append("Content-Type: application/json\r\nContent-Length: ")
            request.append(decimal: content.count)
            request.append("\r\n\r\n")
            request.append(content)
        } else {
            request.append("\r\n")
        }
        var answer = ByteBuffer()
        do throws(Errno) {
            var sent = 0
            while sent < request.count {
                // The socket blocks, so each call takes at least one byte.
                if case .bytes(let count) = try socket.send(request.bytes.extracting(sent..<request.count)) {
                    sent += count
                }
            }
            while try socket.read(into: &answer, minimum: 16 * 1024) != .endOfStream {}
        } catch {
            throw .failed("the server at \(self.path) broke the connection: \(error)")
        }
        return try Self.parse(answer.bytes)
    }

    /// A complete answer, which the server ended by closing: status line, fields, content. Our own server is
    /// the only peer, so the content is what follows the head, as long as its `Content-Length` says.
    private static func parse(_ answer: Span<UInt8>) throws(CommandFailure) -> Answer {
        guard let headEnd = headEnd(of: answer), headEnd > 12,
            ASCII.equals(answer.extracting(0..<9), "HTTP/1.1 "),
            let status = ASCII.decimal(answer.extracting(9..<12))
        else { throw .failed("the server's answer is cut short") }
        let content = answer.extracting(headEnd..<answer.count)
        do throws(JSONError) {
            return Answer(status: status, body: content.isEmpty ? .null : try JSONValue(parsing: content))
        } catch {
            throw .failed("the server's answer (status \(status)) is not JSON: \(error)")
        }
    }

    private static func headEnd(of answer: Span<UInt8>) -> Int? {
        var index = 3
        while index < answer.count {
            if ASCII.equals(answer.extracting(index - 3..<index + 1), "\r\n\r\n") { return index + 1 }
            index += 1
        }
        return nil
    }

    /// A connected socket; nil if nobody listens.
    private static func connect(_ path: String) throws(CommandFailure) -> FileDescriptor? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .failed("the path of the control socket is too long: \(path)")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw .failed("cannot make a socket: \(Errno(code: errno))") }
        let descriptor = FileDescriptor(owning: number)
        let (result, code) = unsafe withUnsafePointer(to: &address) { start in
            unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                let result = unsafe Glibc.connect(number, rebound, socklen_t(MemoryLayout<sockaddr_un>.size))
                return (result, errno)
            }
        }
        if result == 0 { return descriptor }
        if code == ENOENT || code == ECONNREFUSED { return nil }
        throw .failed("cannot connect to \(path): \(Errno(code: code))")
    }
}
