// A store that could not be written takes changes again by itself once it can, and is then what it was when
// the failure came.

import Glibc
import Reactor
import Testing

@testable import Keys

@Suite struct ResumptionTests {
    let scratch = Scratch()

    private func add(_ name: String, to store: KeyStore) throws {
        try store.change { (transaction) throws(StoreError) in
            _ = try transaction.createPermission(slug: name)
        }
    }

    private func names(_ store: KeyStore) throws -> [String] {
        try store.change { (transaction) throws(StoreError) in
            transaction.permissions(limit: .max).records.map(\.slug).sorted()
        }
    }

    @Test(
        "whichever operation fails, and however many after it, the store goes on and keeps what it had said",
        arguments: [FaultSchedule.Fault.fails, .tears], [1, 2, 5])
    func everyOperation(fault: FaultSchedule.Fault, count: Int) throws {
        var resumptions = 0
        for number in 7...60 {
            let scratch = Scratch()
            var options = StoreOptions()
            options.disk = Disk(faults: FaultSchedule(failing: number, fault, count: count))
            var acknowledged: [String] = []
            do {
                let store = try KeyStore.open(scratch.store, options)
                for name in 0..<10 {
                    if name == 5 { try? store.compact() }
                    if (try? add("p\(name)", to: store)) != nil { acknowledged.append("p\(name)") }
                    // As a server does, but without the pauses.
                    while store.failure != nil {
                        if (try? store.resume()) != nil { resumptions += 1 }
                    }
                    #expect(try names(store) == acknowledged)
                }
                #expect(acknowledged.count >= 10 - count)
            }
            #expect(KeyStore.verify(scratch.store).problem == nil, "operation \(number)")
            let store = try KeyStore.open(scratch.store)
            #expect(try names(store) == acknowledged, "operation \(number)")
            #expect(store.report.tornTail == nil)
        }
        #expect(resumptions > 10)
    }

    @Test("what was written and refused is not there after the store goes on, although its bytes are")
    func refusedBytes() throws {
        var options = StoreOptions()
        // Six operations create the store and two are the first transaction; then a write succeeds, and its
        // sync and the first attempt to go on do not.
        options.disk = Disk(faults: FaultSchedule(failing: 10, .fails, count: 2))
        let journal = scratch.store + "/journal-00000001"
        do {
            let store = try KeyStore.open(scratch.store, options)
            try add("kept", to: store)
            #expect(throws: TransactionFailure<StoreError>.self) { try add("refused", to: store) }
            #expect(throws: StoreFileError.self) { try store.resume() }
            _ = try store.resume()
            try add("later", to: store)
        }
        // A truncation that did not reach the disk: the refused transaction is whole in the first journal.
        let other = Scratch()
        do {
            let store = try KeyStore.open(other.store)
            try add("kept", to: store)
            try add("refused", to: store)
        }
        let length = try Scratch.read(journal).count
        let image = try Scratch.read(other.store + "/journal-00000001")
        #expect(image.count > length)
        try Scratch.write(Array(try Scratch.read(journal) + image[length...]), to: journal)
        #expect(KeyStore.verify(scratch.store).problem == nil)
        #expect(try names(KeyStore.open(scratch.store)) == ["kept", "later"])
    }

    @Test("before it goes on, a torn end is no obstacle, also if the next journal lacks its head")
    func tornBeforeHeadless() throws {
        do { try add("kept", to: try KeyStore.open(scratch.store)) }
        let journal = scratch.store + "/journal-00000001"
        try Scratch.write(try Scratch.read(journal) + [1, 2, 3], to: journal)
        try Scratch.write([UInt8](repeating: 0, count: 20), to: scratch.store + "/journal-00000002")
        do {
            let store = try KeyStore.open(scratch.store)
            #expect(store.report.tornTail?.byteCount == 3)
            try add("later", to: store)
        }
        #expect(try names(KeyStore.open(scratch.store)) == ["kept", "later"])
    }

    // MARK: With its thread

    /// A store on its thread that tells here what it does.
    private struct Running {
        let thread: StoreThread
        let log = LineSink()
        private let events: Mailbox<String>

