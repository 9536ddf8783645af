// Credits while the disk fails: what was allowed and what is left add up to what was granted.

import Testing

@testable import Keys

@Suite("Credits: exact whatever fails")
struct CreditFaultTests {
    private static let granted: Int64 = 100

    /// What a server does with one key: spends from the lease or else asks the store, changes the key in
    /// between, so that the lease moves back and forth, and counts what it has let through.
    private struct Customer {
        let store: KeyStore
        let key: Reference<KeyRecord>
        private let reader: StoreReader
        private(set) var allowed: Int64 = 0

        init(_ store: KeyStore) throws {
            self.store = store
            reader = store.makeReader()
            key = try store.change { (store) throws(StoreError) in
                var record = KeyRecord(digest: digest("k"), api: try store.createAPI(name: "a").reference)
                record.credits = Credits(remaining: CreditFaultTests.granted)
                return try store.createKey(record).reference
            }
        }

        mutating func spend(_ cost: Int64, _ mode: SpendingMode) {
            let outcome: CreditOutcome?
            if let view = reader.find(digest("k")), let quick = view.spend(cost, mode) {
                outcome = quick
            } else {
                let key = key
                outcome =
                    (try? store.change { (store) throws(StoreError) in
                        try store.spendCredits(of: key, cost: cost, mode)
                    }) ?? nil
            }
            if case .spent = outcome { allowed += cost }
        }

        /// Whether it was done.
        func rename() -> Bool {
            let key = key
            return
                (try? store.change { (store) throws(StoreError) in
                    try store.updateKey(key) { (record) throws(StoreError) in record.name = "n" }
                }) != nil
        }

        var balance: Int64 {
            get throws {
                try #require(
                    try store.change { (store) throws(StoreError) in
                        store.key(digest: digest("k"))?.credits?.remaining
                    })
            }
        }
    }

    @Test(
        "after every failure of every operation, going on by itself, nothing is lost and nothing is given twice",
        arguments: [FaultSchedule.Fault.fails, .tears], [1, 2, 4])
    func everyOperation(fault: FaultSchedule.Fault, count: Int) throws {
        var failures = 0
        // Six operations create the store, two the key.
        for number in 9...60 {
            let scratch = Scratch()
            var options = StoreOptions()
            options.disk = Disk(faults: FaultSchedule(failing: number, fault, count: count))
            var allowed: Int64 = 0
            do {
                let store = try KeyStore.open(scratch.store, options)
                var customer = try Customer(store)
                for round in 0..<8 {
                    customer.spend(3, .lease(maximum: 20))
                    customer.spend(1, .lease(maximum: 20))
                    if !customer.rename() { failures += 1 }
                    customer.spend(2, .exact)
                    if round == 4 { try? store.compact() }
                    // Nothing is given twice while it is in doubt what is on the disk.
                    #expect(try customer.balance + customer.allowed <= Self.granted)
                    while store.failure != nil { _ = try? store.resume() }
                    #expect(try customer.balance + customer.allowed == Self.granted, "operation \(number)")
                }
                allowed = customer.allowed
                try store.change { (store) throws(StoreError) in try store.returnLeases() }
            }
            let left = try KeyStore.open(scratch.store).change { (store) throws(StoreError) in
                store.key(digest: digest("k"))?.credits?.remaining
            }
            #expect(left.map { $0 + allowed } == Self.granted, "operation \(number)")
        }
        #expect(failures > 5)
    }

    @Test("what a failed batch had taken out of a lease is spent by nobody before it is certain to be gone")
    func inDoubt() throws {
        let scratch = Scratch()
        var options = StoreOptions()
        // Creation, the key and a lease are ten operations; then a record that has the lease again is
        // written, and not synced.
        let faults = FaultSchedule(failing: 12, .fails)
        options.disk = Disk(faults: faults)
        let store = try KeyStore.open(scratch.store, options)
        var customer = try Customer(store)
        customer.spend(4, .lease(maximum: 20))
        #expect(!customer.rename())
        // The record on the disk may say 96 now. Sixteen of these were leased and are not spent from.
        #expect(try customer.balance == 80)
        customer.spend(1, .lease(maximum: 20))
        #expect(customer.allowed == 4)
        faults.end()
        _ = try store.resume()
        #expect(try customer.balance == 96)
        customer.spend(1, .lease(maximum: 20))
        #expect(customer.allowed == 5)
    }
}
