// Making the ledger shorter. A busy key leases and spends about once a second; an hour of that says no more
// than its sum. Entries on their way into the ledger's file are folded, a chunk at a time: those of one key
// that follow each other within an hour, and that nobody granted or took away by hand, become at most one of
// each kind. The balances between them are those that the sums would have had.

/// Entries of one chunk, folded as they come.
struct LedgerFold {
    private static let hourMillis: Int64 = 3_600_000

    /// Entries of one key that are going to be one.
    private struct Run {
        /// The first as it was: if no other comes it stays so.
        let first: LedgerEntry
        /// What the key had before the run, and has after it so far.
        let before: (balance: Int64, leased: Int64)
        var after: (balance: Int64, leased: Int64)
        var last: LedgerEntry
        var amounts = InlineArray<16, Int64>(repeating: 0)
        var counts = InlineArray<16, UInt32>(repeating: 0)

        init(_ entry: LedgerEntry) {
            let effect = entry.kind.effect
            first = entry
            last = entry
            before = (
                entry.balance &- effect.balance * entry.amount, entry.leased &- effect.leased * entry.amount
            )
            after = (entry.balance, entry.leased)
            amounts[Int(entry.kind.rawValue)] = entry.amount
            counts[Int(entry.kind.rawValue)] = entry.count
        }

        /// Adds an entry if it is of the same hour, begins where the run ends, and the sum is a number.
        mutating func add(_ entry: LedgerEntry) -> Bool {
            let next = Run(entry)
            let index = Int(entry.kind.rawValue)
            let (sum, isTooLarge) = amounts[index].addingReportingOverflow(entry.amount)
            let (count, isTooMany) = counts[index].addingReportingOverflow(entry.count)
            guard next.before == after, !isTooLarge, !isTooMany,
                entry.timeMillis / LedgerFold.hourMillis == first.timeMillis / LedgerFold.hourMillis
            else { return false }
            amounts[index] = sum
            counts[index] = count
            after = next.after
            last = entry
            return true
        }

        /// The run as entries. What comes in stands first and the lease is one movement, so no balance on the
        /// way is less than nothing.
        func write(to out: inout [LedgerEntry]) {
            if last == first { return out.append(first) }
            var (balance, leased) = before
            func write(_ kind: LedgerKind, _ amount: Int64, _ count: UInt32) {
                if amount == 0 { return }
                balance &+= kind.effect.balance * amount
                leased &+= kind.effect.leased * amount
                out.append(
                    LedgerEntry(
                        key: first.key, transaction: last.transaction, timeMillis: last.timeMillis,
                        kind: kind, amount: amount, balance: balance, leased: leased, count: count))
            }
            func write(_ kind: LedgerKind) {
                write(kind, amounts[Int(kind.rawValue)], counts[Int(kind.rawValue)])
            }
            write(.refund)
            write(.leaseRefund)
            let lent = amounts[Int(LedgerKind.lease.rawValue)]
            let returned = amounts[Int(LedgerKind.leaseReturn.rawValue)]
            let count =
                counts[Int(LedgerKind.lease.rawValue)] &+ counts[Int(LedgerKind.leaseReturn.rawValue)]
            write(.lease, max(0, lent - returned), count)
            write(.leaseReturn, max(0, returned - lent), count)
            write(.spend)
            write(.surcharge)
            write(.leaseSpend)
            write(.leaseSurcharge)
        }
    }

    private var runs: [UInt32: Run] = [:]
    private var folded: [LedgerEntry] = []
    /// Entries taken in.
    private(set) var count = 0

    mutating func add(_ entry: LedgerEntry) {
        count += 1
        if entry.kind.isFoldable {
            if runs[entry.key]?.add(entry) == true { return }
            end(entry.key)
            runs[entry.key] = Run(entry)
        } else {
            end(entry.key)
            folded.append(entry)
        }
    }

    private mutating func end(_ key: UInt32) {
        runs.removeValue(forKey: key)?.write(to: &folded)
    }

    /// The folded entries, those of each key in their order. Begins anew.
    mutating func takeAll() -> [LedgerEntry] {
        for key in runs.keys.sorted() { end(key) }
        count = 0
        defer { folded = [] }
        return folded
    }
}
