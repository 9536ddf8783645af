// Spending and refilling credits.

/// How durable spending is.
public enum SpendingMode: Sendable {
    /// Credits are written down in blocks before any of a block is spent: a crash loses at most the unspent
    /// rest of a block, to the customer. A block is at most `maximum` credits.
    case lease(maximum: Int64)
    /// Each spending is on disk before it counts. Nothing is leased; what still is when this mode begins goes
    /// back with the next spending of its key.
    case exact
}

/// What asking for credits came to.
public enum CreditOutcome: Sendable, Equatable {
    /// The cost was taken; `remaining` is left.
    case spent(remaining: Int64)
    /// There is less than the cost; nothing was taken.
    case exceeded(remaining: Int64)
}

extension KeyView {
    /// Takes `cost` from what is leased to the key. Nil if the store's thread has to be asked: because the
    /// lease does not cover it and the balance may, because that thread has the lease in hand, or because
    /// spending is exact. The key must have credits. Never blocks.
    public func spend(_ cost: Int64, _ mode: SpendingMode) -> CreditOutcome? {
        guard let durable = remainingCredits else { preconditionFailure("the key has no credits") }
        let cells = leases
        let number = reference.number
        if cost <= 0 { return .spent(remaining: durable.adding(cells.leased(number))) }
        let available: Int64
        switch mode {
        case .lease:
            switch cells.spend(cost, of: number) {
            case .spent(let rest): return .spent(remaining: durable.adding(rest))
            case .inTransit: return nil
            case .short(let left): available = left
            }
        case .exact:
            available = cells.leased(number)
        }
        let balance = durable.adding(available)
        // Only if the record is still the one that the lease belonged to when it was looked at: credits may
        // just have moved from the one to the other.
        return balance < cost && isCurrent ? .exceeded(remaining: balance) : nil
    }

    /// As `spend`, and takes nothing.
    public func affords(_ cost: Int64) -> CreditOutcome {
        let left = balance ?? 0
        // What seems to lack may just be in the hands of the store's thread.
        let isCertain = isCurrent && !leases.isInTransit(reference.number)
        return left < cost && isCertain ? .exceeded(remaining: left) : .spent(remaining: left)
    }

    /// What is left, leased or not; nil for a key without credits.
    public var balance: Int64? { remainingCredits.map { $0.adding(leases.leased(reference.number)) } }
}

extension Int64 {
    /// The sum, or the largest number if there is none so large: a balance beside a lease and its refunds.
    func adding(_ other: Int64) -> Int64 {
        let (sum, overflowed) = addingReportingOverflow(other)
        return overflowed ? .max : sum
    }
}

extension Transaction {
    /// Takes `cost`, which is not negative, from the key's balance; in lease mode leases the key some more.
    /// Nil if the key is gone or has no credits. Only what is still so when the transaction is on disk may be
    /// acted upon.
    public mutating func spendCredits(
        of reference: Reference<KeyRecord>, cost: Int64, _ mode: SpendingMode,
        request: RequestReference? = nil
    ) throws(StoreError) -> CreditOutcome? {
        precondition(cost >= 0, "a negative cost")
        guard let block = catalog.block(.key, reference.number), isLive(block),
            let durable = KeyBlock(block: block).remainingCredits
        else { return nil }
        let leased = catalog.leased(reference.number)
        let balance = durable.adding(leased)
        if balance < cost { return .exceeded(remaining: balance) }
        if cost == 0 { return .spent(remaining: balance) }
        let wanted: Int64
        switch mode {
        case .exact: wanted = 0
        case .lease(let maximum):
            // Others may have brought a lease while this waited, or bring one in this batch.
            if catalog.spendLease(cost, of: reference.number) { return .spent(remaining: balance - cost) }
            // Twice the last block if that lasted less than a second, half of it if it lasted more than ten:
            // so a busy key comes to the disk about once a second, and a quiet one risks little.
            wanted = catalog.leaseSizes.next(reference.number, nowMillis: nowMillis, maximum: maximum)
        }
        var outcome = CreditOutcome.exceeded(remaining: 0)
        var lease: Int64 = 0
        // Updating brings the lease back into the record, so the balance in hand is whole. Loops may have
        // spent of it since it was looked at above.
        try updateKey(reference, .keepsTimestamp, .spending(request)) { (record) throws(StoreError) in
            guard let balance = record.credits?.remaining else { return }
            guard balance >= cost else {
                outcome = .exceeded(remaining: balance)
                return
            }
            lease = min(balance - cost, wanted)
            record.leased = lease
            record.credits?.remaining = balance - cost - lease
            outcome = .spent(remaining: balance - cost)
        }
        catalog.grantLease(lease, to: reference.number)
        return outcome
    }

    /// Puts what is leased to up to `limit` keys back into their records: for an orderly end, after the last
    /// loop. True if some may be left.
    public mutating func returnLeases(limit: Int = .max) throws(StoreError) -> Bool {
        let leased = catalog.leasedKeys
        var numbers = Array(leased.prefix(limit))
        if numbers.count < limit {
            // Also what was refunded to keys that have no lease any more. A key that is gone, or has become
            // unlimited, takes its refunds with it.
            let last = catalog.state.lastNumbers[Int(EntityKind.key.rawValue)]
            catalog.tables.creditCells.forEachNonEmpty(upTo: last) { number in
                if leased.contains(number) { return }
                if let block = catalog.block(.key, number), KeyBlock(block: block).remainingCredits != nil {
                    numbers.append(number)
                }
            }
        }
        for number in numbers.prefix(limit) {
            guard let block = catalog.block(.key, number) else { continue }
            try withCredits(of: block) { (record, account) throws(StoreError) in
                var record = record
                try account.settle(&record, .management)
                catalog.stage(EntityRef(.key, number), try record.packed())
            }
        }
        return numbers.count >= limit
    }

    /// Writes off what was on lease when the process died, for up to `limit` keys. True if some may be left.
    mutating func writeOffLeases(limit: Int) throws(StoreError) -> Bool {
        for (index, number) in catalog.leasedKeys.enumerated() {
            if index == limit { return true }
            guard let block = catalog.block(.key, number) else { continue }
            var record = KeyBlock(block: block).record
            var account = CreditAccount(of: record, isNew: false, atMillis: nowMillis)
            account.move(.writeOff, record.leased)
            record.leased = 0
            catalog.stage(EntityRef(.key, number), try record.packed())
            catalog.ledgerEntries += account.entries
        }
        return false
    }
}

/// How much was leased to busy keys last. Forgets the keys it has not heard of for longest.
struct LeaseSizes {
    private struct Entry {
        var size: Int64
        var grantedAtMillis: Int64
    }

    private static let smallest: Int64 = 16
    private static let maxEntries = 4096
    private var entries: [UInt32: Entry] = [:]

    mutating func next(_ number: UInt32, nowMillis: Int64, maximum: Int64) -> Int64 {
        var size = Self.smallest
        if let last = entries[number] {
            let lasted = nowMillis - last.grantedAtMillis
            size = lasted < 1000 ? last.size * 2 : lasted > 10_000 ? last.size / 2 : last.size
        } else if entries.count >= Self.maxEntries {
            entries.removeAll(keepingCapacity: true)
        }
        size = min(max(size, Self.smallest), maximum)
        entries[number] = Entry(size: size, grantedAtMillis: nowMillis)
        return size
    }
}
