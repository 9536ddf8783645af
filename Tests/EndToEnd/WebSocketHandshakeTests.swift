import Testing

/// From the client's request to the backend's 101, or to whatever comes instead of it.
@Suite struct WebSocketHandshakes {
    static let routes = """
        route GET /ws/**     { require things.read; websocket }
        route GET /open/**   { public; websocket }
        route GET /plain/**  { public }
        route GET /r/{n}/**  { public; websocket; rewrite /to/{n} }
        """

    @Test func bothSidesSwitch() throws {
        let upstream = try Upstream(Upstream.switching("X-Chat: yes\r\n"))
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let (client, fields) = try gateway.openWebSocket("/ws/1?a=%2f", key: gateway.cast.reader)
        #expect(fields["upgrade"] == "websocket" && fields["connection"] == "Upgrade")
        #expect(fields["sec-websocket-accept"] == WebSocket.accept && fields["x-chat"] == "yes")
        #expect(fields["x-request-id"] != nil && fields["content-length"] == nil)
        let seen = try upstream.next()
        #expect(seen.requestLine == "GET /ws/1?a=%2f HTTP/1.1")
        #expect(seen.fields["upgrade"] == "websocket" && seen.fields["connection"] == "Upgrade")
        #expect(seen.fields["sec-websocket-key"] == WebSocket.key)
        #expect(seen.fields["sec-websocket-version"] == "13" && seen.fields["host"] == "gate.test")
        #expect(client.isClosedByPeer(), "the backend's script has ended")
    }

    @Test func theBackendIsToldWhoCallsAndByNobodyElse() throws {
        let upstream = try Upstream(Upstream.switching())
        let gateway = try Gateway(Self.routes, upstream: upstream)
        _ = try gateway.openWebSocket(
            key: gateway.cast.reader,
            [
                "X-Tenant-Id: evil", "x_tenant_id: evil", "X.Key.Id: evil", "X-Other: kept", "TE: trailers",
                "Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Extensions: permessage-deflate",
                "Connection: X-Gone", "X-Gone: 1", "Origin: https://a.test",
            ])
        let fields = try upstream.next().fields
        #expect(fields["x-key-id"] == gateway.cast.reader.id && fields["x-tenant-id"] == "acme")
        #expect(!fields.contains { $0.value == "evil" })
        for name in ["authorization", "x-gone", "te"] { #expect(fields[all: name].isEmpty, "\(name)") }
        #expect(fields[all: "connection"] == ["Upgrade"] && fields[all: "upgrade"] == ["websocket"])
        #expect(fields["sec-websocket-protocol"] == "chat, superchat" && fields["x-other"] == "kept")
        #expect(fields["sec-websocket-extensions"] == "permessage-deflate")
        #expect(fields["x-forwarded-for"] == "127.0.0.1" && fields["x-forwarded-proto"] == "http")
        #expect(fields["x-request-id"] != nil && fields["via"] == "1.1 keygate")
    }

    @Test func thePathIsRewrittenAndTheServersOwnHostIsSent() throws {
        let upstream = try Upstream(Upstream.switching())
        let gateway = try Gateway(
            "upstream api { server \(upstream.endpoint.url); host upstream }\n" + Self.routes)
        _ = try gateway.openWebSocket("/r/seven/x?q")
        let seen = try upstream.next()
        #expect(seen.target == "/to/seven?q" && seen.fields["host"] == upstream.endpoint.authority)
    }

    @Test func whoIsRefusedReachesNobody() throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let cast = gateway.cast
        for (key, status, code) in [
            (nil, 401, "MISSING_KEY"), (cast.unissued, 401, "NOT_FOUND"), (cast.expired, 401, "EXPIRED"),
            (cast.bare, 403, "INSUFFICIENT_PERMISSIONS"),
        ] as [(Cast.Key?, Int, String)] {
            let client = try gateway.connect()
            // The frames behind the handshake are not the next request.
            try client.send(WebSocket.request("/ws/1", key: key) + Client.head("GET", "/plain/smuggled"))
            let answer = try client.response()
            #expect(answer.status == status && answer.code == code)
            #expect(answer.fields["connection"] == "close" && client.isClosedByPeer())
        }
        #expect(upstream.accepted.pendingCount == 0)
    }

