import Testing

/// No room for the store: mutations are refused with the reason, requests go on being verified, and
/// nothing that was acknowledged is lost.
@Suite struct FullDisk {
    @Test func aFileThatMayNotGrowStopsMutationsNotTheTraffic() throws {
        let directory = try Directory()
        // At most 200 blocks of 512 bytes (of 1024 in some shells) a file: needs no root, and is less than the room that
        // the store looks for before it goes on in a new file.
        try fillUp(
            directory, reason: "too large",
            through: ["sh", "-c", "ulimit -f 200; trap '' XFSZ; exec \"$@\"", "sh"])
        try everythingIsThereAgain(directory)
    }

    /// Whether this process may mount a file system: root in a container often may not.
    static let canMount: Bool = {
        guard isRoot, let directory = try? Directory() else { return false }
        let script = "mount -t tmpfs -o size=64k keygate-test . && cd / && umount \"$0\""
        return (try? runToEnd(["sh", "-c", script, directory.path], in: directory.path).succeeded) == true
    }()

    @Test(.enabled(if: canMount, "mounting a small tmpfs needs root"))
    func aFullFileSystemStopsMutationsNotTheTraffic() throws {
        let directory = try Directory()
        let mount = "mkdir store && mount -t tmpfs -o size=512k keygate-test store"
        try #require(try runToEnd(["sh", "-c", mount], in: directory.path).succeeded)
        defer { _ = try? runToEnd(["umount", directory.file("store")], in: "/") }
        try fillUp(directory, reason: "no space left", through: []) { gateway in
            let grow = try runToEnd(["mount", "-o", "remount,size=64m", directory.file("store")], in: "/")
            try #require(grow.succeeded)
            // Nobody tells it.
            #expect(
                try eventually(within: 60_000) {
                    try gateway.fromAdmin("/metrics").text.contains("keygate_store_writable 1")
                })
            #expect(try gateway.command("identity", "create", "at-once").succeeded)
        }
        try everythingIsThereAgain(directory)
    }

    /// Makes large keys until the store has no room, and looks at what still works.
    private func fillUp(
        _ directory: Directory, reason: String, through wrapper: [String],
        andThen after: (Gateway) throws -> Void = { _ in }
    ) throws {
        let gateway = try Gateway(
            "access-log off\n" + Gateway.routes, upstream: try Upstream(), directory: directory,
            through: wrapper)
        let meta = #"{"filler":""# + String(repeating: "x", count: 50_000) + #""}"#
        var acknowledged = ""
        var refusal: Finished?
        for _ in 0..<40 where refusal == nil {
            let done = try gateway.command("key", "create", "--api", "shop", "--meta", meta, "--json")
            if let key = JSONValue(done.output)?["key"]?.string {
                acknowledged += key + "\n"
            } else {
                refusal = done
            }
        }
        let refused = try #require(refusal, "forty keys of 50 kB found room")
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("the store takes no changes"), "\(refused.errors)")
        #expect(refused.errors.lowercased().contains(reason), "\(refused.errors)")
        #expect(try gateway.command("identity", "create", "later").exit == .code(1))
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(try gateway.fromAdmin("/metrics").text.contains("keygate_store_read_only 1"))
        try directory.write(acknowledged, to: "acknowledged")
        try after(gateway)
        #expect(try gateway.stop() == .code(0))
    }

    private func everythingIsThereAgain(_ directory: Directory) throws {
        let gateway = try Gateway(
            "access-log off\n" + Gateway.routes, upstream: try Upstream(), directory: directory)
        let client = try gateway.connect()
        let keys = try directory.read("acknowledged").split(separator: "\n").map(String.init)
        #expect(!keys.isEmpty)
        for key in keys { #expect(try client.request("GET", "/any/1", key: key).status == 200) }
        #expect(try gateway.command("identity", "create", "later").succeeded)
    }
}
