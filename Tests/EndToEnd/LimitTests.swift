import Glibc
import Testing

/// Each limit at its value and one past it, and each time-out of the client side.
@Suite struct Limits {
    @Test func theBodyLimit() throws {
        let gateway = try Gateway(
            "limits body=1000\n" + Gateway.routes + "\nroute POST /big { public; body-limit 2000 }",
            upstream: try Upstream())
        let key = gateway.cast.bare
        #expect(try gateway.request("POST", "/any/1", key: key, body: payload(1000)).status == 200)
        #expect(try gateway.request("POST", "/any/1", key: key, body: payload(1001)).status == 413)
        #expect(try gateway.request("POST", "/big", body: payload(2000)).status == 200)
        #expect(try gateway.request("POST", "/big", body: payload(2001)).status == 413)
    }

    @Test func theBodyLimitCountsChunksToo() throws {
        let upstream = try Upstream()
        let gateway = try Gateway("limits body=1000\n" + Gateway.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/any/1", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"]))
        try client.send(chunked(payload(1001), sizes: [100]))
        #expect(try client.response(to: "POST").status == 413)
        #expect(client.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func theChunkLineLimit() throws {
        let gateway = try Gateway(
            "limits chunk-line=20\n" + Gateway.routes, upstream: try Upstream(Upstream.echoBody))
        let head = Client.head(
            "POST", "/any/1", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"])
        for (extra, status) in [(18, 200), (19, 400)] {
            let client = try gateway.connect()
            try client.send(head + "3;\(String(repeating: "x", count: extra))\r\nabc\r\n0\r\n\r\n")
            #expect(try client.response(to: "POST").status == status)
        }
    }

    @Test func theHeadLimits() throws {
        let gateway = try Gateway(
            "limits head=4k headers=20 target=1k\n" + Gateway.routes, upstream: try Upstream())
        #expect(try gateway.get("/open/" + String(repeating: "a", count: 1018)).status == 200)
        #expect(try gateway.get("/open/" + String(repeating: "a", count: 1019)).status == 414)
        #expect(try gateway.get("/open/1", (1...19).map { "X-\($0): 1" }).status == 200)
        #expect(try gateway.get("/open/1", (1...20).map { "X-\($0): 1" }).status == 431)
        #expect(try gateway.get("/open/1", ["X-Long: " + String(repeating: "a", count: 3000)]).status == 200)
        #expect(try gateway.get("/open/1", ["X-Long: " + String(repeating: "a", count: 4100)]).status == 431)
    }

    @Test func aHeadThatDoesNotEndInTimeIsAnsweredAndClosed() throws {
        let gateway = try Gateway(
            "client-timeout head=300ms body=1h idle=1h\n" + Gateway.routes, upstream: try Upstream())
        let client = try gateway.connect()
        try client.send("GET /open/1 HTTP/1.1\r\nHost: a\r\n")
        // 408 or a plain close: RFC 9110 §15.5.9 allows either.
        if try client.hasMore() { #expect(try client.response().status == 408) }
        #expect(client.isClosedByPeer())
    }

    @Test func aHeadMayNotBeStretchedByTrickling() throws {
        let gateway = try Gateway(
            "client-timeout head=500ms body=1h idle=1h\n" + Gateway.routes, upstream: try Upstream())
        let client = try gateway.connect()
        try client.send("GET /open/1 HTTP/1.1\r\n")
        // A byte every 100 ms: the limit is on the whole head, not on each byte.
        let isOver = eventually {
            client.socket.waitReadable(milliseconds: 100) || (try? client.send("X")) == nil
        }
        #expect(isOver)
    }

    @Test func aBodyThatStallsIsAnsweredAndClosed() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "client-timeout head=1h body=300ms idle=1h\n" + Gateway.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: 10) + "abc")
        if try client.hasMore() { #expect(try client.response(to: "POST").status == 408) }
        #expect(client.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func anIdleConnectionIsClosed() throws {
        let gateway = try Gateway(
            "client-timeout head=1h body=1h idle=300ms\n" + Gateway.routes, upstream: try Upstream())
        var served: Client?
        // One that was too late with its word, on a machine that stood still, is not the one that is looked for.
        let isServed = eventually {
            served = try? gateway.connect()
            return (try? served?.request("GET", "/open/1").status) == 200
        }
        #expect(isServed && served?.isClosedByPeer() == true)
        // One that never said a word has the time of a head.
        let other = try Gateway(
            "client-timeout head=300ms body=1h idle=1h\n" + Gateway.routes, upstream: try Upstream())
        #expect(try other.connect().isClosedByPeer())
    }

    /// The request is there before the answer, or comes behind it: a reset would take the answer from the client.
    @Test func whoIsBeyondTheConnectionLimitIsToldSo() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "limits connections=1\nclient-timeout idle=10m\n" + Gateway.routes, upstream: upstream)
        let held = try gateway.connect()
        #expect(try held.request("GET", "/open/1").status == 200)
        #expect(gateway.child.pause())
        let early = try gateway.connect()
        let upload = payload(100_000)
        try early.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: upload.count))
        try early.send(upload)
        gateway.child.signal(SIGCONT)
        func hearsOfIt(_ client: Client) throws -> Bool {
            let answer = try client.response()
            #expect(answer.status == 503 && answer.code == "OVERLOADED")
            #expect(answer.fields["connection"] == "close" && answer.fields["retry-after"] != nil)
            // In order, which a reset is not.
            return try client.readToEnd().isEmpty
        }
        #expect(try hearsOfIt(early))
        // One that says nothing for two seconds, on a machine that stood still, is not the one that is looked for.
        let isHeard = eventually {
            guard let late = try? gateway.connect(), late.socket.waitReadable(milliseconds: 60_000),
                (try? late.send(Client.head("GET", "/open/2"))) != nil
            else { return false }
            return (try? hearsOfIt(late)) == true
        }
        #expect(isHeard)
        #expect(try gateway.metric("keygate_connections_refused_total") ?? 0 >= 2)
        #expect(try held.request("GET", "/open/3").status == 200)
        #expect(try upstream.next().target == "/open/1" && upstream.next().target == "/open/3")
    }

    /// More than are waited for are turned away all the same, and take nobody's place.
    @Test func aCrowdBeyondTheConnectionLimitIsTurnedAway() throws {
        let gateway = try Gateway(
            "limits connections=1\nclient-timeout idle=10m\n" + Gateway.routes, upstream: try Upstream())
        let held = try gateway.connect()
        #expect(try held.request("GET", "/open/1").status == 200)
        let crowd = try (0..<300).map { _ in try gateway.connect() }
        for client in crowd { #expect(try client.response().status == 503) }
        #expect(try gateway.metric("keygate_connections_refused_total") == 300)
        #expect(try gateway.metric("keygate_connections_open") == 2)
        for client in crowd + [held] { client.socket.disconnect() }
        #expect(eventually { (try? gateway.get("/open/2").status) == 200 })
    }

    @Test func theConnectionLimitLeavesTheOthersServed() throws {
        let gateway = try Gateway("limits connections=8\n" + Gateway.routes, upstream: try Upstream())
        let held = try (0..<8).map { _ in try gateway.connect() }
        for client in held { #expect(try client.request("GET", "/open/1").status == 200) }
        let extra = try gateway.connect()
        // Refused with 503, closed, or left waiting in the backlog: never served beyond the limit.
        try? extra.send(Client.head("GET", "/open/1"))
        if extra.socket.waitReadable(milliseconds: 300), let answer = try? extra.response() {
            #expect(answer.status == 503)
        }
        for client in held { #expect(try client.request("GET", "/open/2").status == 200) }
        for client in held { client.socket.disconnect() }
        #expect(eventually { (try? gateway.get("/open/3").status) == 200 })
    }
}
