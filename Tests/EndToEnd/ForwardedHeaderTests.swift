import Testing

/// The other headers of a forwarded request: what passes, what is rebuilt, what is never invented.
@Suite struct ForwardedHeaders {
    @Test func nothingIsInvented() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/open/1").status == 200)
        let bare = try upstream.next().fields.map { $0.name.lowercased() }
        #expect(
            Set(bare) == [
                "host", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via",
            ])
        #expect(Set(bare).count == bare.count)
        #expect(
            try gateway.request("POST", "/any/1", key: gateway.cast.bare, body: payload(4096)).status == 200)
        let posted = try upstream.next().fields.map { $0.name.lowercased() }
        for name in ["accept", "user-agent", "expect", "content-type", "accept-encoding"] {
            #expect(!posted.contains(name), "\(name) was invented")
        }
    }

    @Test func endToEndHeadersKeepTheirOrderSpellingAndBytes() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let sent = [
            "Accept: text/plain;q=0.5", "X-b: 2", "x-A: 1", "User-Agent: probe/1", "X-b: 3", "X-Empty:",
            "X-Tab: a\tb",
            "Content-Type: text/x", "Cookie: a=1; b=2", "X-Latin: caf\u{e9}",
        ]
        #expect(try gateway.get("/open/1", sent).status == 200)
        let names = [
            "accept", "x-b", "x-a", "user-agent", "x-empty", "x-tab", "content-type", "cookie", "x-latin",
        ]
        let seen = try upstream.next().fields.filter { names.contains($0.name.lowercased()) }
        let expected = [
            Field(name: "Accept", value: "text/plain;q=0.5"), Field(name: "X-b", value: "2"),
            Field(name: "x-A", value: "1"),
            Field(name: "User-Agent", value: "probe/1"), Field(name: "X-b", value: "3"),
            Field(name: "X-Empty", value: ""),
            Field(name: "X-Tab", value: "a\tb"), Field(name: "Content-Type", value: "text/x"),
            Field(name: "Cookie", value: "a=1; b=2"), Field(name: "X-Latin", value: "caf\u{e9}"),
        ]
        #expect(seen == expected)
    }

    @Test func hopByHopHeadersAndWhatConnectionNamesStayBehind() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.get(
            "/open/1",
            [
                "Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "TE: trailers",
                "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eA==", "Upgrade: h2c",
                "X-Stays: 1",
            ])
        #expect(answer.status == 200)
        let fields = try upstream.next().fields
        for name in ["x-hop", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"] {
            #expect(fields[all: name].isEmpty, "\(name) was forwarded")
        }
        #expect(fields["x-stays"] == "1")
    }

    @Test func hopByHopHeadersOfTheAnswerStayBehindToo() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n"
                    + "Proxy-Authenticate: Basic\r\nX-Stays: 1\r\nContent-Length: 2\r\n\r\nok"))
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.get("/open/1")
        #expect(answer.fields[all: "x-hop"].isEmpty)
        #expect(answer.fields[all: "proxy-authenticate"].isEmpty)
        #expect(answer.fields[all: "keep-alive"].allSatisfy { $0 != "timeout=9" })
        #expect(answer.fields["x-stays"] == "1")
    }

    @Test func forwardedForIsRebuiltForClientsNobodyTrusts() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.get(
            "/open/1",
            [
                "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test",
                "X-Request-Id: chosen",
                "Forwarded: for=6.6.6.6",
            ])
        let seen = try upstream.next()
        #expect(seen.fields["x-forwarded-for"] == "127.0.0.1")
        #expect(seen.fields["x-forwarded-proto"] == "http")
        #expect(seen.fields["x-forwarded-host"] == "gate.test")
        #expect(seen.fields["host"] == "gate.test")
        let requestID = try #require(seen.fields["x-request-id"])
        #expect(requestID != "chosen")
        #expect(answer.fields["x-request-id"] == requestID)
        #expect(seen.fields["via"]?.contains("1.1 ") == true)
    }

    @Test func trustedProxiesAreAppendedTo() throws {
        let upstream = try Upstream()
        let gateway = try Gateway("trusted-proxies 127.0.0.0/8\n" + Gateway.routes, upstream: upstream)
        let answer = try gateway.get(
            "/open/1",
            [
                "X-Forwarded-For: 6.6.6.6, 203.0.113.7", "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.example",
                "X-Request-Id: chosen-1",
            ])
        let seen = try upstream.next()
        #expect(seen.fields["x-forwarded-for"] == "6.6.6.6, 203.0.113.7, 127.0.0.1")
        #expect(seen.fields["x-forwarded-proto"] == "https")
        #expect(seen.fields["x-forwarded-host"] == "shop.example")
        #expect(seen.fields["x-request-id"] == "chosen-1")
        let line = try gateway.accessLogLine(requestID: try #require(answer.fields["x-request-id"]))
        #expect(line[LogField.client]?.string == "203.0.113.7", "the right-most hop that is not trusted")
    }

    @Test(arguments: ["two words", String(repeating: "a", count: 129), "", "a\u{e9}"])
    func aRequestIDThatIsNotOneShortTokenIsReplaced(_ given: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway("trusted-proxies 127.0.0.1\n" + Gateway.routes, upstream: upstream)
        #expect(try gateway.get("/open/1", ["X-Request-Id: \(given)"]).status == 200)
        let id = try #require(try upstream.next().fields["x-request-id"])
        #expect(id.hasPrefix("req_"))
    }

    @Test func viaIsAppendedNotReplaced() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/open/1", ["Via: 1.0 before"]).status == 200)
        let values = try upstream.next().fields[all: "via"].joined(separator: ", ")
        #expect(values.hasPrefix("1.0 before, 1.1 "))
    }

    @Test func theServersOwnHostIsSentWhenAsked() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "upstream own { server \(upstream.endpoint.url); host upstream }\nroute GET /h { public; to own }",
            upstream: upstream)
        #expect(try gateway.get("/h").status == 200)
        #expect(try upstream.next().fields["host"] == upstream.endpoint.authority)
    }
}
