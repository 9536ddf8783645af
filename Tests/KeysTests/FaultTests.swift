// The store when the disk fails: each write, sync, rename and creation in turn.

import Glibc
import Synchronization
import Testing

@testable import Keys

@Suite struct FaultTests {
    let scratch = Scratch()

    private func options(
        _ number: Int, _ fault: FaultSchedule.Fault, count: Int = .max
    ) -> StoreOptions {
        var options = StoreOptions()
        options.disk = Disk(faults: FaultSchedule(failing: number, fault, count: count))
        return options
    }

    /// Ten mutations with a compaction in their middle. Returns the names that were acknowledged.
    private func work(_ store: KeyStore) -> Set<String> {
        var acknowledged: Set<String> = []
        for number in 0..<10 {
            if number == 5 { try? store.compact() }
            do {
                try store.change { (transaction) throws(StoreError) in
                    _ = try transaction.createPermission(slug: "p\(number)")
                    _ = try transaction.createIdentity(externalID: "p\(number)")
                }
                acknowledged.insert("p\(number)")
            } catch .unavailable {
                #expect(store.unavailableReason != nil)
            } catch {
                Issue.record("\(error)")
            }
        }
        return acknowledged
    }

    @Test(
        "whichever operation fails, what was acknowledged is there after a restart and nothing is half there",
        arguments: [FaultSchedule.Fault.fails, .tears])
    func everyOperation(fault: FaultSchedule.Fault) throws {
        var failures = 0
        for number in 1...60 {
            let scratch = Scratch()
            var acknowledged: Set<String> = []
            do {
                let store = try KeyStore.open(scratch.store, options(number, fault))
                acknowledged = work(store)
                if acknowledged.count < 10 { failures += 1 }
                // Readers' and management's view is that of the acknowledged, too.
                #expect(try names(store) == acknowledged)
            } catch is StoreFileError {
                failures += 1
            }
            let store = try KeyStore.open(scratch.store)
            #expect(try names(store) == acknowledged, "operation \(number)")
        }
        #expect(failures > 20)
    }

    private func names(_ store: KeyStore) throws -> Set<String> {
        try store.change { (transaction) throws(StoreError) in
            let permissions = Set(transaction.permissions(limit: .max).records.map(\.slug))
            #expect(Set(transaction.identities(limit: .max).records.map(\.externalID)) == permissions)
            return permissions
        }
    }

    @Test("after a failed write mutations fail at once, look-ups and reading transactions go on")
    func readOnly() throws {
        // Six operations create the store, two are each transaction.
        let store = try KeyStore.open(scratch.store, options(9, .tears))
        try store.change { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "a")
            _ = try transaction.createKey(KeyRecord(digest: digest("k"), api: api.reference))
        }
        let reason = "cannot write \(scratch.store)/journal-00000001: input/output error"
        for _ in 0..<2 {
            #expect(throws: TransactionFailure<StoreError>.unavailable(reason)) {
                try store.change { (transaction) throws(StoreError) in
                    _ = try transaction.createPermission(slug: "p")
                }
            }
        }
        let reader = store.makeReader()
        #expect(reader.find(digest("k")) != nil)
        let found = try store.change { (transaction) throws(StoreError) in
            (transaction.key(digest: digest("k")) != nil, transaction.permission(slug: "p") != nil)
        }
        #expect(found == (true, false))
    }

    @Test("when a batch cannot be written everything that waited in it fails, and the log says so once")
    func failingBatch() throws {
        let sink = LineSink()
        let thread = try StoreThread(KeyStore.open(scratch.store, options(7, .fails))) { sink.add($0) }
        let answers = LineSink()
        for number in 0..<5 {
            thread.submit { (transaction: inout Transaction) throws(StoreError) in
                _ = try transaction.createPermission(slug: "p\(number)")
            } completion: { result in
                switch result {
                case .success: answers.add("success")
                case .failure(.unavailable): answers.add("unavailable")
                case .failure(.refused): answers.add("refused")
                }
            }
        }
        thread.stop()
        #expect(answers.lines == Array(repeating: "unavailable", count: 5))
        #expect(
            sink.lines == [
                "the store is read-only until it can be written again: "
                    + "cannot write \(scratch.store)/journal-00000001: input/output error"
            ])
    }

    @Test("a store that another process or object has open says so and names the process")
    func inUse() throws {
        let store = try KeyStore.open(scratch.store)
        let error = #expect(throws: StoreFileError.self) { try KeyStore.open(scratch.store) }
        #expect(error?.description == "store \(scratch.store) is in use by process \(getpid())")
        _ = consume store
        _ = try KeyStore.open(scratch.store)
    }

    @Test(
        "nobody but the owner may look into the store",
        arguments: ["", "/lock", "/journal-00000002", "/snapshot-00000002"])
    func permissions(name: String) throws {
        do { try KeyStore.open(scratch.store).compact() }
        var info = stat()
        try #require(unsafe stat(scratch.store + name, &info) == 0)
        #expect(info.st_mode & 0o077 == 0)
    }

    @Test("a directory that cannot be made is named")
    func badDirectory() {
        let error = #expect(throws: StoreFileError.self) { try KeyStore.open("/proc/none/store") }
        #expect(error?.description == "cannot create directory /proc/none/store: no such file or directory")
    }
}

/// Collects lines from other threads.
final class LineSink: Sendable {
    private let collected = Mutex<[String]>([])
    func add(_ line: String) { collected.withLock { $0.append(line) } }
    var lines: [String] { collected.withLock { $0 } }
}
