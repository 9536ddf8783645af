import Testing

/// An upstream that refuses, lies, stalls, cuts, or answers garbage: the client learns which, and a
/// broken answer is never completed.
@Suite struct UpstreamFailures {
    static func script(_ bytes: String) -> Upstream.Script {
        { connection in
            _ = try connection.request()
            try connection.send(bytes)
        }
    }

    @Test func nobodyListening() throws {
        let closed = try Socket.closed()
        let port = closed.localPort
        let gateway = try Gateway("upstream api { server http://127.0.0.1:\(port) }\n" + Gateway.routes)
        let answer = try gateway.get("/open/1")
        #expect(answer.status == 502)
        #expect(answer.code == "UPSTREAM_UNREACHABLE")
        #expect(!answer.text.contains("\(port)"), "the upstream's address is nobody's business")
        #expect(try gateway.get("/open/1", key: gateway.cast.reader).status == 502)
        withExtendedLifetime(closed) {}
    }

    /// Each has its own line, and is not counted in that of another.
    @Test func everyUpstreamInTroubleIsNamed() throws {
        let closed = try (0..<2).map { _ in try Socket.closed() }
        var file = ""
        for (name, socket) in zip(["left", "right"], closed) {
            file += "upstream \(name) { server http://127.0.0.1:\(socket.localPort) }\n"
            file += "route GET /\(name)/** { public; to \(name) }\n"
        }
        let gateway = try Gateway(file)
        for _ in 0..<3 { #expect(try gateway.get("/left/1").status == 502) }
        #expect(try gateway.get("/right/1").status == 502)
        #expect(gateway.says("keygate: upstream right: "), "the other one's line is said for all")
        #expect(gateway.child.standardError.contains("keygate: upstream left: "))
        for line in gateway.child.standardError.split(separator: "\n") where line.contains("upstream right") {
            #expect(!line.contains("since the last such line"), "it was asked once: \(line)")
        }
        withExtendedLifetime(closed) {}
    }

    @Test(arguments: [
        "", "HTTP/1.1", "\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 OK 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n folded\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ])
    func anAnswerThatIsNotHTTPIsNotPassedOn(_ bytes: String) throws {
        let gateway = try Gateway(upstream: try Upstream(Self.script(bytes)))
        let answer = try gateway.request("POST", "/any/1", key: gateway.cast.bare, body: [])
        #expect(answer.status == 502)
        #expect(answer.code == "UPSTREAM_INVALID" || answer.code == "UPSTREAM_UNREACHABLE")
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    ])
    func anAnswerCutInItsBodyIsAbortedNeverCompleted(_ bytes: String) throws {
        let gateway = try Gateway(upstream: try Upstream(Self.script(bytes)))
        let client = try gateway.connect()
        do {
            let answer = try client.request("GET", "/open/1")
            // Broken before anything was passed on: still time for a refusal.
            #expect(answer.status == 502)
        } catch SocketError.ended, SocketError.failed {
            // The client saw the connection end inside the body, and nothing can follow on it.
            #expect(client.isClosedByPeer())
        }
    }

    @Test func aCutAfterALargePartIsAborted() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
            try connection.send(payload(3_000_000))
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        let head = try client.responseHead()
        #expect(head.status == 200)
        #expect(throws: SocketError.self) { try client.read(4_000_000) }
    }

    @Test func anUpstreamThatResetsIsBadGateway() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            connection.closeWillReset()
        }
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.request("POST", "/any/1", key: gateway.cast.bare, body: Array("x".utf8))
        #expect(answer.status == 502)
    }

    @Test func aSilentUpstreamTimesOut() throws {
        let upstream = try Upstream(Upstream.silent)
        let gateway = try Gateway(upstream: upstream, timeouts: "first-byte=300ms idle=300ms")
        let answer = try gateway.get("/open/1")
        #expect(answer.status == 504)
        #expect(answer.code == "UPSTREAM_TIMEOUT")
        // The script ends only when we closed the connection it was waiting on.
        _ = try upstream.ended.next("upstream connection closed")
    }

    @Test func aBodyThatStallsIsAborted() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(upstream: upstream, timeouts: "idle=300ms")
        let client = try gateway.connect()
        #expect(throws: (any Error).self) { try client.request("GET", "/open/1") }
        _ = try upstream.ended.next("upstream connection closed")
    }

    @Test func aBodyThatTricklesWithinItsIdleTimeIsNotCut() throws {
        // Ten bytes, each well within `idle`, altogether longer than `idle`: waits on the clock are the script's own.
        let longestGaps = Channel<Int>()
        let upstream = try Upstream { connection in
            while try connection.request() != nil {
                var (last, longest) = (monotonicMilliseconds(), 0)
                defer { longestGaps.push(longest) }
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
                for part in [head] + [String](repeating: "x", count: 10) {
                    _ = connection.socket.waitReadable(milliseconds: 250)
                    let begun = monotonicMilliseconds()
                    try? connection.send(part)
                    longest = max(longest, monotonicMilliseconds() - last)
                    last = begun
                }
            }
        }
        let gateway = try Gateway(upstream: upstream, timeouts: "idle=2s")
        // An attempt in which the machine stood still for longer than that says nothing.
        var text: String?
        var longest = Int.max
        _ = try eventually {
            text = try? gateway.get("/open/1").text
            longest = try longestGaps.next("end of the answer")
            return text != nil || longest < 1000
        }
        #expect(text == "xxxxxxxxxx", "\(longest) ms between two bytes")
    }

    @Test func aPostIsNeverSentTwice() throws {
        // The first request warms the connection; the second is read, then the connection dies: the
        // moment at which a client library is tempted to repeat on a fresh connection.
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            _ = try connection.request()
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        let key = gateway.cast.bare.secret
        #expect(try client.request("GET", "/any/warm", key: key).status == 200)
        _ = try upstream.next()
        let answer = try client.request("POST", "/any/pay", key: key, body: Array("amount=1".utf8))
        #expect(answer.status == 502)
        #expect(try upstream.next().target == "/any/pay")
        #expect(try client.request("GET", "/any/after", key: key).status == 200)
        #expect(try upstream.next().target == "/any/after", "the POST ran twice")
    }

    @Test func aGetSurvivesAPooledConnectionThatHadClosed() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for number in 0..<10 {
            #expect(try client.request("GET", "/open/\(number)").status == 200)
            _ = try upstream.ended.next("connection closed by the upstream")
        }
    }

    @Test(arguments: [false, true])
    func aClientThatLeavesCancelsTheTransfer(_ reset: Bool) throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            if !connection.waitForClose() { throw SocketError.timedOut("close") }
        }
        let gateway = try Gateway(upstream: upstream)
        do {
            let client = try gateway.connect()
            try client.send(Client.head("GET", "/open/1"))
            _ = try upstream.next()
            if reset { client.socket.closeWillReset() } else { client.socket.disconnect() }
        }
        _ = try upstream.ended.next("upstream connection closed")
        #expect(try gateway.fromAdmin("/healthz").status == 200)
    }

    @Test func aClientThatLeavesWhileReceivingCancelsTheTransfer() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let block = chunked(payload(65536), sizes: [65536]).dropLast(5)
            // Ends with the error that a closed connection gives.
            while true { try connection.send(Array(block)) }
        }
        let gateway = try Gateway(upstream: upstream)
        do {
            let client = try gateway.connect()
            try client.send(Client.head("GET", "/open/1"))
            _ = try client.responseHead()
            _ = try client.read(100_000)
            client.socket.disconnect()
        }
        _ = try upstream.ended.next("upstream connection closed")
    }

    @Test func aClientThatLeavesItsBodyUnfinishedNeverCompletesTheUpstreams() throws {
        let begun = Gate()
        let bodySeen = Channel<Int>()
        let upstream = try Upstream { connection in
            _ = try connection.head()
            _ = try connection.read(1000)
            begun.open()
            var count = 1000
            while let more = try? connection.socket.receive(), !more.isEmpty { count += more.count }
            bodySeen.push(count)
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: 100_000))
        try client.send(payload(50_000))
        begun.wait()
        client.socket.disconnect()
        #expect(
            try bodySeen.next("end of the upstream's connection") <= 50_000, "half a body became a whole one")
    }
}
