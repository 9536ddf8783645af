// The memory of what was verified: the newest events one by one, and sums over minutes, hours, days and
// months of all of them, every table bounded. Nothing here may hold up a request, so there are two locks.
// Event loops take the first for as long as it takes to copy a batch; sorting the events in and answering
// queries happen under the second, which no loop ever touches.

import Bytes
import Synchronization

/// How much an event log keeps.
public struct EventLogLimits: Sendable {
    /// Events kept one by one; some 100 bytes each.
    public var maxEvents = 1_000_000
    /// Rows of each of the four roll-ups; some 150 bytes each.
    public var maxRollUpRows = 250_000
    /// Events that wait to be sorted in, and the bytes of their texts. What comes beyond is counted as
    /// dropped.
    public var maxWaiting = 200_000
    public var maxWaitingBytes = 64 << 20

    public init() {}
}

/// When a key was last verified.
public struct LastUse: Equatable, Sendable {
    public let keyID: String
    /// Milliseconds since 1970.
    public let timeMillis: Int64
}

/// The event log of one process. Any thread may call anything.
public final class EventLog: Sendable {
    /// How long anything is kept: 90 days.
    public static let retentionMillis: Int64 = 90 * 86_400_000
    /// The same in days.
    public static let retentionDays = 90

    private struct Intake: ~Copyable {
        var batch = EventBatch()
        var droppedCount = 0
    }

    private let limits: EventLogLimits
    private let workspaceID: [UInt8]
    private let intake = Mutex(Intake())
    private let memory: Mutex<Memory>

    /// An empty log. `workspaceID` is what the column of that name says in every row.
    public init(workspaceID: String, limits: EventLogLimits = EventLogLimits()) {
        self.limits = limits
        self.workspaceID = Array(workspaceID.utf8)
        memory = Mutex(Memory(limits))
    }

    // MARK: Events coming in

    /// Takes the events of a batch and leaves it empty, with its memory. Costs a lock and a copy.
    public func submit(_ batch: inout EventBatch) {
        if batch.isEmpty { return }
        intake.withLock { waiting in
            if hasRoom(waiting.batch, for: batch.count) {
                waiting.batch.append(contentsOf: batch)
            } else {
                waiting.droppedCount += batch.count
            }
        }
        batch.removeAll()
    }

    /// Takes one event.
    public func submit(_ event: VerificationEvent) {
        intake.withLock { waiting in
            if hasRoom(waiting.batch, for: 1) {
                waiting.batch.append(event)
            } else {
                waiting.droppedCount += 1
            }
        }
    }

    private func hasRoom(_ waiting: borrowing EventBatch, for count: Int) -> Bool {
        waiting.count + count <= limits.maxWaiting && waiting.text.count <= limits.maxWaitingBytes
    }

    /// Events that came faster than they could be sorted in.
    public var droppedCount: Int { intake.withLock { $0.droppedCount } }

    /// Sorts in what has come, and drops what is too old. To be called about once a second; queries do it
    /// too.
    public func absorb(nowMillis: Int64) {
        memory.withLock { memory in
            takeWaiting(into: &memory)
            memory.expire(before: nowMillis - Self.retentionMillis)
        }
    }

    private func takeWaiting(into memory: inout Memory) {
        // The loops get the batch that was sorted in last, so that neither side allocates in the long run.
        intake.withLock { swap(&$0.batch, &memory.arrived) }
        memory.sortInArrived()
    }

    // MARK: Surviving a restart

    /// What has been summed since the last call, as a record for a file; nil if there is nothing new.
    public func takeUnsaved() -> [UInt8]? {
        memory.withLock { memory in
            takeWaiting(into: &memory)
            memory.settle()
            guard memory.unsaved.count > 0 else { return nil }
            let record = RollUpRecord.increment(memory.unsaved).bytes
            memory.unsaved.removeAll()
            return record
        }
    }

    /// Everything that has been summed, as the records of a file that is to replace the one written so far.
    /// What `takeUnsaved` would return is part of it.
    public func takeSums() -> [[UInt8]] {
        memory.withLock { memory in
            takeWaiting(into: &memory)
            memory.settle()
            memory.unsaved.removeAll()
            return memory.rollUps.flatMap { rollUp in
                rollUp.segments.map { RollUpRecord.sums(rollUp.granularity, $0).bytes }
            }
        }
    }

    /// Adds what a record of such a file says. False if it cannot be read.
    public func restore(_ record: Span<UInt8>) -> Bool {
        guard let record = RollUpRecord(record) else { return false }
        memory.withLock { memory in
            switch record {
            case .increment(let segment): memory.merge(segment)
            case .sums(let granularity, let segment):
                memory.rollUps[Int(granularity.rawValue) - 1].merge(segment)
            }
        }
        return true
    }

    // MARK: Questions

    /// Answers a query of the SQL subset over everything that has come so far.
    ///
    /// - Parameters:
    ///   - sql: the query, at most 16 KiB.
    ///   - keySpaceIDs: whose keys' rows exist for this query; nil for all.
    public func run(
        _ sql: String, nowMillis: Int64, restrictedTo keySpaceIDs: [String]? = nil
    ) throws(QueryError) -> QueryAnswer {
        try run(sql, nowMillis: nowMillis, restrictedTo: keySpaceIDs, within: QueryRun.maxDuration)
    }

