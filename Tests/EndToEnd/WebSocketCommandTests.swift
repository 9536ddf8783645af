import Testing

/// What the other commands know of WebSockets.
@Suite struct WebSocketCommands {
    private static let routes = """
        route GET /live/** { require things.read; websocket }
        route GET /page    { public }
        """

    @Test func routesAndExplainShowThem() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        func run(_ arguments: String...) throws -> Finished {
            try Keygate.run(arguments + ["-c", "gateway.conf"], in: gateway.directory.path)
        }
        #expect(try run("check").succeeded)
        #expect(try run("routes").output.contains("WEBSOCKET"))
        let rows = JSONValue(try run("routes", "--json").output)?.array ?? []
        #expect(rows.map { $0["websocket"]?.bool ?? false } == [true, false])

        let handshake = WebSocket.fields.flatMap { ["-H", $0] }
        let told = try Keygate.run(
            ["explain", "GET", "/live/1", "--key-id", gateway.cast.reader.id, "-c", "gateway.conf"]
                + handshake,
            in: gateway.directory.path
        ).output
        for text in ["becomes a tunnel", "    Connection: Upgrade", "    Upgrade: websocket", WebSocket.key] {
            #expect(told.contains(text), "\(text) is missing in: \(told)")
        }
        let version = try Keygate.run(
            ["explain", "GET", "/live/1", "--no-key", "-c", "gateway.conf", "-H", "Upgrade: websocket"],
            in: gateway.directory.path
        ).output
        #expect(
            version.contains("400 BAD_REQUEST: A WebSocket handshake has a Connection header"), "\(version)")
        let plain = try run("explain", "GET", "/page").output
        #expect(!plain.contains("tunnel") && !plain.contains("Upgrade"))
    }

    @Test func echoSendsMessagesBackThroughTheGateway() throws {
        let directory = try Directory()
        let echo = try Child([Keygate.binary, "echo", "--listen", "127.0.0.1:0"], in: directory.path)
        defer { echo.signal(15) }
        let line = try echo.line("listening") { $0.hasPrefix("keygate: echo listening on ") }
        let address = line.split(separator: " ").last.map(String.init) ?? ""
        let gateway = try Gateway("upstream api { server http://\(address) }\n" + Self.routes)
        let (client, _) = try gateway.openWebSocket("/live/1", key: gateway.cast.reader)
        for count in [0, 5, 300, 300_000] {
            let text = payload(count)
            let socket = client.socket
            let sent = WebSocket.maskedFrame(2, text) + WebSocket.maskedFrame(9, [1, 2])
            startThread { try? socket.send(sent) }
            let expected = WebSocket.frame(2, text) + WebSocket.frame(10, [1, 2])
            #expect(same(try client.read(expected.count), expected))
        }
        try client.send(WebSocket.maskedFrame(8, [3, 0xE8]))
        #expect(try client.readToEnd() == WebSocket.close(1000))
        #expect(try eventually { try gateway.metric("keygate_tunnels_open") == 0 })
        #expect(
            try eventually {
                try gateway.accessLog().compactMap { $0["tunnelEnd"]?.string } == ["upstream"]
            })
    }
}
