// Backup, restore, export and import: a store that is carried somewhere else is the same store.

import Access
import Bytes
import Reactor
import Synchronization
import Testing

@testable import Keys

@Suite struct StoreTransferTests {
    let scratch = Scratch()
    /// Longer than anything that a random id could contain by chance.
    private static let secret = "sk_abcdefghijklmnopqrstuvwxyz"

    private func export(_ directory: String) throws -> [UInt8] {
        var text: [UInt8] = []
        let store = try KeyStore.open(directory)
        store.export { line in text += Array(copying: line) }
        return text
    }

    /// Something of every kind, with every member, deleted ones included.
    private func fill(_ directory: String) throws {
        let store = try KeyStore.open(directory)
        try store.change { (store) throws(StoreError) in
            let read = try store.createPermission(slug: "a.read", name: "Read", summary: "may \"read\"\n")
            let gone = try store.createPermission(slug: "a.gone")
            let role = try store.createRole(name: "Rölle", permissions: [read.reference, gone.reference])
            let api = try store.createAPI(name: "one")
            try store.updateAPI(api.reference) { (api) throws(StoreError) in
                api.allowedNetworks = [IPNetwork(containing: IPAddress(v4: 0x0A00_0000), prefixLength: 8)]
            }
            let old = try store.createAPI(name: "old")
            let identity = try store.createIdentity(
                externalID: "acme", meta: bytes(#"{"plan":"pro","n":1.10,"deep":{"a":[1,null,true]}}"#),
                limits: [
                    RateLimitRule(
                        name: "requests", limit: 100, durationMillis: 60_000, appliesAutomatically: true)
                ])
            let left = try store.createIdentity(externalID: "left")
            var key = KeyRecord(
                digest: digest(Self.secret), api: api.reference, start: "sk_abcd", prefix: "sk",
                byteLength: 16)
            key.identity = identity.reference
            key.name = "first"
            key.meta = bytes(#"{"x":"\u00e9 é"}"#)
            key.expiresAtMillis = 4_000_000_000_000
            key.allowedNetworks = [
                IPNetwork(containing: IPAddress(v6High: 0x2001_0DB8 << 32, low: 0), prefixLength: 32)
            ]
            key.permissions = [read.reference, gone.reference]
            key.roles = [role.reference]
            key.limits = [
                RateLimitRule(name: "slow", limit: 3, durationMillis: 1000, appliesAutomatically: false)
            ]
            key.credits = Credits(remaining: 77, refill: .init(interval: .monthly(day: 31), amount: 100))
            _ = try store.createKey(key)
            var second = KeyRecord(digest: digest("k2"), api: api.reference)
            second.credits = Credits(remaining: 5, refill: .init(interval: .daily, amount: 9))
            second.identity = left.reference
            second.isEnabled = false
            let disabled = try store.createKey(second)
            try store.updateKey(disabled.reference) { (key) throws(StoreError) in key.name = "second" }
            var third = KeyRecord(digest: digest("k3"), api: api.reference)
            third.credits = Credits(remaining: 3, refill: nil)
            let soft = try store.createKey(third)
            try store.deleteKey(soft.reference, .soft)
            let hard = try store.createKey(KeyRecord(digest: digest("k4"), api: api.reference))
            try store.deleteKey(hard.reference, .permanent)
            _ = try store.createKey(KeyRecord(digest: digest("k5"), api: old.reference))
            try store.deleteAPI(old.reference)
            try store.deleteIdentity(left.reference)
            try store.deletePermission(gone.reference)
            _ = try store.createRootKey(
                RootKeyRecord(
                    digest: digest("root"), name: "ops", permissions: ["*", "api.*.read_key"], start: "kg_ab",
                    end: "yz", expiresAtMillis: 5_000_000_000_000))
            let namespace = try store.createNamespace(name: "email")
            _ = try store.setOverride(
                of: namespace.reference, identifier: "vip*", limit: 0, durationMillis: 1000)
            let closed = try store.createNamespace(name: "closed")
            try store.deleteNamespace(closed.reference)
        }
    }

    // MARK: Export and import

    @Test("an import of an export is an equal store, in every kind of record and whatever was deleted")
    func roundTrip() throws {
        try fill(scratch.store)
        let first = try export(scratch.store)
        let copy = scratch.path + "/copy"
        // Permissions, roles, APIs, identities, keys, root keys, namespaces, overrides.
        #expect(
            try KeyStore.importing(first, to: copy) == .imported(recordCount: 1 + 1 + 2 + 2 + 4 + 1 + 2 + 1))
        #expect(String(decoding: try export(copy), as: UTF8.self) == String(decoding: first, as: UTF8.self))
        #expect(try Disk().names(in: scratch.path).sorted() == ["copy", "store"])
        // Its credits are accounted for, of deleted keys as well: once an import was money from nowhere.
        for directory in [scratch.store, copy] {
            let ledger = try KeyStore.verifyLedger(directory)
            #expect(ledger.isSound, "\(ledger.findings)")
            #expect(ledger.balance == 77 + 5 + 3 && ledger.keyCount == 3)
        }
        #expect(try KeyStore.verifyLedger(copy).amount(.grant) == 77 + 5 + 3)
        // What is refused there is refused here: the digest of the soft-deleted key stays taken.
        let store = try KeyStore.open(copy)
        let isTaken = try store.change { (store) throws(StoreError) in store.isTaken(digest("k3")) }
        #expect(isTaken)
        let text = String(decoding: first, as: UTF8.self)
        #expect(!text.contains(Self.secret), "a secret was exported")
    }

    @Test("more records than fit one transaction are all there")
    func manyRecords() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (store) throws(StoreError) in
            for number in 0..<2500 { _ = try store.createPermission(slug: "p\(number)") }
        }
        var text: [UInt8] = []
        store.export { line in text += Array(copying: line) }
        let copy = scratch.path + "/copy"
        #expect(try KeyStore.importing(text, to: copy) == .imported(recordCount: 2500))
        #expect(try export(copy) == text)
    }

    private static let head = #"{"keygate":"store","version":1}"#
    private static let permission = #"{"kind":"permission","id":"p1","name":"n","slug":"s","createdAt":1}"#
    private static let api = #"{"kind":"api","id":"a1","keyspaceId":"ks","name":"n","createdAt":1}"#
    private static let zeros = String(repeating: "0", count: 64)

    private static func key(_ members: String) -> String {
        #"{"kind":"key","id":"k1","sha256":"\#(zeros)","api":"a1","start":"","byteLength":0,"#
            + #""enabled":true,"refilledThroughDay":0,"createdAt":1"# + members + "}"
    }

    @Test(
        "a bad line is refused with its number and nothing is imported",
        arguments: [
            ([], 1, #"expected {"keygate":"store","version":1}"#),
            ([#"{"keygate":"usage"}"#], 1, #"expected {"keygate":"store","version":1}"#),
            (
                [#"{"keygate":"store","version":2}"#], 1,
                "format 2, this keygate reads up to 1: it was written by a newer keygate"
            ),
            ([head, "[]"], 2, "expected an object"),
            ([head, "", permission, #"{"id":1}"#], 4, #""kind" is missing"#),
            ([head, #"{"kind":"cat","id":"c"}"#], 2, #"there is no kind "cat""#),
            ([head, #"{"kind":"api"}"#], 2, #""id" is missing"#),
            ([head, #"{"kind":"api","id":7}"#], 2, #""id" must be a string"#),
            ([head, permission, permission], 3, "there is a permission p1 already"),
            (
                [head, permission, #"{"kind":"permission","id":"p2","name":"n","slug":"S","createdAt":1}"#],
                3,
                #"the slug "S" is taken by an earlier line"#
            ),
            (
                [head, #"{"kind":"role","id":"r","name":"n","permissions":["p9"],"createdAt":1}"#], 2,
                "there is no permission p9 before this line"
            ),
            (
                [head, #"{"kind":"api","id":"a1","keyspaceId":"ks","name":"n","createdAt":1,"owner":"me"}"#],
                2, #"there is no member "owner" here"#
            ),
            ([head, key("")], 2, "there is no api a1 before this line"),
            (
                [head, api, key("").replacing(zeros, with: "12")], 3,
                #""sha256" must be 64 hexadecimal digits"#
            ),
            (
                [head, api, key(#","credits":{"remaining":-1}"#)], 3,
                #"credits: "remaining" must not be negative"#
            ),
            (
                [head, api, key(#","credits":{"remaining":1,"refill":{"interval":"yearly","amount":1}}"#)], 3,
                #"credits.refill: "interval" must be "daily" or "monthly""#
            ),
            (
                [
                    head, api,
                    key(#","limits":[{"id":"l","name":"n","limit":1,"duration":"1s","autoApply":true}]"#),
                ],
                3, #"limits: "duration" must be a whole number"#
            ),
            (
                [head, api, key(#","allowedNetworks":["10.0.0.1/8"]"#)], 3,
                #""allowedNetworks" must be a list of addresses and networks"#
            ),
        ] as [([String], Int, String)])
    func badLine(lines: [String], number: Int, reason: String) throws {
        let outcome = try KeyStore.importing(bytes(lines.joined(separator: "\n")), to: scratch.store)
        #expect(outcome == .refused(ImportError(line: number, reason: reason)))
        #expect(try Disk().names(in: scratch.path) == [])
    }

    @Test("a line that is no JSON is refused with the place in it")
    func notJSON() throws {
        let outcome = try KeyStore.importing(bytes(Self.head + "\n{\"kind\":"), to: scratch.store)
        guard case .refused(let error) = outcome else { return #expect(Bool(false), "imported") }
        #expect(error.description.hasPrefix("line 2: "))
        #expect(try Disk().names(in: scratch.path) == [])
    }

    @Test("import and restore go only where nothing is")
    func targets() throws {
        try fill(scratch.store)
        let text = try export(scratch.store)
        let used = #expect(throws: StoreFileError.self) { try KeyStore.importing(text, to: scratch.store) }
        #expect(used?.description == "cannot import into \(scratch.store): the directory is not empty")
        let other = scratch.path + "/other"
        let store = try KeyStore.open(other)
        let inUse = #expect(throws: StoreFileError.self) { try KeyStore.restore(scratch.store, to: other) }
        #expect(inUse?.description == "store \(other) is in use by process \(Scratch.processID)")
        let source = #expect(throws: StoreFileError.self) {
            try KeyStore.restore(other, to: scratch.path + "/new")
        }
        #expect(source?.description == "store \(other) is in use by process \(Scratch.processID)")
        withExtendedLifetime(store) {}
        let nothing = #expect(throws: StoreFileError.self) {
            try KeyStore.restore(scratch.path + "/none", to: scratch.path + "/new")
        }
        #expect(nothing?.description == "cannot restore \(scratch.path)/none: there is no store in it")
    }

    // MARK: Backup and restore

    @Test("a restored backup is the store as it was, with the sums of usage and with room to go on")
    func restored() throws {
        try fill(scratch.store)
        let before = try export(scratch.store)
        let backup = scratch.path + "/backup"
        do {
            let store = try KeyStore.open(scratch.store)
            var usage = try RecordLog(KeyStore.usageFileName, in: scratch.store) { _ in true }
            try usage.append(bytes("an hour").span)
            try store.backup(to: backup)
            try store.change { (store) throws(StoreError) in _ = try store.createPermission(slug: "later") }
        }
        let target = scratch.path + "/restored"
        let report = try KeyStore.restore(backup, to: target)
        #expect(report.keyCount == 2, "two others are soft-deleted, or their API is")
        #expect(try export(target) == before)
        var records: [[UInt8]] = []
        _ = try RecordLog(KeyStore.usageFileName, in: target) { record in
            records.append(Array(copying: record))
            return true
        }
        #expect(records == [bytes("an hour")])
        let store = try KeyStore.open(target)
        try store.change { (store) throws(StoreError) in _ = try store.createPermission(slug: "later") }
    }

    @Test("a damaged backup is refused before anything is written, with its damage")
    func damagedBackup() throws {
        try fill(scratch.store)
        let backup = scratch.path + "/backup"
        do { try KeyStore.open(scratch.store).backup(to: backup) }
        let snapshot = backup + "/snapshot-00000001"
        var image = try Scratch.read(snapshot)
        image[image.count / 2] ^= 1
        try Scratch.write(image, to: snapshot)
        let error = #expect(throws: StoreFileError.self) {
            try KeyStore.restore(backup, to: scratch.path + "/new")
        }
        #expect(
            error?.description
                == "\(snapshot) is damaged at byte 176: the checksum of a chunk does not match; "
                + "`keygate store verify` shows what is readable")
        #expect(try Disk().names(in: scratch.path).sorted() == ["backup", "store"])
    }

    @Test("copies made while mutations run are each one moment of the store")
    func underLoad() throws {
        let thread = try StoreThread(KeyStore.open(scratch.store)) { Issue.record("\($0)") }
        let (left, right) = try thread.perform { (store: inout Transaction) throws(StoreError) in
            (
                try store.createIdentity(externalID: "left").reference,
                try store.createIdentity(externalID: "right").reference
            )
        }
        let isDone = Atomic<Bool>(false)
        let count = Atomic<Int>(0)
        // Transaction n makes permission n and tells it to both.
        let writer = try Thread(name: "writer") {
            var number = 0
            while !isDone.load(ordering: .relaxed) {
                number += 1
                let meta = bytes("{\"n\":\(number)}")
                let slug = "p\(number)"
                thread.submit { (store: inout Transaction) throws(StoreError) in
                    try store.updateIdentity(left) { $0.meta = meta }
                    _ = try store.createPermission(slug: slug)
                    try store.updateIdentity(right) { $0.meta = meta }
                } completion: { result in
                    if case .success = result { count.add(1, ordering: .relaxed) }
                }
                if number % 16 == 0 { try? thread.perform { (_: inout Transaction) throws(StoreError) in } }
            }
        }
        var moments: [Int] = []
        for round in 0..<8 {
            let copied = Answer<Result<Void, StoreFileError>>()
            thread.backup(to: scratch.path + "/copy\(round)") { copied.give($0) }
            try copied.wait().get()
            if round == 3 { thread.compact { _ in } }
        }
        isDone.store(true, ordering: .relaxed)
        writer.join()
        thread.stop()
        for round in 0..<8 {
            let store = try KeyStore.open(scratch.path + "/copy\(round)")
            try store.change { (store) throws(StoreError) in
                let left = store.identity(externalID: "left")?.meta
                #expect(left == store.identity(externalID: "right")?.meta)
                let permissions = store.permissions(limit: .max).records.count
                #expect((left ?? bytes("{\"n\":0}")) == bytes("{\"n\":\(permissions)}"))
                moments.append(permissions)
            }
        }
        #expect(moments == moments.sorted())
        #expect(count.load(ordering: .relaxed) >= moments.last ?? 0)
    }
}