    /// The same, for as long as is said.
    func run(
        _ sql: String, nowMillis: Int64, restrictedTo keySpaceIDs: [String]?, within duration: Duration
    ) throws(QueryError) -> QueryAnswer {
        let statement = try Statement(parsing: sql)
        // Rows are values: a query goes on reading its own snapshot while new events are sorted in.
        let tables = memory.withLock { memory in
            takeWaiting(into: &memory)
            memory.settle()
            memory.expire(before: nowMillis - Self.retentionMillis)
            return memory.tables
        }
        let scope = QueryScope(
            workspaceID: workspaceID, keySpaceIDs: keySpaceIDs.map { Set($0.map { Array($0.utf8) }) },
            nowMillis: nowMillis, oldestMillis: nowMillis - Self.retentionMillis)
        return try QueryRun(tables, scope, within: duration).answer(statement)
    }

    /// The sums of each month, up to date.
    func monthlySegments() -> [Segment] {
        memory.withLock { memory in
            takeWaiting(into: &memory)
            memory.settle()
            return memory.tables.segments(of: .months)
        }
    }

    /// When keys were last verified, for all that were since the last call.
    public func takeLastUses() -> [LastUse] {
        memory.withLock { memory in
            takeWaiting(into: &memory)
            return memory.takeLastUses().map {
                LastUse(keyID: String(decoding: $0.key, as: UTF8.self), timeMillis: $0.value)
            }
        }
    }
}

/// What the second lock guards.
private struct Memory: ~Copyable {
    private let limits: EventLogLimits
    /// Events between the two locks.
    var arrived = EventBatch()
    /// Closed segments and the open one, which is last.
    private var events = [Segment.forEvents()]
    private var eventCount = 0
    /// The one that was dropped last, for its memory: a log that is full allocates no more.
    private var spare: Segment?
    /// Sums of the open segment's events that are not in the roll-ups yet: by minute and that segment's
    /// symbols.
    private var unsettled: [MinuteRow: Sums] = [:]
    /// By granularity, in the order of its cases.
    var rollUps: [RollUp]
    /// What was settled since it was last saved.
    var unsaved = Segment()
    /// What `settle` is about to add; empty, with its memory, at any other time.
    private var increment = Segment()
    /// The newest use of each key of the open segment that was not taken yet, by symbol; `.min` for none.
    private var uses: [Int64] = []
    private var lastUses: [[UInt8]: Int64] = [:]

    private struct MinuteRow: Hashable {
        let minute: Int64
        let dimensions: Dimensions
    }

    private struct Sums {
        var count: Int64 = 0
        var spent: Int64 = 0

        mutating func add(_ credits: Int64) {
            count += 1
            spent &+= credits
        }
    }

    init(_ limits: EventLogLimits) {
        self.limits = limits
        rollUps = Granularity.allCases.map { RollUp($0, maxRows: limits.maxRollUpRows) }
    }

    var tables: QueryTables { QueryTables(events: events, rollUps: rollUps.map(\.segments)) }

    mutating func sortInArrived() {
        if arrived.isEmpty { return }
        for row in arrived.rows {
            if events[events.count - 1].isFull { startSegment() }
            let last = events.count - 1
            let dimensions = events[last].append(row, of: arrived)
            eventCount += 1
            let minute = Granularity.minute.start(of: row.timeMillis)
            unsettled[MinuteRow(minute: minute, dimensions: dimensions), default: Sums()]
                .add(row.spentCredits)
            let key = Int(dimensions.keyID)
            while uses.count <= key { uses.append(.min) }
            uses[key] = max(uses[key], row.timeMillis)
        }
        arrived.removeAll()
    }

    private mutating func startSegment() {
        settle()
        gatherUses()
        while eventCount > limits.maxEvents { removeOldest() }
        events.append(spare.take() ?? .forEvents())
    }

    private mutating func gatherUses() {
        for (symbol, time) in uses.enumerated() where time != .min {
            let key = events[events.count - 1].symbols.text(UInt32(symbol))
            lastUses[key] = max(lastUses[key] ?? .min, time)
        }
        uses.removeAll(keepingCapacity: true)
    }

    mutating func takeLastUses() -> [[UInt8]: Int64] {
        gatherUses()
        let taken = lastUses
        lastUses = [:]
        return taken
    }

    private mutating func removeOldest() {
        var removed = events.removeFirst()
        eventCount -= removed.count
        removed.removeAll()
        spare = removed
    }

    /// Brings the roll-ups up to date.
    mutating func settle() {
        if unsettled.isEmpty { return }
        let symbols = events[events.count - 1].symbols
        for minute in Set(unsettled.keys.lazy.map(\.minute)).sorted() {
            for (row, sums) in unsettled where row.minute == minute {
                let own = increment.adopt(row.dimensions, of: symbols)
                increment.append(minute, own, count: sums.count, spent: sums.spent)
                let saved = unsaved.adopt(row.dimensions, of: symbols)
                unsaved.append(minute, saved, count: sums.count, spent: sums.spent)
            }
        }
        unsettled.removeAll(keepingCapacity: true)
        // A log whose sums nobody saves does not collect them.
        if unsaved.count > limits.maxRollUpRows { unsaved.removeAll() }
        merge(increment)
        increment.removeAll()
    }

    mutating func merge(_ increment: Segment) {
        for index in rollUps.indices { rollUps[index].merge(increment) }
    }

    mutating func expire(before millis: Int64) {
        while events.count > 1, events[0].lastTime < millis { removeOldest() }
        for index in rollUps.indices { rollUps[index].expire(before: millis) }
    }
}
