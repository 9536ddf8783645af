import Testing

/// What is remembered of verifications: told by `keygate usage` and by the analytics call, and kept over a restart.
@Suite struct Usage {
    private static let routes =
        "tag env=test\nroute GET /orders/{id} { require things.read; tag order={id} }\n" + Gateway.routes

    private func usage(_ gateway: Gateway, by subject: String) throws -> [String: [Double]] {
        let done = try gateway.command("usage", "--by", subject, "--json")
        #expect(done.succeeded)
        var found: [String: [Double]] = [:]
        for row in JSONValue(done.output)?.array ?? [] {
            found[row[subject]?.string ?? "?"] = ["requests", "valid"].map { row[$0]?.number ?? -1 }
        }
        return found
    }

    private func makeRequests(_ gateway: Gateway) throws {
        for _ in 0..<3 { #expect(try gateway.get("/orders/7", key: gateway.cast.reader).status == 200) }
        #expect(try gateway.get("/things/1", key: gateway.cast.bare).status == 403)
        #expect(try gateway.get("/orders/8", key: gateway.cast.disabled).status == 401)
        // Neither a public route nor a key that does not exist leaves an event.
        #expect(try gateway.get("/open/1").status == 200)
        #expect(try gateway.get("/orders/9", key: gateway.cast.unissued).status == 401)
    }

    @Test func everyExchangeWithAKnownKeyIsCountedOnce() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        try makeRequests(gateway)
        #expect(
            try usage(gateway, by: "outcome")
                == ["VALID": [3, 3], "INSUFFICIENT_PERMISSIONS": [1, 0], "DISABLED": [1, 0]])
        #expect(try usage(gateway, by: "route") == ["/orders/{id}": [4, 3], "/things/**": [1, 0]])
        let cast = gateway.cast
        #expect(
            try usage(gateway, by: "key")
                == [cast.reader.id: [3, 3], cast.bare.id: [1, 0], cast.disabled.id: [1, 0]])
        #expect(try usage(gateway, by: "identity")["acme"]?.first == 4)
        // A key that was no good is counted without tags.
        #expect(try usage(gateway, by: "tag") == ["env=test": [4, 3], "order=7": [3, 3]])
        let table = try gateway.command("usage").output
        #expect(table.hasPrefix("OUTCOME") && table.contains("VALID"))
    }

    @Test func sumsSurviveACrashAndAStop() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        do {
            let gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
            try makeRequests(gateway)
            // Saved within a second or so, and what was saved has all that came before.
            #expect(try gateway.get("/orders/last", key: gateway.cast.reader).status == 200)
            #expect(try eventually { try directory.read("store/usage-rollups").contains("order=last") })
            try gateway.kill()
        }
        do {
            let gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
            #expect(try usage(gateway, by: "tag")["order=7"] == [3, 3])
            try makeRequests(gateway)
            #expect(try gateway.stop() == .code(0))
            // Nobody serves now: the command reads the file itself.
            #expect(try usage(gateway, by: "tag")["order=7"] == [6, 6])
            let key = try gateway.command("key", "get", gateway.cast.reader.id, "--json")
            #expect((JSONValue(key.output)?["lastUsedAt"]?.number ?? 0) > 1_700_000_000_000)
        }
        let script = "printf '\\113\\107\\165\\365\\001' >> store/usage-rollups"
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        let gateway = try Gateway(Self.routes, upstream: upstream, directory: directory)
        #expect(eventually { gateway.child.standardError.contains("cut off") })
        #expect(try usage(gateway, by: "tag")["order=7"] == [6, 6])
    }

    @Test func whatIsAskedForIsChecked() throws {
        let gateway = try Gateway(upstream: try Upstream())
        for arguments in [["--by", "weather"], ["--since", "91d"], ["--since", "soon"]] {
            let done = try Keygate.run(
                ["usage", "-c", "gateway.conf"] + arguments, in: gateway.directory.path)
            #expect(done.exit == .code(2))
        }
        #expect(try gateway.command("usage").output.contains("none"))
    }
}
