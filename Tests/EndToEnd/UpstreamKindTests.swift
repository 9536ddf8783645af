import Testing

/// The kinds of server an upstream may have, and listeners other than 127.0.0.1.
@Suite struct UpstreamKinds {
    @Test func aUnixSocket() throws {
        let directory = try Directory()
        let upstream = try Upstream(on: .unix(path: directory.file("backend.sock")), Upstream.echoBody)
        let gateway = try Gateway(upstream: upstream)
        let body = payload(200_000)
        let answer = try gateway.request("POST", "/any/1?x=%2f", key: gateway.cast.bare, body: body)
        #expect(same(answer.body, body))
        let seen = try upstream.next()
        #expect(seen.target == "/any/1?x=%2f")
        #expect(seen.fields["host"] == "gate.test")
    }

    @Test func anIPv6Server() throws {
        guard let upstream = try? Upstream(on: .loopback6(port: 0)) else { return }
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/open/1").status == 200)
    }

    @Test(.enabled(if: Certificates.available, "the openssl command is not installed"))
    func anHTTPSServerWithItsAuthority() throws {
        let directory = try Directory()
        try Certificates.make(in: directory)
        let server = try TLSServer(in: directory)
        let gateway = try Gateway(
            "upstream api { server https://127.0.0.1:\(server.port); tls-ca ca.pem }\n" + Gateway.routes,
            directory: directory)
        let answer = try gateway.get("/open/1")
        #expect(answer.status == 200)
        #expect(answer.text.contains("s_server"))
    }

    @Test(
        .enabled(if: Certificates.available, "the openssl command is not installed"),
        arguments: ["", "; tls-ca other-ca.pem"])
    func anHTTPSServerNobodyVouchesForIsNotSpokenTo(_ authority: String) throws {
        let directory = try Directory()
        try Certificates.make(in: directory)
        let server = try TLSServer(in: directory)
        let gateway = try Gateway(
            "upstream api { server https://127.0.0.1:\(server.port)\(authority) }\n" + Gateway.routes,
            directory: directory)
        let answer = try gateway.get("/open/1")
        #expect(answer.status == 502)
        #expect(answer.code == "UPSTREAM_UNREACHABLE" || answer.code == "UPSTREAM_INVALID")
    }

    @Test func severalServersShareTheRequests() throws {
        let upstreams = try (0..<3).map { _ in try Upstream() }
        let servers = upstreams.map { "server \($0.endpoint.url)" }.joined(separator: "; ")
        let gateway = try Gateway("upstream api { \(servers) }\n" + Gateway.routes)
        for number in 0..<60 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(upstreams.map(\.received.pendingCount).allSatisfy { $0 >= 10 })
        #expect(upstreams.map(\.received.pendingCount).reduce(0, +) == 60)
    }

    @Test func weightsShareUnevenly() throws {
        let heavy = try Upstream()
        let light = try Upstream()
        let gateway = try Gateway(
            "upstream api { server \(heavy.endpoint.url) weight 4; server \(light.endpoint.url) }\n"
                + Gateway.routes)
        for number in 0..<50 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(heavy.received.pendingCount == 40)
        #expect(light.received.pendingCount == 10)
    }

    @Test func aRouteMayGoToAnotherUpstream() throws {
        let api = try Upstream(Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\napi"))
        let other = try Upstream(Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"))
        let gateway = try Gateway(
            "upstream two { server \(other.endpoint.url) }\nroute GET /a { public; to api }\nroute GET /b { public; to two }",
            upstream: api)
        #expect(try gateway.get("/a").text == "api")
        #expect(try gateway.get("/b").text == "other")
    }

    @Test func hostsChooseBetweenRoutes() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "route GET /x host a.test { public; rewrite /for-a }\nroute GET /x { public; rewrite /for-all }",
            upstream: upstream)
        #expect(try gateway.get("/x", ["Host: a.test"]).status == 200)
        #expect(try upstream.next().target == "/for-a")
        #expect(try gateway.get("/x", ["Host: A.TEST:80"]).status == 200)
        #expect(try upstream.next().target == "/for-a")
        #expect(try gateway.get("/x", ["Host: b.test"]).status == 200)
        #expect(try upstream.next().target == "/for-all")
    }

    @Test func theGatewayListensOnUnixSocketsAndIPv6() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        let path = directory.file("gate.sock")
        let gateway = try Gateway(
            upstream: upstream, listen: "listen 127.0.0.1:0\nlisten unix:\(path)", directory: directory)
        #expect(try Client(.unix(path: path)).request("GET", "/open/1").status == 200)
        _ = try upstream.next()
        #expect(try gateway.get("/open/1").status == 200)
        if (try? Socket.listen(on: .loopback6(port: 0))) != nil {
            let six = try Gateway(upstream: upstream, listen: "listen [::1]:0")
            #expect(try six.get("/open/1").status == 200)
        }
    }
}
