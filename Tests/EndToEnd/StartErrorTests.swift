import Testing

/// What makes a start fail, and the message it fails with.
@Suite struct StartErrors {
    /// Runs `keygate run` with this file, which must not come up.
    static func start(_ text: String, in directory: Directory) throws -> Finished {
        try directory.write(text, to: "gateway.conf")
        return try Keygate.run(["run", "-c", "gateway.conf"], in: directory.path)
    }

    static let head =
        "listen 127.0.0.1:0\nadmin 127.0.0.1:0\nstore ./store\nupstream api { server http://127.0.0.1:9 }\n"

    @Test(arguments: [
        ("route GET /x { publik }", 5, ["publik", "^", "public"]),
        ("rout GET /x { public }", 5, ["rout", "^", "route"]),
        ("route GET /x { }", 5, ["public", "authenticated", "require"]),
        ("route GET /x { public", 5, ["}"]),
        ("route GET /x { require }", 5, ["require", "^"]),
        ("route GET /x { require \"a AND\" }", 5, ["^"]),
        ("route GET /x { public; to nowhere }", 5, ["nowhere"]),
        ("route GET /x { public }\nroute GET /x { authenticated }", 6, ["5"]),
        ("route GET /{a}/b { public }\nroute GET /{c}/b { public }", 6, ["5"]),
        ("limits body=10q\nroute GET /x { public }", 5, ["10q"]),
        ("client-timeout head=ten\nroute GET /x { public }", 5, ["ten"]),
        ("workers 2\nworkers 3\nroute GET /x { public }", 6, ["workers"]),
        ("route GET /x { check identity.meta.plan === pro; public }", 5, ["^"]),
        ("headers { X-Plan identity.mets.plan }\nroute GET /x { public }", 5, ["identity.me"]),
        ("route GET \"/x { public }", 5, ["^"]),
        ("store ./other\nroute GET /x { public }", 5, ["store"]),
        ("route POST /x { public; websocket }", 5, ["websocket", "^", "GET"]),
        ("listen ${KEYGATE_TEST_UNSET}\nroute GET /x { public }", 5, ["KEYGATE_TEST_UNSET"]),
    ])
    func aMalformedFileIsPointedAt(_ text: String, _ line: Int, _ words: [String]) throws {
        let directory = try Directory()
        let done = try Self.start(Self.head + text + "\n", in: directory)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("gateway.conf:\(line):"), "\(done.errors)")
        for word in words { #expect(done.errors.contains(word), "\(word) is missing in: \(done.errors)") }
        #expect(!fileExists(directory.file("store")), "a file that does not parse must not make a store")
    }

    @Test func aMissingFileIsNamed() throws {
        let directory = try Directory()
        let done = try Keygate.run(["run", "-c", "absent.conf"], in: directory.path)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("absent.conf"))
        #expect(done.errors.lowercased().contains("no such file"))
    }

    @Test func aStoreInUseIsNamed() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let done = try Keygate.run(["run", "-c", "gateway.conf"], in: gateway.directory.path)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("store"))
        #expect(done.errors.contains("in use"))
        #expect(try gateway.get("/open/1").status == 200)
    }

    @Test func aPortThatIsTakenIsNamed() throws {
        let taken = try Socket.listen(on: .loopback(port: 0))
        let directory = try Directory()
        let done = try Self.start(
            "listen 127.0.0.1:\(taken.localPort)\nadmin 127.0.0.1:0\nstore ./store\nupstream api { server http://127.0.0.1:9 }\nroute GET /x { public }\n",
            in: directory)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("127.0.0.1:\(taken.localPort)"))
        #expect(done.errors.lowercased().contains("in use"))
    }

    @Test func aCertificateFileThatCannotBeReadIsNamed() throws {
        let directory = try Directory()
        let text =
            "listen 127.0.0.1:0\nadmin 127.0.0.1:0\nstore ./store\nupstream api { server https://127.0.0.1:9; tls-ca absent-ca.pem }\nroute GET /x { public }\n"
        let absent = try Self.start(text, in: directory)
        #expect(absent.exit == .code(1))
        #expect(absent.errors.contains("absent-ca.pem"))
        #expect(absent.errors.lowercased().contains("no such file"))
    }

    @Test func aStoreDirectoryThatCannotBeMadeIsNamed() throws {
        let directory = try Directory()
        try directory.write("a file", to: "occupied")
        let done = try Self.start(
            "listen 127.0.0.1:0\nadmin 127.0.0.1:0\nstore ./occupied/store\nupstream api { server http://127.0.0.1:9 }\nroute GET /x { public }\n",
            in: directory)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("occupied/store"))
    }

    @Test func aCorruptStoreNamesTheCommandThatLooksIntoIt() throws {
        let directory = try Directory()
        let gateway = try Gateway(upstream: try Upstream(), directory: directory)
        for number in 0..<5 {
            #expect(
                try gateway.command("key", "create", "--api", "shop", "--name", "n\(number)", "--json")
                    .succeeded)
        }
        try gateway.kill()
        // Four bytes in the middle of the largest file: after it come records that are whole.
        let script = """
            f=$(ls -S store/* | while read -r x; do [ -f "$x" ] && echo "$x" && break; done)
            s=$(stat -c %s "$f"); printf 'XXXX' | dd of="$f" bs=1 seek=$((s / 2)) conv=notrunc 2>/dev/null
            """
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        let done = try Keygate.run(["run", "-c", "gateway.conf"], in: directory.path)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("store verify"))
        let verified = try Keygate.run(["store", "verify", "--store", "store"], in: directory.path)
        #expect(verified.exit == .code(1))
    }
}
