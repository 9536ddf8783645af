// The rows of a result while they come in: all of them without an order, or the first so many of an order
// without ever keeping all.

struct QueryOutput {
    private struct Entry {
        let row: [QueryValue]
        let keys: [QueryValue]
        /// Rows that sort alike stay in the order they came in.
        let number: Int
    }

    /// For each sort key, whether it is descending.
    private let order: [Bool]
    private let isDistinct: Bool
    private let limit: Int
    private let offset: Int
    private var entries: [Entry] = []
    private var seen: Set<[QueryValue]> = []
    private var addedCount = 0
    /// The keys that a row must not sort behind, once there are enough rows.
    private var last: [QueryValue]?

    init(order: [Bool], isDistinct: Bool, limit: Int, offset: Int) {
        self.order = order
        self.isDistinct = isDistinct
        self.limit = limit
        self.offset = min(offset, 1 << 40)
    }

    /// Whether a row with these sort keys can still be among those shown. Asked before the row is put
    /// together: of a million rows of which ten are shown, nearly all are told by their keys alone.
    func wants(_ keys: [QueryValue]) -> Bool {
        guard let last else { return true }
        return !Self.precedes(last, keys, order)
    }

    /// Takes one more row. Returns the memory it takes, roughly.
    mutating func add(_ row: [QueryValue], _ keys: [QueryValue]) -> Int {
        if limit == 0 { return 0 }
        if isDistinct, !seen.insert(row).inserted { return 0 }
        if order.isEmpty, !isDistinct, addedCount < offset {
            addedCount += 1
            return 0
        }
        entries.append(Entry(row: row, keys: keys, number: addedCount))
        addedCount += 1
        let weight = row.reduce(48) { $0 + $1.weight }
        // Among many more rows than can be shown, the last ones in order are dropped now and then; they cost
        // nothing that lasts.
        let wanted = limit + offset
        if !order.isEmpty, wanted < 1 << 30 {
            if entries.count >= 2 * wanted + 1_000 {
                sort(keeping: wanted)
                last = entries.last?.keys
            }
            return entries.count < 2 * wanted + 1_000 && addedCount <= 2 * wanted + 1_000 ? weight : 0
        }
        return weight
    }

    /// No further row would be shown.
    var isComplete: Bool {
        if limit == 0 { return true }
        guard order.isEmpty else { return false }
        return isDistinct ? entries.count >= limit + offset : entries.count >= limit
    }

    /// The rows in order, after the offset and up to the limit.
    mutating func finished() -> [[QueryValue]] {
        if !order.isEmpty { sort(keeping: entries.count) }
        let skipped = order.isEmpty && !isDistinct ? 0 : offset
        return entries.dropFirst(skipped).prefix(limit).map(\.row)
    }

    private mutating func sort(keeping count: Int) {
        let order = order
        entries.sort { left, right in
            if Self.precedes(left.keys, right.keys, order) { return true }
            return !Self.precedes(right.keys, left.keys, order) && left.number < right.number
        }
        if entries.count > count { entries.removeLast(entries.count - count) }
    }

    private static func precedes(
        _ left: [QueryValue], _ right: [QueryValue], _ order: [Bool]
    ) -> Bool {
        for (index, isDescending) in order.enumerated() {
            switch compare(left[index], right[index], isDescending) {
            case .less: return true
            case .greater: return false
            case .equal, .unknown: continue
            }
        }
        return false
    }

    /// NULL comes last in both directions.
    private static func compare(
        _ left: QueryValue, _ right: QueryValue, _ isDescending: Bool
    ) -> QueryValue.Comparison {
        let found = QueryValue.sortsBefore(left, right)
        guard isDescending, left != .null, right != .null else { return found }
        switch found {
        case .less: return .greater
        case .greater: return .less
        case .equal, .unknown: return found
        }
    }
}
