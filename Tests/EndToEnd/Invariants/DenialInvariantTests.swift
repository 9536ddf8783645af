import Testing

/// I3. Whatever goes wrong, the answer is no: nothing reaches the backend that was not decided, and nothing that
/// broke looks like a success.
@Suite("I3: every error, time-out, unknown setting and missing record denies")
struct DenialInvariant {
    // MARK: Settings

    /// A file that uses each directive that may stand alone, one a line.
    static let settings = """
        listen 127.0.0.1:0
        admin 127.0.0.1:0
        store ./store
        workers 1
        trusted-proxies 10.0.0.0/8
        upstream api { server http://127.0.0.1:9; timeout connect=1s; host client }
        credential bearer
        headers { X-Tenant-Id identity.externalId }
        ratelimit requests
        client-timeout head=10s body=30s idle=75s
        limits head=32k headers=100 target=8k body=10m chunk-line=4k connections=100
        shutdown-grace 30s
        access-log off
        tag area=shop
        credit-durability lease
        route GET /a { require a.b; check path.x == key.id "no"; tag x=y; cost 2 }
        route GET /b/{n} { authenticated; ratelimit requests cost 2; limit l 5/1m by ip; timeout idle=1s }
        route GET /c/** { public; to api; strip-prefix /c; body-limit 1k; header X-A b; remove-header X-B }
        route GET /d { authenticated; forward-credential; shadow; allow-empty-segments }
        """

    @Test func theUntouchedFileIsFine() throws {
        let directory = try Directory()
        try directory.write(Self.settings.replacing("path.x", with: "query.x"), to: "gateway.conf")
        let done = try Keygate.run(["check", "-c", "gateway.conf"], in: directory.path)
        #expect(done.succeeded, "\(done.errors)")
    }

    /// Every word of the file, one letter wrong at a time: a name that nobody knows is never passed over.
    @Test func anUnknownWordRefusesToStart() throws {
        let directory = try Directory()
        let text = Self.settings.replacing("path.x", with: "query.x")
        let names: Set<String> = [
            "listen", "admin", "store", "workers", "trusted-proxies", "upstream", "server", "timeout",
            "connect", "host",
            "client", "credential", "bearer", "headers", "identity", "externalId", "ratelimit",
            "client-timeout", "head",
            "body", "idle", "limits", "target", "chunk-line", "connections", "shutdown-grace", "access-log",
            "tag",
            "credit-durability", "lease", "route", "require", "check", "query", "key", "id", "cost",
            "authenticated",
            "limit", "by", "ip", "public", "to", "strip-prefix", "body-limit", "header", "remove-header",
            "forward-credential", "shadow", "allow-empty-segments",
        ]
        var triedCount = 0
        var index = text.startIndex
        while index < text.endIndex {
            let word = text[index...].prefix { $0.isLetter || $0 == "-" }
            guard !word.isEmpty else {
                index = text.index(after: index)
                continue
            }
            defer { index = word.endIndex }
            guard names.contains(String(word)), text[..<index].last != "/" else { continue }
            var changed = text
            changed.insert("q", at: text.index(after: index))
            try directory.write(changed, to: "gateway.conf")
            let done = try Keygate.run(["check", "-c", "gateway.conf"], in: directory.path)
            // `access-log oqff` is a file of that name; nothing else here is free text.
            #expect(done.exit == .code(1), "\(word) with a letter too many was accepted")
            triedCount += 1
        }
        #expect(triedCount > 60)
    }

    // MARK: Records

    private struct Caller {
        let key: String
        let id: String
    }

