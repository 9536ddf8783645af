import Synchronization
import Testing

/// Servers that may have so many requests at a time, and the line before them.
@Suite struct ServerLimits {
    /// Holds every request until it is let go, and remembers how many it held at most.
    final class Holding: Sendable {
        private struct Count {
            var held = 0
            var most = 0
        }
        private let count = Mutex(Count())
        private let permits = Channel<Void>()
        let began = Channel<String>()

        var most: Int { count.withLock { $0.most } }

        func letGo(_ number: Int) { for _ in 0..<number { permits.push(()) } }

        var script: Upstream.Script {
            { [self] connection in
                while let request = try connection.request() {
                    count.withLock { count in
                        count.held += 1
                        count.most = max(count.most, count.held)
                    }
                    began.push(request.target)
                    try permits.next("permission to answer", milliseconds: 60_000)
                    count.withLock { $0.held -= 1 }
                    try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                }
            }
        }
    }

    /// A gateway whose only server may have one request at a time, and has it.
    private struct Occupied {
        let holding = Holding()
        let upstream: Upstream
        let gateway: Gateway
        let block: String
        /// Of the request that the server has.
        let first: Client

        init(_ queue: String) throws {
            upstream = try Upstream(holding.script)
            block = "upstream api { server \(upstream.endpoint.url) max-connections 1; \(queue) }\n"
            gateway = try Gateway(block + Gateway.routes)
            first = try gateway.connect()
            try first.send(Client.head("GET", "/open/first"))
            _ = try holding.began.next("the first at the upstream")
        }

        /// A client whose request is the last of so many in the line.
        func waiting(_ target: String, key: Cast.Key? = nil, asNumber number: Int = 1) throws -> Client {
            let client = try gateway.connect()
            try client.send(Client.head("GET", target, key: key?.secret))
            #expect(try eventually { try queueLength(gateway) == number })
            return client
        }
    }

    static func queueLength(_ gateway: Gateway) throws -> Int? {
        try gateway.metric("keygate_upstream_queue_length{upstream=\"api\"}")
    }

