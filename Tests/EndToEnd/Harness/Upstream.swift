import Synchronization

/// A request as the upstream received it.
struct Received: Sendable {
    let method: String
    let target: String
    let version: String
    let fields: [Field]
    var body: [UInt8] = []
    var trailers: [Field] = []
    /// Sizes of the chunks it came in; empty for a body with a length.
    var chunkSizes: [Int] = []

    var requestLine: String { "\(method) \(target) \(version)" }
}

/// The backend of a test: a real listener whose connections each run the same script on a thread of
/// their own. A script reads and writes bytes by hand, so it can stall, cut, trickle and lie.
/// Everything it reads as a request is also put into `received`.
final class Upstream: Sendable {
    typealias Script = @Sendable (UpstreamConnection) throws -> Void

    let endpoint: Endpoint
    let received: Channel<Received>
    /// One element per connection accepted, and one per script that ended.
    let accepted = Channel<Void>()
    let ended = Channel<Void>()
    private let listener: Socket

    convenience init(
        on endpoint: Endpoint = .loopback(port: 0), _ script: @escaping Script = Upstream.sayOK
    ) throws {
        let listener = try Socket.listen(on: endpoint)
        let bound: Endpoint =
            switch endpoint {
            case .loopback: .loopback(port: listener.localPort)
            case .loopback6: .loopback6(port: listener.localPort)
            case .unix: endpoint
            }
        self.init(listener, at: bound, script)
    }

    /// At a port that was closed until now.
    convenience init(opening port: Socket, _ script: @escaping Script) throws {
        try port.beginListening()
        self.init(port, at: .loopback(port: port.localPort), script)
    }

    private init(_ listener: Socket, at endpoint: Endpoint, _ script: @escaping Script) {
        let received = Channel<Received>()
        self.listener = listener
        self.received = received
        self.endpoint = endpoint
        startThread { [accepted, ended] in
            while let socket = listener.accept() {
                accepted.push(())
                startThread {
                    try? script(UpstreamConnection(socket, received: received))
                    ended.push(())
                }
            }
        }
    }

    /// Ends the accepting thread; connections end with their scripts.
    deinit { listener.disconnect() }

    /// The next request not yet looked at.
    func next(milliseconds: Int32 = 60_000) throws -> Received {
        try received.next("request at the upstream", milliseconds: milliseconds)
    }

    /// Answers every request of every connection with 200 and `ok`.
    static let sayOK: Script = { connection in
        while try connection.request() != nil {
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
    }

    /// The same once the gate is open, for one request.
    static func sayOK(after gate: Gate) -> Script {
        { connection in
            _ = try connection.request()
            gate.wait(milliseconds: 60_000)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
    }

    /// Reads a request of each connection and never answers.
    static let silent: Script = { connection in
        _ = try connection.request()
        _ = connection.waitForClose()
    }

    /// Answers every request with the same bytes, keeping the connection.
    static func answer(_ bytes: String) -> Script {
        { connection in
            while try connection.request() != nil { try connection.send(bytes) }
        }
    }

    /// Answers every request with the body it carried, framed by length.
    static let echoBody: Script = { connection in
        while let request = try connection.request() {
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n")
            try connection.send(request.body)
        }
    }
}

/// One connection of the upstream, in the hands of its script.
final class UpstreamConnection {
    private let wire: Wire
    private let received: Channel<Received>
    var socket: Socket { wire.socket }

    init(_ socket: Socket, received: Channel<Received>) {
        wire = Wire(socket)
        self.received = received
    }

    func send(_ text: String) throws { try wire.send(text) }
    func send(_ bytes: [UInt8]) throws { try wire.send(bytes) }
    func read(_ count: Int) throws -> [UInt8] { try wire.read(count) }
    func line() throws -> String { try wire.line() }

    /// A whole request, or nil when the connection ended before one began.
    func request() throws -> Received? {
        guard let head = try head() else { return nil }
        let request = try body(of: head)
        received.push(request)
        return request
    }

    /// Only the head, not recorded: for scripts that answer before they read.
    func head() throws -> Received? {
        guard let first = try? wire.line() else { return nil }
        let parts = first.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw WireError.notHTTP("request line \(first)") }
        return Received(
            method: String(parts[0]), target: String(parts[1]), version: String(parts[2]),
            fields: try wire.fields())
    }

    func body(of head: Received) throws -> Received {
        var request = head
        let lengths = head.fields[all: "content-length"]
        let codings = head.fields[all: "transfer-encoding"]
        // The gateway frames requests itself; both at once, or either twice, would be its mistake.
        guard lengths.count + codings.count <= 1 else { throw WireError.notHTTP("two framings") }
        if !codings.isEmpty {
            (request.body, request.trailers, request.chunkSizes) = try wire.chunked()
        } else if let length = lengths.first {
            guard let count = Int(length) else { throw WireError.notHTTP("content-length \(length)") }
            request.body = try wire.read(count)
        }
        return request
    }

    func record(_ request: Received) { received.push(request) }

    /// Waits until the gateway closes this connection; false if it did not within the time, which is longer than
    /// a test waits for its consequences.
    func waitForClose(milliseconds: Int32 = 300_000) -> Bool {
        while socket.waitReadable(milliseconds: milliseconds) {
            guard let bytes = try? socket.receive(), !bytes.isEmpty else { return true }
        }
        return false
    }

    /// Sends this script's end as a reset instead of an orderly close.
    func closeWillReset() { socket.closeWillReset() }
}
