// The credits of one key while a transaction changes them: each movement is made here and becomes an entry,
// so a balance cannot change without one.

/// Why the balance of a key changes.
enum CreditReason {
    /// Whoever manages the key said so.
    case management
    case refill
    case spending(RequestReference?)
    case settlement(Settlement)
}

/// The two accounts of a key, and what has moved in them.
struct CreditAccount {
    private let key: UInt32
    private let timeMillis: Int64
    private(set) var balance: Int64
    private(set) var leased: Int64
    private(set) var entries: [LedgerEntry] = []

    /// Begins with what the record on disk says. `isNew` for records from before there was a ledger.
    init(of record: KeyRecord, isNew: Bool, atMillis timeMillis: Int64) {
        key = record.reference.number
        self.timeMillis = timeMillis
        balance = record.credits?.remaining ?? 0
        leased = record.leased
        if isNew, record.credits != nil { write(.opening, balance) }
    }

    /// The accounts of a key that is made now.
    init(ofNew key: UInt32, atMillis timeMillis: Int64) {
        self.key = key
        self.timeMillis = timeMillis
        balance = 0
        leased = 0
    }

    private mutating func write(_ kind: LedgerKind, _ amount: Int64, _ reference: [UInt8] = []) {
        entries.append(
            LedgerEntry(
                key: key, timeMillis: timeMillis, kind: kind, amount: amount, balance: balance,
                leased: leased, reference: Array(reference.prefix(LedgerEntry.maxReferenceLength))))
    }

    /// Moves `amount`; nothing if that is nothing.
    mutating func move(_ kind: LedgerKind, _ amount: Int64, _ reference: [UInt8] = []) {
        if amount == 0 { return }
        let effect = kind.effect
        balance += effect.balance * amount
        leased += effect.leased * amount
        precondition(amount > 0 && balance >= 0 && leased >= 0, "credits that are not there were moved")
        write(kind, amount, reference)
    }

    /// Notes what cannot be had.
    mutating func note(uncollected amount: Int64, _ reference: [UInt8]) {
        if amount > 0 { write(.uncollected, amount, reference) }
    }

    /// Ends the accounts of a key that is deleted, under its id, with an entry even if nothing is left.
    mutating func close(_ id: String) {
        let rest = balance
        balance = 0
        write(.withdrawal, rest, Array(id.utf8))
    }

    /// Writes down what has become of the lease, of which `rest` is left. What was noted as refunded into it
    /// and charged from it may be less than has been, never more. Returns how much of either is now written.
    mutating func settleLease(
        rest: Int64, refunds noted: Int64, surcharges: Int64
    ) -> (refunds: Int64, surcharges: Int64) {
        // More is there than was leased: then more has been refunded than was noted yet.
        let refunds = max(noted, rest - leased)
        move(.leaseRefund, refunds)
        let spent = leased - rest
        let charged = min(surcharges, spent)
        move(.leaseSurcharge, charged)
        move(.leaseSpend, spent - charged)
        return (refunds, charged)
    }

    /// Makes the lease `amount`.
    mutating func lease(_ amount: Int64) {
        move(.lease, max(0, amount - leased))
        move(.leaseReturn, max(0, leased - amount))
    }

    /// Makes the balance `target`, for a reason.
    mutating func change(to target: Int64, _ reason: CreditReason) {
        let (more, less) = target > balance ? (target - balance, 0) : (0, balance - target)
        switch reason {
        case .management:
            move(.grant, more)
            move(.withdrawal, less)
        case .refill:
            move(.refill, more)
            move(.withdrawal, less)
        case .spending(let request):
            precondition(more == 0, "spending that adds to the balance")
            move(.spend, less, request?.text ?? [])
        case .settlement(let settlement):
            move(.refund, more, settlement.request.text)
            move(.surcharge, less, settlement.request.text)
            note(uncollected: settlement.surcharge - less, settlement.request.text)
        }
    }

    /// Makes the accounts what `record` says, which may have changed its balance for `reason` and leased some
    /// of it.
    mutating func settle(_ record: inout KeyRecord, _ reason: CreditReason) throws(StoreError) {
        let target = record.credits?.remaining ?? 0
        guard target >= 0, record.leased >= 0 else { throw .invalid("credits cannot be less than none") }
        lease(record.leased)
        change(to: target, reason)
    }
}

extension Transaction {
    /// Runs `body` with the record of a key in which the balance is whole, since the lease is taken back, and
    /// with its accounts in which that is not yet written. If `body` throws the lease is as it was.
    func withCredits<R>(
        of block: Block, _ body: (KeyRecord, inout CreditAccount) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        var record = attached(KeyBlock(block: block).record)
        var account = CreditAccount(
            of: record, isNew: !KeyBlock(block: block).isInLedger, atMillis: nowMillis)
        let mark = catalog.creditMoves.count
        let rest = catalog.takeLease(block.number, into: &account, record.credits != nil)
        record.credits = record.credits.map { $0.whole(with: rest) }
        record.leased = 0
        do throws(StoreError) {
            let result = try body(record, &account)
            catalog.ledgerEntries += account.entries
            return result
        } catch {
            catalog.creditMoves.rollBack(to: mark, .undone, catalog.tables.creditCells)
            throw error
        }
    }
}
