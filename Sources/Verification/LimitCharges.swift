// Which limits a request is charged: every one of the key and of its identity that applies by itself, at a cost
// of 1, and those that the request names, at the cost it says. A limit of the key hides one of the identity that
// has its name; a request that names a limit replaces its own automatic charge.

import Bytes
public import Keys
public import Limits

/// A limit named by a request.
public struct LimitRequest: Hashable, Sendable {
    /// A limit described on the spot, counted for the key whatever is configured.
    public struct Inline: Hashable, Sendable {
        public let limit: Int64
        public let durationMillis: Int64

        /// `durationMillis` must be positive.
        public init(limit: Int64, durationMillis: Int64) {
            precondition(durationMillis > 0, "a window has a length")
            self.limit = limit
            self.durationMillis = durationMillis
        }
    }

    public let name: [UInt8]
    /// Not negative; 0 looks without consuming.
    public let cost: Int64
    /// Nil takes the configured limit of that name.
    public let inline: Inline?

    public init(name: [UInt8], cost: Int64, inline: Inline? = nil) {
        precondition(cost >= 0, "a charge cannot give anything back")
        self.name = name
        self.cost = cost
        self.inline = inline
    }
}

/// What to make of a named limit that nobody has configured.
public enum UnknownLimit: Sendable {
    case isRefused
    /// A key without that limit is not limited by it.
    case passes
}

/// The limits of one request and what charging them came to. Kept by its owner and used for one request after
/// the other.
public struct LimitCharges: Sendable {
    /// Where a charge comes from, beside what it is: for those who show it.
    private struct Origin {
        let space: CounterSpace
        let id: Range<Int>
        let name: Range<Int>
        let appliesAutomatically: Bool
    }

    private var charged = ChargeSet()
    private var origins: [Origin] = []
    /// Ids and names, one after the other.
    private var texts: [UInt8] = []

    public init() {}

    public var isEmpty: Bool { charged.isEmpty }
    public var count: Int { charged.count }
    /// The charge and its result.
    public subscript(index: Int) -> Charge { charged[index] }
    public func space(_ index: Int) -> CounterSpace { origins[index].space }
    public func appliesAutomatically(_ index: Int) -> Bool { origins[index].appliesAutomatically }
    public func withName<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R {
        body(texts.span.extracting(origins[index].name))
    }
    /// The id of a configured limit; empty for one described on the spot and for those of routes.
    public func withID<R>(_ index: Int, _ body: (Span<UInt8>) -> R) -> R {
        body(texts.span.extracting(origins[index].id))
    }

    /// Empties it and keeps the memory.
    public mutating func removeAll() {
        charged.removeAll()
        origins.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
    }

    // MARK: Gathering

    /// Adds what `key` is charged for a request that names `requests`.
    public mutating func gather(
        _ key: KeyView, _ requests: [LimitRequest], unknown: UnknownLimit, _ counters: RateCounters
    ) -> Verdict {
        for index in requests.indices where !isRepeated(index, requests) {
            let isKnown = appendNamed(requests[index], key, counters)
            switch unknown {
            case .isRefused: if !isKnown { return .unknownLimit(index) }
            case .passes: break
            }
        }
        key.forEachLimit { rule in
            if rule.appliesAutomatically, !isRequested(rule, requests) {
                append(rule, cost: 1, .key, key, counters)
            }
        }
        if let identity = key.identity {
            identity.forEachLimit { rule in
                guard rule.appliesAutomatically, !isRequested(rule, requests),
                    !rule.withName({ hasLimit(key, named: $0) })
                else { return }
                append(rule, cost: 1, .identity, key, counters)
            }
        }
        return .passed
    }

