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
        ("an origin that is not in the list", asks("GET", origin: "Origin: https://evil.example")),
        ("another port is another origin", asks("GET", origin: "Origin: https://app.example.com:8443")),
        ("a page of no origin", asks("GET", origin: "Origin: null")),
        ("a method that pages may not use", asks("DELETE")),
        ("a header that pages may not set", asks("GET", "authorization,x-tenant-id")),
    ])
    func aPreflightForWhatIsNotAllowedIsRefused(_ label: String, _ fields: [String]) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.request("OPTIONS", "/things/1", fields)
        #expect(answer.status == 403)
        #expect(answer.code == "FORBIDDEN")
        #expect(answer.fields["access-control-allow-origin"] == nil)
        #expect(upstream.received.pendingCount == 0)
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
        #expect(other.fields["access-control-allow-origin"] == nil)
        let none = try gateway.get("/things/1", key: gateway.cast.reader)
        #expect(none.fields["access-control-allow-origin"] == nil && none.fields["vary"] == nil)
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
        // Without a policy its word is passed on.
        let other = try gateway.get("/closed/x", [Self.app])
        #expect(other.fields["access-control-allow-credentials"] == "true")
    }
}
