import Testing

/// I7. However many clients come, and however slowly they read, write or wait, the gateway holds a bounded amount
/// for each it serves and nothing for the others.
@Suite("I7: memory is bounded under any number of clients")
struct MemoryInvariant {
    /// Both directions' buffers at their high-water marks, a head, and libcurl's own; measured 300 KiB.
    static let perExchange = 512 << 10
    static let slack = 16 << 20

    /// Downloads that are not read: each stalls with its buffers full.
    @Test func readersThatDoNotReadHoldOnlyTheirBuffers() throws {
        let count = 100
        let block = payload(1 << 20)
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
            // Ends with a failed send when the gateway goes away.
            for _ in 0..<64 { try connection.send(block) }
        }
        let gateway = try Gateway(upstream: upstream, timeouts: "first-byte=60s idle=60s")
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        let before = try gateway.residentBytes()
        var clients: [Client] = []
        for _ in 0..<count {
            let client = try gateway.connect(receiveBuffer: 65536)
            try client.send(Client.head("GET", "/open/1"))
            clients.append(client)
        }
        for client in clients { #expect(try client.responseHead().status == 200) }
        #expect(try isStill(gateway))
        #expect(try gateway.residentBytes() - before < count * Self.perExchange + Self.slack)
    }

    /// Uploads that the backend does not take.
    @Test func writersWhoseBackendDoesNotReadHoldOnlyTheirBuffers() throws {
        let count = 100
        let go = Gate()
        let upstream = try Upstream { connection in
            _ = try connection.head()
            go.wait(milliseconds: 60_000)
        }
        let gateway = try Gateway(
            "limits body=1g\n" + Gateway.routes, upstream: upstream, timeouts: "first-byte=60s idle=60s")
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        let before = try gateway.residentBytes()
        let piece = payload(4096)
        var clients: [Client] = []
        for _ in 0..<count {
            let client = try gateway.connect()
            try client.send(Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: 64 << 20))
            clients.append(client)
        }
        let sent = try concurrently(count) { [sockets = clients.map(\.socket)] index in
            var sent = 0
            while sent < 64 << 20, sockets[index].waitWritable(milliseconds: 500) {
                guard (try? sockets[index].send(piece)) != nil else { break }
                sent += piece.count
            }
            return sent
        }
        #expect(sent.allSatisfy { $0 < 64 << 20 }, "the gateway took a whole body nobody reads")
        #expect(try isStill(gateway))
        #expect(try gateway.residentBytes() - before < count * Self.perExchange + Self.slack)
        go.open()
    }

    /// Heads that never end, more of them than connections are allowed: those that are served hold one head each.
    @Test func halfHeadsAndClientsBeyondTheLimitCostNothingMore() throws {
        let limit = 200
        let gateway = try Gateway(
            "limits connections=\(limit) head=32k\nclient-timeout head=60s\n" + Gateway.routes,
            upstream: try Upstream())
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        let before = try gateway.residentBytes()
        let half = "GET /open/1 HTTP/1.1\r\nHost: a\r\nX-Pad: " + String(repeating: "a", count: 30_000)
        var clients: [Client] = []
        for _ in 0..<limit * 5 {
            let client = try gateway.connect()
            // The ones beyond the limit may be gone already.
            try? client.send(half)
            clients.append(client)
        }
        #expect(try isStill(gateway))
        let grown = try gateway.residentBytes() - before
        #expect(grown < limit * 80 << 10 + Self.slack, "\(grown) bytes for \(clients.count) clients")
        clients.removeAll()
        #expect(eventually { (try? gateway.get("/open/after").status) == 200 })
    }

    /// Idle connections hold no buffer at all.
    @Test func idleClientsHoldNoBuffers() throws {
        let count = 1000
        let gateway = try Gateway(upstream: try Upstream())
        #expect(try gateway.get("/open/1").status == 200)
        let before = try gateway.residentBytes()
        var clients: [Client] = []
        for _ in 0..<count {
            let client = try gateway.connect()
            #expect(try client.request("GET", "/nowhere").status == 404)
            clients.append(client)
        }
        let grown = try gateway.residentBytes() - before
        #expect(grown / count < 16 << 10, "\(grown / count) bytes for each idle connection")
    }

    /// Whether the gateway has stopped taking bytes from anybody: its memory is what it will be.
    private func isStill(_ gateway: Gateway) throws -> Bool {
        var last = -1
        return try eventually(within: 30_000) {
            // Each look is a request of its own, behind whatever the loop still had to do.
            #expect(try gateway.fromAdmin("/healthz").status == 200)
            let now = try gateway.residentBytes()
            defer { last = now }
            return now == last
        }
    }
}
