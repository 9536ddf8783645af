import Testing

/// A slow reader on either side must slow the other side down, not fill the gateway's memory.
@Suite struct BackPressure {
    static let total = 256 << 20
    /// Far below the body, far above what one exchange needs.
    static let growthAllowed = 48 << 20

    @Test func aSlowClientHoldsTheUpstreamBack() throws {
        let sent = Channel<Int>()
        let block = payload(1 << 20)
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.total)\r\n\r\n")
            for number in 0..<(Self.total >> 20) {
                // Blocked for a second means the gateway has stopped reading: report how far we came.
                if !connection.socket.waitWritable(milliseconds: 1000) { sent.push(number) }
                try connection.send(block)
            }
            sent.push(-1)
        }
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        let before = try gateway.residentBytes()
        let client = try gateway.connect(receiveBuffer: 65536)
        try client.send(Client.head("GET", "/open/1"))
        _ = try client.responseHead()
        let stoppedAt = try sent.next("upstream held back")
        #expect(stoppedAt >= 0, "the gateway took the whole body from the upstream")
        #expect(try gateway.residentBytes() - before < Self.growthAllowed)
        // Read on: everything arrives after all.
        var left = Self.total
        while left > 0 {
            let part = try client.read(min(left, 1 << 20))
            #expect(same(part, block))
            left -= part.count
        }
        #expect(try gateway.residentBytes() - before < Self.growthAllowed)
    }

    @Test func aSlowUpstreamHoldsTheClientBack() throws {
        let go = Gate()
        let upstream = try Upstream { connection in
            let head = try #require(try connection.head())
            connection.record(head)
            go.wait(milliseconds: 60_000)
            for _ in 0..<(Self.total >> 20) { _ = try connection.read(1 << 20) }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(
            "limits body=1g\n" + Gateway.routes, upstream: upstream, timeouts: "first-byte=60s idle=60s")
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        let before = try gateway.residentBytes()
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: Self.total))
        let socket = client.socket
        let stopped = Channel<Int>()
        let block = payload(1 << 20)
        startThread {
            for number in 0..<(Self.total >> 20) {
                if !socket.waitWritable(milliseconds: 1000) { stopped.push(number) }
                do { try socket.send(block) } catch { break }
            }
            stopped.push(-1)
        }
        #expect(try stopped.next("client held back") >= 0, "the gateway took the whole body from the client")
        #expect(try gateway.residentBytes() - before < Self.growthAllowed)
        go.open()
        #expect(try client.response(to: "POST").text == "ok")
        #expect(try gateway.residentBytes() - before < Self.growthAllowed)
    }
}
