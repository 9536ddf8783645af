import Testing

/// Several servers behind one upstream: what clients get while some of them are down, die, flap or are slow.
@Suite struct SeveralServers {
    /// Answers with a name of its own.
    static func named(_ name: String) -> Upstream.Script {
        Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
    }

    /// Reads each request and closes without a byte of an answer.
    static let cutBeforeHead: Upstream.Script = { connection in _ = try connection.request() }

    static func gateway(
        _ servers: [String], _ more: String = "", routes: String = Gateway.routes, workers: Int = 1
    ) throws -> Gateway {
        let lines = servers.map { "server \($0)" }.joined(separator: "; ")
        return try Gateway("upstream api { \(lines); \(more) }\n" + routes, workers: workers)
    }

    /// A figure of /metrics about a server; nil if it is not there.
    static func metric(_ gateway: Gateway, _ name: String, _ server: String) throws -> Int? {
        try gateway.metric("keygate_upstream_\(name){upstream=\"api\",server=\"\(server)\"}")
    }

    @Test func aServerThatIsDownFromTheStartIsNoticedByNobody() throws {
        let well = try Upstream()
        let closed = try Socket.closed()
        let down = "http://127.0.0.1:\(closed.localPort)"
        let gateway = try Self.gateway([down, well.endpoint.url], "eject after=3 for=1h max=1h")
        let key = gateway.cast.bare
        for number in 0..<20 {
            #expect(try gateway.get("/open/\(number)").status == 200)
            // Nothing of it was sent to the server that is down, so a POST may go elsewhere, body and all.
            let body = payload(10_000)
            #expect(try gateway.request("POST", "/any/\(number)", key: key, body: body).status == 200)
        }
        #expect(well.received.pendingCount == 40, "each request ran once")
        #expect(try Self.metric(gateway, "up", down) == 0)
        #expect(try Self.metric(gateway, "ejected", down) == 1)
        #expect(try Self.metric(gateway, "failures_total", down) == 3, "three failures, and it is left alone")
        #expect(try Self.metric(gateway, "retries_total", down) == 3)
        #expect(try Self.metric(gateway, "up", well.endpoint.url) == 1)
        #expect(try Self.metric(gateway, "requests_total", well.endpoint.url) == 40)
        #expect(try Self.metric(gateway, "in_flight", well.endpoint.url) == 0)
        #expect(gateway.says("upstream api: server \(down) is out for "))
        #expect(gateway.says("after 3 failures in a row: connection refused or not routable"))
        withExtendedLifetime(closed) {}
    }

    @Test func aServerThatDiesInTheMiddleLosesNoGet() throws {
        let well = try Upstream(Self.named("well"))
        var dying: Upstream? = try Upstream { connection in
            for _ in 0..<5 {
                guard try connection.request() != nil else { return }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndying")
            }
            _ = try connection.request()
        }
        let gateway = try Self.gateway(
            [dying!.endpoint.url, well.endpoint.url], "eject after=2 for=1h max=1h")
        let client = try gateway.connect()
        var answers: [String] = []
        for number in 0..<10 { answers.append(try client.request("GET", "/open/\(number)").text) }
        #expect(answers.count { $0 == "dying" } == 5)
        dying = nil
        for number in 0..<20 { answers.append(try client.request("GET", "/open/\(number)").text) }
        #expect(answers.dropFirst(10).allSatisfy { $0 == "well" })
    }

    @Test func aServerThatComesBackGetsRequestsAgain() throws {
        let well = try Upstream(Self.named("well"))
        let closed = try Socket.closed()
        let gateway = try Self.gateway(
            ["http://127.0.0.1:\(closed.localPort)", well.endpoint.url], "eject after=1 for=50ms max=100ms")
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").text == "well") }
        let back = try Upstream(opening: closed, Self.named("back"))
        #expect(try eventually(within: 30_000) { try gateway.get("/open/back").text == "back" })
        let answers = try (0..<20).map { try gateway.get("/open/\($0)").text }
        #expect(answers.count { $0 == "back" } == 10, "it has its share")
        #expect(eventually { gateway.child.standardError.contains("\(back.endpoint.url) is up again") })
        #expect(try Self.metric(gateway, "up", back.endpoint.url) == 1)
    }

