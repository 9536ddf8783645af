import Glibc
import Testing

/// HTTP over TLS, as curl speaks it.
@Suite struct TLSListeners {
    @Test(arguments: [(["--tls-max", "1.2"], "TLSv1.2"), (["--tlsv1.3"], "TLSv1.3")])
    func requestsGoThrough(_ options: [String], _ version: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway.withTLS(upstream: upstream)
        let done = try gateway.curl(options + ["-w", "%{num_connects} "], "/open/1", "/open/2")
        #expect(done.succeeded, "\(done.errors)")
        #expect(done.output == "ok1 ok0 ", "the second goes over the same connection")
        #expect(done.errors.contains("SSL connection using \(version)"), "\(done.errors)")
        #expect(done.errors.contains("accepted") && done.errors.contains("http/1.1"), "\(done.errors)")
        let seen = try upstream.next()
        #expect(seen.fields["x-forwarded-proto"] == "https")
        #expect(seen.fields["host"] == "a.test:\(gateway.port)")
        #expect(try gateway.metric("keygate_tls_handshakes_total") == 1)
    }

    @Test(arguments: [
        ("localhost", "first"), ("a.test", "first"), ("x.b.test", "wildcard"), ("b.test", "wildcard"),
        ("exact.b.test", "exact"), ("sub.a.test", "wildcard"),
    ])
    func theNameChoosesTheCertificate(_ host: String, _ name: String) throws {
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key tls b.pem b.key tls exact.pem b.key", upstream: try Upstream())
        let done = try gateway.curl([], host: host, "/open/1")
        #expect(done.succeeded, "\(done.errors)")
        #expect(done.serverName == name)
    }

    @Test func aNameNobodyHasGetsTheFirstCertificateWhichTheClientRefuses() throws {
        let gateway = try Gateway.withTLS("tls b.pem b.key tls a.pem a.key", upstream: try Upstream())
        let done = try gateway.curl([], host: "other.test", "/open/1")
        #expect(done.exit == .code(60), "curl's code for a certificate that does not serve: \(done.errors)")
        let unchecked = try gateway.curl(["-k"], host: "x.y.b.test", "/open/1")
        #expect(unchecked.serverName == "wildcard")
        #expect(try gateway.curl(["-k"], host: "127.0.0.1", "/open/1").serverName == "wildcard")
    }

    @Test func anAuthorityTheClientDoesNotTrustIsRefusedByIt() throws {
        let gateway = try Gateway.withTLS(upstream: try Upstream())
        let done = try gateway.curl(["--cacert", "stranger.pem"], "/open/1")
        #expect(done.exit == .code(60), "\(done.errors)")
        _ = try gateway.child.line("the alert of the client") {
            $0.contains("TLS handshake with 127.0.0.1: ")
        }
        #expect(try gateway.metric("keygate_tls_handshakes_failed_total") == 1)
        #expect(try gateway.curl([], "/open/1").succeeded)
    }

