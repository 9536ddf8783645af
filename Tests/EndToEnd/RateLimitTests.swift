import Testing

/// Rate limits on real traffic: what is charged, what the client is told, and that it stays exact.
@Suite struct RateLimits {
    /// So many from one client until the window, a year long, turns.
    private static let year = 365 * 24 * 60 * 60 * 1000

    /// A key with these limits of its own, as (name, limit, automatic).
    private func key(
        _ gateway: Gateway, _ limits: [(String, Int, Bool)], identity: String? = nil
    ) throws -> Cast.Key {
        let client = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
        let api = try client.text("apiId", "apis.createApi", #"{"name":"limited"}"#)
        let rules = limits.map { name, limit, automatic in
            #"{"name":"\#(name)","limit":\#(limit),"duration":\#(Self.year),"autoApply":\#(automatic)}"#
        }
        let link = identity.map { #","externalId":"\#($0)""# } ?? ""
        let made = try client.data(
            "keys.createKey", #"{"apiId":"\#(api)","ratelimits":[\#(rules.joined(separator: ","))]\#(link)}"#)
        return Cast.Key(id: made["keyId"]?.string ?? "", secret: made["key"]?.string ?? "")
    }

    private func statuses(_ count: Int, _ request: () throws -> Response) rethrows -> [Int] {
        try (0..<count).map { _ in try request().status }
    }

    @Test func automaticLimitsOfTheKeyAreChargedOnEveryKeyedRoute() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let key = try key(gateway, [("requests", 3, true), ("unnamed", 1, false)])
        #expect(try statuses(5) { try gateway.get("/any/x", key: key) } == [200, 200, 200, 429, 429])
        #expect(upstream.received.pendingCount == 3, "a refused request reached the upstream")
        #expect(try gateway.get("/open/x", key: key).status == 200)
    }

    @Test func theClientIsToldWhatIsLeftAndWhenToComeBack() throws {
        let gateway = try Gateway(
            "route GET /a/** { authenticated; limit burst 2/365d by key }", upstream: try Upstream())
        let key = try key(gateway, [("requests", 50, true)])
        let first = try gateway.get("/a/x", key: key)
        #expect(first.fields["x-ratelimit-limit"] == "2")
        #expect(first.fields["x-ratelimit-remaining"] == "1")
        #expect(first.fields["x-ratelimit-reset"].flatMap { Int($0) }.map { $0 % (Self.year / 1000) } == 0)
        #expect(first.fields["ratelimit"]?.hasPrefix(#""burst";r=1;t="#) == true)
        #expect(first.fields["ratelimit"]?.contains(#", "requests";r=49;t="#) == true)
        let window = Self.year / 1000
        #expect(
            first.fields["ratelimit-policy"] == #""burst";q=2;w=\#(window), "requests";q=50;w=\#(window)"#)
        #expect(first.fields["retry-after"] == nil)
        #expect(try gateway.get("/a/x", key: key).status == 200)

        let refused = try gateway.get("/a/x", key: key)
        #expect(refused.status == 429 && refused.code == "RATE_LIMITED")
        #expect(refused.fields["x-ratelimit-remaining"] == "0")
        #expect(refused.fields["ratelimit"]?.hasPrefix(#""burst";r=0;t="#) == true)
        // What the route refused was not taken from the key's own limit.
        #expect(refused.fields["ratelimit"]?.contains(#""requests";r=48;"#) == true)
        let wait = try #require(refused.fields["retry-after"].flatMap { Int($0) })
        #expect(wait > 0 && wait <= window)
    }

    @Test func theBackendsOwnWordsAboutLimitsGiveWayToOurs() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 200 OK\r\nX-RateLimit-Limit: 7\r\nRateLimit: \"its\";r=1\r\nContent-Length: 0\r\n\r\n"
            ))
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/any/x", key: gateway.cast.bare).fields["x-ratelimit-limit"] == "7")
        let key = try key(gateway, [("requests", 3, true)])
        let answer = try gateway.get("/any/x", key: key)
        #expect(answer.fields[all: "x-ratelimit-limit"] == ["3"])
        #expect(answer.fields[all: "ratelimit"].count == 1)
    }

    @Test func namedLimitsCostWhatTheConfigurationSays() throws {
        let gateway = try Gateway(
            """
            ratelimit tokens
            route GET /one/**  { authenticated }
            route GET /five/** { authenticated; ratelimit tokens cost 5 }
            route GET /look/** { authenticated; ratelimit tokens cost 0 }
            """, upstream: try Upstream())
        let key = try key(gateway, [("tokens", 7, false)])
        func left(_ path: String) throws -> String? {
            let answer = try gateway.get(path, key: key)
            return answer.status == 200 ? answer.fields["x-ratelimit-remaining"] : "\(answer.status)"
        }
        #expect(try left("/five/x") == "2")
        #expect(try left("/five/x") == "429")
        #expect(try left("/look/x") == "2")
        #expect(try left("/one/x") == "1")
        // A key without a limit of that name is not limited by it.
        #expect(try gateway.get("/five/x", key: gateway.cast.bare).fields["x-ratelimit-limit"] == nil)
    }

    @Test func keysOfAnIdentityShareItsLimitWithVerifications() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let client = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
        _ = try client.data(
            "identities.updateIdentity",
            #"{"identity":"acme","ratelimits":[{"name":"shared","limit":4,"duration":\#(Self.year),"autoApply":true}]}"#
        )
        #expect(try gateway.get("/any/x", key: gateway.cast.reader).status == 200)
        #expect(try gateway.get("/any/x", key: gateway.cast.writer).status == 200)
        for code in ["VALID", "VALID", "RATE_LIMITED"] {
            #expect(
                try client.text("code", "keys.verifyKey", #"{"key":"\#(gateway.cast.reader.secret)"}"#)
                    == code)
        }
        #expect(try gateway.get("/any/x", key: gateway.cast.writer).status == 429)
        #expect(try gateway.get("/any/x", key: gateway.cast.free).status == 200)
    }

    @Test func limitsOfARouteCountWhatTheyAreToldTo() throws {
        let gateway = try Gateway(
            """
            route GET /ip/**       { public; limit l 2/365d by ip }
            route GET /other/**    { public; limit l 2/365d by ip }
            route GET /header/**   { public; limit l 1/365d by header:X-Who }
            route GET /identity/** { authenticated; limit l 1/365d by identity }
            route GET /both/**     { authenticated; limit l 1/365d by key header:X-Who }
            route GET /all/**      { authenticated; limit l 2/365d by route }
            """, upstream: try Upstream())
        let cast = gateway.cast
        #expect(try statuses(3) { try gateway.get("/ip/x") } == [200, 200, 429])
        #expect(try gateway.get("/other/x").status == 200, "a limit belongs to its route")

        #expect(try statuses(2) { try gateway.get("/header/x", ["X-Who: a"]) } == [200, 429])
        #expect(try gateway.get("/header/x", ["x-who: b"]).status == 200)
        #expect(try gateway.get("/header/x", ["X-Who: a", "X-Who: c"]).status == 200)
        #expect(try statuses(2) { try gateway.get("/header/x") } == [200, 429])

        #expect(try gateway.get("/identity/x", key: cast.reader).status == 200)
        #expect(try gateway.get("/identity/x", key: cast.writer).status == 429)
        #expect(try gateway.get("/identity/x", key: cast.free).status == 200)
        #expect(try statuses(2) { try gateway.get("/identity/x", key: cast.bare) } == [200, 429])

        #expect(try statuses(2) { try gateway.get("/both/x", key: cast.bare, ["X-Who: a"]) } == [200, 429])
        #expect(try gateway.get("/both/x", key: cast.bare, ["X-Who: b"]).status == 200)
        #expect(try gateway.get("/both/x", key: cast.free, ["X-Who: a"]).status == 200)

        #expect(try gateway.get("/all/x", key: cast.reader).status == 200)
        #expect(try gateway.get("/all/x", key: cast.bare).status == 200)
        #expect(try gateway.get("/all/x", key: cast.free).status == 429)
    }

    @Test func whatIsRefusedEarlierIsNotCharged() throws {
        let gateway = try Gateway(
            """
            route GET  /a/** { require things.write; check query.go == yes; limit l 1/365d by key }
            """, upstream: try Upstream())
        let cast = gateway.cast
        #expect(try statuses(3) { try gateway.get("/a/x?go=yes", key: cast.reader) } == [403, 403, 403])
        #expect(try statuses(3) { try gateway.get("/a/x", key: cast.writer) } == [403, 403, 403])
        #expect(try statuses(2) { try gateway.get("/a/x?go=yes", key: cast.writer) } == [200, 429])
    }

    @Test func aShadowRouteChargesAndRefusesNobody() throws {
        let gateway = try Gateway(
            "route GET /a/** { authenticated; shadow; limit l 1/365d by key }", upstream: try Upstream())
        #expect(try statuses(3) { try gateway.get("/a/x", key: gateway.cast.bare) } == [200, 200, 200])
        let answer = try gateway.get("/a/x", key: gateway.cast.bare)
        let line = try gateway.accessLogLine(requestID: answer.fields["x-request-id"] ?? "")
        #expect(line["shadow"]?.string == "RATE_LIMITED")
    }

    @Test func exactlyTheLimitPassesOverAllLoopsAndReloads() throws {
        let gateway = try Gateway(
            "route * /a/** { authenticated; limit l 5000/365d by route }", upstream: try Upstream(),
            workers: 2)
        let key = try key(gateway, [("requests", 500, true)])
        let address = gateway.address
        func round() throws -> Int {
            try concurrently(8) { _ in
                Result {
                    let client = try Client(address)
                    return try (0..<60).count { number in
                        try client.request("GET", "/a/\(number)", key: key.secret).status == 200
                    }
                }
            }.map { try $0.get() }.reduce(0, +)
        }
        let before = try round()
        #expect(before == 480)
        try gateway.reload("route * /a/** { authenticated; limit l 5000/365d by route }")
        #expect(try before + round() == 500)
    }

    @Test func explainSaysWhatWouldBeChargedAndChargesNothing() throws {
        let gateway = try Gateway(
            "route GET /a/** { authenticated; limit burst 1/365d by key }", upstream: try Upstream())
        let key = try key(gateway, [("requests", 5, true)])
        for _ in 0..<3 {
            let explained = try gateway.command("explain", "GET", "/a/x", "--key", key.secret)
            #expect(explained.succeeded)
            #expect(explained.output.contains("limit burst of the route: 1 per 31536000000 ms, 0 used"))
            #expect(explained.output.contains("1 to requests, 1 to burst"))
        }
        #expect(try gateway.get("/a/x", key: key).status == 200)
        let explained = try gateway.command("explain", "GET", "/a/x", "--key", key.secret)
        #expect(explained.output.contains("429 RATE_LIMITED"))
    }
}
