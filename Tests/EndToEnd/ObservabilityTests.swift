import Testing

/// What an operator sees: one log line per exchange, metrics, health; and never a secret in any of it.
@Suite struct Observability {
    @Test func oneLinePerExchangeSaysWhatHappened() throws {
        let upstream = try Upstream(Upstream.echoBody)
        let gateway = try Gateway(
            "tag env=test\nroute POST /orders/{id} { require things.write; tag order={id} }\n"
                + Gateway.routes, upstream: upstream)
        let answer = try gateway.request(
            "POST", "/orders/7?secret=x", key: gateway.cast.writer, body: payload(100))
        let line = try gateway.accessLogLine(requestID: try #require(answer.fields["x-request-id"]))
        #expect(line[LogField.method]?.string == "POST")
        #expect(line[LogField.path]?.string == "/orders/7")
        #expect(line[LogField.route]?.string?.contains("/orders/{id}") == true)
        #expect(line[LogField.status]?.number == 200)
        #expect(line[LogField.code]?.string == "VALID")
        #expect(line[LogField.keyID]?.string == gateway.cast.writer.id)
        #expect(line[LogField.identity]?.string == "acme")
        #expect(line[LogField.client]?.string == "127.0.0.1")
        let text = try gateway.directory.read("access.log")
        #expect(text.contains("order") && text.contains("env"))
        #expect(!text.contains("secret=x"), "queries may carry secrets and are not logged")
    }

    @Test func refusalsAndUpstreamTroubleAreLoggedToo() throws {
        let upstream = try Upstream { _ = try $0.request() }
        let gateway = try Gateway(upstream: upstream)
        let expected: [(Response, String)] = [
            (try gateway.get("/things/1"), "MISSING_KEY"),
            (try gateway.get("/things/1", key: gateway.cast.unissued), "NOT_FOUND"),
            (try gateway.get("/things/1", key: gateway.cast.bare), "INSUFFICIENT_PERMISSIONS"),
            (try gateway.get("/nowhere"), "ROUTE_NOT_FOUND"),
            (try gateway.get("/any/../x"), "PATH_AMBIGUOUS"),
        ]
        for (answer, code) in expected {
            let line = try gateway.accessLogLine(requestID: try #require(answer.fields["x-request-id"]))
            #expect(line[LogField.code]?.string == code)
            #expect(line[LogField.status]?.number == Double(answer.status))
        }
        let broken = try gateway.request("POST", "/any/1", key: gateway.cast.bare, body: [])
        #expect(
            try gateway.accessLogLine(requestID: try #require(broken.fields["x-request-id"]))[
                LogField.status]?.number == 502)
    }

    /// An answer can come in the turn of the loop that has sent the request; it takes its time all the same.
    @Test func theTimesOfAnExchangeAddUp() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let clients = try (0..<8).map { _ in try gateway.connect() }
        for _ in 0..<25 {
            for client in clients { try client.send(Client.head("GET", "/open/1")) }
            for client in clients { #expect(try client.response().status == 200) }
        }
        #expect(try eventually { try gateway.directory.read("access.log").count { $0 == "\n" } >= 200 })
        for line in try gateway.accessLog() {
            let total = try #require(line["totalMicros"]?.number)
            let upstream = try #require(line["upstreamMicros"]?.number)
            let before = try #require(line["gatewayMicros"]?.number)
            #expect(upstream > 0 && before >= 0 && before + upstream <= total, "\(line)")
        }
    }

    @Test func everyExchangeHasExactlyOneLine() throws {
        let gateway = try Gateway(upstream: try Upstream(), workers: 2)
        let address = gateway.address
        let key = gateway.cast.reader.secret
        let ids = try concurrently(8) { number -> [String] in
            guard let client = try? Client(address) else { return [] }
            return (0..<50).compactMap { turn in
                (try? client.request("GET", turn % 5 == 0 ? "/nowhere" : "/things/\(number)", key: key))?
                    .fields["x-request-id"]
            }
        }.flatMap { $0 }
        #expect(ids.count == 400)
        #expect(Set(ids).count == 400)
        #expect(
            // By the ends of lines: the last one may be there in part.
            try eventually { try gateway.directory.read("access.log").count { $0 == "\n" } >= 400 })
        let logged = try gateway.accessLog().compactMap { $0[LogField.requestID]?.string }
        #expect(logged.count == 400)
        #expect(Set(logged) == Set(ids))
    }

