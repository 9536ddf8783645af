import Testing

/// Routes whose backend says what a request has cost: what is reserved, what is charged in the end, and what
/// clients, log and metrics get to see of it.
@Suite struct SettlementThroughTheGateway {
    static func routes(_ durability: String, onError policy: String) -> String {
        """
        credit-durability \(durability)
        route * /metered/** {
            authenticated
            cost reserve=50 from-response-header=X-Credits-Used max=200 on-error=\(policy)
        }
        route * /priced/** { authenticated; cost 5 on-error=\(policy) }
        route * /plain/**  { authenticated; cost 5 }
        route * /watched/** {
            authenticated; shadow
            cost reserve=50 from-response-header=X-Credits-Used
        }
        """
    }

    static func makeKey(_ gateway: Gateway, _ credits: Int?) throws -> Cast.Key {
        let given = credits.map { ["--credits", "\($0)"] } ?? []
        let done = try Keygate.run(
            ["key", "create", "--api", "shop"] + given + ["--json", "-c", "gateway.conf"],
            in: gateway.directory.path)
        let value = try #require(JSONValue(done.output), "\(done.errors)")
        return Cast.Key(id: value["keyId"]?.string ?? "", secret: value["key"]?.string ?? "")
    }

    static func balance(_ gateway: Gateway, _ key: Cast.Key) throws -> Int? {
        let done = try gateway.command("key", "credits", key.id, "--json")
        return JSONValue(done.output)?["remaining"]?.number.map { Int($0) }
    }

    /// The log's one line for a path.
    static func logLine(_ gateway: Gateway, path: String) throws -> JSONValue {
        var found: [JSONValue] = []
        _ = eventually {
            found = (try? gateway.accessLog().filter { $0[LogField.path]?.string == path }) ?? []
            return !found.isEmpty
        }
        try #require(found.count == 1, "\(found.count) lines for \(path)")
        return found[0]
    }

    static func metric(_ gateway: Gateway, _ name: String) throws -> Int? {
        let page = try gateway.fromAdmin("/metrics").text
        let line = page.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line?.split(separator: " ").last.flatMap { Int($0) }
    }

    /// What a backend does, what a key has lost by it with `refund` and with `keep`, and on what ground.
    struct Row: Sendable {
        let name: String
        var method = "GET"
        var prefix = "/metered/"
        let answer: String
        let refund: (Int, String)
        let keep: (Int, String)
        /// What the client gets; nil: no whole answer.
        var status: Int? = 200

        init(
            _ name: String, _ answer: String, _ owed: (Int, String), keep: (Int, String)? = nil,
            method: String = "GET", prefix: String = "/metered/", status: Int? = 200
        ) {
            self.name = name
            self.answer = answer
            refund = owed
            self.keep = keep ?? owed
            self.method = method
            self.prefix = prefix
            self.status = status
        }
    }

    private static func ok(_ fields: String) -> String {
        "HTTP/1.1 200 OK\r\n\(fields)Content-Length: 2\r\nX-Other: 1\r\n\r\nok"
    }