    /// Adds a limit that is neither the key's nor the identity's. `name` is what the caller is shown, `counted`
    /// and `identifier` say what is counted for whom.
    public mutating func append(
        _ space: CounterSpace, name: Span<UInt8>, counted: Span<UInt8>, identifier: Span<UInt8>, limit: Int64,
        durationMillis: Int64, cost: Int64, _ counters: RateCounters
    ) {
        let counter = counters.counter(
            space, name: counted, identifier: identifier, durationMillis: durationMillis)
        charged.append(Charge(counter: counter, limit: limit, durationMillis: durationMillis, cost: cost))
        note(space, id: nil, name: name, appliesAutomatically: false)
    }

    private func isRepeated(_ index: Int, _ requests: [LimitRequest]) -> Bool {
        for later in requests.indices where later > index && requests[later].name == requests[index].name {
            return true
        }
        return false
    }

    private func isRequested(_ rule: RateLimitRuleView, _ requests: [LimitRequest]) -> Bool {
        rule.withName { name in
            for request in requests {
                let isIt = ASCII.equals(request.name.span, name)
                if isIt { return true }
            }
            return false
        }
    }

    private func hasLimit(_ key: KeyView, named name: Span<UInt8>) -> Bool {
        var found = false
        key.forEachLimit { rule in
            if rule.withName({ ASCII.equals($0, name) }) { found = true }
        }
        return found
    }

    /// False if neither the key nor its identity has the limit.
    private mutating func appendNamed(_ request: LimitRequest, _ key: KeyView, _ counters: RateCounters)
        -> Bool
    {
        if let inline = request.inline {
            let name = request.name.span
            key.withID { id in
                append(
                    .key, name: name, counted: name, identifier: id, limit: inline.limit,
                    durationMillis: inline.durationMillis, cost: request.cost, counters)
            }
            return true
        }
        var isKnown = false
        key.forEachLimit { rule in
            if !isKnown, rule.withName({ ASCII.equals($0, request.name.span) }) {
                append(rule, cost: request.cost, .key, key, counters)
                isKnown = true
            }
        }
        if isKnown { return true }
        key.identity?.forEachLimit { rule in
            if !isKnown, rule.withName({ ASCII.equals($0, request.name.span) }) {
                append(rule, cost: request.cost, .identity, key, counters)
                isKnown = true
            }
        }
        return isKnown
    }

    private mutating func append(
        _ rule: RateLimitRuleView, cost: Int64, _ space: CounterSpace, _ key: KeyView,
        _ counters: RateCounters
    ) {
        // A window without a length can only come from a damaged record; the shortest one limits most.
        let durationMillis = max(1, rule.durationMillis)
        rule.withName { name in
            let counter =
                switch space {
                case .identity:
                    key.identity?.withID { id in
                        counters.counter(space, name: name, identifier: id, durationMillis: durationMillis)
                    }
                case .key, .namespace, .route, .failedKeys:
                    key.withID { id in
                        counters.counter(space, name: name, identifier: id, durationMillis: durationMillis)
                    }
                }
            // An identity's rule was found through the identity, so it is there.
            guard let counter else { return }
            charged.append(
                Charge(counter: counter, limit: rule.limit, durationMillis: durationMillis, cost: cost))
            note(space, id: rule, name: name, appliesAutomatically: rule.appliesAutomatically)
        }
    }

    private mutating func note(
        _ space: CounterSpace, id rule: RateLimitRuleView?, name: Span<UInt8>, appliesAutomatically: Bool
    ) {
        let start = texts.count
        rule?.withID { id in
            for index in id.indices { texts.append(id[index]) }
        }
        let middle = texts.count
        for index in name.indices { texts.append(name[index]) }
        origins.append(
            Origin(
                space: space, id: start..<middle, name: middle..<texts.count,
                appliesAutomatically: appliesAutomatically))
    }

    // MARK: Charging

    /// Charges everything gathered, or nothing.
    public mutating func charge(_ counters: RateCounters, at time: LimitTime) -> Verdict {
        counters.charge(&charged, at: time) ? .passed : .rateLimited
    }

    /// What `charge` would say, without charging.
    public mutating func look(_ counters: RateCounters, at time: LimitTime) -> Verdict {
        counters.look(&charged, at: time) ? .passed : .rateLimited
    }
}