    @Test func theLogCanGoToStandardOutput() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        let (_, origin) = try Cast.shared.get()
        #expect(try runToEnd(["cp", "-a", origin.file("store"), directory.path], in: "/").succeeded)
        try directory.write(
            "listen 127.0.0.1:0\nadmin 127.0.0.1:0\nstore ./store\nupstream api { server \(upstream.endpoint.url) }\nroute GET /x { public }\n",
            to: "gateway.conf")
        let child = try Child([Keygate.binary, "run", "-c", "gateway.conf"], in: directory.path)
        defer { child.signal(9) }
        let line = try child.line("listening") { $0.hasPrefix("keygate: listening on ") }
        let endpoint = try #require(Endpoint(printed: line.split(separator: " ")[3]))
        #expect(try Client(endpoint).request("GET", "/x").status == 200)
        let logged = try child.line("log line") { $0.hasPrefix("{") }
        #expect(JSONValue(logged)?[LogField.path]?.string == "/x")
    }

    @Test func healthReadinessAndMetrics() throws {
        let gateway = try Gateway(upstream: try Upstream())
        #expect(try gateway.fromAdmin("/healthz").status == 200)
        #expect(try gateway.fromAdmin("/readyz").status == 200)
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(try gateway.get("/things/1").status == 401)
        let answer = try gateway.fromAdmin("/metrics")
        #expect(answer.status == 200)
        #expect(answer.fields["content-type"]?.hasPrefix("text/plain") == true)
        #expect(answer.text.contains("keygate_"))
        for line in answer.text.split(separator: "\n") where !line.hasPrefix("#") {
            // Exposition format: name{labels} value.
            let value = line.split(separator: " ").last.flatMap { Double($0) }
            #expect(value != nil, "not a sample: \(line)")
            let name = line.prefix(while: { $0.isLetter || $0.isNumber || $0 == "_" || $0 == ":" })
            #expect(!name.isEmpty && answer.text.contains("# TYPE "), "not a sample: \(line)")
        }
    }

    @Test(arguments: ["/healthz", "/readyz", "/metrics", "/v2/liveness"])
    func thePublicListenerHasNoneOfIt(_ target: String) throws {
        let gateway = try Gateway(upstream: try Upstream())
        #expect(try gateway.get(target).status == 404)
    }

    @Test func noSecretAppearsAnywhere() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "credential bearer\ncredential header X-API-Key\ncredential query api_key\n" + Gateway.routes,
            upstream: upstream)
        var secrets = gateway.cast.all.map(\.secret)
        let made = try gateway.command("rootkey", "create", "--json")
        secrets.append(try #require(JSONValue(made.output)?["key"]?.string))
        var answers = ""
        func note(_ answer: Response) {
            answers += answer.text + answer.fields.map { "\($0.name): \($0.value)\n" }.joined()
        }
        for secret in secrets {
            let key = Cast.Key(id: "", secret: secret)
            note(try gateway.get("/things/1", key: key))
            note(try gateway.request("POST", "/things/1", key: key, body: []))
            note(try gateway.get("/things/1", ["X-API-Key: \(secret)"]))
            note(try gateway.get("/things/1?api_key=\(secret)"))
            note(try gateway.get("/things/1?api_key=\(secret)", ["Authorization: Bearer \(secret)x"]))
            note(try gateway.get("/nowhere?api_key=\(secret)", key: key))
            note(try gateway.get("/any/../?api_key=\(secret)", key: key))
            note(try gateway.get("/things/1", ["Authorization: \(secret)"]))
            let client = try gateway.connect()
            try client.send("GET /things/1 HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer \(secret)\r\n\r\n")
            note(try client.response())
        }
        note(try gateway.fromAdmin("/metrics"))
        note(try gateway.fromAdmin("/healthz?key=\(secrets[0])"))
        #expect(try gateway.stop() == .code(0))
        let everything =
            try gateway.directory.read("access.log") + gateway.child.standardOutput
            + gateway.child.standardError + answers
        let stored = try runToEnd(
            ["sh", "-c", "cat store/* 2>/dev/null | tr -cd '[:print:]'"], in: gateway.directory.path)
        for secret in secrets {
            #expect(!everything.contains(secret), "a secret was written out")
            #expect(!stored.output.contains(secret), "a secret is in the store")
        }
    }
}
