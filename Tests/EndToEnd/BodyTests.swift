import Testing

/// Bodies in both directions, of every size that meets a boundary, arrive byte for byte.
@Suite struct Bodies {
    static let mebibyte = 1 << 20
    static let sizes = [
        0, 1, 2, 4095, 4096, 16383, 16384, 16385, 65535, 65536, 65537, mebibyte - 1, mebibyte + 1,
        16 * mebibyte - 1,
        16 * mebibyte, 16 * mebibyte + 1,
    ]
    static let routes = "limits body=64m\n" + Gateway.routes

    @Test(arguments: sizes)
    func aBodyWithALengthArrivesBothWays(_ size: Int) throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let body = payload(size)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: size))
        // Sent from a thread of its own: the echo may begin before the last byte has gone out.
        let socket = client.socket
        startThread { try? socket.send(body) }
        let answer = try client.response(to: "POST")
        #expect(answer.status == 200)
        #expect(same(answer.body, body))
        let seen = try upstream.next()
        #expect(same(seen.body, body))
        #expect(seen.fields["content-length"] == "\(size)")
        #expect(seen.fields[all: "transfer-encoding"].isEmpty)
    }

    @Test(
        arguments: [[1], [1, 2, 3, 5, 8, 13], [4096], [16384], [65537], [1, 100_000]], [3, 70_001, 300_000])
    func aChunkedBodyArrivesWhateverItsChunks(_ chunkSizes: [Int], _ size: Int) throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        // One-byte chunks of a large body measure the test's patience, not the decoder.
        let body = payload(chunkSizes == [1] ? min(size, 5000) : size)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/any/1", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"]))
        let socket = client.socket
        startThread { try? socket.send(chunked(body, sizes: chunkSizes)) }
        let answer = try client.response(to: "POST")
        #expect(answer.status == 200)
        #expect(same(answer.body, body))
        let seen = try upstream.next()
        #expect(same(seen.body, body))
        #expect(seen.fields["transfer-encoding"]?.lowercased() == "chunked")
    }

    @Test(arguments: [[1], [7, 11, 4099], [65536]])
    func aChunkedAnswerArrivesWhateverItsChunks(_ chunkSizes: [Int]) throws {
        let body = payload(chunkSizes == [1] ? 3000 : 2 * Self.mebibyte + 3)
        let upstream = try Upstream { connection in
            while try connection.request() != nil {
                try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                try connection.send(chunked(body, sizes: chunkSizes))
            }
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for _ in 0..<2 {
            let answer = try client.request("GET", "/open/1")
            #expect(answer.status == 200)
            #expect(same(answer.body, body))
        }
    }

    @Test func anAnswerThatEndsWithItsConnectionIsComplete() throws {
        let body = payload(100_003)
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            try connection.send(body)
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        let answer = try client.request("GET", "/open/1")
        #expect(same(answer.body, body))
        // We framed it ourselves, so this connection goes on.
        #expect(try client.request("GET", "/open/2").status == 200)
    }

    @Test func anHTTP10ClientGetsItsAnswerUpToTheClose() throws {
        let body = payload(50_001)
        let upstream = try Upstream { connection in
            while try connection.request() != nil {
                try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                try connection.send(chunked(body, sizes: [999]))
            }
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send("GET /open/1 HTTP/1.0\r\nHost: gate.test\r\n\r\n")
        let head = try client.responseHead()
        #expect(head.fields[all: "transfer-encoding"].isEmpty)
        #expect(same(try client.readToEnd(), body))
    }

    @Test func aBodyTrickledByteByByteArrives() throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        let request = Array(
            (Client.head("POST", "/any/1", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"])
                + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n").utf8)
        for byte in request { try client.send([byte]) }
        let answer = try client.response(to: "POST")
        #expect(answer.text == "hello world")
    }

    @Test func anAnswerTrickledByteByByteArrives() throws {
        let bytes = Array(
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                .utf8)
        let upstream = try Upstream { connection in
            while try connection.request() != nil { for byte in bytes { try connection.send([byte]) } }
        }
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/open/1").text == "abcde")
    }

    @Test func theAnswerMayComeBeforeTheRequestBodyEnds() throws {
        let upstream = try Upstream { connection in
            let head = try connection.head()
            connection.record(try #require(head))
            try connection.send("HTTP/1.1 413 Enough\r\nContent-Length: 6\r\nConnection: close\r\n\r\nenough")
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: 8 * Self.mebibyte))
        try client.send(payload(1000))
        let answer = try client.response(to: "POST")
        #expect(answer.status == 413)
        #expect(answer.text == "enough")
    }
}
