import Testing

/// What becomes of a reserve when somebody dies, leaves, stops or runs out of credits in the middle.
@Suite struct SettlementInTrouble {
    typealias Shared = SettlementThroughTheGateway

    private static func answer(_ used: Int) -> String {
        "HTTP/1.1 200 OK\r\nX-Credits-Used: \(used)\r\nContent-Length: 2\r\n\r\nok"
    }

    /// An upstream that reads a request, says so, and answers when told to.
    private static func holding(_ seen: Channel<Void>, _ release: Gate, _ answer: String) throws -> Upstream {
        try Upstream { connection in
            while try connection.request() != nil {
                seen.push(())
                release.wait()
                try connection.send(answer)
            }
        }
    }

    @Test(arguments: ["lease", "exact"])
    func whatAKeyCannotPayIsWrittenDown(_ durability: String) throws {
        let gateway = try Gateway(
            Shared.routes(durability, onError: "refund"),
            upstream: try Upstream(Upstream.answer(Self.answer(120))))
        let key = try Shared.makeKey(gateway, 60)
        #expect(try gateway.get("/metered/poor", key: key).status == 200)
        let line = try Shared.logLine(gateway, path: "/metered/poor")
        #expect(line["credits"]?.number == 60)
        #expect(line["reserved"]?.number == 50)
        #expect(line["uncollected"]?.number == 60)
        #expect(try Shared.balance(gateway, key) == 0)
        #expect(try Shared.metric(gateway, "keygate_credits_uncollected_total") == 60)
        #expect(gateway.says("a key could not pay 60 of what its request cost"))
        #expect(try gateway.get("/metered/broke", key: key).code == "USAGE_EXCEEDED")
        #expect(try gateway.get("/priced/broke", key: key).code == "USAGE_EXCEEDED")
    }

    @Test func aReserveThatIsNotThereIsRefusedAndNothingSpent() throws {
        let gateway = try Gateway(
            Shared.routes("lease", onError: "refund"), upstream: try Upstream(Upstream.answer(Self.answer(1)))
        )
        let key = try Shared.makeKey(gateway, 49)
        #expect(try gateway.get("/metered/x", key: key).code == "USAGE_EXCEEDED")
        #expect(try Shared.balance(gateway, key) == 49)
        #expect(try Shared.logLine(gateway, path: "/metered/x")["settlement"] == nil)
    }

    @Test func aKeyWithoutCreditsPaysNothingAndSeesNothing() throws {
        let gateway = try Gateway(
            Shared.routes("exact", onError: "refund"), upstream: try Upstream(Upstream.answer(Self.answer(7)))
        )
        let key = try Shared.makeKey(gateway, nil)
        let answer = try gateway.get("/metered/x", key: key)
        #expect(answer.status == 200)
        #expect(answer.fields[all: "x-credits-used"].isEmpty)
        let line = try Shared.logLine(gateway, path: "/metered/x")
        #expect(line["credits"] == nil && line["settlement"] == nil)
    }

    /// On one connection, where the next request may come before the store has settled the last.
    @Test(arguments: ["lease", "exact"])
    func aPipelineIsSettledRequestByRequest(_ durability: String) throws {
        let gateway = try Gateway(
            Shared.routes(durability, onError: "refund"),
            upstream: try Upstream(Upstream.answer(Self.answer(7))))
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        for number in 0..<20 { try client.send(Client.head("GET", "/metered/\(number)", key: key.secret)) }
        for _ in 0..<20 {
            let answer = try client.response()
            #expect(answer.status == 200 && answer.text == "ok")
        }
        #expect(try Shared.balance(gateway, key) == 1000 - 20 * 7)
        for number in 0..<20 {
            let line = try Shared.logLine(gateway, path: "/metered/\(number)")
            #expect(line["credits"]?.number == 7 && line["settlement"]?.string == "billed")
        }
    }

