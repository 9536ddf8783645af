// Events on their way from an event loop to the log: fixed-size rows and one run of text, both used again.
// An event costs its bytes and nothing else — no string, no object — and a turn's worth is handed over at
// once.

import Bytes

/// Verifications that nobody has taken yet. Belongs to one thread; `EventLog.submit` empties it.
public struct EventBatch: ~Copyable, Sendable {
    /// A text of an event.
    public enum Field: Int, Sendable {
        case requestID, keySpaceID, identityID, externalID, keyID, route
    }

    /// Longer texts are cut, and tags that no longer fit are left out.
    static let maxTextBytes = 0xFFFF

    struct Slice: Sendable {
        var offset: UInt32 = 0
        var count: UInt32 = 0
        var range: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
    }

    struct Row: Sendable {
        let timeMillis: Int64
        let outcome: EventOutcome
        let source: EventSource
        var spentCredits: Int64 = 0
        var latencyMillis: Float = 0
        var fields = InlineArray<6, Slice>(repeating: Slice())
        /// Tags one after the other, each behind its length in two bytes.
        var tags = Slice()
    }

    private(set) var rows: [Row] = []
    private(set) var text = ByteBuffer()

    public init() {}

    public var isEmpty: Bool { rows.isEmpty }
    public var count: Int { rows.count }

    /// Begins the next event; what follows describes it.
    public mutating func begin(timeMillis: Int64, outcome: EventOutcome, source: EventSource) {
        rows.append(Row(timeMillis: timeMillis, outcome: outcome, source: source))
    }

    /// What the event cost, and how long it took.
    public mutating func measure(spentCredits: Int64, latencyMillis: Double) {
        rows[rows.count - 1].spentCredits = spentCredits
        rows[rows.count - 1].latencyMillis = Float(latencyMillis)
    }

    /// A text of the event that was begun last. Fields that are not put stay empty.
    public mutating func put(_ field: Field, _ bytes: Span<UInt8>) {
        let count = min(bytes.count, Self.maxTextBytes)
        rows[rows.count - 1].fields[field.rawValue] = Slice(
            offset: UInt32(truncatingIfNeeded: text.count), count: UInt32(count))
        text.append(bytes.extracting(0..<count))
    }

    /// One more tag of the event that was begun last. Tags come after everything else that is put.
    public mutating func appendTag(_ bytes: Span<UInt8>) {
        var tags = rows[rows.count - 1].tags
        if tags.count == 0 { tags.offset = UInt32(truncatingIfNeeded: text.count) }
        precondition(tags.range.upperBound == text.count, "tags of an event stand together")
        guard Int(tags.count) + 2 + bytes.count <= Self.maxTextBytes else { return }
        text.append(UInt8(truncatingIfNeeded: bytes.count))
        text.append(UInt8(truncatingIfNeeded: bytes.count >> 8))
        text.append(bytes)
        tags.count += UInt32(2 + bytes.count)
        rows[rows.count - 1].tags = tags
    }

    /// The same from strings.
    public mutating func append(_ event: VerificationEvent) {
        begin(timeMillis: event.timeMillis, outcome: event.outcome, source: event.source)
        measure(spentCredits: event.spentCredits, latencyMillis: event.latencyMillis)
        put(.requestID, event.requestID.utf8.span)
        put(.keySpaceID, event.keySpaceID.utf8.span)
        put(.identityID, event.identityID.utf8.span)
        put(.externalID, event.externalID.utf8.span)
        put(.keyID, event.keyID.utf8.span)
        put(.route, event.route.utf8.span)
        for tag in event.tags { appendTag(tag.utf8.span) }
    }

    /// Forgets the events and keeps the memory.
    public mutating func removeAll() {
        rows.removeAll(keepingCapacity: true)
        text.removeAll()
    }

    /// Appends the events of another batch.
    mutating func append(contentsOf other: borrowing EventBatch) {
        let shift = UInt32(truncatingIfNeeded: text.count)
        text.append(other.text.bytes)
        for row in other.rows {
            var row = row
            for field in 0..<6 { row.fields[field].offset += shift }
            row.tags.offset += shift
            rows.append(row)
        }
    }
}

/// The packed form of a list of tags: each behind its length in two bytes, least significant first.
enum TagList {
    /// The tags, in order.
    static func unpack(_ packed: [UInt8]) -> [[UInt8]] {
        var tags: [[UInt8]] = []
        var offset = 0
        while offset + 2 <= packed.count {
            let start = offset + 2
            let end = min(packed.count, start + Int(packed[offset]) + Int(packed[offset + 1]) << 8)
            tags.append(Array(packed[start..<end]))
            offset = end
        }
        return tags
    }
}
