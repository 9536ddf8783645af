import Testing

/// A slow reader on either side must slow the other side down, not fill the gateway's memory.
@Suite struct BackPressure {
    /// `KEYGATE_FULL_SIZE=1` moves a gibibyte each way.
    static let total = environmentVariable("KEYGATE_FULL_SIZE") == nil ? 256 << 20 : 1 << 30
    /// The most an exchange may add to a gateway that has served one before: two buffers at their high-water
    /// marks (64 KiB and what one read adds), doubled while they grow, libcurl's own, and what the allocator
    /// rounds up.
    static let growthAllowed = 512 << 10

    /// Serves one large exchange, so that what is allocated once is allocated, and starts the count of the peak.
    private func measured(_ gateway: Gateway, _ warmUp: (Client) throws -> Void) throws -> Int {
        try warmUp(gateway.connect())
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        try gateway.forgetPeak()
        return try gateway.residentBytes()
    }

    @Test func aSlowClientHoldsTheUpstreamBack() throws {
        let sent = Channel<Int>()
        let block = payload(1 << 20)
        let upstream = try Upstream { connection in
            while let request = try connection.request() {
                let count = request.target == "/open/warm" ? 8 : Self.total >> 20
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(count << 20)\r\n\r\n")
                for number in 0..<count {
                    // Blocked for a second means the gateway has stopped reading: report how far we came.
                    if !connection.socket.waitWritable(milliseconds: 1000), count > 8 { sent.push(number) }
                    try connection.send(block)
                }
            }
        }
        let gateway = try Gateway(upstream: upstream, timeouts: "first-byte=60s idle=60s")
        let before = try measured(gateway) { client in
            let answer = try client.request("GET", "/open/warm")
            #expect(answer.body.count == 8 << 20)
        }
        let client = try gateway.connect(receiveBuffer: 65536)
        try client.send(Client.head("GET", "/open/1"))
        _ = try client.responseHead()
        let stoppedAt = try sent.next("upstream held back")
        #expect(stoppedAt < Self.total >> 20, "the gateway took the whole body from the upstream")
        // Read on: everything arrives after all.
        var left = Self.total
        while left > 0 {
            let part = try client.read(min(left, 1 << 20))
            #expect(same(part, block))
            left -= part.count
        }
        let grown = try gateway.peakBytes() - before
        #expect(grown < Self.growthAllowed, "\(grown >> 10) KiB for \(Self.total >> 20) MiB")
        print("download of \(Self.total >> 20) MiB: \(grown >> 10) KiB")
    }

    @Test func aSlowUpstreamHoldsTheClientBack() throws {
        let go = Gate()
        let upstream = try Upstream { connection in
            while let head = try connection.head() {
                let isWarm = head.target == "/any/warm"
                if !isWarm { go.wait(milliseconds: 60_000) }
                for _ in 0..<(isWarm ? 8 : Self.total >> 20) { _ = try connection.read(1 << 20) }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let gateway = try Gateway(
            "limits body=2g\n" + Gateway.routes, upstream: upstream, timeouts: "first-byte=60s idle=60s")
        let key = gateway.cast.bare.secret
        let before = try measured(gateway) { client in
            let answer = try client.request("POST", "/any/warm", key: key, body: payload(8 << 20))
            #expect(answer.status == 200)
        }
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", key: key, length: Self.total))
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
        go.open()
        #expect(try client.response(to: "POST").text == "ok")
        let grown = try gateway.peakBytes() - before
        #expect(grown < Self.growthAllowed, "\(grown >> 10) KiB for \(Self.total >> 20) MiB")
        print("upload of \(Self.total >> 20) MiB: \(grown >> 10) KiB")
    }
}