    static let rows: [Row] = [
        Row("less", ok("X-Credits-Used: 7\r\n"), (7, "billed")),
        Row("nothing", ok("x-credits-used: 0\r\n"), (0, "billed")),
        Row("the-reserve", ok("X-Credits-Used: 50\r\n"), (50, "billed")),
        Row("more", ok("X-Credits-Used: 120\r\n"), (120, "billed")),
        Row("too-much", ok("X-Credits-Used: 201\r\n"), (200, "above_max")),
        Row("far-too-much", ok("X-Credits-Used: 99999999999999999999999\r\n"), (200, "above_max")),
        Row("no-word", ok(""), (50, "unbilled")),
        Row("negative", ok("X-Credits-Used: -7\r\n"), (50, "malformed")),
        Row("a-fraction", ok("X-Credits-Used: 7.5\r\n"), (50, "malformed")),
        Row("empty", ok("X-Credits-Used:\r\n"), (50, "malformed")),
        Row("said-twice", ok("X-Credits-Used: 7\r\nX-Credits-Used: 7\r\n"), (7, "billed")),
        Row("two-numbers", ok("X-Credits-Used: 7\r\nX-Credits-Used: 8\r\n"), (50, "malformed")),
        Row("named-by-connection", ok("Connection: X-Credits-Used\r\nX-Credits-Used: 7\r\n"), (7, "billed")),
        Row(
            "a-trailer",
            "HTTP/1.1 200 OK\r\nTrailer: X-Credits-Used, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Credits-Used: 9\r\nX-Sum: 1\r\n\r\n",
            (9, "billed")),
        Row(
            "head-and-trailer",
            "HTTP/1.1 200 OK\r\nX-Credits-Used: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Credits-Used: 9\r\n\r\n",
            (9, "billed")),
        Row(
            "a-trailer-that-is-no-number",
            "HTTP/1.1 200 OK\r\nX-Credits-Used: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Credits-Used: x\r\n\r\n",
            (50, "malformed")),
        Row(
            "an-interim-answer",
            "HTTP/1.1 103 Early Hints\r\nX-Credits-Used: 1\r\nLink: </a>\r\n\r\n" + ok(""),
            (50, "unbilled")),
        Row("to-head", "HTTP/1.1 200 OK\r\nX-Credits-Used: 4\r\n\r\n", (4, "billed"), method: "HEAD"),
        Row(
            "not-found", "HTTP/1.1 404 No\r\nX-Credits-Used: 3\r\nContent-Length: 0\r\n\r\n", (3, "billed"),
            status: 404),
        Row(
            "not-found-without-a-word", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", (50, "unbilled"),
            status: 404),
        Row(
            "an-error", "HTTP/1.1 500 Oh\r\nX-Credits-Used: 3\r\nContent-Length: 0\r\n\r\n", (3, "billed"),
            status: 500),
        Row(
            "an-error-without-a-word", "HTTP/1.1 503 Oh\r\nContent-Length: 0\r\n\r\n", (0, "refunded"),
            keep: (50, "kept"), status: 503),
        Row("no-HTTP", "SSH-2.0-OpenSSH\r\n", (0, "refunded"), keep: (50, "kept"), status: 502),
        Row("no-answer", "", (0, "refunded"), keep: (50, "kept"), status: 502),
        Row("no-answer-in-time", "stall", (0, "refunded"), keep: (50, "kept"), status: 504),
        Row(
            "cut", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", (0, "refunded"), keep: (50, "kept"),
            status: nil),
        Row(
            "cut-behind-a-bill", "HTTP/1.1 200 OK\r\nX-Credits-Used: 7\r\nContent-Length: 1000\r\n\r\nabc",
            (0, "refunded"), keep: (7, "billed"), status: nil),
        Row("a-price", ok("X-Credits-Used: 7\r\n"), (5, "price"), keep: (5, ""), prefix: "/priced/"),
        Row(
            "a-price-for-an-error", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", (0, "refunded"),
            keep: (5, ""), prefix: "/priced/", status: 500),
        Row(
            "a-price-for-nothing", "", (0, "refunded"), keep: (5, ""), prefix: "/priced/", status: 502),
        Row("a-plain-price-for-nothing", "", (5, ""), prefix: "/plain/", status: 502),
        Row("watched", ok("X-Credits-Used: 7\r\n"), (0, ""), prefix: "/watched/"),
    ]

    /// Answers each request with what the row says whose name the path ends in.
    static let upstreamOfRows: Upstream.Script = { connection in
        while let request = try connection.request() {
            let name = request.target.split(separator: "/").last ?? ""
            guard let row = rows.first(where: { $0.name == name }) else { return }
            if row.answer == "stall" {
                _ = connection.waitForClose()
                return
            }
            try connection.send(row.answer)
            // The others end here, if they are to end at all.
            if row.status == nil || row.status == 502 { return }
        }
    }