    private func caller(_ gateway: Gateway, _ arguments: String...) throws -> Caller {
        let done = try Keygate.run(
            ["key", "create"] + arguments + ["--json", "-c", "gateway.conf"], in: gateway.directory.path)
        let json = try #require(JSONValue(done.output), "\(done.errors)")
        return Caller(key: try #require(json["key"]?.string), id: try #require(json["keyId"]?.string))
    }

    @Test func aRecordThatIsGoneDenies() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            """
            route GET /any { authenticated }
            route GET /read { require things.read }
            route GET /mine { authenticated; check identity.externalId exists }
            route GET /plan { authenticated; check identity.meta.plan == pro }
            """, upstream: upstream)
        func run(_ arguments: String...) throws {
            let done = try Keygate.run(arguments + ["-c", "gateway.conf"], in: gateway.directory.path)
            #expect(done.succeeded, "\(arguments): \(done.errors)")
        }
        func status(_ path: String, _ caller: Caller) throws -> Int {
            let answer = try gateway.connect().request("GET", path, key: caller.key)
            // Each 200 is one request at the backend; a refusal is none.
            if answer.status == 200 { _ = try upstream.next() }
            #expect(upstream.received.pendingCount == 0)
            return answer.status
        }
        try run("api", "create", "passing")
        try run("identity", "create", "leaver", "--meta", #"{"plan":"pro"}"#)
        try run("permission", "create", "things.other")
        try run("role", "create", "visitor", "--permission", "things.read")
        let byRole = try caller(gateway, "--api", "shop", "--identity", "leaver", "--role", "visitor")
        let byAPI = try caller(gateway, "--api", "passing", "--permission", "things.read")
        let deleted = try caller(gateway, "--api", "shop", "--permission", "things.read")

        #expect(
            try ["/any", "/read", "/mine", "/plan"].map { try status($0, byRole) } == [200, 200, 200, 200])
        try run("identity", "delete", "leaver")
        #expect(
            try ["/any", "/read", "/mine", "/plan"].map { try status($0, byRole) } == [200, 200, 403, 403])
        try run("role", "delete", "visitor")
        #expect(try ["/any", "/read"].map { try status($0, byRole) } == [200, 403])

        #expect(try status("/read", byAPI) == 200)
        try run("api", "delete", "passing")
        #expect(try status("/any", byAPI) == 401)

        #expect(try status("/read", deleted) == 200)
        try run("permission", "delete", "things.read")
        #expect(try status("/read", deleted) == 403)
        #expect(try status("/any", deleted) == 200)
        try run("key", "delete", deleted.id)
        #expect(try status("/any", deleted) == 401)
    }

    // MARK: Errors and time-outs

    struct Trouble: Sendable, CustomTestStringConvertible {
        let label: String
        let script: Upstream.Script
        let status: Int
        var testDescription: String { label }
    }

    static let troubles: [Trouble] = [
        Trouble(label: "silence", script: { _ = $0.waitForClose() }, status: 504),
        Trouble(label: "an end before the answer", script: { _ = try $0.request() }, status: 502),
        Trouble(
            label: "a reset",
            script: {
                _ = try $0.request()
                $0.closeWillReset()
            }, status: 502),
        Trouble(label: "no HTTP", script: Upstream.answer("hello\r\n\r\n"), status: 502),
        Trouble(
            label: "half a head",
            script: {
                _ = try $0.request()
                try $0.send("HTTP/1.1 200 OK\r\nX-A")
            }, status: 502),
        Trouble(
            label: "two lengths",
            script: Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            status: 502),
        Trouble(
            label: "a length and chunked",
            script: Upstream.answer(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
            ),
            status: 502),
        Trouble(
            label: "a NUL in a header",
            script: Upstream.answer("HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n"),
            status: 502),
        Trouble(
            label: "an upgrade nobody asked for",
            script: Upstream.answer(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
            status: 502),
        Trouble(
            label: "a head without end",
            script: {
                _ = try $0.request()
                try $0.send("HTTP/1.1 200 OK\r\n")
                for _ in 0..<20_000 { try $0.send("X-A: \(String(repeating: "a", count: 100))\r\n") }
            }, status: 502),
        Trouble(
            label: "interim answers without end",
            script: {
                _ = try $0.request()
                for _ in 0..<20_000 { try $0.send("HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n") }
            }, status: 502),
    ]

    @Test(arguments: troubles)
    func aBackendInTroubleIsNoSuccess(_ trouble: Trouble) throws {
        let upstream = try Upstream(trouble.script)
        let gateway = try Gateway(upstream: upstream, timeouts: trouble.status == 504 ? "first-byte=1s" : "")
        let answer = try gateway.get("/things/1", key: gateway.cast.reader)
        #expect(answer.status == trouble.status)
        #expect(answer.code != nil)
        #expect(!answer.text.contains(upstream.endpoint.authority), "the upstream's address is told")
    }

    /// Client time-outs and ends, at each place where a request can stop.
    @Test func aRequestThatStopsIsNotForwardedAsWhole() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "client-timeout head=1s body=1s idle=1h\n" + Gateway.routes, upstream: upstream)
        let whole = Array(
            (Client.head("POST", "/any/1", key: gateway.cast.bare.secret, length: 5) + "hello").utf8)
        for end in [1, 10, 30, whole.count / 2, whole.count - 6, whole.count - 5, whole.count - 1] {
            for finishes in [true, false] {
                let client = try gateway.connect()
                // Too late on a machine that stands still, it is as good as not sent.
                try? client.send(Array(whole[..<end]))
                if finishes { client.finishSending() }
                // An answer that is no success, or none; then the end.
                if (try? client.hasMore()) == true {
                    #expect(try client.response(to: "POST").status >= 400, "\(end) bytes")
                }
                #expect(client.isClosedByPeer())
            }
        }
        #expect(upstream.received.pendingCount == 0)
    }
}
