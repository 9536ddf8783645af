// The ledger under everything that can happen to it: random movements with crashes, compactions and a bound
// so small that history is folded all the time; every cut and every flipped byte of its files; every failing
// operation of the disk.

import Bytes
import Testing

@testable import Keys

/// What clients were told about one key.
private struct Told: Equatable {
    var granted: Int64 = 0
    var spent: Int64 = 0
    /// What may have been lost since, to crashes.
    var lostAtMost: Int64 = 0
}

@Suite struct LedgerPropertyTests {
    private static let lease = SpendingMode.lease(maximum: 40)

    private static func expectSound(_ scratch: Scratch, _ comment: Comment) throws {
        let report = try KeyStore.verifyLedger(scratch.store)
        #expect(report.findings == [], comment)
        #expect(report.damage == [], comment)
    }

    @Test(
        "spent never exceeds granted, nothing is lost but open leases, and the ledger adds up",
        arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomMovements(seed: UInt64) throws {
        let scratch = Scratch()
        var random = FixedRandom(seed)
        var options = StoreOptions()
        options.ledgerBudgetBytes = seed % 2 == 0 ? 4 << 10 : 64 << 20
        var store: KeyStore! = try KeyStore.open(scratch.store, options)
        var keys: [Reference<KeyRecord>] = []
        var told = [Told](repeating: Told(granted: 50), count: 4)
        try store.change { (store) throws(StoreError) in
            let api = try store.createAPI(name: "api").reference
            for number in 0..<4 {
                var record = KeyRecord(id: "key\(number)", digest: digest("\(number)"), api: api)
                record.credits = Credits(remaining: 50)
                keys.append(try store.createKey(record).reference)
            }
        }
        var requestNumber = 0
        for round in 0..<30 {
            for _ in 0..<40 {
                let dice = random.next()
                let index = Int(dice >> 8 & 3)
                let amount = Int64(dice >> 16 & 15)
                try Self.move(
                    store, keys[index], index, &told[index], dice % 16, amount, &requestNumber,
                    dice >> 24 & 1 == 0 ? .exact : Self.lease)
            }
            try Self.endRound(random.next(), scratch, &store, options, &told)
            try Self.expectSound(scratch, "seed \(seed), round \(round)")
            for (index, key) in keys.enumerated() {
                let left = try #require(
                    try store.change { (store) throws(StoreError) in store.key(key)?.credits?.remaining })
                let due = told[index].granted - told[index].spent
                #expect(left <= due, "key \(index) has more than it was granted")
                #expect(left >= due - told[index].lostAtMost, "key \(index) lost more than its leases")
            }
        }
        #expect(told.contains { $0.spent > 100 })
    }

