// Refilling credits: once a day at midnight UTC, and at a start for the days that were missed.

import Bytes

/// When a refill is due.
enum RefillCalendar {
    /// Days since 1970-01-01 UTC.
    static func day(ofMillis millis: Int64) -> UInt32 { UInt32(clamping: millis / 86_400_000) }

    /// Whether a refill falls on one of the days after `last` up to `today`.
    static func isDue(_ interval: Credits.Interval, after last: UInt32, through today: UInt32) -> Bool {
        guard today > last else { return false }
        switch interval {
        case .daily: return true
        case .monthly(let day): return lastRefill(onDay: day, through: today) > Int64(last)
        }
    }

    /// The last refill up to `today`: on that day of the month, or on the month's last day if it is shorter.
    private static func lastRefill(onDay day: Int, through today: UInt32) -> Int64 {
        let date = Timestamp.date(daysSince1970: Int(today))
        var (year, month) = (Int64(date.year), Int64(date.month))
        let thisMonth = refill(year, month, day)
        if thisMonth <= Int64(today) { return thisMonth }
        month -= 1
        if month == 0 { (year, month) = (year - 1, 12) }
        return refill(year, month, day)
    }

    private static func refill(_ year: Int64, _ month: Int64, _ day: Int) -> Int64 {
        Timestamp.daysSince1970(year, month, min(Int64(day), Timestamp.dayCount(year, month)))
    }
}

extension Transaction {
    var today: UInt32 { RefillCalendar.day(ofMillis: nowMillis) }

    /// Refills up to `limit` keys for which it is due. True if some may be left.
    ///
    /// A refill sets the balance to its amount if it is below, and leaves it alone otherwise; so doing it once
    /// for several missed days is the same as doing it for each.
    public mutating func refillCredits(limit: Int) throws(StoreError) -> Bool {
        var count = 0
        for number in catalog.refilledKeys {
            // Most have had theirs: those are not taken apart.
            guard let block = catalog.block(.key, number),
                KeyBlock(block: block).refilledThroughDay < today
            else { continue }
            let record = KeyBlock(block: block).record
            guard let refill = record.credits?.refill,
                RefillCalendar.isDue(refill.interval, after: record.refilledThroughDay, through: today)
            else { continue }
            if count == limit { return true }
            count += 1
            let today = today
            // Keys of deleted APIs are not live and are left as they are.
            guard isLive(block) else { continue }
            try updateKey(Reference(number: number), .updatesTimestamp, .refill) {
                (record) throws(StoreError) in
                if let balance = record.credits?.remaining, balance < refill.amount {
                    record.credits?.remaining = refill.amount
                }
                record.refilledThroughDay = today
            }
        }
        return false
    }
}
