// Refunds and surcharges: once, never more than there is, and the same from the lease and through the disk.

import Bytes
import Reactor
import Synchronization
import Testing

@testable import Keys

@Suite struct SettlementTests {
    private static func make(_ scratch: Scratch, _ credits: Int64) throws -> (KeyStore, Reference<KeyRecord>)
    {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (store) throws(StoreError) in
            var record = KeyRecord(
                digest: digest("secret"), api: try store.createAPI(name: "api").reference)
            record.credits = Credits(remaining: credits)
            return try store.createKey(record)
        }
        return (store, key.reference)
    }

    private static func request(_ id: String) -> RequestReference { RequestReference(bytes(id).span) }

    /// As a loop does it: from the lease if that can be, else through the store.
    private static func settle(
        _ store: KeyStore, _ settlement: Settlement, _ mode: SpendingMode
    ) throws -> SettlementOutcome? {
        if let done = store.makeReader().settle(settlement, mode) { return done }
        return try store.change { (store) throws(StoreError) in
            try store.settleCredits(settlement, mode)
        }
    }

    private static func balance(_ store: KeyStore) -> Int64? {
        store.makeReader().find(digest("secret"))?.balance
    }

    @Test(
        "the difference goes back or is taken, once; what is not there stays uncollected",
        arguments: [
            // Used of a reserve of 50 out of 100; what it came to; what is left.
            (0, .settled(spent: 0, uncollected: 0), 100), (20, .settled(spent: 20, uncollected: 0), 80),
            (50, .settled(spent: 50, uncollected: 0), 50), (55, .settled(spent: 55, uncollected: 0), 45),
            (100, .settled(spent: 100, uncollected: 0), 0), (170, .settled(spent: 100, uncollected: 70), 0),
        ] as [(Int64, SettlementOutcome, Int64)], [SpendingMode.exact, .lease(maximum: 16)])
    func once(_ expected: (Int64, SettlementOutcome, Int64), _ mode: SpendingMode) throws {
        let scratch = Scratch()
        do {
            let (store, key) = try Self.make(scratch, 100)
            let reserved = try store.change { (store) throws(StoreError) in
                try store.spendCredits(of: key, cost: 50, mode)
            }
            #expect(reserved == .spent(remaining: 50))
            let settlement = Settlement(
                key: key, request: Self.request("r"), reserved: 50, used: expected.0)
            #expect(try Self.settle(store, settlement, mode) == expected.1)
            #expect(Self.balance(store) == expected.2)
            #expect(try Self.settle(store, settlement, mode) == .alreadySettled)
            let other = Settlement(key: key, request: Self.request("r"), reserved: 50, used: 0)
            #expect(try Self.settle(store, other, mode) == .alreadySettled)
            #expect(Self.balance(store) == expected.2)
            try store.change { (store) throws(StoreError) in _ = try store.returnLeases() }
        }
        #expect(Self.balance(try KeyStore.open(scratch.store)) == expected.2)
    }

    @Test("requests of one id are told apart by their exchange, and those of two keys by the key")
    func identity() throws {
        let settled = SettledRequests()
        let id = bytes("r").span
        let first = Reference<KeyRecord>(number: 1)
        #expect(settled.insert(RequestReference(id, exchange: (0, 1, 2, 3)), of: first))
        #expect(settled.insert(RequestReference(id, exchange: (0, 1, 2, 4)), of: first))
        #expect(settled.insert(RequestReference(id, exchange: (0, 1, 2, 3)), of: Reference(number: 2)))
        #expect(!settled.insert(RequestReference(id, exchange: (0, 1, 2, 3)), of: first))
    }

    @Test("a key that is gone or has become unlimited has nothing to settle")
    func nothing() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, 100)
        let settlement = Settlement(key: key, request: Self.request("r"), reserved: 5, used: 0)
        try store.change { (store) throws(StoreError) in try store.updateKey(key) { $0.credits = nil } }
        #expect(try Self.settle(store, settlement, .exact) == nil)
        try store.change { (store) throws(StoreError) in try store.deleteKey(key, .permanent) }
        #expect(try Self.settle(store, settlement, .exact) == nil)
    }

    @Test("threads that settle the same requests at once refund each of them once", .timeLimit(.minutes(30)))
    func race() throws {
        let scratch = Scratch()
        let key = try Self.make(scratch, 10_000).1
        let store = try StoreThread(KeyStore.open(scratch.store)) { Issue.record("\($0)") }
        _ = try store.perform { (store) throws(StoreError) in
            try store.spendCredits(of: key, cost: 2000, .lease(maximum: 16))
        }
        let settled = Atomic<Int>(0)
        let threads = try (0..<4).map { _ in
            try Thread(name: "loop") {
                let reader = store.makeReader()
                for number in 0..<1000 {
                    let settlement = Settlement(
                        key: key, request: Self.request("r\(number)"), reserved: 2, used: 1)
                    if reader.settle(settlement, .lease(maximum: 16)) != .alreadySettled {
                        settled.add(1, ordering: .relaxed)
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        // Two requests may share a slot and be settled by turns.
        let count = settled.load(ordering: .relaxed)
        #expect(count >= 1000 && count < 1050)
        let left = try store.perform { (store) throws(StoreError) in store.key(key)?.credits?.remaining }
        #expect(left == 8000 + Int64(count))
        store.stop()
        #expect(Self.balance(try KeyStore.open(scratch.store)) == left)
        let report = try KeyStore.verifyLedger(scratch.store)
        #expect(report.findings == [])
        #expect(report.amount(.leaseRefund) == Int64(count))
    }
}
