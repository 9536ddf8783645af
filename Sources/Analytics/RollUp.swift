// Events summed over minutes, hours, days or months: what is left of them when the events themselves have
// gone. Each stretch of time is a segment of its own, so the oldest go first and take their strings along.

/// The sums of one granularity, oldest stretch first.
struct RollUp: Sendable {
    private struct Stretch: Sendable {
        let start: Int64
        var segment = Segment()
    }

    let granularity: Granularity
    /// Rows kept at most; whole stretches are dropped beyond it.
    let maxRows: Int
    private var stretches: [Stretch] = []
    /// The rows of one stretch by what tells them apart: of the one that came last, nearly always the newest.
    private var index: [Dimensions: Int] = [:]
    private var indexedStart: Int64?
    private(set) var rowCount = 0

    init(_ granularity: Granularity, maxRows: Int) {
        self.granularity = granularity
        self.maxRows = maxRows
    }

    var segments: [Segment] { stretches.map(\.segment) }

    /// Adds rows of finer or equal granularity.
    mutating func merge(_ rows: Segment) {
        for row in 0..<rows.count {
            let at = position(of: granularity.start(of: rows.times[row]))
            if indexedStart != stretches[at].start { buildIndex(at) }
            let own = stretches[at].segment.adopt(rows.dimensions[row], of: rows.symbols)
            if let found = index[own] {
                stretches[at].segment.add(
                    count: rows.counts[row], spent: rows.spentCredits[row], to: found)
            } else {
                index[own] = stretches[at].segment.count
                stretches[at].segment.append(
                    stretches[at].start, own, count: rows.counts[row], spent: rows.spentCredits[row])
                rowCount += 1
            }
        }
        while rowCount > maxRows, stretches.count > 1 { removeOldest() }
    }

    /// Drops what ended before an instant.
    mutating func expire(before millis: Int64) {
        while stretches.count > 1, stretches[1].start <= millis { removeOldest() }
    }

    private mutating func removeOldest() {
        let oldest = stretches.removeFirst()
        rowCount -= oldest.segment.count
        if indexedStart == oldest.start { indexedStart = nil }
    }

    /// Turns to another stretch; the one that was worked on so far is probably complete.
    private mutating func buildIndex(_ at: Int) {
        if let last = stretches.lastIndex(where: { $0.start == indexedStart }) {
            stretches[last].segment.trim()
        }
        index.removeAll(keepingCapacity: true)
        for row in 0..<stretches[at].segment.count { index[stretches[at].segment.dimensions[row]] = row }
        indexedStart = stretches[at].start
    }

    /// Where the stretch that begins at `start` is; it is made if there is none. Rows nearly always belong
    /// to the last one.
    private mutating func position(of start: Int64) -> Int {
        var at = stretches.count
        while at > 0, stretches[at - 1].start > start { at -= 1 }
        if at > 0, stretches[at - 1].start == start { return at - 1 }
        stretches.insert(Stretch(start: start), at: at)
        return at
    }
}
