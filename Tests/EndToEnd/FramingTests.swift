import Testing

/// Messages without bodies, interim answers, trailers, and several requests on one connection.
@Suite struct Framing {
    @Test(arguments: [0, 12345])
    func anAnswerToHEADKeepsItsLengthAndHasNoBody(_ length: Int) throws {
        let upstream = try Upstream(
            Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\nETag: \"x\"\r\n\r\n"))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for _ in 0..<3 {
            let answer = try client.request("HEAD", "/open/1")
            #expect(answer.status == 200)
            #expect(answer.fields["content-length"] == "\(length)")
            #expect(answer.fields["etag"] == "\"x\"")
        }
    }

    @Test(arguments: [
        "204 No Content\r\n", "304 Not Modified\r\nETag: \"v\"\r\n",
        "304 Not Modified\r\nContent-Length: 99\r\n",
    ])
    func statusesWithoutBodyHaveNone(_ line: String) throws {
        let upstream = try Upstream(Upstream.answer("HTTP/1.1 \(line)\r\n"))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for _ in 0..<3 {
            let answer = try client.request("GET", "/open/1")
            #expect("\(answer.status)" == line.prefix(3))
            #expect(answer.fields[all: "transfer-encoding"].isEmpty)
            if answer.status == 204 { #expect(answer.fields[all: "content-length"].isEmpty) }
        }
    }

    @Test func expectContinueIsAnsweredBeforeTheBody() throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/any/1", key: gateway.cast.bare.secret, ["Expect: 100-continue"], length: 5))
        #expect(try client.line() == "HTTP/1.1 100 Continue")
        while try client.line() != "" {}
        try client.send("hello")
        let answer = try client.response(to: "POST")
        #expect(answer.text == "hello")
        #expect(answer.interim.isEmpty)
    }

    @Test(arguments: [("/any/1", 401), ("/things/1", 401), ("/nowhere", 404)])
    func aRefusedExpectationNeverAsksForTheBody(_ target: String, _ status: Int) throws {
        let gateway = try Gateway(upstream: try Upstream())
        let client = try gateway.connect()
        try client.send(Client.head("POST", target, ["Expect: 100-continue"], length: 5_000_000))
        let answer = try client.response(to: "POST")
        #expect(answer.status == status)
        #expect(answer.interim.isEmpty)
        // The body was neither asked for nor sent: either side may now only close (RFC 9110 §10.1.1).
        #expect(client.isClosedByPeer())
    }

    @Test func anUnknownExpectationIsRefused() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let answer = try gateway.request(
            "POST", "/any/1", key: gateway.cast.bare, ["Expect: 200-maybe"], body: [])
        #expect(answer.status == 417)
    }

    @Test func earlyHintsPassOn() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                    + "HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n"
                    + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.get("/open/1")
        #expect(answer.interim.map(\.status) == [103, 103])
        #expect(
            answer.interim.map { $0.fields["link"] } == ["</a.css>; rel=preload", "</b.css>; rel=preload"])
        #expect(answer.text == "ok")
    }

    @Test func anHTTP10ClientGetsNoInterimAnswers() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            ))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send("GET /open/1 HTTP/1.0\r\nHost: gate.test\r\n\r\n")
        let answer = try client.response()
        #expect(answer.interim.isEmpty)
        #expect(answer.text == "ok")
    }

    @Test func trailersOfTheAnswerPassOn() throws {
        let upstream = try Upstream(
            Upstream.answer(
                "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n"
            ))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for _ in 0..<2 {
            let answer = try client.request("GET", "/open/1", ["TE: trailers"])
            #expect(answer.text == "abc")
            #expect(answer.trailers == [Field(name: "X-Sum", value: "42")])
        }
    }

    @Test func trailersOfTheRequestNeverBecomeHeaders() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head("POST", "/any/1", key: gateway.cast.bare.secret, ["Transfer-Encoding: chunked"]))
        try client.send(
            chunked(Array("abc".utf8), sizes: [2], trailers: "X-Sum: 42\r\nX-Tenant-Id: evil\r\n"))
        #expect(try client.response(to: "POST").status == 200)
        let seen = try upstream.next()
        #expect(seen.body == Array("abc".utf8))
        #expect(seen.fields[all: "x-sum"].isEmpty)
        #expect(!(seen.fields + seen.trailers).contains { $0.value == "evil" })
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let upstream = try Upstream { connection in
            while let request = try connection.request() {
                let text = request.target + String(decoding: request.body, as: UTF8.self)
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
            }
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        let key = gateway.cast.bare.secret
        var all = ""
        var expected: [String] = []
        for number in 0..<50 {
            switch number % 4 {
            case 0:
                all += Client.head("GET", "/open/\(number)")
                expected.append("/open/\(number)")
            case 1:
                all += Client.head("POST", "/any/\(number)", key: key, length: 3) + "abc"
                expected.append("/any/\(number)abc")
            case 2:
                all += Client.head("GET", "/nowhere/\(number)")
                expected.append("ROUTE_NOT_FOUND")
            default:
                all +=
                    Client.head("POST", "/any/\(number)", key: key, ["Transfer-Encoding: chunked"])
                    + "2\r\nde\r\n0\r\n\r\n"
                expected.append("/any/\(number)de")
            }
        }
        try client.send(all)
        for text in expected {
            let answer = try client.response()
            #expect(answer.text == text || answer.code == text)
        }
    }

    @Test func aSlowAnswerHoldsBackTheOnesBehindIt() throws {
        let release = Gate()
        let upstream = try Upstream { connection in
            while let request = try connection.request() {
                if request.target == "/open/slow" { release.wait() }
                try connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(request.target.utf8.count)\r\n\r\n\(request.target)"
                )
            }
        }
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head("GET", "/open/slow") + Client.head("GET", "/nowhere") + Client.head("GET", "/open/b"))
        _ = try upstream.next()
        #expect(try !client.hasMore(milliseconds: 50), "an answer overtook the one before it")
        release.open()
        #expect(try client.response().text == "/open/slow")
        #expect(try client.response().status == 404)
        #expect(try client.response().text == "/open/b")
    }

    @Test func aClientThatFinishedSendingStillGetsItsAnswer() throws {
        let release = Gate()
        let upstream = try Upstream(Upstream.sayOK(after: release))
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/open/1"))
        client.finishSending()
        _ = try upstream.next()
        release.open()
        #expect(try client.response().text == "ok")
        #expect(client.isClosedByPeer())
    }

    @Test func connectionCloseIsHonoured() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let client = try gateway.connect()
        let answer = try client.request("GET", "/open/1", ["Connection: close"])
        #expect(answer.text == "ok")
        #expect(answer.fields["connection"]?.lowercased() == "close")
        #expect(client.isClosedByPeer())
    }

    @Test func keepAliveHoldsManyRequestsOnBothSides() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        for number in 0..<200 { #expect(try client.request("GET", "/open/\(number)").status == 200) }
        #expect(upstream.accepted.pendingCount == 1, "the upstream's connection was not reused")
    }

    @Test func absoluteFormMustAgreeWithHost() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("http://gate.test/open/1").status == 200)
        #expect(try gateway.get("http://other.test/open/1").status == 400)
        #expect(try gateway.request("CONNECT", "gate.test:443").status == 501)
        #expect(try gateway.get("*").status == 400)
    }
}