    /// A proxy in front that repeats a request repeats its id; both were let through and both are settled.
    @Test(arguments: ["lease", "exact"])
    func twoRequestsOfOneIdAreSettledEachOnce(_ durability: String) throws {
        let gateway = try Gateway(
            "trusted-proxies 127.0.0.0/8\n" + Shared.routes(durability, onError: "refund"),
            upstream: try Upstream(Upstream.answer(Self.answer(7))))
        let key = try Shared.makeKey(gateway, 1000)
        for _ in 0..<3 {
            #expect(try gateway.get("/metered/x", key: key, ["X-Request-Id: again"]).status == 200)
        }
        #expect(try Shared.balance(gateway, key) == 1000 - 3 * 7)
    }

    @Test(
        arguments: ["lease", "exact"],
        [
            ("refund", "/metered/left", 0), ("keep", "/metered/left", 50), ("refund", "/priced/left", 0),
            ("keep", "/priced/left", 5), ("refund", "/plain/left", 5),
        ])
    func aClientThatLeavesBeforeTheAnswer(_ durability: String, _ row: (String, String, Int)) throws {
        let (policy, path, owed) = row
        let seen = Channel<Void>()
        let upstream = try Upstream { connection in
            _ = try connection.request()
            seen.push(())
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Shared.routes(durability, onError: policy), upstream: upstream)
        let key = try Shared.makeKey(gateway, 1000)
        do {
            let client = try gateway.connect()
            try client.send(Client.head("GET", path, key: key.secret))
            try seen.next("request at the upstream")
            client.socket.closeWillReset()
        }
        let line = try Shared.logLine(gateway, path: path)
        #expect(line[LogField.code]?.string == "CLIENT_LEFT")
        #expect(line["credits"]?.number ?? 0 == Double(owed))
        #expect(try Shared.balance(gateway, key) == 1000 - owed)
    }

    /// Before the store has answered, before the backend has, or behind that: whoever refunds, refunds.
    @Test(arguments: ["lease", "exact"])
    func clientsThatAreGoneAtOnceGetEverythingBack(_ durability: String) throws {
        let upstream = try Upstream { connection in
            while try connection.request() != nil, !connection.waitForClose() {}
        }
        let gateway = try Gateway(
            Shared.routes(durability, onError: "refund"), upstream: upstream, workers: 2)
        let key = try Shared.makeKey(gateway, 2000)
        for _ in 0..<30 {
            let client = try gateway.connect()
            try client.send(Client.head("GET", "/metered/x", key: key.secret))
            client.socket.closeWillReset()
        }
        var balance: Int?
        // A reset may overtake its request, so nobody knows how many there will be; the log says when each is over.
        _ = eventually {
            let seen = (try? Shared.metric(gateway, "keygate_connections_total")) ?? 0
            let open = try? Shared.metric(gateway, "keygate_connections_open")
            balance = try? Shared.balance(gateway, key)
            // All have come, and the connection that asks is the only one left.
            return seen > 30 && open == 1 && balance == 2000
        }
        #expect(balance == 2000)
        #expect(try Shared.metric(gateway, "keygate_settlements_failed_total") == 0)
    }

