// Events summed over minutes, hours, days or months: what is left of them when the events themselves have
// gone. Stretches of time that follow each other are kept in one segment, because most keys of a minute were
// used in the minute before as well and their strings are there already; segments are closed early enough
// that the oldest can go by themselves and take their strings along.

/// The sums of one granularity, oldest stretch first.
struct RollUp: Sendable {
    /// Whole stretches in one segment.
    private struct Chapter: Sendable {
        let firstStart: Int64
        var lastStart: Int64
        var segment = Segment()
    }

    /// A chapter takes no further stretch when it has this part of the rows or of the time that are kept.
    private static let chapterShare = 16

    let granularity: Granularity
    /// Rows kept at most; whole chapters are dropped beyond it.
    let maxRows: Int
    private var chapters: [Chapter] = []
    /// The rows of one stretch by what tells them apart: of the one that came last, nearly always the newest.
    private var index: [Dimensions: Int] = [:]
    private var indexedStart: Int64?
    private(set) var rowCount = 0

    init(_ granularity: Granularity, maxRows: Int) {
        self.granularity = granularity
        self.maxRows = maxRows
    }

    var segments: [Segment] { chapters.map(\.segment) }

    /// Adds rows of finer or equal granularity.
    mutating func merge(_ rows: Segment) {
        for row in 0..<rows.count {
            let start = granularity.start(of: rows.times[row])
            let at = chapter(of: start)
            if indexedStart != start { buildIndex(of: start, in: at) }
            let own = chapters[at].segment.adopt(rows.dimensions[row], of: rows.symbols)
            if let found = index[own] {
                chapters[at].segment.add(count: rows.counts[row], spent: rows.spentCredits[row], to: found)
            } else {
                index[own] = chapters[at].segment.count
                chapters[at].segment.append(
                    start, own, count: rows.counts[row], spent: rows.spentCredits[row])
                rowCount += 1
            }
        }
        while rowCount > maxRows, chapters.count > 1 { removeOldest() }
    }

    /// Drops what ended before an instant.
    mutating func expire(before millis: Int64) {
        while chapters.count > 1, chapters[1].firstStart <= millis { removeOldest() }
    }

    private mutating func removeOldest() {
        rowCount -= chapters.removeFirst().segment.count
        // Symbols of another segment: it is built again when the stretch is met again.
        indexedStart = nil
    }

    private mutating func buildIndex(of start: Int64, in at: Int) {
        index.removeAll(keepingCapacity: true)
        let segment = chapters[at].segment
        for row in 0..<segment.count where segment.times[row] == start {
            index[segment.dimensions[row]] = row
        }
        indexedStart = start
    }

    /// The chapter with the stretch that begins at `start`; there is one afterwards. Rows nearly always belong
    /// to the last.
    private mutating func chapter(of start: Int64) -> Int {
        var at = chapters.count - 1
        while at >= 0, chapters[at].firstStart > start { at -= 1 }
        if at >= 0, start <= chapters[at].lastStart || at < chapters.count - 1 || hasRoom(at, for: start) {
            chapters[at].lastStart = max(chapters[at].lastStart, start)
            return at
        }
        if at >= 0 { chapters[at].segment.trim() }
        chapters.insert(Chapter(firstStart: start, lastStart: start), at: at + 1)
        return at + 1
    }

    private func hasRoom(_ at: Int, for start: Int64) -> Bool {
        chapters[at].segment.count < maxRows / Self.chapterShare
            && start - chapters[at].firstStart < EventLog.retentionMillis / Int64(Self.chapterShare)
    }
}
