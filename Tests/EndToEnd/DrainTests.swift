import Glibc
import Testing

/// What SIGTERM means for connections that have not sent a whole head: there is no request of theirs to be finished,
/// and yet one may be on its way.
@Suite struct Draining {
    private static let patience = "client-timeout head=10m\nshutdown-grace 10m\n" + Gateway.routes

    /// Longer than any time that a drain gives, shorter than what is configured.
    private static func ends(_ gateway: Gateway) throws {
        #expect(try gateway.stop() == .code(0))
        #expect(!gateway.child.standardError.contains("the grace period is over"))
    }

    @Test(arguments: ["G", "GET /open/1 HTTP/1.1\r\nHost: gate.test\r\nX-Half: "])
    func halfAHeadHoldsNothingUpAndIsToldSo(_ begin: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.patience, upstream: upstream)
        let client = try gateway.connect()
        try client.send(begin)
        #expect(try eventually { try gateway.metric("keygate_connections_open") ?? 0 >= 2 })
        try Self.ends(gateway)
        let answer = try client.response()
        #expect(answer.status == 408 && answer.fields["connection"] == "close")
        #expect(client.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
    }

    @Test(arguments: [[], [22], Array(ClientHello.record(version: 0x0303).dropLast())])
    func halfAHandshakeHoldsNothingUp(_ begin: [UInt8]) throws {
        let gateway = try Gateway.withTLS("tls a.pem a.key", Self.patience, upstream: try Upstream())
        let client = try gateway.connect()
        try client.send(begin)
        #expect(try eventually { try gateway.metric("keygate_connections_open") ?? 0 >= 2 })
        try Self.ends(gateway)
        #expect(client.isClosedByPeer())
        #expect(gateway.child.standardError.contains("127.0.0.1: the gateway is draining"))
    }

    /// The process stands still between the halves, so that the signal comes before the second one for certain.
    @Test func aHeadWhoseRestIsOnItsWayIsARequest() throws {
        let gateway = try Gateway(Self.patience, upstream: try Upstream())
        let half = try gateway.connect()
        try half.send("GET /open/half HTTP/1.1\r\nHo")
        let idle = try gateway.connect()
        #expect(try idle.request("GET", "/open/before").status == 200)
        #expect(gateway.child.pause())
        gateway.child.signal(SIGTERM)
        try half.send("st: gate.test\r\n\r\n")
        try idle.send(Client.head("GET", "/open/idle"))
        let queued = try gateway.connect()
        try queued.send(Client.head("GET", "/open/queued"))
        gateway.child.signal(SIGCONT)
        for client in [half, idle, queued] {
            // A loop that reads the request before it hears of the signal closes the connection behind the answer
            // without having announced it.
            #expect(try client.response().status == 200)
            #expect(client.isClosedByPeer())
        }
        try Self.ends(gateway)
    }

    /// The first loop has the admin listener and the control socket. It is not the one with the request that the drain
    /// waits for, and goes on as long.
    @Test func adminAndControlAnswerUntilTheLastLoopIsThrough() throws {
        let release = Gate()
        let upstream = try Upstream(Upstream.sayOK(after: release))
        let gateway = try Gateway(Self.patience, upstream: upstream, workers: 2)
        let client = try Self.onLoop(1, of: gateway)
        try client.send(Client.head("GET", "/open/1"))
        _ = try upstream.next()
        gateway.child.signal(SIGTERM)
        _ = try gateway.child.line("draining") { $0.contains("draining") }
        // Loops without a client of their own are through at once; nothing of them is left to be waited for.
        for _ in 0..<50 {
            let answer = try gateway.fromAdmin("/readyz")
            #expect(answer.status == 503 && answer.text == "draining\n")
        }
        #expect(try gateway.fromAdmin("/metrics").status == 200)
        #expect(try gateway.command("api", "list").succeeded)
        release.open()
        #expect(try client.response().status == 200)
        #expect(try gateway.end() == .code(0))
        #expect(!gateway.child.standardError.contains("the grace period is over"))
    }

    /// What has begun there is finished like anything else.
    @Test func aManagementCallThatHasBegunIsAnswered() throws {
        let gateway = try Gateway(Self.patience, upstream: try Upstream(), workers: 2)
        let client = try Client(gateway.admin)
        try client.send(
            Client.head("POST", "/v2/apis.createApi", ["Expect: 100-continue"], length: 15) + "{\"name\":")
        #expect(try client.line() == "HTTP/1.1 100 Continue" && client.line().isEmpty)
        gateway.child.signal(SIGTERM)
        _ = try gateway.child.line("draining") { $0.contains("draining") }
        #expect(try gateway.fromAdmin("/readyz").status == 503)
        try client.send("\"late\"}")
        #expect(try client.response(to: "POST").status == 400, "it has no root key, and is told so")
        #expect(try gateway.end() == .code(0))
        #expect(!gateway.child.standardError.contains("the grace period is over"))
    }

    /// And it does not keep anybody waiting: a connection there that says nothing holds nothing up.
    @Test func anIdleAdminConnectionHoldsNothingUp() throws {
        let gateway = try Gateway(Self.patience, upstream: try Upstream(), workers: 2)
        let scraper = try Client(gateway.admin)
        #expect(try scraper.request("GET", "/healthz").status == 200)
        let silent = try Client(gateway.admin)
        try silent.send("GET /met")
        try Self.ends(gateway)
        #expect(scraper.isClosedByPeer() && silent.isClosedByPeer())
    }

    /// Says the head of an answer and its first bytes, or nothing, and then nothing more.
    private static let stuck: Upstream.Script = { connection in
        guard let request = try connection.request() else { return }
        if request.target != "/open/none" {
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        }
        _ = connection.waitForClose()
    }

    /// What the gateway cuts off is not the client's doing, whether its time is up or a second signal says so.
    @Test(arguments: ["300ms", "1h"])
    func whatIsCutOffAtTheEndIsSaidToBeOurs(_ grace: String) throws {
        let upstream = try Upstream(Self.stuck)
        let gateway = try Gateway("shutdown-grace \(grace)\n" + Gateway.routes, upstream: upstream)
        let clients = try (0..<3).map { _ in try gateway.connect() }
        try clients[0].send(Client.head("GET", "/open/none"))
        try clients[1].send(Client.head("GET", "/open/half"))
        // The end of the connection is the end of this one's answer.
        try clients[2].send("GET /open/old HTTP/1.0\r\nHost: gate.test\r\n\r\n")
        for _ in clients { _ = try upstream.next() }
        for client in clients[1...] { #expect(try client.responseHead().status == 200) }
        #expect(try clients[1].line() == "3" && clients[1].line() == "abc")
        #expect(try clients[2].read(3) == Array("abc".utf8))
        if grace == "1h" {
            gateway.child.signal(SIGTERM)
            _ = try gateway.child.line("draining") { $0.contains("draining") }
            #expect(try gateway.stop() == .code(0))
        } else {
            #expect(try gateway.stop() == .code(0))
            #expect(gateway.child.standardError.contains("the grace period is over"))
        }
        for (path, status) in [("/open/none", 503), ("/open/half", 200), ("/open/old", 200)] {
            let line = try SettlementThroughTheGateway.logLine(gateway, path: path)
            #expect(line[LogField.code]?.string == "STOPPED", "\(line)")
            #expect(line[LogField.status]?.number == Double(status), "\(line)")
        }
        #expect(clients[0].isClosedByPeer() && clients[1].isClosedByPeer())
        #expect(throws: SocketError.self, "half an answer ended as if it were whole") {
            try clients[2].readToEnd()
        }
    }

    /// A kept connection that is served by the loop of this number.
    private static func onLoop(_ number: Int, of gateway: Gateway) throws -> Client {
        var others: [Client] = []
        while others.count < 200 {
            func count() throws -> Int {
                try gateway.metric("keygate_loop_connections{loop=\"\(number)\"}") ?? 0
            }
            let before = try count()
            let client = try gateway.connect()
            #expect(try client.request("GET", "/healthz").status == 404)
            if try count() > before { return client }
            others.append(client)
        }
        throw SocketError.timedOut("a connection of loop \(number)")
    }

    @Test func aHandshakeThatIsOnItsWayBecomesARequest() throws {
        let gateway = try Gateway.withTLS("tls a.pem a.key", Self.patience, upstream: try Upstream())
        #expect(gateway.child.pause())
        gateway.child.signal(SIGTERM)
        let curl = try Child(gateway.curlArguments([], ["/open/1"]), in: gateway.directory.path)
        _ = try curl.line("the beginning of the handshake") { $0.contains("Client hello") }
        gateway.child.signal(SIGCONT)
        #expect(try curl.waitForExit() == .code(0), "\(curl.standardError)")
        #expect(curl.standardOutput == "ok")
        try Self.ends(gateway)
    }
}
