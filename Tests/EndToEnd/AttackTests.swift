import Testing

/// `keygate attack`: nothing is found in Keygate, a great deal in a gateway that does not look, and a gateway
/// that is not set up as agreed is not taken for a safe one.
@Suite struct AttackCommands {
    static let routes = """
        route * /attack/open/**   { public }
        route * /attack/locked/** { authenticated }
        """

    /// A gateway whose backend will be the command's own.
    private func gateway(_ routes: String = AttackCommands.routes) throws -> (Gateway, backend: String) {
        let directory = try Directory()
        let backend = "unix:\(directory.file("attack.sock"))"
        let gateway = try Gateway("upstream attack { server \(backend) }\n\(routes)", directory: directory)
        return (gateway, backend)
    }

    private func attack(_ url: String, _ arguments: [String]) throws -> Finished {
        try Keygate.run(["attack", url] + arguments, in: "/")
    }

    private func findings(_ json: JSONValue) -> [String] {
        (json["results"]?.array ?? []).filter { $0["verdict"]?.string == "FOUND" }
            .map { "\($0["name"]?.string ?? ""): \($0["findings"] ?? .null)" }
    }

    @Test func nothingIsFoundInKeygate() throws {
        let (gateway, backend) = try gateway()
        let done = try attack(
            gateway.address.url, ["--key", gateway.cast.reader.secret, "--backend", backend, "--json"])
        let json = try #require(JSONValue(done.output), "\(done.errors)")
        #expect(findings(json) == [])
        #expect(done.exit == .code(0))
        let results = try #require(json["results"]?.array)
        #expect(results.count >= 150)
        #expect(results.allSatisfy { $0["verdict"]?.string != "skipped" })
        // Some must have arrived, or nothing was shown.
        #expect(results.filter { $0["verdict"]?.string == "safe" }.count > 50)
        #expect(!done.output.contains(gateway.cast.reader.secret))
    }

    /// A gateway that speaks TLS, beside whose file all of `TLSFiles` are.
    private func secureGateway() throws -> (Gateway, url: String, backend: String) {
        let directory = try Directory()
        let backend = "unix:\(directory.file("attack.sock"))"
        try TLSFiles.write(to: directory)
        let gateway = try Gateway(
            "upstream attack { server \(backend) }\n\(Self.routes)",
            listen: "listen 127.0.0.1:0 tls a.pem a.key", directory: directory)
        return (gateway, "https://127.0.0.1:\(gateway.port)", backend)
    }

    /// The bytes of each case go through a handshake, and arrive as they do in the clear.
    @Test(arguments: [["--cacert", "ca.pem"], ["--insecure"]])
    func nothingIsFoundBehindTLS(_ trust: [String]) throws {
        let (gateway, url, backend) = try secureGateway()
        let groups = ["framing", "target", "forwarded"]
        let done = try Keygate.run(
            ["attack", url, "--key", gateway.cast.reader.secret, "--backend", backend, "--json"] + trust
                + groups.flatMap { ["--group", $0] }, in: gateway.directory.path)
        let json = try #require(JSONValue(done.output), "\(done.errors)")
        #expect(findings(json) == [])
        #expect(done.exit == .code(0))
        let results = try #require(json["results"]?.array)
        let verdicts = results.compactMap { $0["verdict"]?.string }
        #expect(results.count > 120 && verdicts.allSatisfy { $0 == "safe" || $0 == "refused" })
        #expect(verdicts.count { $0 == "safe" } > 20, "some must have arrived")
        let reached = results.flatMap { $0["reached"]?.array ?? [] }.compactMap(\.string)
        #expect(reached.contains { $0.contains("X-Forwarded-Proto: https") })
        #expect(try gateway.metric("keygate_tls_handshakes_total") ?? 0 > 120)
    }

    @Test(arguments: [
        (["--cacert", "stranger.pem"], "certificate verify failed"),
        ([], "certificate verify failed"),
        (["--cacert", "a.key"], "a.key has no certificate in PEM"),
        (["--cacert", "absent.pem"], "cannot read absent.pem: no such file or directory"),
    ])
    func aGatewayThatIsNotBelievedIsNotAttacked(_ trust: [String], _ message: String) throws {
        let (gateway, url, backend) = try secureGateway()
        let done = try Keygate.run(
            ["attack", url, "--backend", backend] + trust, in: gateway.directory.path)
        #expect(done.exit == .code(2), "not 1, which says that something was found")
        #expect(done.errors.hasPrefix("keygate: ") && done.errors.contains(message), "\(done.errors)")
        #expect(try gateway.metric("keygate_tls_handshakes_total") == 0)
    }

    @Test func aGatewayWithoutTLSIsSaidToHaveNone() throws {
        let (gateway, backend) = try gateway()
        let url = gateway.address.url.replacing("http:", with: "https:")
        let done = try attack(url, ["--backend", backend, "--insecure"])
        #expect(done.exit == .code(2))
        #expect(done.errors.hasPrefix("keygate: no TLS with 127.0.0.1:\(gateway.port): "), "\(done.errors)")
    }

