import Testing

/// `keygate ledger`: what has become of credits, asked of a running server and of a store at rest.
@Suite struct LedgerFromTheCommandLine {
    private static let routes = """
        route GET /cheap/** { authenticated }
        route GET /dear/**  { authenticated; cost 5 }
        """

    private static func makeKey(_ gateway: Gateway, _ credits: Int) throws -> Cast.Key {
        let done = try gateway.command(
            "key", "create", "--api", "shop", "--credits", "\(credits)", "--json")
        let value = try #require(JSONValue(done.output), "\(done.errors)")
        return Cast.Key(id: value["keyId"]?.string ?? "", secret: value["key"]?.string ?? "")
    }

    /// Kinds and amounts of a key's entries.
    private static func entries(_ gateway: Gateway, _ key: Cast.Key) throws -> [String] {
        let done = try gateway.command("ledger", "show", key.id, "--json")
        let value = try #require(JSONValue(done.output), "\(done.errors)")
        return (value["entries"]?.array ?? []).map {
            "\($0["kind"]?.string ?? "-") \(Int($0["amount"]?.number ?? -1))"
        }
    }

    private static func expectSound(_ gateway: Gateway) throws {
        let done = try gateway.command("ledger", "verify", "--json")
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        #expect(JSONValue(done.output)?["sound"]?.bool == true)
    }

    /// Some of the credits are out on lease, and more of them spent than are left beside it.
    @Test(arguments: [
        ["update", "--name", "foo"], ["update", "--meta", "{}"], ["update", "--permission", "x.y"],
        ["disable"],
    ])
    func aKeyMayBeChangedWhileItSpends(_ change: [String]) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let key = try Self.makeKey(gateway, 3)
        for _ in 0..<2 { #expect(try gateway.get("/cheap/x", key: key).status == 200) }
        let words = ["key", change[0], key.id] + change.dropFirst() + ["-c", "gateway.conf"]
        let done = try Keygate.run(words, in: gateway.directory.path)
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        let isDisabled = change == ["disable"]
        #expect(try gateway.get("/cheap/x", key: key).status == (isDisabled ? 401 : 200))
        #expect(try gateway.get("/cheap/x", key: key).status == (isDisabled ? 401 : 429))
        let entries = try Self.entries(gateway, key)
        #expect(entries.filter { $0.hasPrefix("grant ") } == ["grant 3"], "\(entries)")
        try Self.expectSound(gateway)
        #expect(try gateway.stop() == .code(0))
        try Self.expectSound(gateway)
    }

    @Test(arguments: ["lease", "exact"])
    func everyMovementIsThereBeforeAndAfterTheStop(_ durability: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            Self.routes + "\ncredit-durability \(durability)\n", upstream: upstream)
        let key = try Self.makeKey(gateway, 100)
        #expect(try gateway.get("/dear/x", key: key).status == 200)
        for _ in 0..<3 { #expect(try gateway.get("/cheap/x", key: key).status == 200) }
        #expect(try gateway.command("key", "credits", key.id, "add", "10").succeeded)
        let expected =
            durability == "lease"
            ? ["grant 100", "lease 16", "spend 5", "lease-spend 3", "lease-return 13", "grant 10"]
            : ["grant 100", "spend 5", "spend 1", "spend 1", "spend 1", "grant 10"]
        #expect(try Self.entries(gateway, key) == expected)
        try Self.expectSound(gateway)
        let table = try gateway.command("ledger", "show", key.id, "--limit", "2")
        #expect(table.output.hasPrefix("4 before these\nTIME"), "\(table.output)")
        #expect(try gateway.get("/cheap/x", key: key).status == 200)

        #expect(try gateway.stop() == .code(0))
        // How large a second lease is depends on how soon it comes.
        let rest = durability == "lease" ? ["lease", "spend", "lease-return"] : ["spend"]
        let kinds = try Self.entries(gateway, key).map { $0.split(separator: " ")[0] }
        #expect(kinds.dropFirst(expected.count).elementsEqual(rest.map { $0[...] }))
        try Self.expectSound(gateway)
        #expect(try gateway.command("store", "compact").succeeded)
        try Self.expectSound(gateway)
        #expect(try gateway.command("ledger", "verify").output.hasSuffix("everything adds up\n"))
    }

