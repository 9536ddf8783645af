import Testing

/// Pages of other origins: preflights are answered without a key and without the backend, every other request is
/// verified as always, and a page that may call may also read why it was refused.
@Suite struct CrossOrigin {
    static let routes = """
        cors origins=https://app.example.com,http://localhost:3000 methods=GET,POST max-age=5m
        route GET  /things/**  { require things.read }
        route POST /things/**  { require things.write }
        route DELETE /things/** { require things.write }
        route GET  /open/**    { public; cors origins=* headers=X-Page }
        route GET  /closed/**  { public; cors off }
        route OPTIONS /closed/** { public; cors off }
        route GET  /own/**     { authenticated; cors origins=https://own.example }
        """
    static let app = "Origin: https://app.example.com"

    private static func asks(_ method: String, _ headers: String? = nil, origin: String = app) -> [String] {
        [origin, "Access-Control-Request-Method: \(method)"]
            + (headers.map { ["Access-Control-Request-Headers: \($0)"] } ?? [])
    }

    @Test func aPreflightIsAnsweredWithoutAKeyAndWithoutTheBackend() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        let answer = try client.request(
            "OPTIONS", "/things/1", Self.asks("POST", "authorization, Content-Type"))
        #expect(answer.status == 204)
        #expect(answer.fields["access-control-allow-origin"] == "https://app.example.com")
        #expect(answer.fields["access-control-allow-methods"] == "POST")
        #expect(answer.fields["access-control-allow-headers"] == "authorization, content-type")
        #expect(answer.fields["access-control-max-age"] == "300")
        #expect(
            answer.fields[all: "vary"] == [
                "Origin", "Access-Control-Request-Method, Access-Control-Request-Headers",
            ])
        #expect(answer.fields["x-request-id"] != nil)
        // The connection goes on with the request itself.
        let request = try client.request("POST", "/things/1", key: gateway.cast.writer.secret, [Self.app])
        #expect(request.status == 200)
        #expect(request.fields["access-control-allow-origin"] == "https://app.example.com")
        #expect(try upstream.next().method == "POST")
        #expect(upstream.received.pendingCount == 0, "a preflight reached the upstream")
    }

    @Test(arguments: [
        ("an origin that is not in the list", asks("GET", origin: "Origin: https://evil.example"), nil),
        ("another port is another origin", asks("GET", origin: "Origin: https://app.example.com:8443"), nil),
        ("a page of no origin", asks("GET", origin: "Origin: null"), nil),
        ("a method that pages may not use", asks("DELETE"), "https://app.example.com"),
        (
            "a header that pages may not set", asks("GET", "authorization,x-tenant-id"),
            "https://app.example.com"
        ),
    ])
    func aPreflightForWhatIsNotAllowedIsRefused(_ label: String, _ fields: [String], _ reader: String?) throws
    {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.request("OPTIONS", "/things/1", fields)
        #expect(answer.status == 403)
        #expect(answer.code == "FORBIDDEN")
        // A page of an origin that may call is shown what it may do; browsers go by the status.
        #expect(answer.fields["access-control-allow-origin"] == reader)
        #expect(answer.fields["access-control-allow-methods"] == reader.map { _ in "GET, POST" })
        #expect(
            answer.fields["access-control-allow-headers"] == reader.map { _ in "authorization, content-type" }
        )
        #expect(answer.fields["access-control-max-age"] == nil)
        #expect(
            answer.fields[all: "vary"] == [
                "Origin", "Access-Control-Request-Method, Access-Control-Request-Headers",
            ])
        // There is no key in a preflight, and none would help it.
        #expect(answer.fields["www-authenticate"] == nil)
        #expect(upstream.received.pendingCount == 0)
    }

    /// Nothing can be allowed where no route has the method, but a page of the path may read that.
    @Test(arguments: [
        ("/things/1", app, "https://app.example.com"),
        ("/own/1", "Origin: https://own.example", "https://own.example"), ("/own/1", app, nil),
        ("/closed/1", app, nil),
    ])
    func aMethodThatNoRouteHasIsSaidToPagesOfThePath(_ target: String, _ origin: String, _ reader: String?)
        throws
    {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.request("PATCH", target, [origin])
        #expect(answer.status == 405)
        #expect(answer.fields["access-control-allow-origin"] == reader)
        #expect(answer.fields["vary"] == (target == "/closed/1" ? nil : "Origin"))
        guard target != "/closed/1" else { return }
        let preflight = try gateway.request("OPTIONS", target, Self.asks("PATCH", origin: origin))
        #expect(preflight.status == 405)
        #expect(preflight.fields["access-control-allow-origin"] == reader)
    }

    @Test func whateverTheGatewaySaysIsForThePage() throws {
        let routes = """
            cors origins=https://app.example.com
            failed-key-limit 1/1h
            route POST /things { public; body-limit 4 }
            route GET /things/** { authenticated; limit few 1/1h by route }
            """
        let upstream = try Upstream { connection in
            while let request = try connection.request(), request.method == "GET" {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let gateway = try Gateway(routes, upstream: upstream)
        let key = gateway.cast.reader
        let unknown = [Self.app, "Authorization: Bearer nobody"]
        let answers = [
            try gateway.request("POST", "/things", [Self.app], body: Array("12345".utf8)),
            try gateway.get("/things/%2e", key: key, [Self.app]),
            try gateway.get("/things/1", key: key, [Self.app, "Connection: X-Tenant-Id"]),
            try gateway.get("/things/1", key: key, [Self.app]),
            try gateway.get("/things/1", key: key, [Self.app]),
            try gateway.get("/things/1", unknown), try gateway.get("/things/1", unknown),
            try gateway.request("POST", "/things", [Self.app], body: []),
        ]
        #expect(answers.map(\.status) == [413, 400, 400, 200, 429, 401, 429, 502])
        for answer in answers {
            #expect(answer.fields[all: "access-control-allow-origin"] == ["https://app.example.com"])
            #expect(answer.fields[all: "vary"] == ["Origin"])
            #expect(answer.fields["access-control-expose-headers"]?.contains("Retry-After") == true)
        }
    }

    @Test(arguments: [
        ("without the method it asks for", [app]),
        ("without an origin", ["Access-Control-Request-Method: GET"]),
        ("with two origins", [app, app, "Access-Control-Request-Method: GET"]),
        (
            "with two methods",
            [app, "Access-Control-Request-Method: GET", "Access-Control-Request-Method: POST"]
        ),
        ("for a method that no route has", asks("PATCH")),
    ])
    func whatIsNoPreflightIsAnOrdinaryRequest(_ label: String, _ fields: [String]) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.request("OPTIONS", "/things/1", fields)
        #expect(answer.status == 405)
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func aRouteWithoutAPolicyLeavesOptionsToTheBackend() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.request("OPTIONS", "/closed/x", Self.asks("GET"))
        #expect(answer.status == 200)
        #expect(try upstream.next().method == "OPTIONS")
        #expect(answer.fields["access-control-allow-origin"] == nil)
    }

    @Test func everythingElseIsVerifiedAndMayBeReadByThePage() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        for (target, key, status) in [
            ("/things/1", nil, 401), ("/things/1", gateway.cast.bare, 403),
            ("/things/1", gateway.cast.reader, 200), ("/nothing", nil, 404),
        ] as [(String, Cast.Key?, Int)] {
            let answer = try gateway.get(target, key: key, [Self.app])
            #expect(answer.status == status)
            #expect(answer.fields[all: "access-control-allow-origin"] == ["https://app.example.com"])
            #expect(answer.fields[all: "vary"] == ["Origin"])
            #expect(answer.fields["access-control-expose-headers"]?.contains("Retry-After") == true)
        }
        // The browser keeps the answer from a page of another origin; the key is what was verified.
        let other = try gateway.get("/things/1", key: gateway.cast.reader, ["Origin: https://evil.example"])
        #expect(other.status == 200)
        let none = try gateway.get("/things/1", key: gateway.cast.reader)
        // And caches are told that the answer is not for everybody.
        let keyless = try gateway.get("/things/1", ["Origin: https://evil.example"])
        for answer in [other, none, keyless] {
            #expect(answer.fields["access-control-allow-origin"] == nil)
            #expect(answer.fields["access-control-expose-headers"] == nil)
            #expect(answer.fields[all: "vary"] == ["Origin"])
        }
    }

    @Test func anyOriginMayHaveARouteOfItsOwn() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let leave = try gateway.request(
            "OPTIONS", "/open/x", Self.asks("GET", "x-page", origin: "Origin: https://anybody.example"))
        #expect(leave.status == 204)
        #expect(leave.fields["access-control-allow-origin"] == "*")
        #expect(leave.fields["access-control-max-age"] == "600")
        let answer = try gateway.get("/open/x", ["Origin: https://anybody.example"])
        #expect(answer.fields["access-control-allow-origin"] == "*")
        #expect(answer.fields["vary"] == nil)
    }

    @Test func theBackendHasNoSecondOpinion() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n"
                    + "access-control-allow-credentials: true\r\nAccess-Control-Expose-Headers: X-Page-Count\r\n"
                    + "Vary: Accept\r\n\r\n"))
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.get("/things/1", key: gateway.cast.reader, [Self.app])
        #expect(answer.fields[all: "access-control-allow-origin"] == ["https://app.example.com"])
        #expect(answer.fields["access-control-allow-credentials"] == nil)
        #expect(answer.fields[all: "vary"] == ["Accept", "Origin"])
        #expect(answer.fields[all: "access-control-expose-headers"].first == "X-Page-Count")
        // Least of all for an origin that may not call.
        let evil = try gateway.get("/things/1", key: gateway.cast.reader, ["Origin: https://evil.example"])
        #expect(evil.status == 200)
        #expect(evil.fields["access-control-allow-origin"] == nil)
        #expect(evil.fields["access-control-allow-credentials"] == nil)
        #expect(evil.fields[all: "vary"] == ["Accept", "Origin"])
        // Without a policy its word is passed on.
        let other = try gateway.get("/closed/x", [Self.app])
        #expect(other.fields["access-control-allow-credentials"] == "true")
    }

    /// What `keygate explain` says of a preflight with these headers.
    private static func explained(
        _ gateway: Gateway, _ method: String, _ url: String, _ fields: [String]
    ) throws -> Finished {
        try Keygate.run(
            ["explain", "-c", "gateway.conf", method, url] + fields.flatMap { ["-H", $0] },
            in: gateway.directory.path)
    }

    /// The server makes the explanation while it runs, the command itself when it does not: the same one.
    @Test func aPreflightIsExplained() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let leave = """
            request     OPTIONS /things/1 from 127.0.0.1
            preflight   POST by a page of https://app.example.com
            path        /things/1
            route       POST /things/**  (gateway.conf:LINE)
            access      require things.write
              or        GET /things/**  (gateway.conf:LINE), less specific or for other methods
              or        DELETE /things/**  (gateway.conf:LINE), less specific or for other methods
            key         none is asked for: a preflight has none; the request itself is decided when it comes
            answer      204 by the gateway, without the backend:

                Access-Control-Allow-Origin: https://app.example.com
                Vary: Origin
                Vary: Access-Control-Request-Method, Access-Control-Request-Headers
                Access-Control-Allow-Methods: POST
                Access-Control-Allow-Headers: authorization, content-type
                Access-Control-Max-Age: 300

            """
        // The server is told the absolute path of the file.
        func placeless(_ told: Finished) -> String {
            told.output.replacing(/\([^ (]*gateway.conf:\d+:\d+\)/, with: "(gateway.conf:LINE)")
        }
        let asked = Self.asks("POST", "authorization")
        let live = try Self.explained(gateway, "OPTIONS", "/things/1", asked)
        #expect(live.succeeded)
        #expect(placeless(live) == leave)
        // The answer of the gateway has these headers, and one more.
        let answer = try gateway.request("OPTIONS", "/things/1", asked)
        for field in answer.fields where field.name.lowercased() != "x-request-id" {
            #expect(leave.contains("    \(field.name): \(field.value)\n"))
        }
        #expect(try gateway.stop() == .code(0))
        let offline = try Self.explained(gateway, "OPTIONS", "/things/1", asked)
        #expect(offline.succeeded && placeless(offline) == leave)
    }

    @Test(arguments: [
        (
            "/things/1", asks("GET", origin: "Origin: https://evil.example"),
            [
                "  NO        the origin https://evil.example is none of https://app.example.com, http://localhost:3000\n",
                "403 FORBIDDEN: Pages of this origin may not call this API.",
            ]
        ),
        (
            "/things/1", asks("DELETE"),
            [
                "route       DELETE /things/**",
                """
                  yes       pages of this origin may call
                  NO        the method DELETE is none of GET, POST
                answer      403 FORBIDDEN: Pages may not use this method here.

                """,
            ]
        ),
        (
            "/things/1", asks("GET", "Authorization, x-tenant-id , x-other"),
            [
                """
                  yes       pages of this origin may call
                  yes       they may use GET
                  NO        the header x-tenant-id is none of authorization, content-type
                answer      403 FORBIDDEN: Pages may not set all of these headers here.

                """
            ]
        ),
        (
            "/things/1", asks("PATCH"),
            [
                "decided like any other request, for there is no route for that", "405 METHOD_NOT_ALLOWED",
                "allow       GET, HEAD, POST, DELETE\n",
            ]
        ),
        (
            "/closed/1", asks("GET"),
            [
                "decided like any other request, for the route it asks for has no cors:",
                "for       GET /closed/**", "route       OPTIONS /closed/**", "forwarded, as the backend",
            ]
        ),
        (
            "/things/1", [app],
            ["preflight   none: one Origin and one Access-Control-Request-Method", "405 METHOD_NOT_ALLOWED"]
        ),
    ])
    func whatGetsNoLeaveIsExplained(_ url: String, _ fields: [String], _ expected: [String]) throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let told = try Self.explained(gateway, "OPTIONS", url, fields)
        for text in expected { #expect(told.output.contains(text), "\(told.output)") }
        let isForwarded = told.output.contains("forwarded, as the backend")
        #expect(told.exit == .code(isForwarded ? 0 : 1))
        let other = try Self.explained(gateway, "GET", url, fields)
        #expect(!other.output.contains("preflight"), "only OPTIONS asks for leave")
    }
}
