/// The two halves of a handshake as RFC 6455 §1.3 prints them, and frames by hand.
enum WebSocket {
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    static let fields = [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13",
    ]

    /// The head of a handshake with other fields besides, or instead where `without` names one.
    static func request(
        _ target: String, key: Cast.Key? = nil, _ more: [String] = [], without: String = ""
    ) -> String {
        let kept = fields.filter { without.isEmpty || !$0.hasPrefix(without + ":") }
        return Client.head("GET", target, key: key?.secret, kept + more)
    }

    static func answer(_ more: String = "", without: String = "") -> String {
        let lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: \(accept)"]
            .filter { without.isEmpty || !$0.hasPrefix(without + ":") }
        return (["HTTP/1.1 101 Switching Protocols"] + lines).map { $0 + "\r\n" }.joined() + more + "\r\n"
    }

    /// A frame of a server: final, unmasked.
    static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let length: [UInt8] =
            switch payload.count {
            case ..<126: [UInt8(payload.count)]
            case ..<65536: [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
            default: [127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
            }
        return [0x80 | opcode] + length + payload
    }

    /// The same of a client: masked.
    static func maskedFrame(_ opcode: UInt8, _ payload: [UInt8], mask: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
        var frame = frame(opcode, payload)
        let headCount = frame.count - payload.count
        frame[1] |= 0x80
        for index in payload.indices { frame[headCount + index] ^= mask[index & 3] }
        frame.insert(contentsOf: mask, at: headCount)
        return frame
    }

    static func close(_ code: Int) -> [UInt8] { frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)]) }
}

extension Upstream {
    /// Switches whatever asks for it, then goes on with `script`.
    static func switching(_ more: String = "", _ script: @escaping Script = { _ in }) -> Script {
        { connection in
            guard try connection.request() != nil else { return }
            try connection.send(WebSocket.answer(more))
            try script(connection)
        }
    }

    /// Switches, then sends back every byte until the other side ends.
    static let echoing = switching { connection in
        while case let bytes = try connection.socket.receive(), !bytes.isEmpty { try connection.send(bytes) }
    }
}

extension Gateway {
    /// A client whose handshake has been answered with 101.
    func openWebSocket(
        _ target: String = "/ws/1", key: Cast.Key? = nil, _ more: [String] = [], receiveBuffer: Int32? = nil
    ) throws -> (client: Client, fields: [Field]) {
        let client = try connect(receiveBuffer: receiveBuffer)
        try client.send(WebSocket.request(target, key: key, more))
        let head = try client.responseHead()
        guard head.status == 101 else { throw WireError.notHTTP("no 101: \(head.status)") }
        return (client, head.fields)
    }
}
