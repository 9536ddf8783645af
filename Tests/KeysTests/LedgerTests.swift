// The ledger: every movement is in it, it adds up after anything that can happen to a store, and it says where
// it does not.

import Bytes
import Testing

@testable import Keys

@Suite struct LedgerTests {
    let scratch = Scratch()

    private func open(_ options: StoreOptions = StoreOptions()) throws -> KeyStore {
        try KeyStore.open(scratch.store, options)
    }

    private func makeKey(_ store: KeyStore, _ id: String, _ credits: Credits?) throws -> Reference<KeyRecord>
    {
        try store.change { (store) throws(StoreError) in
            let api: APIRecord
            if let found = store.apis(named: "api").first {
                api = found
            } else {
                api = try store.createAPI(name: "api")
            }
            var record = KeyRecord(id: id, digest: digest(id), api: api.reference)
            record.credits = credits
            return try store.createKey(record).reference
        }
    }

    /// `kind amount>balance/leased`, without the opening words.
    private func history(_ id: String) throws -> [String] {
        let history = try KeyStore.ledger(of: id, limit: .max / 4, in: scratch.store)
        return try #require(history).entries.map { entry in
            let reference =
                entry.reference.isEmpty ? "" : " \(String(decoding: entry.reference, as: UTF8.self))"
            return "\(entry.kind.name) \(entry.amount)>\(entry.balance)/\(entry.leased)\(reference)"
        }
    }

    private func expectSound(_ comment: Comment? = nil) throws {
        let report = try KeyStore.verifyLedger(scratch.store)
        #expect(report.findings == [], comment)
        #expect(report.damage == [], comment)
    }

    private func request(_ id: String) -> RequestReference { RequestReference(bytes(id).span) }

    @Test("each movement is an entry that says why, how much and what is left")
    func everyKind() throws {
        do {
            let store = try open()
            let key = try makeKey(store, "k", Credits(remaining: 100))
            try store.change { (store) throws(StoreError) in
                _ = try store.spendCredits(of: key, cost: 5, .exact, request: request("r1"))
            }
            try store.change { (store) throws(StoreError) in
                _ = try store.spendCredits(of: key, cost: 1, .lease(maximum: 16), request: request("r2"))
            }
            let reader = store.makeReader()
            #expect(reader.find(digest("k"))?.spend(4, .lease(maximum: 16)) == .spent(remaining: 90))
            for (id, used) in [("r3", 1), ("r4", 7)] {
                let settlement = Settlement(key: key, request: request(id), reserved: 4, used: Int64(used))
                #expect(
                    reader.settle(settlement, .lease(maximum: 16))
                        == .settled(spent: Int64(used), uncollected: 0))
            }
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { $0.credits?.remaining += 10 }
            }
            for (id, used) in [("r5", 1), ("r6", 500)] {
                try store.change { (store) throws(StoreError) in
                    _ = try store.settleCredits(
                        Settlement(key: key, request: request(id), reserved: 4, used: Int64(used)), .exact)
                }
            }
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { $0.credits = Credits(remaining: 30) }
                try store.updateKey(key) { $0.credits?.remaining = 20 }
                try store.deleteKey(key, .permanent)
            }
        }
        try expectSound()
        #expect(
            try history("k") == [
                "grant 100>100/0", "spend 5>95/0 r1", "lease 16>79/16", "spend 1>78/16 r2",
                "lease-refund 3>78/19", "lease-surcharge 3>78/16", "lease-spend 4>78/12",
                "lease-return 12>90/0", "grant 10>100/0", "refund 3>103/0 r5", "surcharge 103>0/0 r6",
                "uncollected 393>0/0 r6", "grant 30>30/0", "withdrawal 10>20/0", "withdrawal 20>0/0 k",
            ])
    }

    @Test("a crash is an entry, and so is what a clean stop puts back")
    func endOfALease() throws {
        do {
            let store = try open()
            let key = try makeKey(store, "k", Credits(remaining: 100))
            for _ in 0..<2 {
                try store.change { (store) throws(StoreError) in
                    _ = try store.spendCredits(of: key, cost: 1, .lease(maximum: 16))
                }
            }
        }
        try expectSound("with the lease open")
        do { _ = try open() }
        try expectSound("after the crash")
        let store = try open()
        let found = try store.change { (store) throws(StoreError) in store.key(id: "k")?.reference }
        let key = try #require(found)
        let thread = try StoreThread(store) { Issue.record("\($0)") }
        _ = try thread.perform { (store) throws(StoreError) in
            try store.spendCredits(of: key, cost: 2, .lease(maximum: 16))
        }
        // Refunded into a lease that an update has just put back.
        _ = try thread.perform { (store) throws(StoreError) in try store.updateKey(key) { $0.name = "x" } }
        let settlement = Settlement(key: key, request: request("r"), reserved: 2, used: 1)
        #expect(
            thread.makeReader().settle(settlement, .lease(maximum: 16)) == .settled(spent: 1, uncollected: 0))
        thread.stop()
        try expectSound("after the stop")
        #expect(
            try history("k") == [
                "grant 100>100/0", "lease 16>84/16", "spend 1>83/16", "lease-write-off 16>83/0",
                "lease 16>67/16", "spend 2>65/16", "lease-return 16>81/0", "lease-refund 1>81/1",
                "lease-return 1>82/0",
            ])
    }

    @Test("refills, and credits that come and go, are told apart")
    func refillAndUnlimited() throws {
        do {
            let store = try open()
            let key = try makeKey(
                store, "k",
                Credits(remaining: 10, refill: Credits.Refill(interval: .daily, amount: 50)))
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { $0.refilledThroughDay -= 1 }
            }
            try store.refillCredits()
            try store.change { (store) throws(StoreError) in try store.updateKey(key) { $0.credits = nil } }
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { $0.credits = Credits(remaining: 0) }
                try store.updateKey(key) { $0.credits = Credits(remaining: 7) }
                try store.deleteKey(key, .soft)
            }
        }
        try expectSound()
        #expect(
            try history("k") == [
                "grant 10>10/0", "refill 40>50/0", "withdrawal 50>0/0", "grant 7>7/0",
            ])
    }

    @Test("a transaction that is refused leaves no entry, and the lease as it was")
    func refusedTransaction() throws {
        do {
            let store = try open()
            let key = try makeKey(store, "k", Credits(remaining: 100))
            #expect(throws: TransactionFailure<StoreError>.refused(.invalid("no"))) {
                try store.change { (store) throws(StoreError) in
                    _ = try store.spendCredits(of: key, cost: 5, .exact)
                    throw .invalid("no")
                }
            }
            try store.change { (store) throws(StoreError) in
                _ = try store.spendCredits(of: key, cost: 1, .lease(maximum: 16))
            }
            // One change of several is refused, and whoever asked goes on with the others.
            try store.change { (store) throws(StoreError) in
                _ = try? store.updateKey(key) { $0.credits?.remaining = -1 }
                _ = try store.createPermission(slug: "p")
            }
            #expect(
                store.makeReader().find(digest("k"))?.spend(16, .lease(maximum: 16))
                    == .spent(remaining: 83))
        }
        try expectSound()
        #expect(try history("k") == ["grant 100>100/0", "lease 16>84/16", "spend 1>83/16"])
    }

    @Test("a store from before the ledger gets an opening when its credits are first touched")
    func olderStore() throws {
        do {
            let store = try open()
            for id in ["k", "other"] { _ = try makeKey(store, id, Credits(remaining: 100)) }
            _ = try makeKey(store, "unlimited", nil)
            try store.compact()
        }
        try makeOlder("snapshot-00000002")
        try expectSound("untouched")
        #expect(try KeyStore.verifyLedger(scratch.store).untouchedCount == 2)
        #expect(try history("k") == [])
        do {
            let store = try open()
            for id in ["k", "unlimited"] {
                let found = try store.change { (store) throws(StoreError) in store.key(id: id)?.reference }
                let key = try #require(found)
                try store.change { (store) throws(StoreError) in
                    try store.updateKey(key) { $0.name = "x" }
                    _ = try store.spendCredits(of: key, cost: 5, .exact)
                }
            }
        }
        try expectSound("touched")
        #expect(try KeyStore.verifyLedger(scratch.store).untouchedCount == 1)
        #expect(try history("k") == ["opening 100>100/0", "spend 5>95/0"])
        do { try open().compact() }
        try expectSound("compacted")
    }

    /// Writes the keys of a snapshot as the version before the ledger did, and removes the ledger.
    private func makeOlder(_ name: String) throws {
        let path = scratch.store + "/" + name
        let file = try Scratch.read(path)
        var older = Array(file[..<SnapshotFormat.headLength])
        var offset = older.count
        while true {
            let rest = Array(file[offset...])
            let chunk = try SnapshotFormat.chunkHead(rest.span)
            let start = offset + SnapshotFormat.chunkHeadLength
            var payload = Array(file[start..<start + chunk.payloadLength])
            var block = 0
            while block < payload.count {
                if payload[block + 4] == EntityKind.key.rawValue { payload[block + 5] = 1 }
                block += Int(payload.span.little32(at: block))
            }
            older += SnapshotFormat.encodeChunkHead(payload.span, blockCount: chunk.blockCount) + payload
            offset = start + chunk.payloadLength
            if chunk.blockCount == 0 { break }
        }
        try Scratch.write(older, to: path)
        try Disk().remove(scratch.store + "/ledger")
    }

    @Test("what does not add up is named: key, entry, account, expected and found")
    func findings() throws {
        do {
            let store = try open()
            for id in ["a", "b"] {
                let key = try makeKey(store, id, Credits(remaining: 100))
                for _ in 0..<3 {
                    try store.change { (store) throws(StoreError) in
                        _ = try store.spendCredits(of: key, cost: 10, .exact)
                    }
                    try store.change { (store) throws(StoreError) in
                        try store.updateKey(key) { $0.credits?.remaining += 5 }
                    }
                }
            }
            try store.compact()
        }
        try expectSound()
        var entries: [LedgerEntry] = []
        let through = UInt64(try KeyStore.open(scratch.store).statistics.transaction)
        try LedgerStore(scratch.store, Disk()).forEach(through: through) {
            entries.append($0)
        } noteDamage: {
            Issue.record("\($0)")
        }
        let last = try #require(entries.last?.transaction)
        func write(_ entries: [LedgerEntry]) throws {
            var payload = ByteBuffer()
            for entry in entries { entry.encode(into: &payload) }
            let chunk = LedgerFormat.encode(payload.bytes, through: last, isBase: false)
            try Scratch.write(Array(copying: chunk.bytes), to: scratch.store + "/ledger")
        }
        // The fourth entry is a spend of key a, after which a grant no longer fits; the last is a grant of key b.
        for (index, expected) in [
            (3, ("a", 5, Int64(100), Int64(90))), (entries.count - 1, ("b", nil, Int64(80), Int64(85))),
        ] as [(Int, (String, Int?, Int64, Int64))] {
            var missing = entries
            missing.remove(at: index)
            try write(missing)
            let report = try KeyStore.verifyLedger(scratch.store)
            #expect(!report.isSound)
            #expect(report.findingCount == 1)
            let finding = try #require(report.findings.first)
            #expect(finding.keyID == expected.0)
            #expect((finding.entry == nil) == (expected.1 == nil))
            #expect(finding.account == .balance)
            #expect(finding.expected == expected.2)
            #expect(finding.found == expected.3)
        }
    }
}
