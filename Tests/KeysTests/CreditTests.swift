import Bytes
import Glibc
import Reactor
import Synchronization
import Testing

@testable import Keys

@Suite("Credits: spent from leases, never more than granted")
struct CreditTests {
    /// A store with one key of so many credits.
    private static func make(_ scratch: Scratch, _ credits: Credits) throws -> (KeyStore, KeyRecord) {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (store) throws(StoreError) in
            let api = try store.createAPI(name: "a")
            var record = KeyRecord(digest: digest("secret"), api: api.reference)
            record.credits = credits
            return try store.createKey(record)
        }
        return (store, key)
    }

    private static func balance(_ store: KeyStore) throws -> Int64? {
        try store.change { (store) throws(StoreError) in
            store.key(digest: digest("secret"))?.credits?.remaining
        }
    }

    @Test("the lease and the record add up to the balance, and a clean end puts them together")
    func addsUp() throws {
        let scratch = Scratch()
        do {
            let (store, key) = try Self.make(scratch, Credits(remaining: 100))
            let outcome = try store.change { (store) throws(StoreError) in
                try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 50))
            }
            #expect(outcome == .spent(remaining: 99))
            let reader = store.makeReader()
            let view = try #require(reader.find(digest("secret")))
            #expect(view.balance == 99)
            #expect(view.spend(3, .lease(maximum: 50)) == .spent(remaining: 96))
            #expect(
                view.spend(40, .lease(maximum: 50)) == nil, "the lease does not cover it, the balance may")
            #expect(view.spend(97, .lease(maximum: 50)) == .exceeded(remaining: 96))
            #expect(view.spend(0, .lease(maximum: 50)) == .spent(remaining: 96))
            let settlement = Settlement(
                key: key.reference, request: RequestReference(bytes("r").span), reserved: 2, used: 0)
            #expect(
                store.makeReader().settle(settlement, .lease(maximum: 50))
                    == .settled(spent: 0, uncollected: 0))
            #expect(try Self.balance(store) == 98)
            try store.change { (store) throws(StoreError) in _ = try store.returnLeases() }
        }
        #expect(try Self.balance(try KeyStore.open(scratch.store)) == 98)
    }

    @Test("without a clean end the rest of the lease is lost to the customer, and no more than that")
    func crash() throws {
        let scratch = Scratch()
        do {
            let (store, key) = try Self.make(scratch, Credits(remaining: 100))
            try store.change { (store) throws(StoreError) in
                _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
            }
            let view = try #require(store.makeReader().find(digest("secret")))
            for _ in 0..<5 { _ = view.spend(1, .lease(maximum: 50)) }
        }
        #expect(try Self.balance(try KeyStore.open(scratch.store)) == 100 - 1 - 16)
    }

    @Test("exact durability leases nothing: a crash loses nothing")
    func exact() throws {
        let scratch = Scratch()
        do {
            let (store, key) = try Self.make(scratch, Credits(remaining: 10))
            for left in [Int64(8), 6] {
                let outcome = try store.change { (store) throws(StoreError) in
                    try store.spendCredits(of: key.reference, cost: 2, .exact)
                }
                #expect(outcome == .spent(remaining: left))
                #expect(store.makeReader().find(digest("secret"))?.spend(1, .lease(maximum: 50)) == nil)
            }
        }
        #expect(try Self.balance(try KeyStore.open(scratch.store)) == 6)
    }

    @Test("changing the key or its credits takes the lease into account")
    func changes() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: 100))
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 10, .lease(maximum: 50))
        }
        try store.change { (store) throws(StoreError) in try store.updateKey(key.reference) { $0.name = "x" }
        }
        #expect(try Self.balance(store) == 90)
        try store.change { (store) throws(StoreError) in
            try store.updateKey(key.reference) { $0.credits?.remaining += 10 }
        }
        #expect(try Self.balance(store) == 100)
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 50))
        }
        try store.change { (store) throws(StoreError) in
            try store.updateKey(key.reference) { $0.credits = Credits(remaining: 5) }
        }
        #expect(store.makeReader().find(digest("secret"))?.balance == 5)
    }

    /// With so few credits that what has been spent is more than what is left beside the lease.
    @Test(
        "a record that was read while some of it was leased does not lease that again",
        arguments: [3, 20, 100])
    func staleRecord(granted: Int64) throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: granted))
        let reader = store.makeReader()
        for round in 1...3 as ClosedRange<Int64> {
            if try #require(reader.find(digest("secret"))).spend(1, .lease(maximum: 16)) == nil {
                try store.change { (store) throws(StoreError) in
                    _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
                }
            }
            // As whoever manages keys does it, and with what the store gave out long ago.
            for record in [try store.change { (store) throws(StoreError) in store.key(key.reference) }, key] {
                var record = try #require(record)
                record.name = "round \(round)"
                let renamed = record
                try store.change { (store) throws(StoreError) in
                    try store.updateKey(key.reference) {
                        let credits = $0.credits
                        $0 = renamed
                        $0.credits = credits
                        $0.leased = 16
                    }
                }
                #expect(try Self.balance(store) == granted - round)
            }
        }
        let movements = try store.ledgerQuestion(of: key.id, limit: 100)().get()?.entries ?? []
        #expect(movements.filter { $0.kind == .grant }.map(\.amount) == [granted])
        let spent = movements.filter { [.spend, .leaseSpend].contains($0.kind) }.reduce(0) { $0 + $1.amount }
        #expect(spent == 3)
    }

    @Test("a transaction that throws gives the lease back")
    func rollBack() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: 100))
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 50))
        }
        #expect(throws: TransactionFailure<StoreError>.refused(.invalid("no"))) {
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key.reference) { $0.name = "x" }
                throw .invalid("no")
            }
        }
        #expect(store.makeReader().find(digest("secret"))?.balance == 99)
        #expect(
            store.makeReader().find(digest("secret"))?.spend(16, .lease(maximum: 50)) == .spent(remaining: 83)
        )
    }

    @Test("eight loops spend exactly what was granted, with increments in between", .timeLimit(.minutes(30)))
    func concurrency() throws {
        let scratch = Scratch()
        let reference = try Self.make(scratch, Credits(remaining: 3000)).1.reference
        let store = try StoreThread(KeyStore.open(scratch.store)) { Issue.record("\($0)") }
        let spent = Atomic<Int>(0)
        let loops = try (0..<8).map { _ in
            try Thread(name: "loop") {
                let reader = store.makeReader()
                var isExceeded = false
                while !isExceeded {
                    reader.wake()
                    let fast = reader.find(digest("secret"))?.spend(1, .lease(maximum: 50))
                    reader.quiesce()
                    let outcome: CreditOutcome? =
                        if let fast { fast } else {
                            try? store.perform { (store) throws(StoreError) in
                                try store.spendCredits(of: reference, cost: 1, .lease(maximum: 100))
                            }
                        }
                    switch outcome {
                    case .spent: spent.add(1, ordering: .relaxed)
                    case .exceeded, nil: isExceeded = true
                    }
                }
                reader.goIdle()
            }
        }
        for _ in 0..<10 {
            try store.perform { (store) throws(StoreError) in
                _ = try store.updateKey(reference) { $0.credits?.remaining += 100 }
            }
        }
        for loop in loops { loop.join() }
        let left = try store.perform { (store) throws(StoreError) in store.key(reference)?.credits?.remaining
        }
        #expect(Int64(spent.load(ordering: .relaxed)) + (left ?? 0) == 4000)
        store.stop()
        #expect(try Self.balance(try KeyStore.open(scratch.store)) == left)
        let report = try KeyStore.verifyLedger(scratch.store)
        #expect(report.findings == [])
        #expect(report.amount(.grant) == 4000)
        #expect(report.amount(.spend) + report.amount(.leaseSpend) == 4000 - (left ?? 0))
    }

    @Test("while the store has a lease in hand, and after it, nobody takes the key for spent")
    func leaseInHand() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: 17))
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
        }
        let reader = store.makeReader()
        defer { withExtendedLifetime(reader) {} }
        // All that is left is out on lease: this record says zero.
        let view = try #require(reader.find(digest("secret")))
        #expect(view.remainingCredits == 0)
        let staged = store.stage { (store: inout Transaction) throws(StoreError) in
            try store.updateKey(key.reference) { $0.name = "x" }
        }
        #expect(throws: Never.self) { try staged.get() }
        #expect(view.spend(1, .lease(maximum: 16)) == nil)
        #expect(store.commit() == nil)
        #expect(view.spend(1, .lease(maximum: 16)) == nil, "the credits are in a newer record")
        #expect(store.makeReader().find(digest("secret"))?.spend(17, .exact) == .exceeded(remaining: 16))
    }

    @Test("requests that wait together spend from the lease that the first of them brings")
    func sharedBatch() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: 20))
        let before = store.statistics.transaction
        for left in (0..<20).reversed() {
            let answer = store.stage { (store: inout Transaction) throws(StoreError) in
                try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
            }
            #expect(try answer.get() == .spent(remaining: Int64(left)))
        }
        let refused = store.stage { (store: inout Transaction) throws(StoreError) in
            try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
        }
        #expect(try refused.get() == .exceeded(remaining: 0))
        #expect(store.commit() == nil)
        #expect(store.statistics.transaction == before + 2, "one lease of 16, one of the rest")
        #expect(try Self.balance(store) == 0)
    }

    @Test("a lease that went into a record that may be on the disk is not spent from any more")
    func leaseInDoubt() throws {
        let scratch = Scratch()
        let key = try Self.make(scratch, Credits(remaining: 100)).1
        // Opening syncs once, leasing writes and syncs, and of the next change the sync fails.
        var options = StoreOptions()
        options.disk = Disk(faults: FaultSchedule(failing: 5, .fails))
        let store = try KeyStore.open(scratch.store, options)
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 16))
        }
        #expect(throws: TransactionFailure<StoreError>.self) {
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key.reference) { $0.name = "x" }
            }
        }
        #expect(store.unavailableReason != nil)
        let view = try #require(store.makeReader().find(digest("secret")))
        #expect(view.remainingCredits == 83)
        #expect(view.spend(1, .lease(maximum: 16)) == nil)
    }

    @Test("exact spending leaves a lease from before alone and puts it back")
    func leaseToExact() throws {
        let scratch = Scratch()
        let (store, key) = try Self.make(scratch, Credits(remaining: 100))
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 50))
        }
        #expect(store.makeReader().find(digest("secret"))?.spend(1, .exact) == nil)
        try store.change { (store) throws(StoreError) in
            #expect(
                try store.spendCredits(of: key.reference, cost: 1, .exact) == .spent(remaining: 98))
        }
        #expect(store.makeReader().find(digest("secret"))?.remainingCredits == 98)
    }

    @Test(
        "a refill is due on its day, once, and on the last day of a shorter month",
        arguments: [
            // Interval, done through, today, due. Days since 1970: 2024-01-31 is 19753, 2024-02-29 is 19782.
            (.daily, 19753, 19753, false), (.daily, 19753, 19754, true), (.daily, 19753, 19999, true),
            (.monthly(day: 31), 19752, 19753, true), (.monthly(day: 31), 19753, 19781, false),
            (.monthly(day: 31), 19753, 19782, true), (.monthly(day: 31), 19782, 19783, false),
            (.monthly(day: 1), 19753, 19754, true), (.monthly(day: 1), 19754, 19782, false),
            (.monthly(day: 15), 19000, 19753, true), (.daily, 20000, 19000, false),
        ] as [(Credits.Interval, UInt32, UInt32, Bool)])
    func refillDays(_ interval: Credits.Interval, _ last: UInt32, _ today: UInt32, _ isDue: Bool) {
        #expect(RefillCalendar.isDue(interval, after: last, through: today) == isDue)
    }

    @Test("missed refills are made up for, larger balances are left alone")
    func refill() throws {
        let scratch = Scratch()
        let daily = Credits.Refill(interval: .daily, amount: 50)
        let (store, key) = try Self.make(scratch, Credits(remaining: 10, refill: daily))
        func pretendDay(_ offset: Int) throws {
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key.reference) { record in
                    record.refilledThroughDay = UInt32(Int(record.refilledThroughDay) + offset)
                }
            }
        }
        try store.refillCredits()
        #expect(try Self.balance(store) == 10, "not on the day it was made")
        try pretendDay(-3)
        try store.change { (store) throws(StoreError) in
            _ = try store.spendCredits(of: key.reference, cost: 1, .lease(maximum: 5))
        }
        try store.refillCredits()
        #expect(try Self.balance(store) == 50)
        try store.change { (store) throws(StoreError) in
            try store.updateKey(key.reference) { $0.credits?.remaining = 80 }
        }
        try pretendDay(-1)
        try store.refillCredits()
        #expect(try Self.balance(store) == 80)
    }
}