    @Test func aServerThatFlapsIsLeftAloneLongerEachTime() throws {
        let well = try Upstream(Self.named("well"))
        let flapping = try Upstream(Self.cutBeforeHead)
        let gateway = try Self.gateway(
            [flapping.endpoint.url, well.endpoint.url], "eject after=1 for=200ms max=10m")
        let begun = monotonicMilliseconds()
        var failures = 0
        let hasFlapped = try eventually {
            #expect(try gateway.get("/open/1").text == "well")
            failures = try #require(try Self.metric(gateway, "failures_total", flapping.endpoint.url))
            return failures >= 5
        }
        #expect(hasFlapped && failures == 5)
        // 0.2, 0.4, 0.8 and 1.6 s lie between five failures, each a quarter less or more.
        #expect(monotonicMilliseconds() - begun >= 2250)
        #expect(flapping.received.pendingCount == failures)
        for (least, most) in [(0.1, 0.3), (0.3, 0.5), (0.6, 1.0), (1.2, 2.0), (2.4, 4.0)] {
            let line = try gateway.child.line("how long it is out") { $0.contains(" is out for ") }
            let seconds = line.firstMatch(of: /is out for ([0-9.]+)s/).flatMap { Double($0.1) } ?? 0
            #expect((least...most).contains(seconds), "\(line)")
        }
    }

