import Glibc
import Synchronization
import Testing

/// SIGHUP swaps the rules and SIGTERM drains, both while requests are running.
@Suite struct ReloadAndDrain {
    /// Clients that send one request after another on kept connections, and remember the worst.
    final class Load: Sendable {
        private let goOn = Mutex(true)
        private let answered = Atomic<Int>(0)
        private let outcomes = Channel<(served: Int, problem: String?)>()
        private let count: Int

        init(_ gateway: Gateway, clients: Int) {
            count = clients
            let address = gateway.address
            let key = gateway.cast.reader.secret
            for number in 0..<clients {
                startThread { [self] in
                    outcomes.push(
                        Self.run(
                            address, key, number, while: { goOn.withLock { $0 } },
                            counting: { answered.add(1, ordering: .relaxed) }))
                }
            }
        }

        private static func run(
            _ address: Endpoint, _ key: String, _ number: Int, while goOn: () -> Bool, counting: () -> Void
        ) -> (served: Int, problem: String?) {
            var served = 0
            var client: Client?
            while goOn() {
                do {
                    if client == nil { client = try Client(address) }
                    let post = served % 3 == 0 && number % 2 == 0
                    let answer = try client!.request(
                        post ? "POST" : "GET", post ? "/any/\(served)" : "/things/\(served)", key: key,
                        body: post ? payload(3000) : nil)
                    guard answer.status == 200 else {
                        return (served, "status \(answer.status): \(answer.text)")
                    }
                    served += 1
                    counting()
                    // Being told to reconnect is not being cut.
                    if answer.fields["connection"]?.lowercased() == "close" { client = nil }
                } catch {
                    return (served, "after \(served): \(error)")
                }
            }
            return (served, nil)
        }

        /// Waits until so many more requests have been answered: on a busy machine that takes its time.
        func waitForMore(_ count: Int) -> Bool {
            let goal = answered.load(ordering: .relaxed) + count
            return eventually { answered.load(ordering: .relaxed) >= goal }
        }

        func stop() throws -> (served: Int, problems: [String]) {
            goOn.withLock { $0 = false }
            let all = try (0..<count).map { _ in try outcomes.next("load", milliseconds: 60_000) }
            return (all.map(\.served).reduce(0, +), all.compactMap(\.problem))
        }
    }

    @Test func reloadingUnderLoadLosesNothing() throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(upstream: upstream, workers: 2)
        let load = Load(gateway, clients: 8)
        for round in 1...10 {
            try gateway.reload(Gateway.routes + "\nroute GET /round/\(round) { public }", upstream: upstream)
            #expect(try eventually { try gateway.get("/round/\(round)").status == 200 })
            // The loops take the rules one after the other, and which one is asked is the kernel's choice.
            if round > 1 { #expect(try eventually { try gateway.get("/round/\(round - 1)").status == 404 }) }
            #expect(load.waitForMore(20), "there is no load to lose anything of")
        }
        let result = try load.stop()
        #expect(result.problems.isEmpty)
        #expect(result.served >= 200)
    }

    @Test func aBadFileKeepsTheOldRulesAndSaysWhy() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        try gateway.reload("route GET /new { publik }\n" + Gateway.routes, upstream: upstream)
        let line = try gateway.child.line("reload error") { $0.contains("gateway.conf:") }
        #expect(line.contains("gateway.conf:"))
        #expect(
            eventually {
                gateway.child.standardError.contains("publik") && gateway.child.standardError.contains("^")
            })
        #expect(try gateway.get("/open/1").status == 200)
        #expect(try gateway.get("/new").status == 404)
        // And the next good file is taken.
        try gateway.reload("route GET /new { public }\n" + Gateway.routes, upstream: upstream)
        #expect(try eventually { try gateway.get("/new").status == 200 })
    }

    @Test func reloadingSwitchesUpstreamsAndChecks() throws {
        let first = try Upstream(Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"))
        let second = try Upstream(Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"))
        let gateway = try Gateway(upstream: first)
        let client = try gateway.connect()
        #expect(try client.request("GET", "/things/1", key: gateway.cast.free.secret).text == "1")
        try gateway.reload(
            "route GET /things/** { require things.read; check identity.meta.plan == pro }", upstream: second)
        #expect(try eventually { try gateway.get("/things/1", key: gateway.cast.reader).text == "2" })
        // The connection that was open all the time is under the new rules too.
        #expect(try client.request("GET", "/things/1", key: gateway.cast.free.secret).status == 403)
    }

    @Test func aStreamThatIsRunningSurvivesTheReload() throws {
        let goOn = Gate()
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            goOn.wait()
            try connection.send("def")
        }
        let other = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        _ = try client.responseHead()
        #expect(try client.read(3) == Array("abc".utf8))
        try gateway.reload("route GET /marker { public }", upstream: other)
        #expect(try eventually { try gateway.get("/marker").status == 200 })
        goOn.open()
        #expect(try client.read(3) == Array("def".utf8))
    }

    @Test func drainingUnderLoadLosesNothing() throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(upstream: upstream, workers: 2)
        // Clients of the load see either a whole answer or an orderly end between two requests.
        let address = gateway.address
        let key = gateway.cast.reader.secret
        let results = Channel<String?>()
        let begun = Channel<Void>()
        for _ in 0..<8 {
            startThread {
                var served = 0
                do {
                    let client = try Client(address)
                    while true {
                        try client.send(Client.head("GET", "/things/\(served)", key: key))
                        guard try client.hasMore() else { break }
                        let answer = try client.response()
                        guard answer.status == 200 else { throw WireError.notHTTP("status \(answer.status)") }
                        served += 1
                        if served == 5 { begun.push(()) }
                        if answer.fields["connection"]?.lowercased() == "close" { break }
                    }
                    results.push(nil)
                } catch SocketError.failed(let call, let code) where call == "send" && code == EPIPE {
                    // The connection had been closed in order while it was idle.
                    results.push(nil)
                } catch {
                    results.push("after \(served): \(error)")
                }
            }
        }
        for _ in 0..<8 { _ = try begun.next("load has begun") }
        #expect(try gateway.stop() == .code(0))
        for _ in 0..<8 { #expect(try results.next("client result") == nil) }
    }

    @Test func drainingFinishesWhatIsInFlightAndAcceptsNothingNew() throws {
        let release = Gate()
        let upstream = try Upstream(Upstream.sayOK(after: release))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        _ = try upstream.next()
        gateway.child.signal(SIGTERM)
        let isClosed = eventually { (try? gateway.connect()) == nil }
        #expect(isClosed, "still listening: a client would wait in the queue")
        release.open()
        let answer = try client.response()
        #expect(answer.text == "ok")
        #expect(client.isClosedByPeer())
        #expect(try gateway.stop() == .code(0))
    }

    @Test func drainingWaitsNoLongerThanItsGrace() throws {
        let upstream = try Upstream(Upstream.silent)
        let gateway = try Gateway(
            "shutdown-grace 300ms\n" + Gateway.routes, upstream: upstream, timeouts: "first-byte=1h")
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        _ = try upstream.next()
        #expect(try gateway.stop() == .code(0))
    }

    @Test func aSecondSignalEndsAtOnce() throws {
        let upstream = try Upstream(Upstream.silent)
        let gateway = try Gateway(
            "shutdown-grace 1h\n" + Gateway.routes, upstream: upstream, timeouts: "first-byte=1h")
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        _ = try upstream.next()
        gateway.child.signal(SIGTERM)
        #expect(eventually { (try? gateway.connect()) == nil })
        #expect(try gateway.stop() == .code(0), "it has an hour for what is under way")
    }
}
