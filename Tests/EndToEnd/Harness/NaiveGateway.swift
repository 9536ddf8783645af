/// A gateway as many were once written: it looks at the first line as text, asks for the key where the path
/// begins like a locked one, and forwards the bytes as they are. What it lets through is what the corpus of
/// `keygate attack` is for.
final class NaiveGateway: Sendable {
    let endpoint: Endpoint
    private let listener: Socket

    init(backend: Endpoint, key: String) throws {
        let listener = try Socket.listen(on: .loopback(port: 0))
        self.listener = listener
        endpoint = .loopback(port: listener.localPort)
        startThread {
            while let client = listener.accept() {
                startThread { try? Self.serve(client, backend, key) }
            }
        }
    }

    deinit { listener.disconnect() }

    private static func serve(_ client: Socket, _ backend: Endpoint, _ key: String) throws {
        var request: [UInt8] = []
        // A head is whole at its empty line; whatever came with it is forwarded as well.
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            let more = try client.receive()
            if more.isEmpty { return }
            request += more
        }
        let text = String(decoding: request, as: UTF8.self)
        let words = text.split(separator: " ", maxSplits: 2)
        guard words.count > 1, isAllowed(words[1], hasKey: text.contains("Authorization: Bearer \(key)\r\n"))
        else {
            try client.send(
                Array("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8))
            return
        }
        let server = try Socket.connect(to: backend)
        try server.send(request)
        while true {
            let answer = try server.receive()
            if answer.isEmpty { return }
            try client.send(answer)
        }
    }

    private static func isAllowed(_ target: Substring, hasKey: Bool) -> Bool {
        target.hasPrefix("/attack/open/") || (hasKey && target.hasPrefix("/attack/locked/"))
    }
}
