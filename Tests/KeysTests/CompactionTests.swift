// Compaction, copies, and the files they leave.

import Bytes
import Testing

@testable import Keys

@Suite struct CompactionTests {
    let scratch = Scratch()

    private func fill(_ store: KeyStore, _ range: Range<Int>) throws {
        try store.change { (transaction) throws(StoreError) in
            let api: APIRecord
            if let found = transaction.apis(named: "a").first {
                api = found
            } else {
                api = try transaction.createAPI(name: "a")
            }
            for number in range {
                var key = KeyRecord(digest: digest("k\(number)"), api: api.reference)
                key.identity = try transaction.findOrCreateIdentity(externalID: "i\(number % 7)").reference
                key.permissions = [try transaction.findOrCreatePermission(slug: "p\(number % 5)").reference]
                _ = try transaction.createKey(key)
            }
        }
    }

    @Test("a compacted store holds the same and has one snapshot and one journal")
    func compacted() throws {
        var store: KeyStore? = try KeyStore.open(scratch.store)
        try fill(store!, 0..<500)
        try store!.change { (transaction) throws(StoreError) in
            try transaction.deletePermission(transaction.permission(slug: "p4")!.reference)
        }
        let before = try Contents(store!)
        try store!.compact()
        #expect(try Contents(store!) == before)
        #expect(
            try Disk().names(in: scratch.store).sorted() == [
                "journal-00000002", "ledger", "lock", "snapshot-00000002",
            ])
        store = nil
        store = try KeyStore.open(scratch.store)
        #expect(store!.report.snapshotSequence == 2)
        #expect(try Contents(store!) == before)
        // Numbers of what was deleted are not given out again.
        let reborn = try store!.change { (transaction) throws(StoreError) in
            try transaction.createPermission(slug: "p4")
        }
        #expect(reborn.reference.number == 6)
    }

    @Test("leftovers of an interrupted compaction are used or removed, whichever is right")
    func interrupted() throws {
        var store: KeyStore? = try KeyStore.open(scratch.store)
        try fill(store!, 0..<10)
        // Interrupted before the snapshot was renamed: two journals and half a snapshot.
        let image = try store!.beginCompaction()
        try fill(store!, 10..<20)
        let before = try Contents(store!)
        try Scratch.write(bytes("half"), to: scratch.store + "/snapshot-00000002.tmp")
        store = nil
        store = try KeyStore.open(scratch.store)
        #expect(try Contents(store!) == before)
        #expect(
            try Disk().names(in: scratch.store).sorted() == ["journal-00000001", "journal-00000002", "lock"])
        // Interrupted after the rename, before the old journal was removed.
        store = nil
        _ = try image.write(in: scratch.store, Disk())
        store = try KeyStore.open(scratch.store)
        #expect(try Contents(store!) == before)
        #expect(
            try Disk().names(in: scratch.store).sorted() == [
                "journal-00000002", "lock", "snapshot-00000002",
            ])
    }

    @Test("a copy is a complete store of its own, and only goes where nothing is")
    func backup() throws {
        let store = try KeyStore.open(scratch.store)
        try fill(store, 0..<100)
        let target = scratch.path + "/copy"
        try store.backup(to: target)
        let before = try Contents(store)
        try fill(store, 100..<110)
        #expect(KeyStore.verify(target).problem == nil)
        #expect(try Contents(KeyStore.open(target)) == before)
        let error = #expect(throws: StoreFileError.self) { try store.backup(to: target) }
        #expect(error?.description == "cannot back up to \(target): the directory is not empty")
    }

    @Test("a journal that outgrows its threshold is compacted by itself while mutations go on")
    func automatic() throws {
        var options = StoreOptions()
        options.compactionThresholdBytes = 10_000
        let log = LineSink()
        let thread = try StoreThread(KeyStore.open(scratch.store, options)) { log.add($0) }
        let api = try thread.perform { (transaction: inout Transaction) throws(StoreError) in
            try transaction.createAPI(name: "a").reference
        }
        for number in 0..<300 {
            _ = try thread.perform { (transaction: inout Transaction) throws(StoreError) in
                try transaction.createKey(KeyRecord(digest: digest("k\(number)"), api: api))
            }
        }
        let copied = Answer<Result<Void, StoreFileError>>()
        thread.backup(to: scratch.path + "/copy") { copied.give($0) }
        try copied.wait().get()
        thread.stop()
        #expect(log.lines == [])
        let report = KeyStore.verify(scratch.store)
        #expect(report.problem == nil && report.keyCount == 300)
        #expect(report.files.contains { $0.path.contains("snapshot") })
        #expect(KeyStore.verify(scratch.path + "/copy").keyCount == 300)
    }
}
