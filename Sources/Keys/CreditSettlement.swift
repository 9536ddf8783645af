// What a request really cost. It was let through for a reserve, taken before it went on; when its answer is
// there the difference goes back to the key or is taken from it, once.
//
// Giving back is one atomic step into the lease; taking more is one out of it, if it covers that. Everything
// else is a transaction: what is not in the lease, and every settlement where spending is exact.

import Bytes

/// Names a request, so that it is settled once.
public struct RequestReference: Hashable, Sendable {
    /// Bytes of the id that stand in the ledger.
    static let maxTextLength = 128

    /// The id as the ledger shows it.
    let text: [UInt8]
    private let exchange: InlineArray<4, UInt64>

    /// Refers to the request with this id, of which the first 128 bytes count. Where ids come from others and
    /// may occur twice, `exchange` tells the requests apart.
    public init(
        _ id: Span<UInt8>, exchange: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    ) {
        text = Array(copying: id.extracting(0..<min(id.count, Self.maxTextLength)))
        self.exchange = [exchange.0, exchange.1, exchange.2, exchange.3]
    }

    private init(text: [UInt8], exchange: InlineArray<4, UInt64>) {
        self.text = text
        self.exchange = exchange
    }

    /// The same request, for whoever settles it again once an attempt is known to have come to nothing.
    func attempt(_ number: Int) -> RequestReference {
        var words = exchange
        // No exchange has come so far by itself.
        words[3] |= UInt64(number) << 48
        return RequestReference(text: text, exchange: words)
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.text == right.text
            && left.exchange.indices.allSatisfy { left.exchange[$0] == right.exchange[$0] }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(text)
        for index in exchange.indices { hasher.combine(exchange[index]) }
    }
}

/// What was taken for a request, and what it came to.
public struct Settlement: Sendable {
    public let key: Reference<KeyRecord>
    public let request: RequestReference
    /// The credits taken before.
    public let reserved: Int64
    /// The credits it cost: fewer than `reserved` are a refund, none a whole one, more are a surcharge.
    public let used: Int64

    /// Neither amount may be negative.
    public init(key: Reference<KeyRecord>, request: RequestReference, reserved: Int64, used: Int64) {
        precondition(reserved >= 0 && used >= 0, "a negative amount of credits")
        self.key = key
        self.request = request
        self.reserved = reserved
        self.used = used
    }

    /// The same for another attempt, after so many that the store has refused: none of them counts as settled.
    public func attempt(_ number: Int) -> Settlement {
        Settlement(key: key, request: request.attempt(number), reserved: reserved, used: used)
    }

    var refund: Int64 { max(0, reserved - used) }
    var surcharge: Int64 { max(0, used - reserved) }

    /// The settlement without the disk, if it can be; see `StoreReader.settle`.
    func settle(in cells: CreditCells, _ mode: SpendingMode, _ settled: SettledRequests) -> SettlementOutcome?
    {
        guard case .lease = mode, cells.exists(key.number) else { return nil }
        if surcharge > 0 {
            // Taken first and given back if it was not for taking: the other way round a request that has to
            // be settled by the store's thread would count as settled already.
            guard case .spent = cells.spend(surcharge, of: key.number) else { return nil }
            guard settled.insert(request, of: key) else {
                cells.giveBack(surcharge, to: key.number)
                return .alreadySettled
            }
            cells.noteSurcharge(surcharge, of: key.number)
        } else {
            guard settled.insert(request, of: key) else { return .alreadySettled }
            cells.giveBack(refund, to: key.number)
            cells.noteRefund(refund, to: key.number)
        }
        return .settled(spent: used, uncollected: 0)
    }
}

/// How a settlement ended.
public enum SettlementOutcome: Sendable, Equatable {
    /// The request has cost `spent` in the end; `uncollected` was used as well and is not there to be taken.
    case settled(spent: Int64, uncollected: Int64)
    /// The request had been settled before. Nothing was done.
    case alreadySettled
}

extension Transaction {
    /// Settles a request for which `StoreReader.settle` has no answer. Nil if the key is gone or has become
    /// unlimited: then there is nothing to settle. Never takes more than there is.
    public mutating func settleCredits(
        _ settlement: Settlement, _ mode: SpendingMode
    ) throws(StoreError) -> SettlementOutcome? {
        let key = settlement.key
        guard let block = catalog.block(.key, key.number), isLive(block),
            KeyBlock(block: block).remainingCredits != nil
        else { return nil }
        guard catalog.state.settledRequests.insert(settlement.request, of: key) else {
            return .alreadySettled
        }
        if settlement.refund == 0, settlement.surcharge == 0 {
            return .settled(spent: settlement.used, uncollected: 0)
        }
        var collected: Int64 = 0
        try updateKey(key, .keepsTimestamp, .settlement(settlement)) { (record) throws(StoreError) in
            let balance = record.credits?.remaining ?? 0
            collected = min(settlement.surcharge, balance)
            record.credits?.remaining = balance.adding(settlement.refund) - collected
        }
        let uncollected = settlement.surcharge - collected
        return .settled(spent: settlement.used - uncollected, uncollected: uncollected)
    }
}
