import Testing

/// Credits through the whole gateway: exactly what was granted is let through, whatever the number of clients,
/// loops and restarts.
@Suite struct CreditsThroughTheGateway {
    private static let routes = """
        route GET  /cheap/**  { authenticated }
        route GET  /dear/**   { authenticated; cost 5 }
        route GET  /free/**   { authenticated; cost 0 }
        route GET  /watch/**  { authenticated; shadow }
        """

    private static func makeKey(_ gateway: Gateway, _ credits: Int) throws -> Cast.Key {
        let done = try gateway.command(
            "key", "create", "--api", "shop", "--credits", "\(credits)", "--json")
        let value = try #require(JSONValue(done.output), "\(done.errors)")
        return Cast.Key(id: value["keyId"]?.string ?? "", secret: value["key"]?.string ?? "")
    }

    private static func balance(_ gateway: Gateway, _ key: Cast.Key) throws -> Int? {
        let done = try gateway.command("key", "credits", key.id, "--json")
        return JSONValue(done.output)?["remaining"]?.number.map { Int($0) }
    }

    @Test(arguments: ["lease", "exact"])
    func eightClientsSpendExactlyWhatWasGranted(_ durability: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            Self.routes + "\ncredit-durability \(durability)\n", upstream: upstream, workers: 2)
        let key = try Self.makeKey(gateway, 100)
        let statuses = Channel<Int>()
        let address = gateway.address
        for _ in 0..<8 {
            startThread {
                guard let client = try? Client(address) else { return statuses.push(0) }
                for _ in 0..<25 {
                    let status = try? client.request("GET", "/cheap/x", key: key.secret).status
                    statuses.push(status ?? 0)
                }
            }
        }
        var counts: [Int: Int] = [:]
        for _ in 0..<200 { counts[try statuses.next("answer"), default: 0] += 1 }
        #expect(counts == [200: 100, 429: 100])
        // A lease is written once for many requests; exact, each spending is a change of its own.
        let changes = try #require(
            try SettlementThroughTheGateway.metric(gateway, "keygate_store_changes_total"))
        let commits = try #require(
            try SettlementThroughTheGateway.metric(gateway, "keygate_store_commits_total"))
        #expect(durability == "exact" ? changes >= 101 : changes < 50)
        #expect(commits > 0 && commits <= changes)
        #expect(try Self.balance(gateway, key) == 0)
    }

    /// The line about the charge knew limits only, and said `nothing` where credits were taken.
    @Test(arguments: [
        ("cost 5", "yes       5 of 500 credits would be spent", "5 credits, 1 to few"),
        ("cost 1", "1 of 500 credits would be spent", "1 credit, 1 to few"),
        ("cost 0", "0 of 500 credits would be spent", "1 to few"),
        ("cost 5; shadow", "5 of 500 credits would be spent", "1 to few"),
        (
            "cost reserve=50 from-response-header=X-Cost", "50 of 500 credits would be reserved",
            "50 credits reserved, 1 to few"
        ),
    ])
    func anExplanationSaysWhatWouldBeCharged(_ cost: String, _ step: String, _ charge: String) throws {
        let route = "route GET /n/** { authenticated; limit few 9/1d by key; \(cost) }"
        let gateway = try Gateway(route, upstream: try Upstream())
        let key = try Self.makeKey(gateway, 500)
        let told = try gateway.command("explain", "GET", "/n/plain", "--key", key.secret)
        #expect(told.output.contains(step), "\(told.output)\(told.errors)")
        #expect(told.output.contains("\ncharge      \(charge)\n"), "\(told.output)")
        #expect(try Self.balance(gateway, key) == 500)
    }

    @Test func aRouteSaysWhatItCosts() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let key = try Self.makeKey(gateway, 12)
        #expect(try gateway.get("/dear/x", key: key).status == 200)
        #expect(try gateway.get("/free/x", key: key).status == 200)
        #expect(try Self.balance(gateway, key) == 7)
        #expect(try gateway.get("/dear/x", key: key).status == 200)
        let refused = try gateway.get("/dear/x", key: key)
        #expect(refused.status == 429)
        #expect(refused.text.contains("\"code\":\"USAGE_EXCEEDED\""))
        #expect(try Self.balance(gateway, key) == 2, "a refused request spends nothing")
        #expect(try gateway.get("/watch/x", key: key).status == 200)
        #expect(try Self.balance(gateway, key) == 2, "a shadow route spends nothing")
        #expect(try gateway.get("/cheap/x", key: key).status == 200)
        #expect(try gateway.command("key", "credits", key.id, "add", "5").succeeded)
        #expect(try Self.balance(gateway, key) == 6)
        #expect(try gateway.get("/dear/x", key: key).status == 200)
    }

    @Test func aCleanStopLosesNothingAndACrashGivesNothingAway() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        var gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        let key = try Self.makeKey(gateway, 1000)
        for _ in 0..<3 { #expect(try gateway.get("/cheap/x", key: key).status == 200) }
        #expect(try gateway.stop() == .code(0))

        gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        #expect(try Self.balance(gateway, key) == 997)
        for _ in 0..<3 { #expect(try gateway.get("/cheap/x", key: key).status == 200) }
        try gateway.kill()

        gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        let left = try #require(try Self.balance(gateway, key))
        #expect(left <= 994, "more than was granted would be given out")
        #expect(left >= 994 - 32, "more than the rest of the lease is lost")
    }
}