    @Test(arguments: ["lease", "exact"], ["refund", "keep"])
    func whatTheBackendSaysIsOwed(_ durability: String, _ policy: String) throws {
        let impatient = """
            route GET /metered/no-answer-in-time {
                authenticated; timeout first-byte=400ms
                cost reserve=50 from-response-header=X-Credits-Used max=200 on-error=\(policy)
            }
            """
        let gateway = try Gateway(
            Self.routes(durability, onError: policy) + "\n" + impatient,
            upstream: try Upstream(Self.upstreamOfRows), workers: 2)
        let key = try Self.makeKey(gateway, 100_000)
        var balance = 100_000
        for row in Self.rows {
            let (owed, ground) = policy == "refund" ? row.refund : row.keep
            let path = row.prefix + row.name
            let client = try gateway.connect()
            if let status = row.status {
                let answer = try client.request(row.method, path, key: key.secret)
                #expect(answer.status == status, "\(row.name)")
                let everything = answer.fields + answer.trailers + answer.interim.flatMap(\.fields)
                let isShown = !everything[all: "x-credits-used"].isEmpty
                // A route that does not ask for the header leaves it alone.
                #expect(isShown == (row.name == "a-price"), "\(row.name): \(everything)")
                if row.answer.contains("X-Other") { #expect(answer.fields[all: "x-other"] == ["1"]) }
                if row.answer.contains("X-Sum") {
                    #expect(answer.trailers[all: "x-sum"] == ["1"])
                    #expect(answer.fields[all: "trailer"] == ["X-Sum"])
                }
            } else {
                // Cut before anything was passed on, there is still time for a refusal.
                if let answer = try? client.request(row.method, path, key: key.secret) {
                    #expect(answer.status == 502, "\(row.name)")
                }
            }
            let line = try Self.logLine(gateway, path: path)
            // A route that only watches charges nothing; where nothing is what it came to, the line says so.
            let charged: Double? = row.prefix == "/watched/" ? nil : Double(owed)
            #expect(line["credits"]?.number == charged, "\(row.name): \(line)")
            #expect(line["settlement"]?.string ?? "" == ground, "\(row.name): \(line)")
            let isSettled = !ground.isEmpty
            #expect(line["reserved"]?.number == (isSettled ? row.prefix == "/metered/" ? 50 : 5 : nil))
            balance -= owed
            #expect(try Self.balance(gateway, key) == balance, "\(row.name)")
        }
        // The events have what was settled, not what was reserved.
        var spent: Double?
        _ = eventually {
            let usage = try? gateway.command("usage", "--by", "key", "--json")
            let rows = usage.flatMap { JSONValue($0.output) }
            spent = rows?.array?.first { $0["key"]?.string == key.id }?["credits"]?.number
            return spent == Double(100_000 - balance)
        }
        #expect(spent == Double(100_000 - balance))
        let refunded = policy == "refund" ? 8 : 0
        #expect(try Self.metric(gateway, "keygate_settlements_total{ground=\"refunded\"}") == refunded)
        #expect(try Self.metric(gateway, "keygate_settlements_total{ground=\"malformed\"}") == 5)
        #expect(try Self.metric(gateway, "keygate_settlements_total{ground=\"above_max\"}") == 2)
        #expect(try Self.metric(gateway, "keygate_credits_surcharged_total") == 70 + 150 + 150)
        #expect(try Self.metric(gateway, "keygate_settlements_failed_total") == 0)
        #expect(gateway.says("the backend's number is none, the 50 reserved stay spent"))
    }

    @Test func explainAndRoutesSayWhatIsReservedAndWhatBecomesOfIt() throws {
        let gateway = try Gateway(Self.routes("lease", onError: "keep"), upstream: try Upstream())
        let key = try Self.makeKey(gateway, 80)
        let metered = try gateway.command("explain", "GET", "/metered/x", "--key-id", key.id).output
        #expect(metered.contains("50 of 80 credits would be reserved"))
        #expect(metered.contains("X-Credits-Used of the answer says what is owed, at most 200"))
        #expect(
            metered.contains(
                "without it the reserve is spent, or kept if the backend fails or the client leaves"))
        let priced = try gateway.command("explain", "GET", "/priced/x", "--key-id", key.id).output
        #expect(priced.contains("5 of 80 credits would be spent"))
        #expect(priced.contains("they are kept if the backend fails or the client leaves"))
        #expect(try Self.balance(gateway, key) == 80)
        let routes = try gateway.command("routes").output
        #expect(routes.contains("reserve=50 from-response-header=X-Credits-Used max=200 on-error=keep"))
        let rows = try #require(JSONValue(try gateway.command("routes", "--json").output)?.array)
        #expect(rows.first { $0["path"]?.string == "/plain/**" }?["cost"]?.string == "5")
    }
}
