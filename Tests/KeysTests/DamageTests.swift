// What a start makes of journals that were cut short, and of files in which a byte is not what it was.

import Bytes
import Testing

@testable import Keys

@Suite struct DamageTests {
    let scratch = Scratch()
    private var journal: String { scratch.store + "/journal-00000001" }
    private var snapshot: String { scratch.store + "/snapshot-00000002" }

    /// Six transactions, each making one identity with a key, and the length of the journal after each.
    private func makeStore() throws -> [Int] {
        let store = try KeyStore.open(scratch.store)
        let api = try store.change { (transaction) throws(StoreError) in
            try transaction.createAPI(name: "a").reference
        }
        var lengths = [try Scratch.read(journal).count]
        for number in 0..<6 {
            try store.change { (transaction) throws(StoreError) in
                var key = KeyRecord(digest: digest("k\(number)"), api: api)
                key.identity = try transaction.createIdentity(externalID: "i\(number)").reference
                _ = try transaction.createKey(key)
            }
            lengths.append(try Scratch.read(journal).count)
        }
        return lengths
    }

    /// How many of the six transactions are there; each has to be whole.
    private func wholeTransactions(_ store: KeyStore) throws -> Int {
        try store.change { (transaction) throws(StoreError) in
            var count = 0
            for number in 0..<6 {
                let identity = transaction.identity(externalID: "i\(number)")
                let key = transaction.key(digest: digest("k\(number)"))
                #expect((identity == nil) == (key == nil), "half of transaction \(number)")
                #expect(key?.identity == identity?.reference)
                if key != nil {
                    #expect(count == number, "transaction \(number) without the one before it")
                    count += 1
                }
            }
            return count
        }
    }

    @Test("every prefix of a journal opens with exactly the transactions that are complete in it")
    func everyPrefix() throws {
        let lengths = try makeStore()
        let whole = try Scratch.read(journal)
        for length in 0...whole.count {
            try Scratch.write(Array(whole[..<length]), to: journal)
            let store = try KeyStore.open(scratch.store)
            let expected = max(0, lengths.count { $0 <= length } - 1)
            #expect(try wholeTransactions(store) == expected, "cut at \(length)")
            let isAtBoundary = lengths.contains(length) || length == JournalFormat.headLength
            #expect((store.report.tornTail == nil) == isAtBoundary, "cut at \(length)")
            // And it goes on from there: what is written now is found by the next start.
            if length % 37 == 0 {
                try store.change { (transaction) throws(StoreError) in
                    _ = try transaction.createPermission(slug: "after")
                }
                #expect(KeyStore.verify(scratch.store).problem == nil)
            }
        }
    }