    @Test(arguments: [
        ("", ["Sec-WebSocket-Version: 13"], 400, "one Sec-WebSocket-Version"),
        ("", ["Sec-WebSocket-Protocol: chat, chat"], 400, "list of tokens, no two of them the same"),
        ("", ["Sec-WebSocket-Protocol: chat room"], 400, "list of tokens"),
        ("", ["Sec-WebSocket-Accept: \(WebSocket.accept)"], 400, "Sec-WebSocket-Accept is for the server"),
        ("Sec-WebSocket-Version", ["Sec-WebSocket-Version: 8"], 426, "spoken here is 13"),
        ("Sec-WebSocket-Version", [], 426, "spoken here is 13"),
        ("Sec-WebSocket-Key", [], 400, "Sec-WebSocket-Key"),
        ("Sec-WebSocket-Key", ["Sec-WebSocket-Key: c2hvcnQ="], 400, "16 bytes"),
        ("", ["Sec-WebSocket-Key: \(WebSocket.key)"], 400, "one Sec-WebSocket-Key"),
        ("Connection", [], 400, "Connection header that names Upgrade"),
        ("Upgrade", ["Upgrade: websocket, h2c"], 400, "one Upgrade header"),
        ("", ["Upgrade: h2c"], 400, "one Upgrade header"),
        ("", ["Content-Length: 0"], 400, "no body"),
        ("", ["Transfer-Encoding: chunked"], 400, "no body"),
        ("", ["Connection: Sec-WebSocket-Key"], 400, "cannot name"),
    ])
    func whatIsNoHandshakeIsRefused(
        _ without: String, _ more: [String], _ status: Int, _ words: String
    ) throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1", more, without: without))
        let answer = try client.response()
        #expect(answer.status == status && answer.text.contains(words), "\(answer.text)")
        if status == 426 {
            #expect(answer.fields["sec-websocket-version"] == "13")
            #expect(
                answer.fields["upgrade"] == "websocket" && answer.fields["connection"] == "close, Upgrade")
        }
        #expect(client.isClosedByPeer())
        #expect(upstream.accepted.pendingCount == 0)
    }

    @Test func otherMethodsAndHTTP10AreRefused() throws {
        let upstream = try Upstream(Upstream.echoing)
        let gateway = try Gateway("route * /open/** { public; websocket }", upstream: upstream)
        for (method, version) in [("POST", "1.1"), ("HEAD", "1.1"), ("GET", "1.0")] {
            let client = try gateway.connect()
            try client.send("\(method) /open/1 HTTP/\(version)\r\nHost: gate.test\r\n")
            try client.send(WebSocket.fields.map { $0 + "\r\n" }.joined() + "\r\n")
            #expect(try client.response(to: method).status == 400)
        }
        #expect(upstream.accepted.pendingCount == 0)
    }

    @Test func withoutAnUpgradeTheRouteIsOrdinary() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        for fields in [[], ["Connection: Upgrade", "Upgrade: h2c"], ["Sec-WebSocket-Key: x"]] {
            #expect(try client.request("GET", "/open/1", fields).text == "ok")
            #expect(try upstream.next().fields["upgrade"] == nil)
        }
    }

    @Test func onOtherRoutesNothingIsUpgraded() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        #expect(try client.request("GET", "/plain/1", WebSocket.fields).text == "ok")
        #expect(try upstream.next().fields["upgrade"] == nil)
        let liar = try Upstream(Upstream.switching())
        let other = try Gateway(Self.routes, upstream: liar)
        #expect(try other.get("/plain/1", WebSocket.fields).status == 502)
    }

    @Test(arguments: [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        WebSocket.answer(without: "Sec-WebSocket-Accept"), WebSocket.answer(without: "Upgrade"),
        WebSocket.answer(without: "Connection"),
        WebSocket.answer("Sec-WebSocket-Accept: \(WebSocket.accept)\r\n"),
        WebSocket.answer("Upgrade: h2c\r\n"),
        WebSocket.answer("Sec-WebSocket-Protocol: chat\r\n"),
        WebSocket.answer("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        WebSocket.answer("Content-Length: 5\r\n"), WebSocket.answer("Transfer-Encoding: chunked\r\n"),
        WebSocket.answer("Bad Name: x\r\n"),
        WebSocket.answer().replacing("HTTP/1.1", with: "HTTP/1.0"), "SSH-2.0-OpenSSH\r\n\r\n", "",
    ])
    func a101ThatIsNotTheAnswerIs502(_ answer: String) throws {
        let upstream = try Upstream { connection in
            guard try connection.request() != nil else { return }
            try connection.send(answer)
            if !answer.isEmpty, connection.waitForClose() { connection.record(try Upstream.nothing) }
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1") + "hello")
        let refused = try client.response()
        #expect(refused.status == 502 && refused.code == "UPSTREAM_INVALID", "\(refused.text)")
        #expect(client.isClosedByPeer())
        _ = try upstream.next()
        if !answer.isEmpty { #expect(try upstream.next().method == "CLOSED", "the connection is kept") }
    }

    @Test(arguments: [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: a\r\n\r\nno", 403, "no"),
        ("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nX-Why: a\r\n\r\n", 302, ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Why: a\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            200,
            "abcde"
        ),
        ("HTTP/1.1 400 Bad Request\r\nX-Why: a\r\n\r\nuntil the end", 400, "until the end"),
        ("HTTP/1.1 204 No Content\r\nX-Why: a\r\n\r\n", 204, ""),
        ("HTTP/1.1 503 No\r\nContent-Length: 2\r\nX-Why: a\r\n\r\nno and more", 503, "no"),
    ])
    func anotherAnswerIsPassedOnAndNothingElseIsSent(_ text: String, _ status: Int, _ body: String) throws {
        let more = Channel<[UInt8]>()
        let upstream = try Upstream { connection in
            guard try connection.request() != nil else { return }
            try connection.send(text)
            connection.socket.finishSending()
            more.push((try? connection.socket.receive()) ?? [1])
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1") + Client.head("GET", "/plain/premature"))
        let answer = try client.response()
        #expect(answer.status == status && answer.text == body && answer.fields["x-why"] == "a")
        #expect(answer.fields["connection"] == "close")
        #expect(client.isClosedByPeer())
        #expect(try more.next("what came after the handshake").isEmpty)
        #expect(upstream.accepted.pendingCount == 1)
    }

    @Test func largeAnswersInsteadOfA101Arrive() throws {
        let body = payload(3 << 20)
        for isChunked in [false, true] {
            let upstream = try Upstream { connection in
                guard try connection.request() != nil else { return }
                let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(body.count)"
                try connection.send("HTTP/1.1 403 No\r\n\(framing)\r\n\r\n")
                try connection.send(isChunked ? chunked(body, sizes: [1, 70_000, 13]) : body)
            }
            let gateway = try Gateway(Self.routes, upstream: upstream)
            let client = try gateway.connect()
            try client.send(WebSocket.request("/open/1"))
            #expect(same(try client.response().body, body))
        }
    }

    @Test func anAnswerThatIsCutIsNotCompleted() throws {
        let begun = Gate()
        let upstream = try Upstream { connection in
            guard try connection.request() != nil else { return }
            try connection.send("HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf")
            begun.wait()
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1"))
        #expect(try client.responseHead().status == 403)
        #expect(try client.read(4) == Array("half".utf8))
        begun.open()
        #expect(try client.readToEnd().isEmpty)
    }

    @Test func interimAnswersComeBeforeThe101() throws {
        let upstream = try Upstream { connection in
            guard try connection.request() != nil else { return }
            for byte in ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WebSocket.answer()).utf8 {
                try connection.send([byte])
            }
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1"))
        let head = try client.responseHead()
        #expect(head.status == 101 && head.interim.map(\.status) == [103])
    }

    /// The bytes behind the handshake stay with us until the backend has switched.
    @Test func nothingIsSentBeforeThe101() throws {
        let arrived = Gate()
        let upstream = try Upstream { connection in
            guard let head = try connection.head() else { return }
            connection.record(head)
            arrived.open()
            // Whatever had been sent with the head, or as soon as it came, would be here by now.
            let isQuiet = !connection.socket.waitReadable(milliseconds: 700)
            try connection.send(WebSocket.answer("X-Quiet: \(isQuiet)\r\n"))
            try connection.send(try connection.read(200_000))
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        let early = payload(200_000)
        try client.send(Array(WebSocket.request("/open/1").utf8) + early[..<1000])
        arrived.wait()
        try client.send(Array(early[1000...]))
        let head = try client.responseHead()
        #expect(head.status == 101 && head.fields["x-quiet"] == "true")
        #expect(same(try client.read(200_000), early))
    }

    @Test func aServerThatIsDownIsPassedOver() throws {
        let closed = try Socket.closed()
        let gone = "http://127.0.0.1:\(closed.localPort)"
        let upstream = try Upstream(Upstream.echoing)
        let closing = try Upstream { _ = try $0.head() }
        let gateway = try Gateway(
            "upstream api { server \(gone); server \(closing.endpoint.url); server \(upstream.endpoint.url) }\n"
                + Self.routes)
        for number in 0..<6 {
            let (client, _) = try gateway.openWebSocket("/open/\(number)")
            try client.send("ping")
            #expect(try client.read(4) == Array("ping".utf8))
        }
        withExtendedLifetime(closed) {}
    }

    @Test func noAnswerInTimeIs504() throws {
        let upstream = try Upstream { connection in
            _ = try connection.head()
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Self.routes, upstream: upstream, timeouts: "first-byte=300ms")
        let client = try gateway.connect()
        try client.send(WebSocket.request("/open/1"))
        #expect(try client.response().status == 504)
    }
}

extension Upstream {
    /// A word of a script to its test: the gateway has closed the connection.
    fileprivate static var nothing: Received {
        get throws { Received(method: "CLOSED", target: "", version: "", fields: []) }
    }
}