    @Test func withoutAQueueWhatIsTooMuchIsRefused() throws {
        let holding = Holding()
        let upstream = try Upstream(holding.script)
        let gateway = try Gateway(
            "upstream api { server \(upstream.endpoint.url) max-connections 2 }\n" + Gateway.routes)
        let clients = try (0..<2).map { _ in try gateway.connect() }
        for client in clients { try client.send(Client.head("GET", "/open/1")) }
        for _ in clients { _ = try holding.began.next("request at the upstream") }
        let refused = try gateway.get("/open/2")
        #expect(refused.status == 503)
        #expect(refused.code == "OVERLOADED")
        #expect(refused.fields["retry-after"] == "1")
        #expect(!refused.text.contains("127.0.0.1"))
        holding.letGo(2)
        for client in clients { #expect(try client.response().status == 200) }
        holding.letGo(1)
        #expect(try gateway.get("/open/3").status == 200)
        #expect(holding.most == 2)
    }

    @Test func aFullQueueRefusesAndTheOthersAreServedInTheirOrder() throws {
        let holding = Holding()
        let upstream = try Upstream(holding.script)
        let gateway = try Gateway(
            "upstream api { server \(upstream.endpoint.url) max-connections=1; queue 3 timeout=1m }\n"
                + Gateway.routes)
        let key = gateway.cast.writer.secret
        let clients = try (0..<4).map { _ in try gateway.connect() }
        for (number, client) in clients.enumerated() {
            // One with a body among them: it is read when its turn has come.
            if number == 2 {
                try client.send(Client.head("POST", "/any/\(number)", key: key, length: 100_000))
                try client.send(payload(100_000))
            } else {
                try client.send(Client.head("GET", "/any/\(number)", key: key))
            }
            if number == 0 {
                _ = try holding.began.next("the first at the upstream")
            } else {
                #expect(try eventually { try Self.queueLength(gateway) == number })
            }
        }
        let refused = try gateway.get("/open/late")
        #expect(refused.status == 503 && refused.code == "OVERLOADED")
        #expect(refused.fields["retry-after"] == "1")
        for (number, client) in clients.enumerated() {
            holding.letGo(1)
            #expect(try client.response(to: number == 2 ? "POST" : "GET").status == 200)
            if number < 3 {
                #expect(try holding.began.next("the next at the upstream") == "/any/\(number + 1)")
            }
        }
        #expect(holding.most == 1)
        #expect(try Self.queueLength(gateway) == 0)
    }

    @Test func whoWaitsTooLongIsRefusedAndWhoLeavesIsForgotten() throws {
        let short = try Occupied("queue 1 timeout=200ms")
        #expect(try short.gateway.get("/open/second").status == 503)
        #expect(try Self.queueLength(short.gateway) == 0)
        short.holding.letGo(2)
        #expect(try short.first.response().status == 200)
        #expect(try short.gateway.get("/open/last").status == 200)
        #expect(try short.upstream.next().target == "/open/first")
        #expect(try short.upstream.next().target == "/open/last", "the other never got there")

        let busy = try Occupied("queue 1 timeout=1h")
        try busy.waiting("/open/leaving").socket.closeWillReset()
        #expect(try eventually { try Self.queueLength(busy.gateway) == 0 })
        busy.holding.letGo(1)
        #expect(try busy.first.response().status == 200)
        busy.holding.letGo(1)
        #expect(try busy.gateway.get("/open/last").status == 200)
        #expect(try busy.upstream.next().target == "/open/first")
        #expect(try busy.upstream.next().target == "/open/last", "the other never got there")
    }

    @Test func theLimitIsExactWhateverTheConcurrency() throws {
        let most = Mutex((held: 0, most: 0))
        let upstream = try Upstream { connection in
            while try connection.request() != nil {
                most.withLock { $0 = ($0.held + 1, max($0.most, $0.held + 1)) }
                // Long enough for others to come in between: the wait is the script's own work.
                _ = connection.socket.waitReadable(milliseconds: 2)
                most.withLock { $0.held -= 1 }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let gateway = try Gateway(
            "upstream api { server \(upstream.endpoint.url) max-connections 3; queue 100 timeout=1m }\n"
                + Gateway.routes, workers: 2)
        let address = gateway.address
        let statuses = try concurrently(16) { _ -> [Int] in
            guard let client = try? Client(address) else { return [] }
            return (0..<25).compactMap { try? client.request("GET", "/open/\($0)").status }
        }
        #expect(statuses.flatMap { $0 }.count { $0 == 200 } == 400, "nobody is forgotten in the line")
        #expect(most.withLock { $0.most } == 3)
        #expect(upstream.received.pendingCount == 400)
        #expect(try Self.queueLength(gateway) == 0)
    }

    @Test func aKeyThatIsDisabledWhileItsRequestWaitsIsRefused() throws {
        let busy = try Occupied("queue 5 timeout=1m")
        let reader = busy.gateway.cast.reader
        let waiting = try busy.waiting("/things/1", key: reader)
        #expect(try busy.gateway.command("key", "disable", reader.id).succeeded)
        busy.holding.letGo(1)
        #expect(try busy.first.response().status == 200)
        let answer = try waiting.response()
        #expect(answer.status == 401 && answer.code == "DISABLED")
    }

    @Test func whatWaitsIsServedBeforeADrainingGatewayEnds() throws {
        let busy = try Occupied("queue 5 timeout=1m")
        let clients = try (1...2).map { try busy.waiting("/open/\($0)", asNumber: $0) }
        busy.gateway.child.signal(15)
        _ = try busy.gateway.child.line("draining") { $0.contains("draining") }
        busy.holding.letGo(3)
        for client in [busy.first] + clients { #expect(try client.response().status == 200) }
        #expect(try busy.gateway.stop() == .code(0))
    }

    @Test func requestsThatWaitOutliveAReload() throws {
        let busy = try Occupied("queue 5 timeout=1m")
        let waiting = try busy.waiting("/open/second")
        try busy.gateway.reload(busy.block + Gateway.routes + "\nroute GET /new { public }")
        _ = try busy.gateway.child.line("reloaded") { $0.contains("reloaded") }
        busy.holding.letGo(3)
        for client in [busy.first, waiting] { #expect(try client.response().status == 200) }
        #expect(try busy.gateway.get("/new").status == 200)
        #expect(busy.holding.most == 1, "the limit holds over old and new rules")
    }

    @Test func creditsOfARequestThatWaitedInVainAreGivenBack() throws {
        let busy = try Occupied("queue 1 timeout=200ms")
        let key = busy.gateway.cast.bare
        #expect(try busy.gateway.command("key", "credits", key.id, "set", "5").succeeded)
        // One after the other in the line, and one that finds the line full: of those who wait until it has come.
        for _ in 0..<8 {
            #expect(try busy.gateway.request("GET", "/any/1", key: key).status == 503)
        }
        let patient = busy.block.replacing("timeout=200ms", with: "timeout=1h")
        try busy.gateway.reload(patient + Gateway.routes + "\nroute GET /new { authenticated }")
        #expect(try eventually { try busy.gateway.get("/new").status == 401 })
        let full = try busy.waiting("/open/second")
        #expect(try busy.gateway.request("GET", "/any/1", key: key).status == 503)
        busy.holding.letGo(100)
        _ = try full.response()
        var statuses: [Int] = []
        for _ in 0..<7 { statuses.append(try busy.gateway.request("GET", "/any/1", key: key).status) }
        #expect(statuses == [200, 200, 200, 200, 200, 429, 429], "eight were not paid for")
    }
}