    @Test func aGatewayThatDoesNotLookIsFound() throws {
        let directory = try Directory()
        let backend = Endpoint.unix(path: directory.file("attack.sock"))
        let naive = try NaiveGateway(backend: backend, key: "kg_5Qd9mWvT2x")
        let done = try attack(
            naive.endpoint.url, ["--key", "kg_5Qd9mWvT2x", "--backend", backend.url, "--json"])
        #expect(done.exit == .code(1), "\(done.errors)")
        let json = try #require(JSONValue(done.output))
        let found = findings(json)
        #expect(found.count > 100)
        for name in [
            "path-dot-segment", "path-encoded-dots", "target-second-target", "framing-cl-te",
            "framing-pipelined",
            "syntax-bare-lf", "alias-underscores", "hop-by-hop-keep-alive", "forwarded-for", "upgrade-h2c",
            "credential-two-headers", "credential-reaches-backend",
        ] {
            #expect(found.contains { $0.hasPrefix("\(name):") }, "\(name) was not found")
        }
        #expect(!done.output.contains("kg_5Qd9mWvT2x"), "the key is in the output")
        let text = try attack(
            naive.endpoint.url, ["--backend", backend.url, "--group", "alias", "--group", "hop-by-hop"])
        #expect(text.exit == .code(1))
        #expect(text.output.contains("FOUND alias-underscores: a client names its own identity"))
        #expect(text.output.contains("reached with kgevil for X-Tenant-Id"))
        #expect(text.errors.contains("no --key: cases that need one are skipped"))
    }

    @Test func aGatewayThatIsNotSetUpIsNotCalledSafe() throws {
        let (closed, backend) = try gateway("route * /elsewhere { public }")
        let done = try attack(closed.address.url, ["--backend", backend])
        #expect(done.exit == .code(2))
        #expect(
            done.errors.hasPrefix(
                "keygate: GET /attack/open/… without a key did not reach the backend; the gateway answered 404\n"
            ))
        let (open, other) = try gateway("route * /attack/** { public }")
        let second = try attack(open.address.url, ["--backend", other])
        #expect(second.exit == .code(2))
        #expect(
            second.errors.hasPrefix(
                "keygate: /attack/locked/… reached the backend without a key; it must be refused\n"))
        let (keyed, third) = try gateway()
        let wrong = try attack(keyed.address.url, ["--backend", third, "--key", keyed.cast.expired.secret])
        #expect(wrong.exit == .code(2))
        #expect(
            wrong.errors.hasPrefix(
                "keygate: GET /attack/locked/… with the key did not reach the backend; the gateway answered 401\n"
            ))
        #expect(!wrong.errors.contains(keyed.cast.expired.secret))
    }

    @Test(
        arguments: [
            ([], "URL is missing"),
            (
                ["http://192.0.2.1:80"],
                "192.0.2.1:80 is not this machine; say --i-operate-this-host if you may attack it"
            ),
            (
                ["ftp://127.0.0.1"],
                "ftp://127.0.0.1 is not http://HOST:PORT or https://HOST:PORT"
            ),
            (["http://127.0.0.1:0"], "http://127.0.0.1:0 has no valid port"),
            (
                ["http://127.0.0.1:80", "--insecure"],
                "--cacert and --insecure are for gateways at https://HOST:PORT"
            ),
            (
                ["https://127.0.0.1", "--cacert", "x", "--insecure"],
                "--cacert and --insecure contradict each other"
            ),
            (["http://127.0.0.1:80", "--group", "paths"], #"unknown group "paths"; did you mean "path"?"#),
            (["http://127.0.0.1:80", "--prefix", "attack"], "--prefix attack is not a path of letters"),
            (["http://127.0.0.1:80", "--identity", "X Y"], "--identity X Y is not a header name"),
            (["http://127.0.0.1:80", "--key", "a b"], "--key is not one word of printable ASCII"),
            (
                ["http://127.0.0.1:80", "--backend", "9000"],
                "9000 is not HOST:PORT, [HOST]:PORT or unix:PATH"
            ),
        ] as [([String], String)])
    func wrongUsageIsExplained(_ arguments: [String], _ message: String) throws {
        let done = try Keygate.run(["attack"] + arguments, in: "/")
        #expect(done.exit == .code(2))
        #expect(done.errors.hasPrefix("keygate: \(message)"), "\(done.errors)")
    }

    @Test func theCorpusCanBeListed() throws {
        let done = try Keygate.run(["attack", "--list", "--json", "--group", "framing"], in: "/")
        #expect(done.exit == .code(0))
        let cases = try #require(JSONValue(done.output)?.array)
        #expect(cases.count > 30)
        #expect(cases.allSatisfy { $0["group"]?.string == "framing" && $0["safe"]?.string?.isEmpty == false })
    }
}