    @Test func aCrashIsWrittenOffByTheNextStart() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        var gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        let key = try Self.makeKey(gateway, 100)
        #expect(try gateway.get("/cheap/x", key: key).status == 200)
        try gateway.kill()
        try Self.expectSound(gateway)
        gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        #expect(
            try Self.entries(gateway, key) == ["grant 100", "lease 16", "spend 1", "lease-write-off 16"])
        try Self.expectSound(gateway)
    }

    @Test func aReloadChangesHowMuchIsLeasedAndWhetherAnythingIs() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes + "\ncredit-lease-max 4\n", upstream: upstream)
        let key = try Self.makeKey(gateway, 100)
        func reload(_ directives: String) throws {
            let marker = "/marker\(directives.utf8.count)"
            try gateway.reload(
                Self.routes + "\n\(directives)\nroute GET \(marker) { public }\n", upstream: upstream)
            #expect(try eventually { try gateway.get(marker).status == 200 })
        }
        // One request leases, four spend that, and the sixth leases as much as is allowed by then.
        for _ in 0..<5 { #expect(try gateway.get("/cheap/x", key: key).status == 200) }
        try reload("credit-lease-max 2")
        #expect(try gateway.get("/cheap/x", key: key).status == 200)
        try reload("credit-durability exact")
        #expect(try gateway.get("/cheap/x", key: key).status == 200)
        #expect(
            try Self.entries(gateway, key) == [
                "grant 100", "lease 4", "spend 1", "lease-spend 4", "lease 2", "spend 1", "lease-return 2",
                "spend 1",
            ])
        try Self.expectSound(gateway)
    }

    @Test func aDeletedKeyKeepsItsHistoryAndAMistakeSaysWhatItIs() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let key = try Self.makeKey(gateway, 7)
        let body = "{\"keyId\":\"\(key.id)\",\"permanent\":true}"
        #expect(try gateway.command("call", "keys.deleteKey", body).succeeded)
        #expect(try Self.entries(gateway, key) == ["grant 7", "withdrawal 7"])
        for isServing in [true, false] {
            let unknown = try gateway.command("ledger", "show", "key_none")
            #expect(unknown.exit == .code(1))
            #expect(unknown.errors.contains("the ledger knows no key \"key_none\""), "\(unknown.errors)")
            if isServing { #expect(try gateway.stop() == .code(0)) }
        }
        #expect(try gateway.command("ledger", "show", key.id, "--limit", "0").exit == .code(2))
    }

    @Test func lookingMakesNoStore() throws {
        let directory = try Directory()
        for words in [["ledger", "verify"], ["ledger", "show", "key_x"]] {
            let done = try Keygate.run(words + ["--store", "none"], in: directory.path)
            #expect(done.exit == .code(1))
            #expect(done.errors.contains("there is no store at none"), "\(done.errors)")
        }
    }

    @Test func damageIsNamedByEverybodyWhoReadsTheFile() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        do {
            let gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
            let key = try Self.makeKey(gateway, 100)
            #expect(try gateway.get("/cheap/x", key: key).status == 200)
            #expect(try gateway.stop() == .code(0))
            #expect(try gateway.command("store", "compact").succeeded)
            #expect(try gateway.command("key", "credits", key.id, "add", "10").succeeded)
        }
        let script = "printf 'garbage' | dd of=store/ledger bs=1 seek=30 conv=notrunc 2>/dev/null"
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        func run(_ arguments: String...) throws -> Finished {
            try Keygate.run(arguments + ["--store", "store"], in: directory.path)
        }
        let verified = try run("store", "verify")
        #expect(verified.exit == .code(1))
        #expect(
            verified.errors.hasPrefix("keygate: store/ledger is damaged at byte 0: "), "\(verified.errors)")
        #expect(verified.output.hasSuffix("damaged\n"))
        let added = try run("ledger", "verify")
        #expect(added.exit == .code(1))
        #expect(added.errors.contains("store/ledger is damaged at byte 0: "), "\(added.errors)")
        #expect(added.errors.contains("; the history is complete since 20"), "\(added.errors)")

        let gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        #expect(gateway.says("keygate: ./store/ledger is damaged at byte 0: "))
        #expect(try gateway.command("store", "compact").succeeded)
        let after = try gateway.command("ledger", "verify")
        #expect(after.succeeded, "\(after.errors)")
        #expect(
            after.output.contains("store/ledger.damaged-20")
                && after.output.contains(" was damaged and laid aside: the history is complete since then\n"))
        #expect(try run("store", "verify").succeeded)
    }
}
