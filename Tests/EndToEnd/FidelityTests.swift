import Testing

/// What honest peers say to each other arrives as it was said, when it was said.
@Suite struct Fidelity {
    static let routes = "limits body=2g\nroute * /any/** { public }"

    // MARK: Bytes

    @Test func trailersOfTheRequestPassOn() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        for size in [3, 100_000] {
            let body = payload(size)
            try client.send(
                Client.head(
                    "POST", "/any/1",
                    ["Transfer-Encoding: chunked", "Trailer: X-Sum, X-Sign", "TE: trailers"]))
            try client.send(chunked(body, sizes: [7, 1013], trailers: "X-Sum: 42\r\nx-sign: a b\r\n"))
            #expect(try client.response(to: "POST").status == 200)
            let seen = try upstream.next()
            #expect(same(seen.body, body))
            #expect(
                seen.trailers == [Field(name: "X-Sum", value: "42"), Field(name: "x-sign", value: "a b")])
            #expect(seen.fields["trailer"] == "X-Sum, X-Sign")
        }
    }

    @Test(arguments: ["GET", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "QUERY"], [true, false])
    func aBodyBelongsToAnyMethod(_ method: String, _ isChunked: Bool) throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        for size in [0, 1, 70_001] {
            let body = payload(size)
            if isChunked {
                try client.send(Client.head(method, "/any/1", ["Transfer-Encoding: chunked"]))
                try client.send(chunked(body, sizes: [4099]))
            } else {
                try client.send(Client.head(method, "/any/1", length: size))
                try client.send(body)
            }
            let answer = try client.response(to: method)
            #expect(answer.status == 200)
            #expect(same(answer.body, body))
            let seen = try upstream.next()
            #expect(seen.method == method)
            #expect(
                seen.fields[isChunked ? "transfer-encoding" : "content-length"]
                    == (isChunked ? "chunked" : "\(size)"))
        }
    }

    @Test func codedContentIsNotTouched() throws {
        // Two bytes of gzip's head, then nothing that would decode.
        let coded: [UInt8] = [0x1F, 0x8B] + payload(50_000)
        let upstream = try Upstream { connection in
            while try connection.request() != nil {
                try connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"a-gzip\"\r\nVary: Accept-Encoding\r\nContent-Length: \(coded.count)\r\n\r\n"
                )
                try connection.send(coded)
            }
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.request(
            "POST", "/any/1", ["Accept-Encoding: gzip, br;q=0.5", "Content-Encoding: gzip"], body: coded)
        #expect(same(answer.body, coded))
        #expect(answer.fields["content-encoding"] == "gzip")
        #expect(answer.fields["content-length"] == "\(coded.count)")
        #expect(answer.fields["etag"] == "\"a-gzip\"")
        let seen = try upstream.next()
        #expect(same(seen.body, coded))
        #expect(seen.fields["accept-encoding"] == "gzip, br;q=0.5")
        #expect(seen.fields["content-encoding"] == "gzip")
    }

    @Test func headerBytesBeyondASCIIArrive() throws {
        let line = Array("X-Name: caf".utf8) + [0xE9, 0x20, 0xFF, 0x80, 0xC3, 0xA9]
        let received = Channel<[UInt8]>()
        let upstream = try Upstream { connection in
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual([13, 10, 13, 10]) { head += try connection.read(1) }
            received.push(head)
            try connection.send(
                Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".utf8) + line + [13, 10, 13, 10])
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Array("GET /any/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".utf8) + line + [13, 10, 13, 10])
        #expect(contains(line + [13, 10], in: try received.next("head")))
        #expect(contains(line + [13, 10], in: try client.readToEnd()))
    }

    private func contains(_ wanted: [UInt8], in bytes: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: wanted) }
    }

    @Test func manyCookiesKeepTheirOrder() throws {
        let lines = (0..<150).map { "Set-Cookie: c\($0)=\($0 * 7); Path=/; Secure\r\n" }
        let upstream = try Upstream(
            Upstream.answer("HTTP/1.1 200 OK\r\n\(lines.joined())Content-Length: 2\r\n\r\nok"))
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let answer = try gateway.get("/any/1")
        #expect(answer.fields[all: "set-cookie"] == (0..<150).map { "c\($0)=\($0 * 7); Path=/; Secure" })
    }

    // MARK: Moments

    @Test(arguments: ["Transfer-Encoding: chunked\r\n", "Connection: close\r\n"])
    func eventsArriveOneByOne(_ framing: String) throws {
        let read = Channel<Void>()
        let isChunked = framing.contains("chunked")
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\(framing)\r\n")
            for number in 0..<40 {
                let event = "id: \(number)\ndata: \(String(repeating: "x", count: number * 11))\n\n"
                try connection.send(
                    isChunked ? "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n" : event)
                // The next one is not sent before the client has this one.
                try read.next("event \(number) at the client")
            }
            if isChunked { try connection.send("0\r\n\r\n") }
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/any/1", ["Accept: text/event-stream"]))
        #expect(try client.responseHead().fields["transfer-encoding"] == "chunked")
        for number in 0..<40 {
            let size = try #require(Int(try client.line(), radix: 16))
            let event = String(decoding: try client.read(size + 2), as: UTF8.self)
            #expect(event.hasPrefix("id: \(number)\ndata: "))
            #expect(event.hasSuffix("\n\n\r\n"))
            read.push(())
        }
        #expect(try client.line() == "0")
    }

    /// A conversation in both directions at once: each piece of the answer is there before the next piece of the
    /// request is sent.
    @Test func anAnswerMayRunBesideItsRequest() throws {
        let upstream = try Upstream { connection in
            let head = try #require(try connection.head())
            connection.record(head)
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while true {
                let size = try #require(Int(try connection.line(), radix: 16))
                let piece = try connection.read(size + 2)
                try connection.send("\(String(size, radix: 16))\r\n")
                try connection.send(piece)
                if size == 0 { return }
            }
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", ["Transfer-Encoding: chunked"]))
        #expect(try client.responseHead().status == 200)
        for number in 1...30 {
            let piece = String(repeating: "p", count: number * 17)
            try client.send("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
            var echoed = ""
            while echoed.utf8.count < piece.utf8.count {
                let size = try #require(Int(try client.line(), radix: 16))
                echoed += String(decoding: try client.read(size + 2).dropLast(2), as: UTF8.self)
            }
            #expect(echoed == piece)
        }
        try client.send("0\r\n\r\n")
        #expect(try client.line() == "0")
    }

    @Test(arguments: [200, 401, 413, 500])
    func anAnswerBeforeTheEndOfTheUploadArrives(_ status: Int) throws {
        let upstream = try Upstream { connection in
            connection.record(try #require(try connection.head()))
            _ = try connection.read(1000)
            try connection.send("HTTP/1.1 \(status) Early\r\nContent-Length: 5\r\n\r\nearly")
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", length: 50 << 20))
        try client.send(payload(1000))
        let answer = try client.response(to: "POST")
        #expect(answer.status == status)
        #expect(answer.text == "early")
    }

    // MARK: Expect

    @Test func theBackendsConsentIsWaitedFor() throws {
        let consent = Gate()
        let upstream = try Upstream { connection in
            let head = try #require(try connection.head())
            #expect(head.fields["expect"] == "100-continue")
            connection.record(head)
            consent.wait()
            try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            let whole = try connection.body(of: head)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole.body.count)\r\n\r\n")
            try connection.send(whole.body)
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("POST", "/any/1", ["Expect: 100-continue"], length: 5))
        _ = try upstream.next()
        consent.open()
        #expect(try client.line() == "HTTP/1.1 100 Continue")
        #expect(try client.line() == "")
        try client.send("hello")
        #expect(try client.response(to: "POST").text == "hello")
    }

    @Test(arguments: [401, 413, 417])
    func theBackendsRefusalComesInPlaceOfConsent(_ status: Int) throws {
        let upstream = try Upstream { connection in
            connection.record(try #require(try connection.head()))
            try connection.send("HTTP/1.1 \(status) No\r\nContent-Length: 2\r\n\r\nno")
            _ = connection.waitForClose()
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        var answer: Response?
        // A backend that says nothing for a second, as on a machine that stands still, is sent the body.
        _ = try eventually {
            let begun = monotonicMilliseconds()
            let client = try gateway.connect()
            try client.send(Client.head("POST", "/any/1", ["Expect: 100-continue"], length: 5_000_000))
            answer = try client.response(to: "POST")
            #expect(answer?.status == status && client.isClosedByPeer())
            return answer?.interim.isEmpty == true || monotonicMilliseconds() - begun < 1000
        }
        #expect(answer?.interim.isEmpty == true, "the client was asked for a body the backend had refused")
    }

    @Test func interimAnswersComeAtOnceAndInOrder() throws {
        let seen = Gate()
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 102 Processing\r\n\r\n")
            try connection.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </b>\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n"
            )
            // The final answer waits until the hints are there.
            seen.wait()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let client = try gateway.connect()
        try client.send(Client.head("GET", "/any/1"))
        #expect(try client.line() == "HTTP/1.1 102 Processing")
        #expect(try client.line() == "")
        #expect(try client.line() == "HTTP/1.1 103 Early Hints")
        #expect(try [client.line(), client.line(), client.line()] == ["Link: </b>", "Link: </a>", ""])
        seen.open()
        #expect(try client.response().text == "ok")
    }
}
