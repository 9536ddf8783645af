/// HTTP/1.1 as it lies on the wire, read plainly and without mercy: what is not exactly a message
/// throws. Shared by the client, which reads answers, and the scripted upstream, which reads requests.
final class Wire {
    let socket: Socket
    private var buffer: [UInt8] = []
    private var start = 0
    /// Everything received so far, when the owner wants to compare bytes.
    private(set) var raw: [UInt8] = []
    private let recordsRaw: Bool

    init(_ socket: Socket, recordsRaw: Bool = false) {
        self.socket = socket
        self.recordsRaw = recordsRaw
    }

    func send(_ text: String) throws { try socket.send(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

    /// Whether any byte is buffered or comes within the time; the end of the stream is none.
    func hasMore(milliseconds: Int32) throws -> Bool {
        if start < buffer.count { return true }
        guard socket.waitReadable(milliseconds: milliseconds) else { return false }
        return try fill()
    }

    /// True once the peer has ended the stream in order, with nothing left unread.
    func isAtEnd(milliseconds: Int32 = 60_000) -> Bool {
        guard start == buffer.count, socket.waitReadable(milliseconds: milliseconds) else { return false }
        return (try? fill()) != true
    }

    func line() throws -> String {
        var scanned = start
        while true {
            if let newline = buffer[scanned...].firstIndex(of: 0x0A) {
                guard newline > start, buffer[newline - 1] == 0x0D else {
                    throw WireError.notHTTP("bare line feed")
                }
                let text = String(decoding: buffer[start..<newline - 1], as: UTF8.self)
                start = newline + 1
                return text
            }
            scanned = buffer.count
            let consumed = start
            guard try fill() else { throw SocketError.ended("within a line") }
            scanned -= consumed - start
        }
    }

    func read(_ count: Int) throws -> [UInt8] {
        var bytes = Array(buffer[start..<min(buffer.count, start + count)])
        start += bytes.count
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let more = try socket.receive(max: min(1 << 20, count - bytes.count))
            if more.isEmpty { throw SocketError.ended("\(count - bytes.count) of \(count) bytes missing") }
            if recordsRaw { raw += more }
            bytes += more
        }
        return bytes
    }

    func readToEnd() throws -> [UInt8] {
        var bytes = Array(buffer[start...])
        start = buffer.count
        while true {
            let more = try socket.receive()
            if more.isEmpty { return bytes }
            if recordsRaw { raw += more }
            bytes += more
        }
    }

    /// Fields up to the empty line.
    func fields() throws -> [Field] {
        var fields: [Field] = []
        while true {
            let line = try line()
            if line.isEmpty { return fields }
            guard let colon = line.firstIndex(of: ":") else {
                throw WireError.notHTTP("field without colon: \(line)")
            }
            let value = line[line.index(after: colon)...].drop(while: { $0 == " " })
            fields.append(Field(name: String(line[..<colon]), value: String(value)))
        }
    }

    /// A chunked body and its trailers; `sizes` are the chunks as they came.
    func chunked() throws -> (body: [UInt8], trailers: [Field], sizes: [Int]) {
        var body: [UInt8] = []
        var sizes: [Int] = []
        while true {
            let line = try line()
            guard let size = Int(line.prefix(while: { $0 != ";" }), radix: 16) else {
                throw WireError.notHTTP("chunk size \(line)")
            }
            if size == 0 { return (body, try fields(), sizes) }
            sizes.append(size)
            body += try read(size)
            guard try self.line().isEmpty else { throw WireError.notHTTP("chunk without its end") }
        }
    }

    private func fill() throws -> Bool {
        let bytes = try socket.receive()
        if bytes.isEmpty { return false }
        if recordsRaw { raw += bytes }
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer += bytes
        return true
    }
}

enum WireError: Error { case notHTTP(String) }

struct Field: Equatable, Sendable, CustomStringConvertible {
    let name: String
    let value: String
    var description: String { "\(name): \(value)" }
}

extension [Field] {
    /// All values of a name, in order, ignoring case.
    subscript(all name: String) -> [String] {
        filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of a name that stands there exactly once.
    subscript(name: String) -> String? {
        let values = self[all: name]
        return values.count == 1 ? values[0] : nil
    }
}