    /// Hanging up in front of the last byte does not make it free.
    @Test(arguments: ["refund", "keep"])
    func aClientThatLeavesBehindTheBillPaysIt(_ policy: String) throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nX-Credits-Used: 7\r\nContent-Length: 1000\r\n\r\nabc")
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Shared.routes("lease", onError: policy), upstream: upstream)
        let key = try Shared.makeKey(gateway, 1000)
        do {
            let client = try gateway.connect()
            try client.send(Client.head("GET", "/metered/left", key: key.secret))
            #expect(try client.responseHead().status == 200)
            client.socket.closeWillReset()
        }
        #expect(try Shared.logLine(gateway, path: "/metered/left")["credits"]?.number == 7)
        #expect(try Shared.balance(gateway, key) == 993)
    }

    @Test(arguments: [("refund", 0), ("keep", 50)])
    func aClientThatLeavesItsUploadUnfinished(_ policy: String, _ owed: Int) throws {
        let seen = Channel<Void>()
        let upstream = try Upstream { connection in
            _ = try connection.head()
            seen.push(())
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Shared.routes("exact", onError: policy), upstream: upstream)
        let key = try Shared.makeKey(gateway, 1000)
        do {
            let client = try gateway.connect()
            try client.send(Client.head("POST", "/metered/upload", key: key.secret, length: 1000))
            try client.send("half")
            try seen.next("request at the upstream")
            client.socket.disconnect()
        }
        #expect(try Shared.logLine(gateway, path: "/metered/upload")["credits"]?.number ?? 0 == Double(owed))
        #expect(try Shared.balance(gateway, key) == 1000 - owed)
    }

    /// A request that the client itself breaks off, here by chunks that are none, is as good as left.
    @Test func aRequestThatBreaksInItsBody() throws {
        let seen = Channel<Void>()
        let upstream = try Upstream { connection in
            _ = try connection.head()
            seen.push(())
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Shared.routes("lease", onError: "refund"), upstream: upstream)
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/metered/broken", key: key.secret, ["Transfer-Encoding: chunked"]))
        try client.send("2\r\nok\r\n")
        try seen.next("request at the upstream")
        try client.send("no chunk\r\n")
        #expect(try client.response().status == 400)
        #expect(try Shared.logLine(gateway, path: "/metered/broken")["settlement"]?.string == "refunded")
        #expect(try Shared.balance(gateway, key) == 1000)
    }

    @Test(arguments: ["lease", "exact"])
    func anAnswerThatEndsWhileDrainingIsSettledForGood(_ durability: String) throws {
        let (seen, release) = (Channel<Void>(), Gate())
        let upstream = try Self.holding(seen, release, Self.answer(7))
        let directory = try Directory()
        let routes = Shared.routes(durability, onError: "refund")
        var gateway = try Gateway(routes, upstream: upstream, directory: directory)
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/metered/last", key: key.secret))
        try seen.next("request at the upstream")
        gateway.child.signal(15)
        _ = try gateway.child.line("draining") { $0.contains("draining") }
        release.open()
        #expect(try client.response().status == 200)
        #expect(try gateway.stop() == .code(0))
        #expect(try Shared.logLine(gateway, path: "/metered/last")["credits"]?.number == 7)
        gateway = try Gateway(routes, upstream: upstream, directory: directory)
        #expect(try Shared.balance(gateway, key) == 993)
    }

    /// The grace period ends under a request: Keygate gives the answer up, and the policy speaks.
    @Test(arguments: ["lease", "exact"], [("refund", 1000), ("keep", 950)])
    func aRequestThatIsCutOffAtTheEndIsSettledForGood(_ durability: String, _ row: (String, Int)) throws {
        let (seen, release) = (Channel<Void>(), Gate())
        let upstream = try Self.holding(seen, release, Self.answer(7))
        let directory = try Directory()
        let routes = "shutdown-grace 250ms\n" + Shared.routes(durability, onError: row.0)
        var gateway = try Gateway(routes, upstream: upstream, directory: directory)
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/metered/last", key: key.secret))
        try seen.next("request at the upstream")
        #expect(try gateway.stop() == .code(0))
        release.open()
        #expect(
            try Shared.logLine(gateway, path: "/metered/last")["credits"]?.number ?? 0 == Double(1000 - row.1)
        )
        gateway = try Gateway(routes, upstream: upstream, directory: directory)
        #expect(try Shared.balance(gateway, key) == row.1)
    }

    /// The backend has said what it costs, and half of it has come: whose fault it is decides.
    @Test(arguments: [("refund", 0, "refunded"), ("keep", 7, "billed")])
    func anAnswerThatIsCutOffAtTheEndIsOurFault(_ policy: String, _ owed: Int, _ ground: String) throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nX-Credits-Used: 7\r\nContent-Length: 1000\r\n\r\nabc")
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(
            "shutdown-grace 250ms\n" + Shared.routes("lease", onError: policy), upstream: upstream)
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/metered/cut", key: key.secret))
        #expect(try client.responseHead().status == 200)
        #expect(try gateway.stop() == .code(0))
        let line = try Shared.logLine(gateway, path: "/metered/cut")
        #expect(line[LogField.code]?.string == "STOPPED")
        #expect(line["credits"]?.number == Double(owed) && line["settlement"]?.string == ground, "\(line)")
    }

    /// Whatever was reserved when the process died was spent; what was granted is never given out twice.
    @Test(arguments: ["lease", "exact"])
    func aCrashBetweenReserveAndSettlementGivesNothingAway(_ durability: String) throws {
        let (seen, release) = (Channel<Void>(), Gate())
        let upstream = try Self.holding(seen, release, Self.answer(0))
        let directory = try Directory()
        let routes = Shared.routes(durability, onError: "refund")
        var gateway = try Gateway(routes, upstream: upstream, directory: directory)
        let key = try Shared.makeKey(gateway, 1000)
        let clients = try (0..<4).map { _ in try gateway.connect() }
        for client in clients { try client.send(Client.head("GET", "/metered/x", key: key.secret)) }
        for _ in clients { try seen.next("request at the upstream") }
        try gateway.kill()
        release.open()

        gateway = try Gateway(
            routes, upstream: try Upstream(Upstream.answer(Self.answer(50))), directory: directory)
        let left = try #require(try Shared.balance(gateway, key))
        if durability == "exact" { #expect(left == 800) } else { #expect(left <= 800) }
        var passed = 0
        while passed <= 20, try gateway.get("/metered/y", key: key).status == 200 { passed += 1 }
        #expect(passed == left / 50)
    }

    @Test(arguments: ["lease", "exact"])
    func aKeyThatIsDeletedMeanwhileOwesNothingMore(_ durability: String) throws {
        let (seen, release) = (Channel<Void>(), Gate())
        let gateway = try Gateway(
            Shared.routes(durability, onError: "refund"),
            upstream: try Self.holding(seen, release, Self.answer(120)))
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/metered/x", key: key.secret))
        try seen.next("request at the upstream")
        #expect(try gateway.command("key", "delete", key.id).succeeded)
        release.open()
        #expect(try client.response().status == 200)
        #expect(try Shared.logLine(gateway, path: "/metered/x")[LogField.status]?.number == 200)
        #expect(try Shared.metric(gateway, "keygate_settlements_failed_total") == 0)
    }

    /// A request whose reserve is taken, and that is answered when the disk takes no changes any more.
    private static func settlingWithoutADisk(
        _ errno: String, _ body: (Gateway, Cast.Key, DiskFaults) throws -> Void
    ) throws {
        let (seen, release) = (Channel<Void>(), Gate())
        let directory = try Directory()
        let faults = DiskFaults(errno, in: directory)
        let gateway = try Gateway(
            Shared.routes("exact", onError: "refund"), upstream: try holding(seen, release, answer(7)),
            environment: faults.environment, directory: directory)
        let key = try Shared.makeKey(gateway, 1000)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/metered/x", key: key.secret))
        try seen.next("request at the upstream")
        try faults.begin()
        release.open()
        #expect(try client.response().status == 200)
        try body(gateway, key, faults)
    }

    /// What is owed is settled once the disk works again.
    @Test func aSettlementThatFindsNoDiskIsMadeUpFor() throws {
        try Self.settlingWithoutADisk("ENOSPC") { gateway, key, faults in
            #expect(
                eventually(within: 30_000) {
                    gateway.child.standardError.contains("the store is read-only until")
                })
            #expect(try gateway.accessLog().isEmpty, "the line waits for what it is to say")
            try faults.end()
            #expect(try eventually(within: 60_000) { try Shared.balance(gateway, key) == 993 })
            #expect(try Shared.logLine(gateway, path: "/metered/x")["settlement"]?.string == "billed")
            #expect(try gateway.stop() == .code(0))
        }
    }

    /// And if it does not work again before the end, the log says that the reserve stays spent.
    @Test func aSettlementThatNeverFindsADiskIsInTheLog() throws {
        try Self.settlingWithoutADisk("EIO") { gateway, _, faults in
            #expect(try gateway.stop() == .code(0))
            let line = try Shared.logLine(gateway, path: "/metered/x")
            #expect(line["settlement"]?.string == "failed" && line["credits"]?.number == 50)
            try faults.end()
        }
    }
}
