// A run of rows, column by column, with the strings they use. Events and roll-ups have the same dimensions
// and differ in what they measure, so both are segments, and a query reads both in the same way.

import Bytes

/// What rows are told apart by, as symbols of the segment.
struct Dimensions: Hashable, Sendable {
    var keySpaceID: UInt32 = 0
    var identityID: UInt32 = 0
    var externalID: UInt32 = 0
    var keyID: UInt32 = 0
    var outcome: UInt32 = 0
    var source: UInt32 = 0
    var route: UInt32 = 0
    /// A packed `TagList`.
    var tags: UInt32 = 0

    static let count = 8

    /// Two symbols at a time: every event is looked up by this.
    func hash(into hasher: inout Hasher) {
        hasher.combine(UInt64(keySpaceID) << 32 | UInt64(identityID))
        hasher.combine(UInt64(externalID) << 32 | UInt64(keyID))
        hasher.combine(UInt64(outcome) << 32 | UInt64(source))
        hasher.combine(UInt64(route) << 32 | UInt64(tags))
    }

    subscript(index: Int) -> UInt32 {
        get {
            switch index {
            case 0: keySpaceID
            case 1: identityID
            case 2: externalID
            case 3: keyID
            case 4: outcome
            case 5: source
            case 6: route
            default: tags
            }
        }
        set {
            switch index {
            case 0: keySpaceID = newValue
            case 1: identityID = newValue
            case 2: externalID = newValue
            case 3: keyID = newValue
            case 4: outcome = newValue
            case 5: source = newValue
            case 6: route = newValue
            default: tags = newValue
            }
        }
    }
}

/// Rows that came in together or belong to one stretch of time.
struct Segment: Sendable {
    /// An open segment of events is closed at this size: small enough that dropping one loses little.
    static let maxEvents = 16_384
    static let maxTextBytes = 8 << 20

    private(set) var symbols = SymbolTable()
    private(set) var times: [Int64] = []
    private(set) var dimensions: [Dimensions] = []
    private(set) var spentCredits: [Int64] = []
    /// Roll-ups: how many events a row stands for. Empty for events.
    private(set) var counts: [Int64] = []
    /// Events: milliseconds. Empty for roll-ups.
    private(set) var latencies: [Float] = []
    private var requestIDText: [UInt8] = []
    private var requestIDEnds: [UInt32] = []
    private(set) var lastTime: Int64 = .min

    var count: Int { times.count }
    var isFull: Bool {
        count >= Self.maxEvents || symbols.byteCount + requestIDText.count >= Self.maxTextBytes
    }

    /// Forgets the rows and their strings and keeps the memory.
    mutating func removeAll() {
        symbols.removeAll()
        times.removeAll(keepingCapacity: true)
        dimensions.removeAll(keepingCapacity: true)
        spentCredits.removeAll(keepingCapacity: true)
        counts.removeAll(keepingCapacity: true)
        latencies.removeAll(keepingCapacity: true)
        requestIDText.removeAll(keepingCapacity: true)
        requestIDEnds.removeAll(keepingCapacity: true)
        lastTime = .min
    }

    /// Gives back the memory that further rows of a roll-up would have taken.
    mutating func trim() {
        symbols.trim()
        times = times.trimmed()
        dimensions = dimensions.trimmed()
        spentCredits = spentCredits.trimmed()
        counts = counts.trimmed()
    }

    // MARK: Events

    /// An empty one with room for the rows of a closed one.
    static func forEvents() -> Segment {
        var segment = Segment()
        segment.times.reserveCapacity(maxEvents)
        segment.dimensions.reserveCapacity(maxEvents)
        segment.spentCredits.reserveCapacity(maxEvents)
        segment.latencies.reserveCapacity(maxEvents)
        segment.requestIDEnds.reserveCapacity(maxEvents)
        return segment
    }

    /// Appends one event of a batch and returns its dimensions.
    mutating func append(_ row: EventBatch.Row, of batch: borrowing EventBatch) -> Dimensions {
        let text = batch.text.bytes
        func slice(_ field: EventBatch.Field) -> Range<Int> { row.fields[field.rawValue].range }
        var found = Dimensions()
        found.keySpaceID = symbols.intern(text.extracting(slice(.keySpaceID)))
        found.identityID = symbols.intern(text.extracting(slice(.identityID)))
        found.externalID = symbols.intern(text.extracting(slice(.externalID)))
        found.keyID = symbols.intern(text.extracting(slice(.keyID)))
        found.outcome = symbols.intern(row.outcome.rawValue.utf8.span)
        found.source = symbols.intern(row.source.rawValue.utf8.span)
        found.route = symbols.intern(text.extracting(slice(.route)))
        found.tags = symbols.intern(text.extracting(row.tags.range))
        requestIDText.append(copying: text.extracting(slice(.requestID)))
        requestIDEnds.append(UInt32(requestIDText.count))
        latencies.append(row.latencyMillis)
        append(row.timeMillis, found, spent: row.spentCredits)
        return found
    }

    func requestID(_ index: Int) -> [UInt8] {
        Array(requestIDText[(index == 0 ? 0 : Int(requestIDEnds[index - 1]))..<Int(requestIDEnds[index])])
    }

    // MARK: Roll-ups

    /// Appends a row that stands for `count` events; its dimensions are symbols of this segment.
    mutating func append(_ time: Int64, _ row: Dimensions, count: Int64, spent: Int64) {
        counts.append(count)
        append(time, row, spent: spent)
    }

    mutating func add(count: Int64, spent: Int64, to index: Int) {
        counts[index] &+= count
        spentCredits[index] &+= spent
    }

    mutating func intern(_ bytes: Span<UInt8>) -> UInt32 { symbols.intern(bytes) }

    /// The dimensions of another segment's row as symbols of this one.
    mutating func adopt(_ row: Dimensions, of other: SymbolTable) -> Dimensions {
        var own = Dimensions()
        for index in 0..<Dimensions.count {
            own[index] = other.with(row[index]) { symbols.intern($0) }
        }
        return own
    }

    private mutating func append(_ time: Int64, _ row: Dimensions, spent: Int64) {
        times.append(time)
        dimensions.append(row)
        spentCredits.append(spent)
        lastTime = max(lastTime, time)
    }
}
