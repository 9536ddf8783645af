// What is to be charged in one step, and what came of it. A caller keeps one set and fills it anew for each
// request; after the first few it allocates nothing.

/// One limit to be charged, and, after `RateCounters.charge`, the result.
public struct Charge: Sendable {
    public let counter: CounterKey
    /// What may pass in one window; at or below 0 only a cost of 0 passes.
    public let limit: Int64
    /// Length of the window in milliseconds.
    public let durationMillis: Int64
    /// 0 looks without consuming.
    public let cost: Int64

    /// Whether this limit, for itself, lets the cost pass.
    public internal(set) var fits = false
    /// What counted against the limit before this charge, what earlier charges of the same set on the same
    /// counter added included.
    public internal(set) var effective: Int64 = 0
    /// What is left: after the charge if the whole set passed, as if it had not happened if another limit
    /// stopped it, 0 if this one did.
    public internal(set) var remaining: Int64 = 0
    /// When the window ends, in milliseconds since 1970; the same for pass and refusal.
    public internal(set) var resetMillis: Int64 = 0

    /// The start of the window that was raised, to take it back from; nil if nothing was.
    var raisedStart: Int64?

    /// `cost` must not be negative and `durationMillis` must be positive.
    public init(counter: CounterKey, limit: Int64, durationMillis: Int64, cost: Int64 = 1) {
        precondition(cost >= 0, "a charge cannot give anything back")
        precondition(durationMillis > 0, "a window has a length")
        self.counter = counter
        self.limit = limit
        self.durationMillis = durationMillis
        self.cost = cost
    }
}

/// Charges that pass together or not at all.
public struct ChargeSet: Sendable {
    public internal(set) var charges: [Charge] = []

    public init() {}

    public var isEmpty: Bool { charges.isEmpty }
    public var count: Int { charges.count }
    public subscript(index: Int) -> Charge { charges[index] }

    public mutating func append(_ charge: Charge) { charges.append(charge) }

    /// Empties the set and keeps its memory.
    public mutating func removeAll() { charges.removeAll(keepingCapacity: true) }

    /// What charges before `index` ask of the same counter, and how much of that is already in the table.
    func earlier(than index: Int) -> (cost: Int64, raised: Int64) {
        var cost: Int64 = 0
        var raised: Int64 = 0
        for other in 0..<index where charges[other].counter == charges[index].counter {
            cost = cost.addingSaturating(charges[other].cost)
            if charges[other].raisedStart != nil { raised = raised.addingSaturating(charges[other].cost) }
        }
        return (cost, raised)
    }
}

extension Int64 {
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
