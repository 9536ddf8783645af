import Testing

/// The store under fire, seen from outside: what needs no write goes on, what cannot be made durable is refused
/// with 503, and nobody has to do anything once the disk works again.
@Suite struct FailingDisk {
    private static let routes = "credit-durability exact\naccess-log off\n" + Gateway.routes

    private func isWritable(_ gateway: Gateway) throws -> Bool {
        let metrics = try gateway.fromAdmin("/metrics").text
        let writable = metrics.contains("keygate_store_writable 1")
        #expect(metrics.contains("keygate_store_read_only \(writable ? 0 : 1)"))
        return writable
    }

    @Test(arguments: [
        ("EIO", "input/output error"), ("ENOSPC", "no space left on device"),
        ("EDQUOT", "disk quota exceeded"), ("EROFS", "read-only file system"),
        ("tear-EIO", "input/output error"),
    ])
    func aDiskThatFailsForAWhile(kind: String, words: String) throws {
        let directory = try Directory()
        let faults = DiskFaults(kind, in: directory)
        let gateway = try Gateway(
            Self.routes, upstream: try Upstream(), environment: faults.environment, directory: directory)
        let rootKey = try gateway.makeRootKey()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        let apiId = try client.text("apiId", "apis.createApi", #"{"name":"fire"}"#)
        let create = #"{"apiId":"\#(apiId)","credits":{"remaining":3}}"#
        let key = try client.text("key", "keys.createKey", create)
        #expect(try isWritable(gateway))

        try faults.begin()
        let refused = try client.call("keys.createKey", create)
        #expect(refused.status == 503, "\(refused.text)")
        // Asked again while nothing can be written.
        #expect(try client.call("identities.createIdentity", #"{"externalId":"later"}"#).status == 503)
        // What needs no write: any key without credits, and reading.
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(try client.call("apis.getApi", #"{"apiId":"\#(apiId)"}"#).status == 200)
        // What does: a credit that is to be durable before the request goes on.
        let spending = try gateway.connect().request("GET", "/any/1", key: key)
        #expect(spending.status == 503, "\(spending.text)")
        #expect(try !isWritable(gateway))
        let ready = try gateway.fromAdmin("/readyz")
        #expect(ready.status == 200)
        #expect(ready.text == "ready, the store is read-only: changes are refused with 503\n")
        #expect(
            eventually {
                gateway.child.standardError.contains("the store is read-only until it can be written again: ")
                    && gateway.child.standardError.contains(words)
            })

        try faults.end()
        #expect(try eventually(within: 60_000) { try isWritable(gateway) })
        #expect(eventually { gateway.child.standardError.contains("the store takes changes again") })
        #expect(try gateway.fromAdmin("/readyz").text == "ready\n")
        _ = try client.text("identityId", "identities.createIdentity", #"{"externalId":"later"}"#)
        // None of the three was spent by what was refused, and no more than three are there.
        let spender = try gateway.connect()
        var statuses: [Int] = []
        for _ in 0..<4 { statuses.append(try spender.request("GET", "/any/1", key: key).status) }
        #expect(statuses == [200, 200, 200, 429])
        #expect(try gateway.stop() == .code(0))

        let next = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try next.connect().request("GET", "/any/1", key: key).status == 429)
        let keys = try ManagementClient(next.admin, rootKey: rootKey).call(
            "apis.listKeys", #"{"apiId":"\#(apiId)"}"#)
        #expect(keys.json?["data"]?.array?.count == 1, "the refused key is not there: \(keys.text)")
    }

    @Test func aDeletedDirectoryIsMadeAgainWithEverythingInIt() throws {
        let directory = try Directory()
        let gateway = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        let rootKey = try gateway.makeRootKey()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        // In its place something that keeps it from being made again before the change is refused.
        let script = "rm -rf store && mkdir store && touch store/other"
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        #expect(try client.call("identities.createIdentity", #"{"externalId":"refused"}"#).status == 503)
        #expect(try runToEnd(["rm", directory.file("store/other")], in: "/").succeeded)
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(
            eventually {
                gateway.child.standardError.contains(
                    "the store is read-only until it can be written again: cannot find ")
            })
        #expect(try eventually(within: 60_000) { try isWritable(gateway) })
        #expect(
            eventually {
                gateway.child.standardError.contains("was made again, with everything acknowledged in it")
            })
        _ = try client.text("identityId", "identities.createIdentity", #"{"externalId":"later"}"#)
        // The command line finds the server again, too.
        #expect(try eventually(within: 60_000) { try gateway.command("identity", "list").succeeded })
        #expect(try gateway.stop() == .code(0))

        let next = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try next.get("/things/1", key: gateway.cast.reader).status == 200)
        let again = try ManagementClient(next.admin, rootKey: rootKey)
        _ = try again.data("identities.getIdentity", #"{"identity":"later"}"#)
        #expect(try again.call("identities.getIdentity", #"{"identity":"refused"}"#).status == 404)
    }

    /// Nothing changes anything, so nobody but the store itself can find out.
    @Test func aDeletedDirectoryIsNoticedWithoutAnyChange() throws {
        let directory = try Directory()
        let gateway = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(try runToEnd(["rm", "-rf", directory.file("store")], in: "/").succeeded)
        #expect(gateway.says("the store is read-only until it can be written again: "))
        #expect(gateway.says("was made again, with everything acknowledged in it"))
        #expect(try eventually(within: 60_000) { try isWritable(gateway) })
        #expect(eventually(within: 60_000) { fileExists(directory.file("store/control.sock")) })
        #expect(try gateway.command("store", "verify").succeeded)
        #expect(try gateway.stop() == .code(0))
        // The sums of usage are there again, too.
        let usage = try gateway.command("usage")
        #expect(usage.succeeded && usage.output.contains("1"), "\(usage.output)\(usage.errors)")
        let next = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try next.get("/things/1", key: gateway.cast.reader).status == 200)
    }

    /// The signal comes at once: whether the store has looked by then is all the same.
    @Test func aDirectoryDeletedJustBeforeTheStopIsThereAfterwards() throws {
        let directory = try Directory()
        let limited = Self.routes + "\nroute GET /limited/** { public; limit two 2/1h by ip }\n"
        let gateway = try Gateway(limited, upstream: try Upstream(), directory: directory)
        #expect(try gateway.command("key", "credits", gateway.cast.bare.id, "set", "100").succeeded)
        #expect(try gateway.get("/any/1", key: gateway.cast.bare).status == 200)
        for expected in [200, 200, 429] { #expect(try gateway.get("/limited/1").status == expected) }
        #expect(try runToEnd(["rm", "-rf", directory.file("store")], in: "/").succeeded)
        #expect(try gateway.stop() == .code(0))
        #expect(fileExists(directory.file("store/usage-rollups")))
        #expect(!gateway.child.standardError.contains("cannot be saved"))
        // What was on lease came back.
        #expect(try gateway.command("key", "credits", gateway.cast.bare.id).output.contains("99"))
        let next = try Gateway(limited, upstream: try Upstream(), directory: directory)
        #expect(try next.get("/things/1", key: gateway.cast.reader).status == 200)
        // The window goes on.
        #expect(try next.get("/limited/1").status == 429)
    }

    @Test func aDirectoryThatOthersHaveFilledIsLeftAloneAndTheStoreIsWrittenBesideIt() throws {
        let directory = try Directory()
        let gateway = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try gateway.command("key", "credits", gateway.cast.bare.id, "set", "100").succeeded)
        #expect(try gateway.get("/any/1", key: gateway.cast.bare).status == 200)
        // Somebody else's store, in one step, so that there is no moment in which nothing is there.
        let other = try Keygate.run(["api", "create", "other", "--store", "other"], in: directory.path)
        #expect(other.succeeded, "\(other.errors)")
        let script = "mv store gone && mv other store && rm -rf gone"
        #expect(try runToEnd(["sh", "-c", script], in: directory.path).succeeded)
        #expect(gateway.says("the store is read-only until it can be written again: "))
        #expect(gateway.says("there are other files, which are left alone; a stop writes this store beside"))
        let metrics = try gateway.fromAdmin("/metrics").text
        #expect(metrics.contains("keygate_store_in_place 0\n"))
        #expect(metrics.contains("keygate_store_writable 0\n"))
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)

        #expect(try gateway.stop() == .code(1))
        let names = try runToEnd(["sh", "-c", "ls -d store.*; ls store"], in: directory.path).output
        let lines = names.split(separator: "\n").map(String.init)
        let rescued = try #require(lines.first)
        #expect(rescued.hasPrefix("store.rescued-"), "\(names)")
        #expect(gateway.says("keygate: the store is in ./\(rescued) and not in ./store"))
        // Nothing of this process is in the other store, and all of it is in the one beside.
        #expect(lines.dropFirst() == ["journal-00000001", "lock"], "\(names)")
        let apis = try Keygate.run(["api", "list", "--store", "store"], in: directory.path).output
        #expect(apis.contains("other") && !apis.contains("shop"), "\(apis)")
        #expect(
            try Keygate.run(["store", "verify", "--store", rescued], in: directory.path).succeeded)
        for name in ["rate-windows", "usage-rollups", "ledger"] {
            #expect(fileExists(directory.file(rescued + "/" + name)))
        }
        let exchange = "mv store other; mv \(rescued) store"
        #expect(try runToEnd(["sh", "-c", exchange], in: directory.path).succeeded)
        #expect(try gateway.command("key", "credits", gateway.cast.bare.id).output.contains("99"))
        let next = try Gateway(Self.routes, upstream: try Upstream(), directory: directory)
        #expect(try next.get("/things/1", key: gateway.cast.reader).status == 200)
    }
}
