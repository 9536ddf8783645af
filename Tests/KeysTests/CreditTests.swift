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
            #expect(view.spendLeased(3) == .spent(remaining: 96))
            #expect(view.spendLeased(40) == nil, "the lease does not cover it, the balance may")
            #expect(view.spendLeased(97) == .exceeded(remaining: 96))
            #expect(view.spendLeased(0) == .spent(remaining: 96))
            reader.refund(2, to: key.reference)
            #expect(try Self.balance(store) == 98)
            try store.change { (store) throws(StoreError) in try store.returnLeases() }
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
            for _ in 0..<5 { _ = view.spendLeased(1) }
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
                #expect(store.makeReader().find(digest("secret"))?.spendLeased(1) == nil)
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
        #expect(store.makeReader().find(digest("secret"))?.spendLeased(16) == .spent(remaining: 83))
    }

    @Test("eight loops spend exactly what was granted, with increments in between", .timeLimit(.minutes(1)))
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
                    let fast = reader.find(digest("secret"))?.spendLeased(1)
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