    @Test("a torn tail is reported with the file, the offset and the number of bytes")
    func tornTailMessage() throws {
        let lengths = try makeStore()
        let whole = try Scratch.read(journal)
        try Scratch.write(Array(whole.dropLast(3)), to: journal)
        let store = try KeyStore.open(scratch.store)
        let count = whole.count - 3 - lengths[5]
        #expect(
            store.report.tornTail?.description
                == "\(journal): \(count) bytes at the end are no complete transaction "
                + "(a record is cut off at byte \(lengths[5])); they were never acknowledged and are cut off")
        #expect(try Scratch.read(journal).count == lengths[5])
    }

    @Test(
        "a flipped byte refuses to open and says where, except in the last transaction, which is a torn tail"
    )
    func everyFlippedByte() throws {
        let lengths = try makeStore()
        let whole = try Scratch.read(journal)
        for offset in whole.indices {
            var damaged = whole
            damaged[offset] ^= 0x41
            try Scratch.write(damaged, to: journal)
            do {
                let store = try KeyStore.open(scratch.store)
                #expect(offset >= lengths[5], "opened although byte \(offset) was flipped")
                #expect(try wholeTransactions(store) == 5)
                #expect(store.report.tornTail != nil)
            } catch let error as StoreFileError {
                switch error {
                case .corrupt(let file, let at, _):
                    #expect(file == journal)
                    #expect(at <= offset)
                    #expect(error.description.contains("`keygate store verify`"))
                case .newerFormat:
                    // The version stands outside of the checksum, so that later formats can change that.
                    #expect((8..<12).contains(offset))
                case .inUse, .missingFile, .system: Issue.record("byte \(offset): \(error)")
                }
                #expect(offset < lengths[5], "refused although only the tail was damaged, at \(offset)")
            }
        }
    }

    @Test("every prefix and every flipped byte of a snapshot refuses to open")
    func damagedSnapshot() throws {
        _ = try makeStore()
        do {
            let store = try KeyStore.open(scratch.store)
            try store.compact()
        }
        let whole = try Scratch.read(snapshot)
        for length in 0..<whole.count {
            try Scratch.write(Array(whole[..<length]), to: snapshot)
            #expect(throws: StoreFileError.self, "cut at \(length)") { try KeyStore.open(scratch.store) }
        }
        for offset in whole.indices {
            var damaged = whole
            damaged[offset] ^= 0x41
            try Scratch.write(damaged, to: snapshot)
            #expect(throws: StoreFileError.self, "flipped at \(offset)") { try KeyStore.open(scratch.store) }
        }
        try Scratch.write(whole, to: snapshot)
        #expect(try wholeTransactions(KeyStore.open(scratch.store)) == 6)
    }

    @Test("parts of one batch that reached the disk in the wrong order are a torn tail, not damage")
    func tornBatch() throws {
        let store = try KeyStore.open(scratch.store)
        for number in 0..<3 {
            _ = store.stage { (transaction: inout Transaction) throws(StoreError) in
                _ = try transaction.createPermission(slug: "p\(number)")
            }
        }
        #expect(store.commit() == nil)
        var image = try Scratch.read(journal)
        image[JournalFormat.headLength + 40] ^= 1
        let report = KeyStore.verifyJournal(image.span)
        #expect(report.problem == nil)
        #expect(report.tornTail?.offset == JournalFormat.headLength)
    }

    @Test("verify names the first damage and counts what came before it")
    func verification() throws {
        let lengths = try makeStore()
        let whole = KeyStore.verify(scratch.store)
        #expect(whole.problem == nil)
        #expect(whole.keyCount == 6)
        #expect(whole.files == [.init(path: journal, recordCount: 7)])
        var image = try Scratch.read(journal)
        image[lengths[3] + 50] ^= 1
        try Scratch.write(image, to: journal)
        let damaged = KeyStore.verify(scratch.store)
        #expect(
            damaged.problem
                == .corrupt(
                    file: journal, offset: lengths[3], reason: "the checksum of a record does not match"))
        #expect(damaged.keyCount == 3)
    }

    @Test("a store without a journal that must be there refuses and names it")
    func missingJournal() throws {
        _ = try makeStore()
        do { try KeyStore.open(scratch.store).compact() }
        try Disk().remove(scratch.store + "/journal-00000002")
        let error = #expect(throws: StoreFileError.self) { try KeyStore.open(scratch.store) }
        #expect(
            error?.description
                == "store \(scratch.store) lacks journal-00000002; `keygate store verify` shows what is there"
        )
    }

    @Test(
        "a file of a newer format is refused with both versions",
        arguments: [("journal-00000001", 2), ("snapshot-00000002", 1)])
    func newerFormat(file: String, supported: Int) throws {
        _ = try makeStore()
        if file.hasPrefix("snapshot") { try KeyStore.open(scratch.store).compact() }
        let path = scratch.store + "/" + file
        var image = try Scratch.read(path)
        image[8] = 9
        try Scratch.write(image, to: path)
        let error = #expect(throws: StoreFileError.self) { try KeyStore.open(scratch.store) }
        #expect(
            error?.description
                == "\(path) has format 9, this keygate reads up to \(supported): it was written by a newer keygate"
        )
    }

    @Test("a store of format 1 opens, goes on in a journal of this format, and is whole after a compaction")
    func olderFormat() throws {
        let lengths = try makeStore()
        var image = try Scratch.read(journal)
        let head = JournalFormat.encode(.init(sequence: 1, firstTransaction: 1, version: 1))
        image.replaceSubrange(0..<head.count, with: head)
        try Scratch.write(image, to: journal)
        do {
            let store = try KeyStore.open(scratch.store)
            #expect(try wholeTransactions(store) == 6)
            try store.change { (transaction) throws(StoreError) in
                _ = try transaction.createPermission(slug: "after")
            }
        }
        // Nothing was added to the file of the older format: a build that reads only that refuses the other.
        #expect(try Scratch.read(journal).count == lengths[6])
        let next = try Scratch.read(scratch.store + "/journal-00000002")
        #expect(try JournalFormat.head(next.span).version == JournalFormat.version)
        let store = try KeyStore.open(scratch.store)
        try store.compact()
        #expect(try wholeTransactions(store) == 6)
        #expect(
            try Disk().names(in: scratch.store).sorted() == [
                "journal-00000003", "ledger", "lock", "snapshot-00000003",
            ])
    }

    @Test(
        "a record of a kind or layout that this build does not know is refused as newer", arguments: [4, 5])
    func newerRecord(offset: Int) throws {
        let block = try PermissionRecord(
            reference: Reference(number: 1), id: "perm_1", name: "n", slug: "s"
        ).packed()
        var image = block.array(0..<block.length)
        block.free()
        image[offset] = 99
        let error = #expect(throws: BlockError.self) { try Block.load(image.span).free() }
        #expect(error == .newerLayout(kind: offset == 4 ? 99 : 1, version: offset == 5 ? 99 : 1))
    }
}
