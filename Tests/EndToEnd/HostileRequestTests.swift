import Testing

/// Malformed requests are refused with the right status, the connection is closed where its framing
/// can no longer be trusted, and nothing of them is forwarded.
@Suite struct HostileRequests {
    struct Row: Sendable, CustomTestStringConvertible {
        let label: String
        let bytes: String
        let status: Int
        var testDescription: String { label }
        init(_ label: String, _ bytes: String, _ status: Int) {
            self.label = label
            self.bytes = bytes
            self.status = status
        }
    }

    static let rows: [Row] = [
        Row("no Host in 1.1", "GET /open/1 HTTP/1.1\r\n\r\n", 400),
        Row("two Hosts", "GET /open/1 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        Row("a bare line feed", "GET /open/1 HTTP/1.1\nHost: a\n\n", 400),
        Row("a space before the colon", "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n", 400),
        Row("a folded line", "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n", 400),
        Row("an empty name", "GET /open/1 HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400),
        Row("a NUL in a value", "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-A: 1\u{0}2\r\n\r\n", 400),
        Row("a lone CR in a value", "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r2\r\n\r\n", 400),
        Row(
            "a length and chunked",
            "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400),
        Row(
            "two lengths",
            "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        Row("a list of lengths", "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", 400),
        Row("a signed length", "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
        Row(
            "a length beyond 64 bits",
            "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        Row(
            "an unknown coding",
            "POST /open/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        Row(
            "chunked twice",
            "POST /open/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400),
        Row(
            "chunked in 1.0",
            "POST /open/1 HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        Row("two spaces in the request line", "GET  /open/1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        Row("no version", "GET /open/1\r\nHost: a\r\n\r\n", 400),
        Row("a version of the future", "GET /open/1 HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        Row("not HTTP at all", "\u{16}\u{3}\u{1}hello\r\n\r\n", 400),
        Row("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
    ]

    @Test(arguments: rows)
    func isRefusedAndClosed(_ row: Row) throws {
        let upstream = try Upstream()
        let gateway = try Gateway("route * /open/** { public }", upstream: upstream)
        let client = try gateway.connect()
        // A second request rides behind: if the first were framed another way it would be answered.
        try client.send(row.bytes + "GET /open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = try client.response()
        #expect(answer.status == row.status)
        #expect(client.isClosedByPeer(), "the connection stayed open")
        #expect(upstream.received.pendingCount == 0)
        #expect(try gateway.get("/open/after").status == 200)
    }

    @Test(arguments: [
        "x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-3\r\n", "0x3\r\nabc\r\n", "3 \r\nabc\r\n",
        "ffffffffffffffff1\r\n", "3\nabc\r\n0\r\n\r\n",
    ])
    func aBadChunkEndsTheExchange(_ chunks: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway("route * /open/** { public }", upstream: upstream)
        let client = try gateway.connect()
        try client.send("POST /open/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        let answer = try client.response()
        #expect(answer.status == 400)
        #expect(client.isClosedByPeer())
        // Whatever the upstream had seen of it never became a whole request.
        #expect(upstream.received.pendingCount == 0)
    }

    @Test(arguments: [
        "GET /open/1 HTT", "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-",
        "POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
    ])
    func aTruncatedRequestHarmsNobody(_ bytes: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway("route * /open/** { public }", upstream: upstream)
        let client = try gateway.connect()
        try client.send(bytes)
        client.finishSending()
        // A 400 for what came, or nothing: but an end, and never an answer of success.
        if try client.hasMore() { #expect(try client.response().status == 400) }
        #expect(client.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
        #expect(try gateway.get("/open/after").status == 200)
    }

    @Test func anEmptyLineBeforeTheRequestIsForgiven() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let client = try gateway.connect()
        // RFC 9112 §2.2: at least one empty line ahead of a request line is to be ignored.
        try client.send("\r\n" + Client.head("GET", "/open/1"))
        #expect(try client.response().status == 200)
    }
}
