import Testing

/// What `Tests/Benchmarks/soak-clients.sh` has at its side for ten minutes, once around: clients that send a few bytes a
/// second or stop in the middle, read slowly, and exchange messages.
@Suite struct SlowClients {
    private static let largeBytes = 512 << 10
    /// Heads come in six seconds, which a busy machine stretches.
    private static let routes = """
        client-timeout head=20s body=20s
        route GET  /v1/slow   { require things.read }
        route POST /v1/slow   { require things.read }
        route GET  /v1/large  { require things.read }
        route GET  /v1/socket { require things.read; websocket }
        """

    private static let backend: Upstream.Script = { connection in
        let large = payload(largeBytes)
        while let head = try connection.head() {
            switch head.target {
            case "/v1/socket":
                try connection.send(WebSocket.answer())
                try echoMessages(connection)
            case "/v1/large":
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(large.count)\r\n\r\n")
                try connection.send(large)
            default:
                // A byte of the body a second, and sometimes none ever.
                var request = head
                request = try connection.body(of: request)
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
    }

    /// Sends back what comes, unmasked.
    private static func echoMessages(_ connection: UpstreamConnection) throws {
        while true {
            let head = try connection.read(2)
            var count = Int(head[1] & 0x7F)
            if count == 126 { count = try connection.read(2).reduce(0) { $0 << 8 | Int($1) } }
            let mask = try connection.read(4)
            let masked = try connection.read(count)
            try connection.send(WebSocket.frame(1, masked.enumerated().map { $1 ^ mask[$0 & 3] }))
        }
    }

    @Test func areServedAndThoseWhoStopAreToldSo() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream(Self.backend), workers: 2)
        let done = try runToEnd(
            [
                Keygate.products + "/slow-clients", gateway.address.authority, gateway.cast.reader.secret,
                "--clients", "80", "--readers", "4", "--websockets", "20", "--exchanges", "1",
                "--seconds", "120",
            ], in: "/tmp", milliseconds: 180_000)
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        for (kind, count) in [
            ("slow heads", 44), ("slow bodies", 32), ("slow readers", 4), ("stalled heads", 2),
            ("stalled bodies", 2), ("WebSockets", 20),
        ] {
            let line = done.output.split(separator: "\n").first { $0.hasPrefix("\(kind): ") } ?? ""
            #expect(line.contains(": \(count) clients") && line.hasSuffix(", 0 wrong"), "\(done.output)")
            #expect(!line.contains(" 0 exchanges"), "\(done.output)")
        }
    }

    @Test func anAnswerThatIsNotTheRightOneIsSeen() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream(Self.backend))
        let done = try runToEnd(
            [
                Keygate.products + "/slow-clients", gateway.address.authority, gateway.cast.bare.secret,
                "--clients", "0", "--readers", "1", "--seconds", "3",
            ], in: "/tmp", milliseconds: 60_000)
        #expect(done.exit == .code(1))
        #expect(done.output.contains("WRONG slow readers: 403 "), "\(done.output)")
    }
}