    @Test func aGetThatIsCutBeforeTheHeadGoesToAnotherServer() throws {
        let well = try Upstream(Self.named("well"))
        let cutting = try Upstream(Self.cutBeforeHead)
        let gateway = try Self.gateway([cutting.endpoint.url, well.endpoint.url], "host upstream; eject off")
        for method in ["GET", "HEAD", "OPTIONS"] {
            for number in 0..<4 {
                let answer = try gateway.request(method, "/any/\(number)?x=1", key: gateway.cast.writer)
                #expect(answer.status == 200)
            }
        }
        #expect(cutting.received.pendingCount == 6, "every other request came here first")
        let seen = try (0..<12).map { _ in try well.next() }
        // What the second server is told is what it would have been told at once.
        #expect(seen.allSatisfy { $0.fields["host"]! == well.endpoint.url.dropFirst(7) })
        #expect(seen.allSatisfy { $0.fields["x-tenant-id"] == "acme" && $0.fields["authorization"] == nil })
        #expect(Set(seen.map { $0.fields.count }).count == 1)
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH"])
    func whatMayHaveRunDoesNotRunTwice(_ method: String) throws {
        let well = try Upstream(Self.named("well"))
        let cutting = try Upstream(Self.cutBeforeHead)
        let gateway = try Self.gateway([cutting.endpoint.url, well.endpoint.url], "eject off")
        let answers = try (0..<6).map {
            try gateway.request(method, "/any/\($0)", key: gateway.cast.writer, body: Array("x=1".utf8))
        }
        #expect(answers.count { $0.status == 502 && $0.code == "UPSTREAM_INVALID" } == 3)
        #expect(answers.count { $0.status == 200 } == 3)
        let targets = try (0..<3).flatMap { _ in [try cutting.next().target, try well.next().target] }
        #expect(Set(targets).count == 6, "each ran once")
        #expect(cutting.received.pendingCount == 0 && well.received.pendingCount == 0)
    }

    @Test func aGetWithABodyIsNotRepeatedOnceItWasSent() throws {
        let cutting = try Upstream(Self.cutBeforeHead)
        let other = try Upstream(Self.cutBeforeHead)
        let gateway = try Self.gateway([cutting.endpoint.url, other.endpoint.url], "eject off")
        let answer = try gateway.request(
            "GET", "/any/1", key: gateway.cast.writer, body: Array("query".utf8))
        #expect(answer.status == 502)
        #expect(cutting.received.pendingCount + other.received.pendingCount == 1)
    }

    @Test func aSlowServerTimesOutAndIsLeftAlone() throws {
        let well = try Upstream(Self.named("well"))
        let slow = try Upstream(Upstream.silent)
        let gateway = try Self.gateway(
            [slow.endpoint.url, well.endpoint.url],
            "timeout first-byte=1s; eject after=2 for=1h max=1h")
        var statuses: [Int] = []
        for number in 0..<10 { statuses.append(try gateway.get("/open/\(number)").status) }
        // A client that has waited its time is told; it does not wait once more for another server. The one that is
        // well is late only where the machine stands still.
        let late = try #require(try Self.metric(gateway, "failures_total", well.endpoint.url))
        #expect(statuses.count { $0 == 504 } == 2 + late)
        #expect(statuses.count { $0 == 200 } == 8 - late)
        #expect(slow.received.pendingCount == 2 && well.received.pendingCount == 8)
        #expect(gateway.says("no answer within the time for its first byte"))
    }

    @Test func theLastServerIsNeverGivenUp() throws {
        let closed = try (0..<2).map { _ in try Socket.closed() }
        let gateway = try Self.gateway(
            closed.map { "http://127.0.0.1:\($0.localPort)" }, "eject after=1 for=1h max=1h")
        for number in 0..<4 {
            let answer = try gateway.get("/open/\(number)")
            #expect(answer.status == 502 && answer.code == "UPSTREAM_UNREACHABLE")
        }
        let back = try Upstream(opening: closed[0], Self.named("back"))
        #expect(try gateway.get("/open/5").text == "back", "both are out, and still asked")
        withExtendedLifetime((back, closed)) {}
    }

    @Test func weightsHoldOverManyRequestsAndLoops() throws {
        let heavy = try Upstream()
        let light = try Upstream()
        let gateway = try Self.gateway(
            ["\(heavy.endpoint.url) weight 3", "\(light.endpoint.url) weight=1"], workers: 2)
        for number in 0..<200 { #expect(try gateway.get("/open/\(number)").status == 200) }
        // Exact on each loop as long as requests do not overlap: a round of four may have begun on both.
        let share = heavy.received.pendingCount
        #expect((148...152).contains(share), "\(share) of 200, and 150 are its share")
        #expect(share + light.received.pendingCount == 200)
        // Where they do, a server that is busy is passed over, for as long as the machine keeps it so.
        let address = gateway.address
        let statuses = try concurrently(8) { _ -> [Int] in
            (0..<25).compactMap { number in
                try? Client(address).request("GET", "/open/\(number)").status
            }
        }
        #expect(statuses.flatMap { $0 }.filter { $0 == 200 }.count == 200)
        #expect(heavy.received.pendingCount + light.received.pendingCount == 400)
    }

    @Test func whatIsKnownOfAServerOutlivesAReload() throws {
        let well = try Upstream()
        let closed = try Socket.closed()
        let down = "http://127.0.0.1:\(closed.localPort)"
        let servers = "server \(down); server \(well.endpoint.url); eject after=2 for=1h max=1h"
        let gateway = try Gateway("upstream api { \(servers) }\n" + Gateway.routes)
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(try Self.metric(gateway, "ejected", down) == 1)
        try gateway.reload("upstream api { \(servers) }\nroute GET /new { public }")
        #expect(try eventually { try gateway.get("/new").status == 200 })
        for _ in 0..<10 { #expect(try gateway.get("/new").status == 200) }
        #expect(try Self.metric(gateway, "failures_total", down) == 2, "it was not tried again")
        // A server that is gone is forgotten.
        try gateway.reload("upstream api { server \(well.endpoint.url) }\nroute GET /newer { public }")
        #expect(try eventually { try gateway.get("/newer").status == 200 })
        #expect(try Self.metric(gateway, "up", down) == nil)
        withExtendedLifetime(closed) {}
    }

    @Test func aServerThatTakesNoConnectionCostsTheTimeForOneAndNoRequest() throws {
        // A queue of connections that is full: further ones get no answer at all.
        let silent = try Socket.listen(on: .loopback(port: 0), backlog: 0)
        let fill = (0..<4).compactMap { _ in
            try? Socket.connect(to: .loopback(port: silent.localPort), timeoutSeconds: 1)
        }
        let well = try Upstream(Upstream.echoBody)
        let url = "http://127.0.0.1:\(silent.localPort)"
        let gateway = try Self.gateway(
            [url, well.endpoint.url], "timeout connect=5s; eject after=1 for=1h max=1h")
        let body = payload(200_000)
        for number in 0..<4 {
            let answer = try gateway.request("POST", "/any/\(number)", key: gateway.cast.bare, body: body)
            #expect(answer.status == 200 && same(answer.body, body))
        }
        #expect(well.received.pendingCount == 4)
        #expect(eventually { gateway.child.standardError.contains("\(url) is out for ") })
        withExtendedLifetime((silent, fill)) {}
    }

    @Test func aServerWithoutTLSWhereItIsAskedForIsLeftAlone() throws {
        let plain = try Upstream()
        let well = try Upstream(Upstream.echoBody)
        let url = plain.endpoint.url.replacing("http:", with: "https:")
        let gateway = try Self.gateway([url, well.endpoint.url], "eject after=2 for=1h max=1h")
        for number in 0..<6 {
            let chunks = chunked(payload(30_000), sizes: [10_000], trailers: "X-Sum: 1\r\n")
            let client = try gateway.connect()
            try client.send(
                Client.head(
                    "PUT", "/any/\(number)", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"]))
            try client.send(chunks)
            #expect(try client.response(to: "PUT").status == 200)
            // Body and trailers go the whole way, whichever server was asked first.
            let seen = try well.next()
            #expect(same(seen.body, payload(30_000)) && seen.trailers["x-sum"] == "1")
        }
        #expect(try Self.metric(gateway, "failures_total", url) == 2)
    }

    /// In a mount namespace of its own the gateway may have an /etc/hosts of its own.
    private static let ownHosts = [
        "unshare", "-rm", "sh", "-c", "mount --bind hosts /etc/hosts && exec \"$@\"", "sh",
    ]
    private static let mayHaveOwnHosts: Bool = {
        guard let directory = try? Directory(), (try? directory.write("", to: "hosts")) != nil else {
            return false
        }
        return (try? runToEnd(ownHosts + ["true"], in: directory.path).succeeded) == true
            && (try? Socket.listen(on: .loopback6(port: 0))) != nil
    }()

    @Test(.enabled(if: Self.mayHaveOwnHosts, "needs user namespaces and IPv6"))
    func aNameThatMovesIsFollowed() throws {
        let old = try Upstream(Self.named("old"))
        guard case .loopback(let port) = old.endpoint else { return }
        let new = try Upstream(on: .loopback6(port: port), Self.named("new"))
        let directory = try Directory()
        try directory.write("127.0.0.1 backend.test\n", to: "hosts")
        let gateway = try Gateway(
            "upstream api { server http://backend.test:\(port); resolve 1s }\n" + Gateway.routes,
            directory: directory, through: Self.ownHosts)
        let client = try gateway.connect()
        #expect(try client.request("GET", "/open/1").text == "old")
        try directory.write("::1 backend.test\n", to: "hosts")
        // The old server goes on answering and its connection is in use: only its age ends that.
        #expect(try eventually(within: 30_000) { try client.request("GET", "/open/2").text == "new" })
        withExtendedLifetime((old, new)) {}
    }
}