    @Test func largeBodiesGoBothWays() throws {
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key", "limits body=64m\n" + Gateway.routes, upstream: try Upstream(Upstream.echoBody)
        )
        for size in [1, 16_383, 16_384, 16_385, 5_000_001] {
            let body = payload(size)
            try gateway.directory.write(body, to: "body")
            let key = gateway.cast.bare.secret
            for framing in [[], ["-H", "Transfer-Encoding: chunked"]] {
                let done = try gateway.curl(
                    ["--data-binary", "@body", "-H", "Authorization: Bearer \(key)", "-o", "got"] + framing,
                    "/any/1")
                #expect(done.succeeded, "\(size) \(framing): \(done.errors)")
                let compared = try runToEnd(["cmp", "body", "got"], in: gateway.directory.path)
                #expect(compared.succeeded, "\(size) \(framing): \(compared.output)")
            }
        }
    }

    @Test func aSlowClientHoldsTheUpstreamBack() throws {
        let total = 128 << 20
        let block = payload(1 << 20)
        let (begun, go) = (Channel<Void>(), Gate())
        let stopped = Channel<Int>()
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            for number in 0..<(total >> 20) {
                if !connection.socket.waitWritable(milliseconds: 1000) { stopped.push(number) }
                try connection.send(block)
                if number > 0 { continue }
                begun.push(())
                go.wait()
            }
            stopped.push(-1)
        }
        let gateway = try Gateway.withTLS(upstream: upstream)
        let before = try gateway.residentBytes()
        let curl = try Child(
            gateway.curlArguments(["-o", "got"], ["/open/1"]), in: gateway.directory.path)
        _ = try begun.next("the first of the body")
        #expect(curl.pause())
        go.open()
        #expect(try stopped.next("upstream held back") >= 0)
        #expect(try gateway.residentBytes() - before < 48 << 20)
        curl.signal(SIGCONT)
        #expect(try curl.waitForExit() == .code(0), "\(curl.standardError)")
        let size = try runToEnd(["stat", "-c", "%s", "got"], in: gateway.directory.path)
        #expect(size.output == "\(total)\n")
    }

    @Test func anAnswerThatEndsWithTheConnectionEndsWithinTLS() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\n\r\nall of it")
        }
        let gateway = try Gateway.withTLS(upstream: upstream)
        let whole = try gateway.curl(["--http1.0"], "/open/1")
        // OpenSSL tells curl where the end was not announced, and curl fails then.
        #expect(whole.succeeded, "\(whole.errors)")
        #expect(whole.output == "all of it")
        #expect(!whole.errors.contains("unexpected eof"))
    }

    @Test func anAnswerThatIsCutDoesNotLookComplete() throws {
        let upstream = try Upstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsome \r\n")
            _ = try connection.request()
        }
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key", "route GET /open/** { public; timeout idle=500ms }", upstream: upstream)
        let done = try gateway.curl(["--http1.0"], "/open/1")
        #expect(!done.succeeded, "\(done.errors)")
        #expect(done.output == "some ")
    }

    @Test func reloadingSwapsCertificatesUnderOpenConnections() throws {
        let go = Gate()
        let upstream = try Upstream { connection in
            while let request = try connection.request() {
                if request.target == "/open/first" { go.wait(milliseconds: 60_000) }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let gateway = try Gateway.withTLS(upstream: upstream)
        let old = try Child(
            gateway.curlArguments(["-w", "%{num_connects} "], ["/open/first", "/open/second"]),
            in: gateway.directory.path)
        _ = try upstream.next()
        func reload(_ options: String, expecting word: String) throws {
            try gateway.reload(
                file: Gateway.file(
                    Gateway.routes, upstream: upstream, listen: "listen 127.0.0.1:0 \(options)"))
            _ = try gateway.child.line(word) { $0.contains(word) }
        }
        try reload("tls renewed.pem a.key", expecting: "reloaded gateway.conf")
        // The loop hears of it in its own time.
        #expect(try eventually { try gateway.curl([], "/open/other").serverName == "renewed" })
        // A file that does not serve leaves everything as it is.
        try reload("tls renewed.pem b.key", expecting: "b.key is not the key of renewed.pem")
        #expect(try gateway.curl([], "/open/other").serverName == "renewed")
        go.open()
        #expect(try old.waitForExit() == .code(0), "\(old.standardError)")
        #expect(old.standardOutput == "ok1 ok0 ")
        #expect(old.standardError.contains("subject: CN=first"))
    }

    @Test func drainingFinishesWhatIsInFlight() throws {
        let go = Gate()
        let upstream = try Upstream(Upstream.sayOK(after: go))
        let gateway = try Gateway.withTLS(upstream: upstream)
        let curl = try Child(gateway.curlArguments([], ["/open/1"]), in: gateway.directory.path)
        _ = try upstream.next()
        gateway.child.signal(SIGTERM)
        #expect(eventually { (try? gateway.connect()) == nil })
        go.open()
        #expect(try curl.waitForExit() == .code(0), "\(curl.standardError)")
        #expect(curl.standardOutput == "ok")
        #expect(try gateway.stop() == .code(0))
    }
}

/// Clients that show a certificate, or do not.
@Suite struct TLSClientCertificates {
    static let routes = """
        route GET /open/**  { public }
        route GET /alice    { public; check client.subject == "CN=alice,O=Example\\\\, Inc." }
        route GET /somebody { public; check client.subject exists }
        """
    static let client = ["--cert", "client.pem", "--key", "client.key"]

    @Test func theSubjectIsThereForChecks() throws {
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key tls b.pem b.key tls-client-ca ca.pem optional", Self.routes,
            upstream: try Upstream())
        let status = ["-w", "%{http_code} ", "-o", "/dev/null", "-o", "/dev/null"]
        for host in ["a.test", "x.b.test"] {
            let known = try gateway.curl(status + Self.client, host: host, "/alice", "/somebody")
            #expect(known.output == "200 200 ", "\(known.errors)")
            let unknown = try gateway.curl(status, host: host, "/alice", "/somebody")
            #expect(unknown.output == "403 403 ", "\(unknown.errors)")
        }
    }

    @Test(arguments: ["1.2", "1.3"])
    func whoHasNoneIsNotServedWhereOneIsRequired(_ version: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key tls-client-ca ca.pem", Self.routes, upstream: upstream)
        let most = ["--tls-max", version]
        #expect(try gateway.curl(most + Self.client, "/open/1").output == "ok")
        _ = try upstream.next()
        let none = try gateway.curl(most, "/open/1")
        #expect(!none.succeeded)
        _ = try gateway.child.line("why") { $0.contains("peer did not return a certificate") }
        // Signed by an authority that is not asked for: refused, also where certificates are optional.
        let stranger = try gateway.curl(
            most + ["--cert", "stranger.pem", "--key", "client.key"], "/open/1")
        #expect(!stranger.succeeded)
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func aStrangersCertificateIsRefusedAlsoWhereNoneIsNeeded() throws {
        let upstream = try Upstream()
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key tls-client-ca ca.pem optional", Self.routes, upstream: upstream)
        let stranger = try gateway.curl(["--cert", "stranger.pem", "--key", "client.key"], "/open/1")
        #expect(!stranger.succeeded)
        #expect(upstream.received.pendingCount == 0)
        _ = try gateway.child.line("why") { $0.contains("certificate verify failed: ") }
    }

    @Test func aConnectionInTheClearHasNoSubject() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        #expect(try gateway.get("/somebody").status == 403)
        #expect(try gateway.get("/open/1").status == 200)
    }
}

/// Bytes that are no TLS, or not enough of it.
@Suite struct TLSHandshakes {
    /// The description of the alert that ends the connection.
    static func alert(to hello: [UInt8], _ gateway: Gateway) throws -> UInt8? {
        let client = try gateway.connect()
        try client.send(hello)
        let record = try client.read(7)
        #expect(client.isClosedByPeer())
        return record[0] == 21 ? record[6] : nil
    }

    @Test(arguments: [
        ("TLS 1.0", UInt16(0x0301), [], UInt8(70)), ("TLS 1.1", 0x0302, [], 70),
        ("HTTP/2 only", 0x0303, ["h2"], 120), ("other protocols only", 0x0303, ["acme-tls/1", "h2c"], 120),
    ])
    func whatIsNotSpokenIsRefusedWithItsAlert(
        _ label: String, _ version: UInt16, _ protocols: [String], _ expected: UInt8
    ) throws {
        let gateway = try Gateway.withTLS(upstream: try Upstream())
        let hello = ClientHello.record(version: version, protocols: protocols)
        #expect(try Self.alert(to: hello, gateway) == expected, "\(label)")
        #expect(try gateway.metric("keygate_tls_handshakes_failed_total") == 1)
    }

    /// A client that finds fault with the certificate before it has read all of the gateway's words resets the
    /// connection by closing it: what it said, and that it is gone, are one event to a gateway that was busy.
    @Test func anAlertIsHeardThoughAResetComesWithIt() throws {
        let gateway = try Gateway.withTLS(upstream: try Upstream())
        do {
            let client = try gateway.connect()
            try client.send(ClientHello.record(version: 0x0303))
            #expect(try client.hasMore())
            #expect(gateway.child.pause())
            let unknownAuthority: [UInt8] = [21, 3, 3, 0, 2, 2, 48]
            try client.send(unknownAuthority)
            client.socket.closeWillReset()
        }
        gateway.child.signal(SIGCONT)
        _ = try gateway.child.line("the alert") {
            $0.contains("TLS handshake with 127.0.0.1: tlsv1 alert unknown ca")
        }
        #expect(try gateway.metric("keygate_tls_handshakes_failed_total") == 1)
    }

    @Test(arguments: [[], ["h2", "http/1.1"]])
    func aHelloThatComesByteByByteIsAnswered(_ protocols: [String]) throws {
        let gateway = try Gateway.withTLS(upstream: try Upstream())
        let client = try gateway.connect()
        for byte in ClientHello.record(version: 0x0303, protocols: protocols) { try client.send([byte]) }
        let answer = try client.read(6)
        #expect(answer[0] == 22 && answer[5] == 2, "a ServerHello")
    }

    @Test(arguments: ["", "\u{16}\u{03}\u{01}\u{00}"])
    func halfAHandshakeIsNotWaitedForLongerThanAHead(_ begin: String) throws {
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key", "client-timeout head=300ms\n" + Gateway.routes, upstream: try Upstream())
        let client = try gateway.connect()
        if !begin.isEmpty { try client.send(begin) }
        #expect(client.isClosedByPeer())
        _ = try gateway.child.line("why") { $0.contains("TLS handshake with 127.0.0.1: it took too long") }
    }

    @Test func handshakesCountAsConnections() throws {
        let gateway = try Gateway.withTLS(
            "tls a.pem a.key", "limits connections=1\n" + Gateway.routes, upstream: try Upstream())
        let first = try gateway.connect()
        try first.send([22])
        #expect(try eventually { try gateway.metric("keygate_connections_open") ?? 0 >= 2 })
        let second = try gateway.connect()
        #expect(second.isClosedByPeer(), "nothing in the clear on a TLS port")
        #expect(try gateway.metric("keygate_connections_refused_total") == 1)
    }

    @Test(arguments: ["GET", "DELETE"])
    func plainHTTPIsToldSo(_ method: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway.withTLS(upstream: upstream)
        let client = try gateway.connect()
        let answer = try client.request(method, "/open/1")
        #expect(answer.status == 400)
        #expect(answer.text.contains("This port speaks TLS only: use https."))
        #expect(client.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
    }
}

/// Files that do not serve, and what is said about them.
@Suite struct TLSFileErrors {
    @Test(arguments: [
        (
            "tls absent.pem a.key", "cannot read certificate absent.pem: no such file or directory", 24,
            "absent.pem"
        ),
        ("tls a.pem absent.key", "cannot read key absent.key: no such file or directory", 30, "absent.key"),
        (
            "tls a.key a.key", "a.key has no certificate in PEM that can be used: no start line", 24, "a.key"
        ),
        ("tls a.pem a.pem", "a.pem has no private key in PEM", 30, "a.pem"),
        (
            "tls a.pem locked.key",
            "locked.key is under a passphrase, and nobody is there to type it", 30,
            "locked.key"
        ),
        ("tls a.pem b.key", "b.key is not the key of a.pem", 30, "b.key"),
        ("tls a.pem a.key tls b.pem a.key", "a.key is not the key of b.pem", 46, "a.key"),
        (
            "tls a.pem a.key tls-client-ca absent.pem",
            "cannot read client authority absent.pem: no such file or directory", 50, "absent.pem"
        ),
        (
            "tls a.pem a.key tls-client-ca a.key", "a.key has no certificate in PEM: no start line", 50,
            "a.key"
        ),
    ])
    func areShown(_ options: String, _ message: String, _ column: Int, _ word: String) throws {
        let directory = try Directory()
        try TLSFiles.write(to: directory)
        let line = "listen 127.0.0.1:0 \(options)"
        let text =
            line + "\nstore ./store\nupstream api { server http://127.0.0.1:9 }\nroute GET /x { public }\n"
        let expected = """
            gateway.conf:1:\(column): error: \(message)
                \(line)
                \(String(repeating: " ", count: column - 1))^\(String(repeating: "~", count: word.count - 1))

            """
        let started = try StartErrors.start(text, in: directory)
        #expect(started.exit == .code(1))
        #expect(started.errors.hasSuffix(expected), "\(started.errors)")
        #expect(!fileExists(directory.file("store")))
        let checked = try Keygate.run(["check", "-c", "gateway.conf"], in: directory.path)
        #expect(checked.exit == .code(1))
        #expect(checked.errors == expected)
    }

    @Test func anExpiredCertificateIsWarnedOf() throws {
        let directory = try Directory()
        try TLSFiles.write(to: directory)
        try directory.write(
            "listen 127.0.0.1:0 tls expired.pem a.key\nstore ./store\nupstream api { server http://127.0.0.1:9 }\nroute GET /x { authenticated }\n",
            to: "gateway.conf")
        let checked = try Keygate.run(["check", "-c", "gateway.conf"], in: directory.path)
        #expect(checked.exit == .code(0))
        #expect(
            checked.errors == """
                gateway.conf:1:24: warning: expired.pem expired at 2021-02-03 04:05:06 UTC: clients will refuse it
                    listen 127.0.0.1:0 tls expired.pem a.key
                                           ^~~~~~~~~~~

                """)
        #expect(checked.output.hasSuffix("1 warning\n"))
        #expect(
            try Keygate.run(["check", "--strict", "-c", "gateway.conf"], in: directory.path).exit == .code(1))
    }
}