    /// One movement, through the store or as a loop would make it; now and then several in a batch.
    private static func move(
        _ store: KeyStore, _ key: Reference<KeyRecord>, _ index: Int, _ told: inout Told, _ choice: UInt64,
        _ amount: Int64, _ requestNumber: inout Int, _ mode: SpendingMode
    ) throws {
        switch choice {
        case 0:
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { $0.credits?.remaining += amount }
            }
            told.granted += amount
        case 1:
            try store.change { (store) throws(StoreError) in try store.updateKey(key) { $0.name = "x" } }
        case 2:
            var taken: Int64 = 0
            try store.change { (store) throws(StoreError) in
                try store.updateKey(key) { record in
                    taken = min(amount, record.credits?.remaining ?? 0)
                    record.credits?.remaining -= taken
                }
            }
            told.granted -= taken
        case 3, 4:
            // Three that wait together, of which the transaction of one is refused.
            var answers: [CreditOutcome?] = []
            for number in 0..<3 {
                let answer = store.stage { (store: inout Transaction) throws(StoreError) in
                    let outcome = try store.spendCredits(of: key, cost: amount, mode)
                    if number == 1 { throw .invalid("no") }
                    return outcome
                }
                if number != 1 { answers.append(try answer.get()) }
            }
            #expect(store.commit() == nil)
            for case .spent? in answers { told.spent += amount }
        case 5, 6:
            requestNumber += 1
            guard try spend(store, key, index, 5, mode) else { return }
            told.spent += 5
            let settlement = Settlement(
                key: key, request: RequestReference(bytes("r\(requestNumber)").span), reserved: 5,
                used: amount)
            let fast = store.makeReader().settle(settlement, mode)
            let outcome =
                if let fast { Optional(fast) } else {
                    try store.change { (store) throws(StoreError) in
                        try store.settleCredits(settlement, mode)
                    }
                }
            guard case .settled(let spent, let uncollected)? = outcome else {
                Issue.record("settled as \(String(describing: outcome))")
                return
            }
            #expect(spent + uncollected == amount)
            told.spent += spent - 5
        default:
            if try spend(store, key, index, amount, mode) { told.spent += amount }
        }
    }

    private static func spend(
        _ store: KeyStore, _ key: Reference<KeyRecord>, _ index: Int, _ cost: Int64, _ mode: SpendingMode
    ) throws -> Bool {
        let reader = store.makeReader()
        let fast = reader.find(digest("\(index)"))?.spend(cost, mode)
        let outcome =
            if let fast { Optional(fast) } else {
                try store.change { (store) throws(StoreError) in
                    try store.spendCredits(of: key, cost: cost, mode)
                }
            }
        if case .spent? = outcome { return true }
        return false
    }

    private static func endRound(
        _ dice: UInt64, _ scratch: Scratch, _ store: inout KeyStore?, _ options: StoreOptions,
        _ told: inout [Told]
    ) throws {
        switch dice % 5 {
        case 0:
            try store?.compact()
        case 1:
            // A clean stop: nothing is lost.
            try store?.change { (store) throws(StoreError) in _ = try store.returnLeases() }
            store = nil
            store = try KeyStore.open(scratch.store, options)
        case 2, 3:
            for index in told.indices { told[index].lostAtMost += 40 + 16 }
            store = nil
            store = try KeyStore.open(scratch.store, options)
        default: break
        }
    }

    /// A store with a few movements of two keys, in two journals and a ledger file.
    private func makeStore(_ scratch: Scratch, _ options: StoreOptions = StoreOptions()) throws {
        let store = try KeyStore.open(scratch.store, options)
        let keys = try store.change { (store) throws(StoreError) in
            let api = try store.createAPI(name: "api").reference
            return try (0..<2).map { (number) throws(StoreError) in
                var record = KeyRecord(id: "key\(number)", digest: digest("\(number)"), api: api)
                record.credits = Credits(remaining: 50)
                return try store.createKey(record).reference
            }
        }
        for round in 0..<4 {
            if round == 2 { try store.compact() }
            for key in keys {
                try store.change { (store) throws(StoreError) in
                    _ = try store.spendCredits(of: key, cost: 3, .lease(maximum: 16))
                }
                try store.change { (store) throws(StoreError) in
                    try store.updateKey(key) { $0.credits?.remaining += 1 }
                }
            }
        }
    }

    @Test("every prefix of a journal with entries opens, and its ledger adds up")
    func everyPrefix() throws {
        let scratch = Scratch()
        try makeStore(scratch)
        let path = scratch.store + "/journal-00000002"
        let whole = try Scratch.read(path)
        for length in (0...whole.count).reversed() {
            try Scratch.write(Array(whole[..<length]), to: path)
            try Self.expectSound(scratch, "cut at \(length)")
            do { _ = try KeyStore.open(scratch.store) }
            try Self.expectSound(scratch, "cut at \(length), opened")
        }
    }

    @Test("every cut and every flipped byte of the ledger's file is found, and keeps no store from opening")
    func everyFlippedByte() throws {
        let scratch = Scratch()
        try makeStore(scratch)
        let path = scratch.store + "/ledger"
        let whole = try Scratch.read(path)
        #expect(whole.count > 300)
        for length in 0..<whole.count {
            try Scratch.write(Array(whole[..<length]), to: path)
            #expect(try !KeyStore.verifyLedger(scratch.store).isSound, "cut at \(length)")
            #expect(KeyStore.verify(scratch.store).ledgerProblem != nil, "cut at \(length)")
        }
        for offset in whole.indices {
            var damaged = whole
            damaged[offset] ^= 0x41
            try Scratch.write(damaged, to: path)
            #expect(try !KeyStore.verifyLedger(scratch.store).isSound, "flipped at \(offset)")
            #expect(KeyStore.verify(scratch.store).ledgerProblem != nil, "flipped at \(offset)")
        }
        do { try KeyStore.open(scratch.store).compact() }
        // A later chunk makes it damage and not a torn tail.
        var longer = try Scratch.read(path)
        #expect(longer.count > 100)
        try Scratch.write(whole + longer, to: path)
        longer = try Scratch.read(path)
        longer[10] ^= 1
        try Scratch.write(longer, to: path)
        #expect(
            KeyStore.verify(scratch.store).problem
                == .corrupt(
                    file: path, offset: 0, reason: "\(whole.count) bytes of the ledger are no entries"))
        _ = try KeyStore.open(scratch.store)
    }

    @Test("a compaction lays a damaged ledger aside, and begins anew", arguments: [0, 7])
    func laidAside(cut: Int) throws {
        let scratch = Scratch()
        try makeStore(scratch)
        let path = scratch.store + "/ledger"
        var damaged = try Scratch.read(path)
        damaged[40] ^= 0x41
        damaged.removeLast(cut)
        try Scratch.write(damaged, to: path)
        let problem = try #require(KeyStore.verify(scratch.store).problem)
        guard case .corrupt(let file, let offset, let reason) = problem else {
            Issue.record("\(problem)")
            return
        }
        #expect(file == path && offset == 0)
        #expect(reason.hasPrefix("\(damaged.count) bytes at the end of the ledger are no entries, and"))
        let before = try KeyStore.verifyLedger(scratch.store)
        #expect(before.damage == [problem])
        #expect(before.completeSinceMillis != nil, "there are entries in the journal")
        // A copy says so as well, and can be restored.
        let copy = scratch.path + "/copy"
        do { try KeyStore.open(scratch.store).backup(to: copy) }
        #expect(KeyStore.verify(copy).ledgerProblem != nil)
        #expect(try KeyStore.restore(copy, to: scratch.path + "/restored").ledgerProblem != nil)

        do { try KeyStore.open(scratch.store).compact() }
        #expect(KeyStore.verify(scratch.store).problem == nil)
        let after = try KeyStore.verifyLedger(scratch.store)
        #expect(after.isSound)
        let aside = try #require(after.asideFiles.first)
        #expect(aside.hasPrefix(path + ".damaged-"))
        // What the journal had is behind what was damaged.
        let kept = try Scratch.read(aside)
        #expect(Array(kept[..<damaged.count]) == damaged && kept.count > damaged.count)
        do { try KeyStore.open(scratch.store).compact() }
        #expect(try KeyStore.verifyLedger(scratch.store).asideFiles == [aside])
    }

    @Test("garbage in the sums of usage is named, and what a crash leaves of a record is none")
    func usageSums() throws {
        let scratch = Scratch()
        try makeStore(scratch)
        let path = scratch.store + "/" + KeyStore.usageFileName
        do {
            var file = try RecordLog(KeyStore.usageFileName, in: scratch.store) { _ in true }
            for text in ["first", "second"] { try file.append(bytes(text).span) }
        }
        let whole = try Scratch.read(path)
        #expect(KeyStore.verify(scratch.store).files.last == .init(path: path, recordCount: 2))
        try Scratch.write(Array(whole.dropLast(3)), to: path)
        #expect(KeyStore.verify(scratch.store).problem == nil)
        var damaged = whole
        damaged[14] ^= 1
        try Scratch.write(damaged, to: path)
        #expect(
            KeyStore.verify(scratch.store).problem
                == .corrupt(file: path, offset: 0, reason: "\(whole.count) bytes are no whole records"))
    }

    @Test(
        "whichever operation of the disk fails, the ledger adds up after a restart",
        arguments: [FaultSchedule.Fault.fails, .tears])
    func everyFault(fault: FaultSchedule.Fault) throws {
        var failures = 0
        for number in 1...70 {
            let scratch = Scratch()
            var options = StoreOptions()
            options.ledgerBudgetBytes = 100
            options.disk = Disk(faults: FaultSchedule(failing: number, fault))
            do { try makeStore(scratch, options) } catch { failures += 1 }
            do { try KeyStore.open(scratch.store).compact() }
            try Self.expectSound(scratch, "operation \(number)")
        }
        #expect(failures > 40)
    }

    @Test("a copy has the ledger as of its moment")
    func copy() throws {
        let scratch = Scratch()
        try makeStore(scratch)
        let copy = scratch.path + "/copy"
        do { try KeyStore.open(scratch.store).backup(to: copy) }
        #expect(try KeyStore.verifyLedger(copy).findings == [])
        let original = try KeyStore.ledger(of: "key1", limit: 1000, in: scratch.store)
        let copied = try KeyStore.ledger(of: "key1", limit: 1000, in: copy)
        #expect(copied?.entries.last?.balance == original?.entries.last?.balance)
        #expect(copied?.entries.first == original?.entries.first)
    }

    @Test("the file stays within its bound, whatever is spent, and keeps the newest history")
    func bound() throws {
        let scratch = Scratch()
        var options = StoreOptions()
        options.ledgerBudgetBytes = 8 << 10
        let store = try KeyStore.open(scratch.store, options)
        let key = try store.change { (store) throws(StoreError) in
            var record = KeyRecord(
                id: "key0", digest: digest("0"), api: try store.createAPI(name: "api").reference)
            record.credits = Credits(remaining: 10_000)
            return try store.createKey(record).reference
        }
        for round in 0..<40 {
            for _ in 0..<30 {
                try store.change { (store) throws(StoreError) in
                    _ = try store.spendCredits(of: key, cost: 1, .exact)
                    // Not folded, so that there is something to bound.
                    try store.updateKey(key) { $0.credits?.remaining += 1 }
                }
            }
            try store.compact()
            let length = try Scratch.read(scratch.store + "/ledger").count
            #expect(length < 12 << 10, "round \(round)")
            try Self.expectSound(scratch, "round \(round)")
        }
        let history = try #require(try KeyStore.ledger(of: "key0", limit: 10, in: scratch.store))
        #expect(history.entries.count == 10)
        #expect(history.entries.last?.balance == 10_000)
        let all = try #require(try KeyStore.ledger(of: "key0", limit: 100_000, in: scratch.store))
        #expect(all.entries.first?.kind == .opening)
    }

    @Test("an hour of leasing and spending becomes one entry of each kind")
    func folding() {
        var fold = LedgerFold()
        var balance: Int64 = 1000
        func add(_ kind: LedgerKind, _ amount: Int64, leased: Int64, _ timeMillis: Int64) {
            balance += kind.effect.balance * amount
            fold.add(
                LedgerEntry(
                    key: 1, transaction: UInt64(timeMillis), timeMillis: timeMillis, kind: kind,
                    amount: amount, balance: balance, leased: leased))
        }
        for time in 0..<10 as Range<Int64> {
            add(.lease, 10, leased: 10, time)
            add(.leaseSpend, 7, leased: 3, time)
            add(.leaseReturn, 3, leased: 0, time)
            add(.spend, 2, leased: 0, time)
        }
        add(.grant, 5, leased: 0, 20)
        add(.spend, 1, leased: 0, 30)
        add(.spend, 1, leased: 0, 3_600_000)
        let folded = fold.takeAll().map {
            "\($0.kind.name) \($0.amount) x\($0.count) >\($0.balance)/\($0.leased)"
        }
        #expect(
            folded == [
                "lease 70 x20 >930/70", "spend 20 x10 >910/70", "lease-spend 70 x10 >910/0",
                "grant 5 x1 >915/0", "spend 1 x1 >914/0", "spend 1 x1 >913/0",
            ])
        #expect(fold.takeAll() == [])
    }
}
