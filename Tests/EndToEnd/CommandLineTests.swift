import Testing

/// Every entity through the command line, twice: against a running gateway, over the store's control
/// socket, and directly on a store nobody has open.
@Suite struct CommandLineRoundTrips {
    /// Runs commands on a store, with or without a gateway.
    struct Shell {
        let directory: Directory
        let gateway: Gateway?

        init(running: Bool) throws {
            if running {
                let gateway = try Gateway(upstream: try Upstream())
                self.gateway = gateway
                directory = gateway.directory
            } else {
                gateway = nil
                directory = try Directory()
                try directory.write(
                    Gateway.file(Gateway.routes, upstream: try Upstream()), to: "gateway.conf")
                #expect(
                    try Keygate.run(["api", "create", "shop", "-c", "gateway.conf"], in: directory.path)
                        .succeeded)
            }
        }

        func callAsFunction(_ arguments: String..., input: String? = nil) throws -> Finished {
            try Keygate.run(arguments + ["-c", "gateway.conf"], in: directory.path, input: input)
        }

        func json(_ arguments: String...) throws -> JSONValue {
            let done = try Keygate.run(arguments + ["--json", "-c", "gateway.conf"], in: directory.path)
            guard done.succeeded, let value = JSONValue(done.output) else {
                throw WireError.notHTTP("\(arguments): \(done.exit) \(done.output)\(done.errors)")
            }
            return value
        }
    }

    @Test(arguments: [true, false])
    func apis(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let id = try #require(try keygate.json("api", "create", "billing")["apiId"]?.string)
        #expect(id.hasPrefix("api_"))
        #expect(try keygate.json("api", "get", id)["name"]?.string == "billing")
        #expect(try keygate("api", "list").output.contains("billing"))
        let key = try keygate.json("key", "create", "--api", id)
        #expect(try keygate("api", "delete", id).succeeded)
        #expect(try keygate("api", "get", id).exit == .code(1))
        let secret = try #require(key["key"]?.string)
        #expect(try keygate("key", "verify", secret, "--json").output.contains("NOT_FOUND"))
    }

    @Test(arguments: [true, false])
    func keys(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let made = try keygate.json(
            "key", "create", "--api", "shop", "--name", "mine", "--prefix", "kg", "--identity", "umbrella",
            "--permission", "a.read", "--permission", "a.write", "--meta", #"{"n":1}"#, "--expires",
            "2099-01-01T00:00:00Z")
        let id = try #require(made["keyId"]?.string)
        let secret = try #require(made["key"]?.string)
        #expect(made.names == ["keyId", "key"])
        #expect(secret.hasPrefix("kg_"))
        let shown = try keygate("key", "get", id, "--json")
        #expect(!shown.output.contains(secret), "a key is shown once")
        let record = try #require(JSONValue(shown.output))
        #expect(record["name"]?.string == "mine")
        #expect(record["identity"]?["externalId"]?.string == "umbrella")
        #expect(record["permissions"]?.array?.compactMap(\.string) == ["a.read", "a.write"])
        #expect(record["expires"]?.number == 4_070_908_800_000)
        #expect(try keygate("key", "verify", secret, "--permission", "a.read AND a.write").succeeded)
        #expect(try keygate("key", "verify", secret, "--permission", "b.read").exit == .code(1))
        #expect(try keygate("key", "verify", input: secret + "\n").succeeded)
        #expect(try keygate("key", "disable", id).succeeded)
        #expect(try keygate("key", "verify", secret, "--json").output.contains("DISABLED"))
        #expect(try keygate("key", "enable", id).succeeded)
        #expect(try keygate("key", "revoke", id, "--permission", "a.write").succeeded)
        #expect(try keygate("key", "verify", secret, "--permission", "a.write").exit == .code(1))
        #expect(try keygate("key", "update", id, "--expires", "2001-01-01T00:00:00Z").succeeded)
        #expect(try keygate("key", "verify", secret, "--json").output.contains("EXPIRED"))
        #expect(try keygate("key", "update", id, "--no-expires", "--name", "renamed").succeeded)
        #expect(try keygate("key", "verify", secret).succeeded)
        #expect(try keygate("key", "list", "--api", "shop").output.contains("renamed"))
        let rerolled = try keygate.json("key", "reroll", id)
        #expect(try keygate("key", "verify", secret, "--json").output.contains("EXPIRED"))
        #expect(try keygate("key", "verify", try #require(rerolled["key"]?.string)).succeeded)
        #expect(try keygate("key", "delete", id).succeeded)
        #expect(try keygate("key", "get", id).exit == .code(1))
    }

    @Test(arguments: [true, false])
    func addressesThatAKeyMayBeUsedFrom(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let made = try keygate.json(
            "key", "create", "--api", "shop", "--allow-ip", "10.0.0.0/8,::1", "--allow-ip", "192.0.2.7")
        let id = try #require(made["keyId"]?.string)
        let secret = try #require(made["key"]?.string)
        func networks() throws -> [String]? {
            try keygate.json("key", "get", id)["allowedNetworks"]?.array?.compactMap(\.string)
        }
        func from(_ address: String) throws -> String {
            try keygate("explain", "GET", "/any/x", "--key", secret, "--ip", address).output
        }
        #expect(try networks() == ["10.0.0.0/8", "::1", "192.0.2.7"])
        #expect(try keygate("key", "get", id).output.contains("10.0.0.0/8,::1,192.0.2.7"))
        #expect(try from("127.0.0.1").contains("answer      403 FORBIDDEN"))
        #expect(try from("10.9.9.9").contains("the address is admitted: by the allow-list"))
        if let gateway = keygate.gateway {
            let client = try gateway.connect()
            #expect(try client.request("GET", "/any/x", key: secret).code == "FORBIDDEN")
            #expect(try keygate("key", "update", id, "--allow-ip", "127.0.0.0/8").succeeded)
            #expect(try client.request("GET", "/any/x", key: secret).status == 200)
        } else {
            #expect(try keygate("key", "update", id, "--allow-ip", "127.0.0.0/8").succeeded)
        }
        #expect(try keygate("key", "update", id, "--name", "other").succeeded)
        #expect(try networks() == ["127.0.0.0/8"], "what is not given stays")
        let rerolled = try #require(try keygate.json("key", "reroll", id, "--grace", "1h")["keyId"]?.string)
        #expect(
            try keygate.json("key", "get", rerolled)["allowedNetworks"]?.array?.count == 1, "and goes along")
        let bad = try keygate("key", "update", id, "--allow-ip", "10.0.0.1/8")
        #expect(bad.exit == .code(2))
        #expect(
            bad.errors.contains(
                "--allow-ip: the address has bits beyond its length; the network is 10.0.0.0/8, found \"10.0.0.1/8\""
            ), "\(bad.errors)")
        #expect(try keygate("key", "update", id, "--allow-ip", "::1", "--no-allow-ip").exit == .code(2))
        #expect(try keygate("key", "update", id, "--no-allow-ip").succeeded)
        #expect(try networks() == nil)
        #expect(try keygate("key", "get", id).output.contains("anywhere"))
        #expect(try from("203.0.113.9").contains("there is no allow-list"))
    }

    @Test(arguments: [true, false])
    func aVerificationSpendsWhatItIsTold(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let made = try keygate.json("key", "create", "--api", "shop", "--credits", "10")
        let id = try #require(made["keyId"]?.string)
        let secret = try #require(made["key"]?.string)
        for (options, left) in [([], 9), (["--cost", "4"], 5), (["--cost=0"], 5)] as [([String], Double)] {
            let done = try Keygate.run(
                ["key", "verify", secret, "-c", "gateway.conf"] + options, in: keygate.directory.path)
            #expect(done.succeeded, "\(done.errors)")
            #expect(try keygate.json("key", "credits", id)["remaining"]?.number == left)
        }
        #expect(
            try keygate("key", "verify", secret, "--cost", "6", "--json").output.contains("USAGE_EXCEEDED"))
        let help = try Keygate.run(["help", "key", "verify"], in: keygate.directory.path).output
        #expect(help.contains("spends credits") && help.contains("keygate explain"))
    }

    @Test(arguments: [true, false])
    func identities(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let id = try #require(
            try keygate.json("identity", "create", "initech", "--meta", #"{"plan":"free"}"#)["identityId"]?
                .string)
        #expect(try keygate("identity", "create", "initech").exit == .code(1))
        #expect(try keygate.json("identity", "get", "initech")["meta"]?["plan"]?.string == "free")
        #expect(try keygate("identity", "update", "initech", "--meta", #"{"plan":"pro"}"#).succeeded)
        #expect(try keygate.json("identity", "get", id)["meta"]?["plan"]?.string == "pro")
        #expect(try keygate("identity", "list").output.contains("initech"))
        #expect(try keygate("identity", "delete", "initech").succeeded)
        #expect(try keygate("identity", "get", "initech").exit == .code(1))
    }

    @Test(arguments: [true, false])
    func rolesAndPermissions(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        #expect(try keygate("permission", "create", "docs.read", "--description", "May read").succeeded)
        #expect(try keygate("permission", "create", "docs.read").exit == .code(1))
        #expect(try keygate("role", "create", "editor", "--permission", "docs.read").succeeded)
        let key = try keygate.json("key", "create", "--api", "shop", "--role", "editor")
        let secret = try #require(key["key"]?.string)
        #expect(try keygate("key", "verify", secret, "--permission", "docs.read").succeeded)
        #expect(try keygate("role", "set", "editor", "--permission", "docs.write").succeeded)
        #expect(try keygate("key", "verify", secret, "--permission", "docs.read").exit == .code(1))
        #expect(try keygate("key", "verify", secret, "--permission", "docs.write").succeeded)
        #expect(try keygate("role", "list").output.contains("docs.write"))
        #expect(try keygate("permission", "list").output.contains("docs.read"))
        #expect(try keygate("permission", "delete", "docs.write").succeeded)
        #expect(try keygate("key", "verify", secret, "--permission", "docs.write").exit == .code(1))
        #expect(try keygate("role", "delete", "editor").succeeded)
        #expect(try keygate("role", "get", "editor").exit == .code(1))
    }

    @Test(arguments: [true, false])
    func rootKeys(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let made = try keygate.json("rootkey", "create", "--name", "operator")
        let id = try #require(made["keyId"]?.string)
        let secret = try #require(made["key"]?.string)
        #expect(secret.hasPrefix("unkey_"))
        let listed = try keygate("rootkey", "list")
        #expect(listed.output.contains("operator"))
        #expect(!listed.output.contains(secret))
        #expect(try keygate("key", "verify", secret, "--json").output.contains("NOT_FOUND"))
        #expect(try keygate("rootkey", "delete", id).succeeded)
    }

    @Test func aChangeGovernsTheVeryNextRequest() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let client = try gateway.connect()
        let reader = gateway.cast.reader
        for _ in 0..<5 {
            #expect(try gateway.command("key", "disable", reader.id).succeeded)
            #expect(try client.request("GET", "/things/1", key: reader.secret).code == "DISABLED")
            #expect(try gateway.command("key", "enable", reader.id).succeeded)
            #expect(try client.request("GET", "/things/1", key: reader.secret).status == 200)
        }
        #expect(try gateway.command("role", "set", "reader", "--permission", "other").succeeded)
        #expect(try client.request("GET", "/things/1", key: reader.secret).code == "INSUFFICIENT_PERMISSIONS")
    }

    @Test(arguments: [
        [["frobnicate"], ["help"]], [["key", "crate"], ["create"]],
        [["key", "create", "--ap", "x"], ["--api"]],
        [["key", "get"], ["ID"]], [["run", "--nope"], ["--nope"]],
    ])
    func wrongUsageIsExitTwoAndSaysSo(_ row: [[String]]) throws {
        let directory = try Directory()
        let done = try Keygate.run(row[0], in: directory.path)
        #expect(done.exit == .code(2))
        #expect(done.output.isEmpty)
        for word in row[1] { #expect(done.errors.contains(word), "\(done.errors)") }
    }

    @Test func versionAndHelp() throws {
        let directory = try Directory()
        let version = try Keygate.run(["version"], in: directory.path)
        #expect(version.succeeded && version.output.hasPrefix("keygate "))
        let help = try Keygate.run(["help"], in: directory.path)
        for command in [
            "run", "check", "routes", "explain", "echo", "api", "key", "identity", "role", "permission",
            "rootkey", "store",
        ] {
            #expect(help.output.contains(command))
        }
        #expect(try Keygate.run(["help", "key", "create"], in: directory.path).output.contains("--identity"))
    }

    @Test func checkRoutesAndExplainReadTheSameFile() throws {
        let keygate = try Shell(running: true)
        #expect(try keygate("check").succeeded)
        let routes = try keygate("routes")
        #expect(routes.output.contains("/things/**"))
        let open = try keygate("routes", "--public")
        #expect(open.output.contains("/open/**") && !open.output.contains("/things/**"))
        let gateway = try #require(keygate.gateway)
        let yes = try keygate("explain", "GET", "/things/7", "--key", gateway.cast.reader.secret)
        #expect(yes.succeeded)
        #expect(yes.output.contains("/things/**") && yes.output.contains("acme"))
        #expect(!yes.output.contains(gateway.cast.reader.secret))
        let no = try keygate("explain", "POST", "/things/7", "--key-id", gateway.cast.reader.id)
        #expect(no.output.contains("INSUFFICIENT_PERMISSIONS") && no.output.contains("things.write"))
        #expect(try keygate("explain", "GET", "/things/7", "--no-key").output.contains("MISSING_KEY"))
        for scheme in ["http", "https"] {
            let url = "\(scheme)://gate.test/things/7"
            let told = try keygate("explain", "GET", url, "--key", gateway.cast.reader.secret).output
            #expect(told.contains("X-Forwarded-Proto: \(scheme)\n"), "\(told)")
        }
        #expect(try keygate("explain", "GET", "/a/../b", "--no-key").output.contains("PATH_AMBIGUOUS"))
    }

    /// A longer pattern stood first also where what made it longer was `**`.
    @Test func routesAreListedMostSpecificFirst() throws {
        let patterns = ["/a", "/a/", "/a/**", "/a/{x}", "/a/{x}/**"]
        let listed = try Self.routes(patterns.map { "route GET \($0) { authenticated }" })
        #expect(
            listed.compactMap { $0["path"]?.string } == ["/a", "/a/", "/a/{x}", "/a/{x}/**", "/a/**"])
    }

    /// It is open to everybody, whatever it asks for.
    @Test func aShadowRouteIsListedAsOpen() throws {
        let text = [
            "route * /sh/** { require nope; shadow }", "route * /p { public }", "route * /k { require nope }",
        ]
        let open = try Self.routes(text, "--public")
        #expect(open.compactMap { $0["path"]?.string } == ["/p", "/sh/**"])
        #expect(open.map { $0["shadow"]?.bool } == [false, true])
        let directory = try Directory()
        try directory.write(
            Gateway.file(text.joined(separator: "\n"), upstream: try Upstream()), to: "gateway.conf")
        let table = try Keygate.run(["routes", "--public"], in: directory.path).output
        #expect(table.contains("require nope; shadow") && table.contains("public"))
    }

    private static func routes(_ text: [String], _ options: String...) throws -> [JSONValue] {
        let directory = try Directory()
        try directory.write(
            Gateway.file(text.joined(separator: "\n"), upstream: try Upstream()), to: "gateway.conf")
        let done = try Keygate.run(["routes", "--json"] + options, in: directory.path)
        return try #require(JSONValue(done.output)?.array, "\(done.output)\(done.errors)")
    }

    /// The rules of one file, the keys of another store.
    @Test(arguments: [true, false])
    func explainTakesAStoreBesideTheRules(_ running: Bool) throws {
        let keygate = try Shell(running: running)
        let made = try keygate.json("key", "create", "--api", "shop", "--identity", "acme")
        let secret = try #require(made["key"]?.string)
        let directory = try Directory()
        try directory.write(
            Gateway.file("route GET /x { authenticated }", upstream: try Upstream()), to: "gateway.conf")
        let store = keygate.directory.file("store")
        for rules in [["-c", "gateway.conf"], []] {
            let told = try Keygate.run(
                ["explain", "--store", store, "GET", "/x", "--key", secret] + rules, in: directory.path)
            #expect(
                told.succeeded && told.output.contains("X-Tenant-Id: acme"), "\(told.output)\(told.errors)")
        }
    }

    @Test(arguments: ["bearer", "header X-API-Key", "query api_key"])
    func explainPutsTheKeyWhereItIsLookedFor(_ credential: String) throws {
        let gateway = try Gateway("credential \(credential)\n" + Gateway.routes, upstream: try Upstream())
        for target in ["/things/7", "/things/7?a=1&b"] {
            let told = try gateway.command("explain", "GET", target, "--key", gateway.cast.reader.secret)
            #expect(
                told.succeeded && told.output.contains("X-Tenant-Id: acme"), "\(told.output)\(told.errors)")
            #expect(!told.output.contains(gateway.cast.reader.secret))
        }
    }

    @Test func checkWarnsAndStrictMakesWarningsFail() throws {
        let directory = try Directory()
        try directory.write(
            Gateway.file("route GET /x { require nobody.grants.this }", upstream: try Upstream()),
            to: "gateway.conf")
        #expect(
            try Keygate.run(["api", "create", "shop", "-c", "gateway.conf"], in: directory.path).succeeded)
        let lenient = try Keygate.run(["check", "-c", "gateway.conf"], in: directory.path)
        #expect(lenient.succeeded)
        #expect((lenient.output + lenient.errors).contains("nobody.grants.this"))
        #expect(lenient.output == "gateway.conf: 1 route, 1 warning\n")
        #expect(
            try Keygate.run(["check", "--strict", "-c", "gateway.conf"], in: directory.path).exit == .code(1))
    }

    /// Nobody's key is of an API that is not there: every request would be answered 401.
    @Test func checkWarnsOfAPIsThatTheStoreDoesNotHave() throws {
        let directory = try Directory()
        try directory.write(
            Gateway.file(
                "api shop\nroute GET /x { authenticated; api shpo }\nroute GET /y { authenticated; api shop }",
                upstream: try Upstream()), to: "gateway.conf")
        let made = try Keygate.run(["api", "create", "shop", "--store", "other"], in: directory.path)
        #expect(made.succeeded)
        let done = try Keygate.run(["check", "--store", "other"], in: directory.path)
        #expect(done.output == "gateway.conf: 2 routes, 1 warning\n")
        #expect(
            done.errors.hasPrefix(
                "gateway.conf:17:35: warning: the store has no API \"shpo\", so no key is of it; did you mean \"shop\"?\n"
            ),
            "\(done.errors)")
        try directory.write(
            Gateway.file("api depot\nroute GET /x { authenticated }", upstream: try Upstream()),
            to: "gateway.conf")
        let global = try Keygate.run(["check", "--store", "other", "--strict"], in: directory.path)
        #expect(global.exit == .code(1) && global.errors.contains("the store has no API \"depot\""))
    }

    @Test func theStoreCommands() throws {
        let gateway = try Gateway(upstream: try Upstream())
        #expect(try gateway.command("store", "stat").output.contains("key"))
        #expect(try gateway.command("store", "backup", "copy").succeeded)
        #expect(try gateway.command("store", "compact").succeeded)
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(
            try Keygate.run(["store", "verify", "--store", "copy"], in: gateway.directory.path).succeeded)
        let copied = try Keygate.run(
            ["key", "verify", gateway.cast.reader.secret, "--store", "copy"], in: gateway.directory.path)
        #expect(copied.succeeded)
    }

    @Test func theControlSocketIsForItsOwnerOnly() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let modes = try runToEnd(
            ["sh", "-c", "stat -c '%a %F' store; find store -type s -exec stat -c '%a %F' {} +"],
            in: gateway.directory.path)
        #expect(modes.output.contains("700 directory"))
        #expect(modes.output.contains("600 socket"))
    }

    @Test func echoShowsWhatABackendReceives() throws {
        let directory = try Directory()
        let echo = try Child([Keygate.binary, "echo", "--listen", "127.0.0.1:0"], in: directory.path)
        defer { echo.signal(15) }
        let line = try echo.line("echo listening") { $0.hasPrefix("keygate: echo listening on ") }
        let endpoint = try #require(Endpoint(printed: line.split(separator: " ").last ?? ""))
        let answer = try Client(endpoint).request(
            "POST", "/a/b?c=d", ["X-B: 1", "x-a: 2"], body: Array("abc".utf8))
        #expect(answer.status == 200)
        let json = try #require(answer.json)
        #expect(json["method"]?.string == "POST")
        #expect(json["path"]?.string == "/a/b")
        #expect(json["query"]?.string == "c=d")
        #expect(answer.text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
        #expect(answer.text.contains("X-B") && answer.text.contains("x-a"))
    }
}

@Suite struct CommandHelp {
    /// The one said of the other that without the option a key is not limited by credits.
    @Test(arguments: [
        ("create", "--credits N", "without, it is not limited by credits"),
        ("update", "--credits N", "without, they stay as they are"),
    ])
    func whatIsNotGivenIsSaid(_ verb: String, _ option: String, _ otherwise: String) throws {
        let directory = try Directory()
        let help = try Keygate.run(["help", "key", verb], in: directory.path).output.split(separator: "\n")
        let line = try #require(help.first { $0.contains("  " + option) })
        #expect(line.hasSuffix(otherwise))
    }

    @Test(arguments: ["--help", "-h"])
    func aNounIsExplainedByItsVerbs(_ option: String) throws {
        let directory = try Directory()
        let done = try Keygate.run(["key", option], in: directory.path)
        #expect(done.succeeded)
        #expect(done.output.contains("key create") && done.output.contains("key verify"))
        #expect(!done.output.contains("identity create"))
        #expect(try Keygate.run(["check", option], in: directory.path).output.contains("--strict"))
        #expect(try Keygate.run(["nothing", option], in: directory.path).exit == .code(2))
    }
}
