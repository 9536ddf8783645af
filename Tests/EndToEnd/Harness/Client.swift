/// An answer as the client received it.
struct Response: Sendable {
    let status: Int
    let reason: String
    let fields: [Field]
    let body: [UInt8]
    let trailers: [Field]
    /// 1xx answers that came before it, status and fields.
    let interim: [Interim]

    struct Interim: Sendable {
        let status: Int
        let fields: [Field]
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue? { JSONValue(text) }
    /// `error.code` of a refusal.
    var code: String? { json?["error"]?["code"]?.string }
}

/// A client that writes exactly the bytes it is told to and reads answers strictly.
final class Client {
    private let wire: Wire
    var socket: Socket { wire.socket }

    init(_ endpoint: Endpoint, receiveBuffer: Int32? = nil) throws {
        wire = Wire(try Socket.connect(to: endpoint, receiveBuffer: receiveBuffer))
    }

    func send(_ text: String) throws { try wire.send(text) }
    func send(_ bytes: [UInt8]) throws { try wire.send(bytes) }

    /// Sends a request with `Host: gate.test` and the given fields, then reads its answer.
    func request(
        _ method: String, _ target: String, key: String? = nil, _ fields: [String] = [], body: [UInt8]? = nil
    ) throws -> Response {
        try send(Client.head(method, target, key: key, fields, length: body?.count))
        if let body { try send(body) }
        return try response(to: method)
    }

    static func head(
        _ method: String, _ target: String, key: String? = nil, _ fields: [String] = [], length: Int? = nil
    ) -> String {
        var lines = ["\(method) \(target) HTTP/1.1"]
        if !fields.contains(where: { $0.lowercased().hasPrefix("host:") }) { lines.append("Host: gate.test") }
        if let key { lines.append("Authorization: Bearer \(key)") }
        lines += fields
        if let length { lines.append("Content-Length: \(length)") }
        return lines.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    /// Only the head of the next final answer, for tests that go on reading by hand.
    func responseHead() throws -> (status: Int, reason: String, fields: [Field], interim: [Response.Interim])
    {
        var interim: [Response.Interim] = []
        while true {
            let line = try wire.line()
            let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count >= 2, parts[0] == "HTTP/1.1", let status = Int(parts[1]) else {
                throw WireError.notHTTP("status line \(line)")
            }
            let fields = try wire.fields()
            if (100..<200).contains(status), status != 101 {
                interim.append(Response.Interim(status: status, fields: fields))
                continue
            }
            return (status, parts.count > 2 ? String(parts[2]) : "", fields, interim)
        }
    }

    func response(to method: String = "GET") throws -> Response {
        let head = try responseHead()
        var body: [UInt8] = []
        var trailers: [Field] = []
        let lengths = head.fields[all: "content-length"]
        let codings = head.fields[all: "transfer-encoding"]
        if !lengths.isEmpty && !codings.isEmpty { throw WireError.notHTTP("two framings in an answer") }
        if method == "HEAD" || head.status == 204 || head.status == 304 {
            // No body, whatever the fields say (RFC 9110 §6.4.1).
        } else if !codings.isEmpty {
            (body, trailers, _) = try wire.chunked()
        } else if let length = lengths.first.flatMap({ Int($0) }) {
            body = try wire.read(length)
        } else {
            body = try wire.readToEnd()
        }
        return Response(
            status: head.status, reason: head.reason, fields: head.fields, body: body, trailers: trailers,
            interim: head.interim)
    }

    func read(_ count: Int) throws -> [UInt8] { try wire.read(count) }
    func readToEnd() throws -> [UInt8] { try wire.readToEnd() }
    func line() throws -> String { try wire.line() }
    func hasMore(milliseconds: Int32 = 60_000) throws -> Bool { try wire.hasMore(milliseconds: milliseconds) }
    func isClosedByPeer(milliseconds: Int32 = 60_000) -> Bool { wire.isAtEnd(milliseconds: milliseconds) }
    func finishSending() { socket.finishSending() }
}
