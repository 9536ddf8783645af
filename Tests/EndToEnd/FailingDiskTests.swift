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
        #expect(try runToEnd(["rm", "-rf", directory.file("store")], in: "/").succeeded)
        #expect(try client.call("identities.createIdentity", #"{"externalId":"refused"}"#).status == 503)
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
}
