// Readers on other threads while the store changes under them. Under the thread sanitizer this is also the
// proof that nothing is freed or changed while it is looked at.

import Bytes
import Reactor
import Synchronization
import Testing

@testable import Keys

@Suite struct ThreadTests {
    let scratch = Scratch()

    /// Key `k n` always says n in its meta, and holds `even` or `odd` accordingly, whatever version of it a
    /// reader catches.
    @Test("readers see whole records, old or new, while keys are made, changed and removed")
    func readersDuringUpdates() throws {
        let store = try KeyStore.open(scratch.store)
        let (api, even, odd) = try store.change { (transaction) throws(StoreError) in
            (
                try transaction.createAPI(name: "a").reference,
                try transaction.createPermission(slug: "even").reference,
                try transaction.createPermission(slug: "odd").reference
            )
        }
        let isDone = Atomic<Bool>(false)
        let looked = Atomic<Int>(0)
        let evenName = permissionName("even")
        let thread = try StoreThread(store) { Issue.record("\($0)") }
        @Sendable func look(_ seed: UInt64) {
            var random = FixedRandom(seed)
            let reader = thread.makeReader()
            while !isDone.load(ordering: .relaxed) {
                for _ in 0..<64 {
                    let number = Int(random.next() % 200)
                    if let key = reader.find(digest("k \(number)")) {
                        let isWhole =
                            key.withMeta { ASCII.decimal($0) } == number
                            && key.holds(evenName) == number.isMultiple(of: 2)
                            && key.identity?.withExternalID { ASCII.decimal($0) } == number % 10
                        if !isWhole { Issue.record("a torn view of key \(number)") }
                        looked.add(1, ordering: .relaxed)
                    }
                }
                reader.quiesce()
                if random.next() % 16 == 0 {
                    reader.goIdle()
                    reader.wake()
                }
            }
        }
        let first = try Thread(name: "reader 1") { look(1) }
        let second = try Thread(name: "reader 2") { look(2) }
        var random = FixedRandom(3)
        for round in 0..<400 {
            let number = Int(random.next() % 200)
            let permanently = random.next() % 2 == 0
            try thread.perform { (transaction: inout Transaction) throws(StoreError) in
                if let key = transaction.key(digest: digest("k \(number)")) {
                    if permanently, round % 3 == 0 {
                        try transaction.deleteKey(key.reference, .permanent)
                    } else {
                        try transaction.updateKey(key.reference) { $0.name = "round \(round)" }
                    }
                } else {
                    var key = KeyRecord(digest: digest("k \(number)"), api: api)
                    key.meta = bytes("\(number)")
                    key.permissions = [number.isMultiple(of: 2) ? even : odd]
                    key.identity = try transaction.findOrCreateIdentity(externalID: "\(number % 10)")
                        .reference
                    _ = try transaction.createKey(key)
                }
            }
            if round % 100 == 50 {
                let done = Answer<Result<Void, StoreFileError>>()
                thread.compact { done.give($0) }
                try done.wait().get()
            }
        }
        isDone.store(true, ordering: .relaxed)
        first.join()
        second.join()
        thread.stop()
        #expect(looked.load(ordering: .relaxed) > 0)
        #expect(KeyStore.verify(scratch.store).problem == nil)
    }

    @Test("mutations from many threads are all there, and names stay unique")
    func manyWriters() throws {
        let thread = try StoreThread(KeyStore.open(scratch.store)) { Issue.record("\($0)") }
        let created = Atomic<Int>(0)
        let refused = Atomic<Int>(0)
        @Sendable func write() {
            for number in 0..<50 {
                do {
                    try thread.perform { (transaction: inout Transaction) throws(StoreError) in
                        _ = try transaction.createRole(name: "role \(number)")
                    }
                    created.add(1, ordering: .relaxed)
                } catch {
                    #expect(error == .refused(.alreadyExists(.role, "role \(number)")))
                    refused.add(1, ordering: .relaxed)
                }
            }
        }
        let first = try Thread(name: "writer 1", write)
        let second = try Thread(name: "writer 2", write)
        let third = try Thread(name: "writer 3", write)
        first.join()
        second.join()
        third.join()
        thread.stop()
        #expect(created.load(ordering: .relaxed) == 50)
        #expect(refused.load(ordering: .relaxed) == 100)
        let roles = try KeyStore.open(scratch.store).change { (t) throws(StoreError) in
            t.roles(limit: .max).records
        }
        #expect(roles.count == 50)
    }

    @Test("memory that a reader may hold is freed only once it has moved on")
    func reclamation() throws {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (transaction) throws(StoreError) in
            try transaction.createKey(
                KeyRecord(digest: digest("k"), api: transaction.createAPI(name: "a").reference))
        }
        let awake = store.makeReader()
        let idle = store.makeReader()
        idle.goIdle()
        let old = try #require(awake.find(digest("k")))
        try store.change { (transaction) throws(StoreError) in
            try transaction.updateKey(key.reference) { $0.name = "new" }
        }
        #expect(store.catalog.hasWaitingMemory)
        #expect(!old.hasName)
        awake.quiesce()
        store.catalog.collect()
        #expect(!store.catalog.hasWaitingMemory)
        idle.wake()
        #expect(idle.find(digest("k"))?.hasName == true)
    }
}
