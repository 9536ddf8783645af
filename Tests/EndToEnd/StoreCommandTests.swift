import Testing

/// keygate store …, and what commands say when there is no store, when somebody else has it, or when it cannot
/// be read.
@Suite struct StoreCommands {
    let directory: Directory

    init() throws { directory = try Directory() }

    private func run(_ arguments: String...) throws -> Finished {
        try Keygate.run(arguments, in: directory.path)
    }

    // MARK: There or not there

    @Test(arguments: [
        ["store", "stat"], ["store", "verify"], ["store", "compact"], ["store", "backup", "copy"],
        ["store", "export"], ["api", "list"], ["key", "list", "--api", "a"], ["key", "create", "--api", "a"],
        ["identity", "list"], ["usage"], ["call", "apis.listKeys"],
    ])
    func lookingAtAStoreDoesNotMakeOne(_ command: [String]) throws {
        let done = try Keygate.run(command + ["--store", "nowhere"], in: directory.path)
        #expect(done.exit == .code(1))
        #expect(
            done.errors
                == "keygate: there is no store at nowhere; `keygate run` and `keygate api create` make one\n")
        #expect(!fileExists(directory.file("nowhere")))
    }

    @Test(arguments: [
        ["api", "create", "shop"], ["identity", "create", "i"],
        ["role", "create", "r"], ["rootkey", "create"],
    ])
    func creatingMakesAStore(_ command: [String]) throws {
        let done = try Keygate.run(command + ["--store", "here"], in: directory.path)
        #expect(done.succeeded, "\(done.errors)")
        #expect(try run("store", "verify", "--store", "here").succeeded)
    }

    @Test func aBrokenConfigurationSaysHowToDoWithoutIt() throws {
        try directory.write("listen nonsense\n", to: "gateway.conf")
        let done = try run("store", "stat")
        #expect(done.exit == .code(1))
        #expect(done.errors.hasPrefix("keygate: the configuration is refused\ngateway.conf:1:8: error: "))
        #expect(done.errors.hasSuffix("\nit says where the store is; --store DIR does without it\n"))
    }

    // MARK: Somebody else's

    @Test func aSecondServerOnAStoreInUseSaysWhoHasIt() throws {
        let gateway = try Gateway(upstream: try Upstream(), directory: directory)
        let done = try runToEnd(
            [Keygate.binary, "run", "-c", "gateway.conf"], in: directory.path)
        #expect(done.exit == .code(1))
        let said = done.errors.split(separator: "\n").last.map(String.init)
        #expect(said == "keygate: store ./store is in use by process \(gateway.child.pid)")
        // A socket that is deleted under the server comes back.
        #expect(try runToEnd(["rm", directory.file("store/control.sock")], in: "/").succeeded)
        #expect(try eventually(within: 60_000) { try gateway.command("api", "list").succeeded })
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
    }

    @Test func aCommandBesideAProcessThatIsNoServerSaysThatTheStoreIsInUse() throws {
        #expect(try run("api", "create", "shop", "--store", "store").succeeded)
        let done = try runToEnd(
            ["flock", "store/lock", Keygate.binary, "api", "list", "--store", "store"], in: directory.path)
        #expect(done.exit == .code(1))
        #expect(done.errors.hasPrefix("keygate: store store is in use by process "), "\(done.errors)")
    }

    @Test func aStoreOfANewerFormatIsRefusedByEveryCommand() throws {
        #expect(try run("api", "create", "shop", "--store", "store").succeeded)
        // The version stands at byte 8.
        let script = "printf '\\011' | dd of=store/journal-00000001 bs=1 seek=8 conv=notrunc 2>/dev/null"
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        let line =
            "keygate: store/journal-00000001 has format 9, this keygate reads up to 2: "
            + "it was written by a newer keygate\n"
        #expect(try run("api", "list", "--store", "store").errors == line)
        #expect(try run("store", "compact", "--store", "store").errors == line)
        #expect(try run("store", "verify", "--store", "store").errors == line)
    }

    // MARK: Counting

    @Test func whatIsSoftDeletedIsCountedApart() throws {
        func count(_ name: String) throws -> String? {
            let lines = try run("store", "stat", "--store", "store").output.split(separator: "\n")
            return lines.map { $0.split(separator: " ") }.first { $0.first.map(String.init) == name }?
                .last.map(String.init)
        }
        for name in ["shop", "closed"] {
            #expect(try run("api", "create", name, "--store", "store").succeeded)
            #expect(try run("key", "create", "--api", name, "--store", "store").succeeded)
        }
        for name in ["a", "b"] { #expect(try run("identity", "create", name, "--store", "store").succeeded) }
        #expect(try count("identities") == "2")
        #expect(try count("keys") == "2")
        #expect(try count("deletedIdentities") == nil)

        #expect(try run("api", "delete", "closed", "--store", "store").succeeded)
        let delete = try run("call", "identities.deleteIdentity", #"{"identity":"a"}"#, "--store", "store")
        #expect(delete.succeeded, "\(delete.errors)")
        #expect(try count("identities") == "1")
        #expect(try count("deletedIdentities") == "1")
        #expect(try count("apis") == "1")
        #expect(try count("deletedApis") == "1")
        // Nobody finds a key whose API is gone.
        #expect(try count("keys") == "1")
        #expect(try count("deletedKeys") == "1")
        let verified = try run("store", "verify", "--store", "store").output
        #expect(verified.hasSuffix("intact: 1 key, 1 identity\n"), "\(verified)")
    }

    // MARK: Carrying a store

    @Test func aBackupOfARunningServerIsRestoredAndServes() throws {
        let backup = directory.file("backup")
        let cast: Cast
        do {
            let gateway = try Gateway(upstream: try Upstream(), directory: directory)
            cast = gateway.cast
            // One of them is spent, 16 more are on lease when the copy is made.
            #expect(try gateway.command("key", "credits", cast.bare.id, "set", "100").succeeded)
            #expect(try gateway.get("/any/1", key: cast.bare).status == 200)
            #expect(try gateway.command("store", "backup", "backup").output == "copied to backup\n")
            let busy = try run("store", "restore", "backup", "store")
            #expect(
                busy.errors == "keygate: store store is in use by process \(gateway.child.pid)\n")
            try gateway.kill()
        }
        #expect(fileExists(backup))
        let full = try run("store", "restore", "backup", "store")
        #expect(full.exit == .code(1))
        #expect(full.errors == "keygate: cannot restore to store: the directory is not empty\n")
        #expect(try runToEnd(["rm", "-r", directory.file("store")], in: "/").succeeded)
        let done = try run("store", "restore", "backup", "store")
        #expect(done.succeeded, "\(done.errors)")
        #expect(
            done.output.hasPrefix("restored to store: 7 keys, ")
                && done.output.hasSuffix("; written off: 16 credits on lease to 1 of them\n"), "\(done.output)")
        let gateway = try Gateway(upstream: try Upstream(), directory: directory)
        #expect(try gateway.get("/things/1", key: cast.reader).status == 200)
        #expect(try gateway.get("/things/1", key: cast.disabled).status == 401)
        let ledger = try gateway.command("ledger", "show", cast.bare.id, "--json")
        #expect(ledger.output.contains("lease-write-off"), "\(ledger.output)")
        #expect(try gateway.command("key", "credits", cast.bare.id).output.contains("83"))
        #expect(try gateway.command("ledger", "verify").succeeded)
    }

    @Test func anExportOfARunningServerIsImportedAndServes() throws {
        let gateway = try Gateway(upstream: try Upstream(), directory: directory)
        let done = try gateway.command("store", "export", "all.jsonl")
        #expect(done.succeeded && done.output == "exported to all.jsonl\n", "\(done.errors)")
        let text = try directory.read("all.jsonl")
        #expect(text.hasPrefix("{\"keygate\":\"store\",\"version\":1}\n{\"kind\":\"permission\""))
        for key in gateway.cast.all { #expect(!text.contains(key.secret)) }
        // Standard output has the same.
        #expect(try gateway.command("store", "export").output == text)
        #expect(try gateway.command("store", "export", "-").output == text)
        #expect(!fileExists(directory.file("-")))
        let cast = gateway.cast
        #expect(try gateway.stop() == .code(0))
        let refused = try run("store", "import", "all.jsonl", "--store", "store")
        #expect(refused.errors == "keygate: cannot import into store: the directory is not empty\n")

        #expect(try runToEnd(["mv", "store", "old"], in: directory.path).succeeded)
        let lines = text.split(separator: "\n").count - 1
        let imported = try run("store", "import", "all.jsonl", "--store", "store")
        #expect(imported.output == "imported \(lines) records to store\n", "\(imported.errors)")
        #expect(try run("store", "export", "--store", "store").output == text)
        let next = try Gateway(upstream: try Upstream(), directory: directory)
        #expect(try next.get("/things/1", key: cast.reader).status == 200)
    }

    @Test func aBadLineOfAnImportIsNamed() throws {
        try directory.write("{\"keygate\":\"store\",\"version\":1}\n{\"kind\":\"cat\"}\n", to: "bad.jsonl")
        let done = try run("store", "import", "bad.jsonl", "--store", "store")
        #expect(done.exit == .code(1))
        #expect(
            done.errors
                == "keygate: bad.jsonl: line 2: there is no kind \"cat\"; nothing was imported\n")
        #expect(!fileExists(directory.file("store")))
    }

    @Test(arguments: [
        ("store restore", "usage: keygate store restore BACKUP DIR [OPTIONS]"),
        ("store export", "usage: keygate store export [FILE] [OPTIONS]"),
        ("store import", "usage: keygate store import FILE [OPTIONS]"),
    ])
    func helpSaysHowToCall(command: String, usage: String) throws {
        let words = command.split(separator: " ").map(String.init)
        let done = try Keygate.run(words + ["--help"], in: directory.path)
        #expect(done.succeeded)
        #expect(done.output.hasPrefix(usage + "\n\n"), "\(done.output)")
    }
}