        init(_ directory: String, _ options: StoreOptions = StoreOptions()) throws {
            let events = try Mailbox<String>()
            let log = log
            self.events = events
            thread = try StoreThread(
                KeyStore.open(directory, options),
                log: {
                    log.add($0)
                    events.post($0)
                }, onWritable: { events.post($0 ? "writable" : "read-only") })
        }

        func add(_ name: String) throws {
            try thread.perform { (transaction: inout Transaction) throws(StoreError) in
                _ = try transaction.createPermission(slug: name)
            }
        }

        /// Waits until it says something that begins like this.
        func wait(for start: String) throws {
            while true {
                waitForMail(events.wakeNumber, timeoutMillis: 120_000)
                let said = events.drain()
                try #require(!said.isEmpty, "it never said: \(start)")
                if said.contains(where: { $0.hasPrefix(start) }) { return }
            }
        }
    }

    @Test("a running store goes on by itself; both transitions are logged, once")
    func byItself() throws {
        let faults = FaultSchedule(failing: 9, .fails, code: ENOSPC)
        var options = StoreOptions()
        options.disk = Disk(faults: faults)
        let store = try Running(scratch.store, options)
        try store.add("first")
        for _ in 0..<3 {
            #expect(
                throws: TransactionFailure<StoreError>.unavailable(
                    "cannot write \(scratch.store)/journal-00000001: no space left on device")
            ) { try store.add("refused") }
        }
        try store.wait(for: "read-only")
        faults.end()
        try store.wait(for: "writable")
        try store.add("second")
        store.thread.stop()
        #expect(
            store.log.lines == [
                "the store is read-only until it can be written again: "
                    + "cannot write \(scratch.store)/journal-00000001: no space left on device",
                "the store takes changes again",
            ])
        #expect(try names(KeyStore.open(scratch.store)) == ["first", "second"])
    }

    @Test("a directory that is deleted is noticed, and made again with everything in it and its lock held")
    func deletedDirectory() throws {
        let store = try Running(scratch.store)
        try store.add("first")
        let here = scratch.store
        #expect(
            throws: TransactionFailure<StoreError>.unavailable(
                "cannot find \(scratch.store)/journal-00000001: no such file or directory")
        ) {
            // On the store's own thread, which would otherwise notice in between.
            try store.thread.perform { (transaction: inout Transaction) throws(StoreError) in
                Scratch.remove(here)
                _ = try transaction.createPermission(slug: "refused")
            }
        }
        try store.wait(for: "writable")
        try store.add("second")
        let error = #expect(throws: StoreFileError.self) { try KeyStore.open(scratch.store) }
        #expect(error?.description == "store \(scratch.store) is in use by process \(getpid())")
        store.thread.stop()
        #expect(
            store.log.lines == [
                "the store is read-only until it can be written again: "
                    + "cannot find \(scratch.store)/journal-00000001: no such file or directory",
                "the store's directory was gone and was made again, with everything acknowledged in it",
            ])
        #expect(try names(KeyStore.open(scratch.store)) == ["first", "second"])
    }

    @Test("a directory moved away and back is gone on with; another store in its place is not touched")
    func movedDirectory() throws {
        let store = try Running(scratch.store)
        try store.add("first")
        let elsewhere = scratch.path + "/elsewhere"
        // Somebody else's store, so that nothing is made again in the meantime.
        let other = scratch.path + "/other"
        do { try add("other", to: try KeyStore.open(other)) }
        // On the store's own thread, which would make the directory again if it looked between the two.
        let here = scratch.store
        #expect(
            throws: TransactionFailure<StoreError>.unavailable(
                "cannot find \(scratch.store)/journal-00000001: another file has taken its place")
        ) {
            try store.thread.perform { (transaction: inout Transaction) throws(StoreError) in
                #expect(unsafe rename(here, elsewhere) == 0)
                #expect(unsafe rename(other, here) == 0)
                _ = try transaction.createPermission(slug: "refused")
            }
        }
        // It says why it does not go on before it is given back what is its own.
        try store.wait(for: "the store is still read-only")
        try store.thread.perform { (_: inout Transaction) throws(StoreError) in
            #expect(unsafe rename(here, other) == 0)
            #expect(unsafe rename(elsewhere, here) == 0)
        }
        try store.wait(for: "writable")
        try store.add("second")
        store.thread.stop()
        #expect(
            store.log.lines == [
                "the store is read-only until it can be written again: "
                    + "cannot find \(scratch.store)/journal-00000001: another file has taken its place",
                "the store is still read-only: cannot make again \(scratch.store): "
                    + "there are other files, which are left alone; "
                    + "a stop writes this store beside them",
                "the store takes changes again",
            ])
        #expect(try names(KeyStore.open(other)) == ["other"])
        #expect(try names(KeyStore.open(scratch.store)) == ["first", "second"])
    }

    @Test("a directory deleted while nothing changes is noticed, and one deleted before the end is made")
    func deletedInSilence() throws {
        // A slash at the end of its name must not lead into what is gone.
        let store = try Running(scratch.store + "/")
        try store.add("first")
        Scratch.remove(scratch.store)
        try store.wait(for: "read-only")
        try store.wait(for: "writable")
        #expect(KeyStore.verify(scratch.store).problem == nil)
        Scratch.remove(scratch.store)
        #expect(store.thread.settle())
        #expect(KeyStore.verify(scratch.store).problem == nil)
        Scratch.remove(scratch.store)
        #expect(store.thread.stop() == .inPlace)
        #expect(try names(KeyStore.open(scratch.store)) == ["first"])
    }

    @Test("where neither the directory nor one beside it can be made, the end says that all is lost")
    func lost() throws {
        let parent = scratch.path + "/parent"
        #expect(unsafe mkdir(parent, 0o700) == 0)
        let store = try Running(parent + "/store")
        try store.add("first")
        Scratch.remove(parent)
        guard case .lost(let reason) = store.thread.stop() else {
            Issue.record("it is not lost: \(store.log.lines)")
            return
        }
        #expect(reason.contains("no such file or directory"), "\(reason)")
        #expect(store.log.lines.last?.hasPrefix("what is in memory is lost") == true)
    }

    @Test("a draft that could not be given the name of the directory is not left beside it")
    func abandonedDraft() throws {
        // How many operations it takes to make the directory again, by when it first succeeds.
        var isMade = false
        var number = 0
        while !isMade {
            number += 1
            let scratch = Scratch()
            let faults = FaultSchedule(failing: number + 8, .fails, count: 1)
            var options = StoreOptions()
            options.disk = Disk(faults: faults)
            let store = try KeyStore.open(scratch.store, options)
            try add("first", to: store)
            Scratch.remove(scratch.store)
            store.checkPlace()
            isMade = (try? store.resume()) != nil
            #expect(!(try Disk().exists(scratch.store + ".remade")), "operation \(number)")
        }
        #expect(number > 10)
    }

    @Test("a compaction writes nothing into a store that has taken the directory's place")
    func compactionElsewhere() throws {
        let store = try KeyStore.open(scratch.store)
        try add("first", to: store)
        let other = scratch.path + "/other"
        do { try add("other", to: try KeyStore.open(other)) }
        let image = try store.beginCompaction()
        try add("second", to: store)
        #expect(unsafe rename(scratch.store, scratch.path + "/elsewhere") == 0)
        #expect(unsafe rename(other, scratch.store) == 0)
        let files = try Disk().names(in: scratch.store).sorted()
        let outcome = KeyStore.write(image, store.ledgerStore, store.place, budget: 1 << 20)
        #expect(throws: StoreFileError.self) { try outcome.get() }
        // As if the snapshot had been written just before.
        #expect(store.finishCompaction(.success(1), sequence: image.head.sequence) != nil)
        #expect(throws: StoreFileError.self) { try store.compact() }
        #expect(try Disk().names(in: scratch.store).sorted() == files)
        #expect(try names(KeyStore.open(scratch.store)) == ["other"])
        let rescued = try store.rescue()
        #expect(rescued.hasPrefix(scratch.store + ".rescued-"))
        #expect(KeyStore.verify(rescued).problem == nil)
        try add("third", to: store)
        #expect(try names(store) == ["first", "second", "third"])
    }
}
