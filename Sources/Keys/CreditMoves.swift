// Credits between a lease and a record that is staged but not on disk. What becomes of them depends on how
// the batch ends, and on one thing in particular: a lease that was put back into a record must not be spent
// from any more once that record may be on the disk, or a restart would give it out a second time.

/// How a batch, or one transaction of it, came to nothing.
enum RollBackReason {
    /// It was not written, or what was written is certain not to be found by a restart.
    case undone
    /// The journal could not be written, or not be synced: a restart may find it or not.
    case unwritten
}

/// The credits that the transactions of a batch have moved. Confined to the thread that owns the store.
struct CreditMoves {
    private struct Move {
        let number: UInt32
        /// Added to the lease once the batch is on disk; less than zero takes back what an earlier one adds.
        var onPublish: Int64 = 0
        /// Added to the lease if the transaction is undone.
        var onUndo: Int64 = 0
        /// Added to the lease if the batch may or may not be on disk.
        var onFailure: Int64 = 0
        /// Whether the lease is in transit since this move.
        var isBeginning = false
        /// What is written down of the refunds and surcharges noted beside the lease.
        var written: (refunds: Int64, surcharges: Int64) = (0, 0)
    }

    private var moves: [Move] = []
    /// What will be in a lease once the batch is on disk, beside what is.
    private var pending: [UInt32: Int64] = [:]
    /// What batches of which nobody knows whether they are on disk had put back into records.
    private var doubtful: [UInt32: Int64] = [:]

    var count: Int { moves.count }

    func pending(_ number: UInt32) -> Int64 { pending.isEmpty ? 0 : pending[number] ?? 0 }

    private mutating func add(_ move: Move) {
        moves.append(move)
        if move.onPublish != 0 { pending[move.number, default: 0] += move.onPublish }
    }

    /// Empties the lease of a key, with what this batch has leased to it, into the hands of the caller.
    mutating func take(_ number: UInt32, _ cells: CreditCells) -> Int64 {
        let (amount, began) = cells.takeAll(number)
        let pending = pending(number)
        if amount != 0 || began || pending != 0 {
            add(Move(number: number, onPublish: -pending, onUndo: amount, isBeginning: began))
        }
        return amount + pending
    }

    /// Says that this much of what was noted beside the lease is in the ledger.
    mutating func note(written: (refunds: Int64, surcharges: Int64), of number: UInt32, _ cells: CreditCells)
    {
        if written == (0, 0) { return }
        cells.forget(refunds: written.refunds, surcharges: written.surcharges, of: number)
        add(Move(number: number, written: written))
    }

    mutating func grant(_ amount: Int64, to number: UInt32) {
        add(Move(number: number, onPublish: amount))
    }

    /// Takes `cost` out of the lease, or of what this batch leases, if that much is in it. The caller's answer
    /// waits for the batch, so what it took goes back if there is to be none.
    mutating func spend(_ cost: Int64, of number: UInt32, _ cells: CreditCells) -> Bool {
        if pending(number) >= cost {
            add(Move(number: number, onPublish: -cost))
            return true
        }
        guard case .spent = cells.spend(cost, of: number) else { return false }
        add(Move(number: number, onUndo: cost, onFailure: cost))
        return true
    }

    /// Undoes the moves behind the first `count`.
    mutating func rollBack(to count: Int, _ reason: RollBackReason, _ cells: CreditCells) {
        while moves.count > count {
            let move = moves.removeLast()
            if move.onPublish != 0 { pending[move.number, default: 0] -= move.onPublish }
            switch reason {
            case .undone: if move.onUndo != 0 { cells.add(move.onUndo, to: move.number) }
            case .unwritten:
                if move.onFailure != 0 { cells.add(move.onFailure, to: move.number) }
                let rest = move.onUndo - move.onFailure
                if rest != 0 { doubtful[move.number, default: 0] += rest }
            }
            cells.forget(
                refunds: -move.written.refunds, surcharges: -move.written.surcharges, of: move.number)
            if move.isBeginning { cells.release(move.number) }
        }
    }

    /// It is certain now that the batches that failed are not on disk: what they had taken out of leases can
    /// be spent again.
    mutating func endDoubt(_ cells: CreditCells) {
        for (number, amount) in doubtful { cells.add(amount, to: number) }
        doubtful = [:]
    }

    // MARK: Publishing

    /// Puts what the batch has leased where loops can spend it.
    func grant(_ cells: CreditCells) {
        for (number, amount) in pending where amount != 0 { cells.add(amount, to: number) }
    }

    /// Ends the batch, once its records are published.
    mutating func release(_ cells: CreditCells) {
        for move in moves where move.isBeginning { cells.release(move.number) }
        moves.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: pending.count < 4096)
    }
}

extension Catalog {
    /// What is leased to a key, or will be when the batch is on disk; not part of its record.
    func leased(_ number: UInt32) -> Int64 {
        tables.creditCells.leased(number) + creditMoves.pending(number)
    }

    /// Empties the lease of a key into the hands of the caller, who stages a record that has it, and has the
    /// account say what was spent of it. What is found for a key without credits is nobody's any more.
    func takeLease(_ number: UInt32, into account: inout CreditAccount, _ hasCredits: Bool) -> Int64 {
        let cells = tables.creditCells
        // Before the lease: what is noted by now, is in there by then.
        let noted = cells.noted(number)
        let taken = creditMoves.take(number, cells)
        guard hasCredits else {
            creditMoves.note(written: noted, of: number, cells)
            return 0
        }
        let rest = min(taken, Int64.max - account.balance)
        let written = account.settleLease(rest: rest, refunds: noted.refunds, surcharges: noted.surcharges)
        creditMoves.note(written: written, of: number, cells)
        return rest
    }

    /// Leases `amount` to the key once the staged record, which has that much less, is on disk.
    func grantLease(_ amount: Int64, to number: UInt32) { creditMoves.grant(amount, to: number) }

    /// Takes `cost` out of the lease if that much is in it.
    func spendLease(_ cost: Int64, of number: UInt32) -> Bool {
        creditMoves.spend(cost, of: number, tables.creditCells)
    }
}

extension Credits {
    /// These credits and what is out on lease.
    func whole(with lease: Int64) -> Credits {
        Credits(remaining: remaining.adding(lease), refill: refill)
    }
}
