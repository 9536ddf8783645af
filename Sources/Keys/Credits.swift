// Spending and refilling credits.

/// How durable spending is.
public enum SpendingMode: Sendable {
    /// Credits are written down in blocks before any of a block is spent: a crash loses at most the unspent
    /// rest of a block, to the customer. A block is at most `maximum` credits.
    case lease(maximum: Int64)
    /// Each spending is on disk before it counts.
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
    /// Takes `cost` from what is leased to the key. Nil if the store's thread has to be asked, because the
    /// lease does not cover it and the balance may; the key must have credits. Never blocks.
    public func spendLeased(_ cost: Int64) -> CreditOutcome? {
        guard let durable = remainingCredits else { preconditionFailure("the key has no credits") }
        let cells = leases
        if cost <= 0 { return .spent(remaining: durable + cells.leased(reference.number)) }
        if let rest = cells.spend(cost, of: reference.number) { return .spent(remaining: durable + rest) }
        let balance = durable + cells.leased(reference.number)
        return balance < cost ? .exceeded(remaining: balance) : nil
    }

    /// As `spendLeased`, and takes nothing.
    public func affords(_ cost: Int64) -> CreditOutcome {
        let left = balance ?? 0
        return left < cost ? .exceeded(remaining: left) : .spent(remaining: left)
    }

    /// What is left, leased or not; nil for a key without credits.
    public var balance: Int64? { remainingCredits.map { $0 + leases.leased(reference.number) } }
}

extension Transaction {
    /// Takes `cost` from the key's balance and leases it some more. Nil if the key is gone or has no credits.
    public mutating func spendCredits(
        of reference: Reference<KeyRecord>, cost: Int64, _ durability: SpendingMode
    ) throws(StoreError) -> CreditOutcome? {
        guard let block = catalog.block(.key, reference.number),
            let durable = KeyBlock(block: block).remainingCredits
        else { return nil }
        // Others may have brought a lease while this waited; theirs may be enough.
        if let rest = catalog.tables.creditCells.spend(cost, of: reference.number) {
            return .spent(remaining: durable + rest)
        }
        let leased = catalog.leased(reference.number)
        if durable + leased < cost { return .exceeded(remaining: durable + leased) }

        let wanted: Int64 =
            switch durability {
            case .exact: 0
            // Twice the last block if that lasted less than a second, half of it if it lasted more than ten:
            // so a busy key comes to the disk about once a second, and a quiet one risks little.
            case .lease(let maximum):
                catalog.leaseSizes.next(reference.number, nowMillis: nowMillis, maximum: maximum)
            }
        var outcome = CreditOutcome.exceeded(remaining: 0)
        var lease: Int64 = 0
        // Updating brings the lease back into the record, so the balance in hand is whole. Loops may have
        // spent of it since it was looked at above.
        try updateKey(reference, .keepsTimestamp) { (record) throws(StoreError) in
            guard let balance = record.credits?.remaining else { return }
            guard balance >= cost else {
                outcome = .exceeded(remaining: balance)
                return
            }
            lease = min(balance - cost, wanted)
            record.credits?.remaining = balance - cost - lease
            outcome = .spent(remaining: balance - cost)
        }
        catalog.grantLease(lease, to: reference.number)
        return outcome
    }

    /// Puts what is leased to all keys back into their records: for an orderly end, after the last loop.
    public mutating func returnLeases() throws(StoreError) {
        for number in catalog.leasedKeys {
            let reference = Reference<KeyRecord>(number: number)
            // A key that is gone takes its lease with it.
            guard unleased(catalog.block(.key, number)) != nil else { continue }
            try updateKey(reference, .keepsTimestamp) { _ throws(StoreError) in }
        }
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
