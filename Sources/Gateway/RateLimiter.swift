// The rate limits of one request, all together: those of the key and its identity, those the configuration names,
// and those of the route. They pass together or none is charged.

import Access
import Bytes
import HTTP1
import Keys
import Limits
import Rules
import Verification

/// What a route charges, worked out once for all its requests.
struct RouteCharges {
    struct Own {
        let rule: RouteLimit
        /// The name under which it is counted: a limit belongs to its route, so the same name in another route
        /// is another limit, and a reload that leaves the route as it is leaves its counters in force.
        let counted: [UInt8]
    }

    let named: [LimitRequest]
    let own: [Own]

    init(_ route: Route) {
        named = route.namedLimits.map { LimitRequest(name: $0.name, cost: $0.cost) }
        let separator = [UInt8(ascii: "\n")]
        let place =
            Array(route.methods.text.utf8) + separator + (route.host ?? []) + separator + route.pattern
        own = route.limits.map { Own(rule: $0, counted: place + separator + $0.name) }
    }
}

/// Charges requests, one after the other, for one loop.
final class RateLimiter {
    enum Mode {
        case charges
        /// Judges as if it charged, for explanations.
        case looks
    }

    private let counters: RateCounters
    private let mode: Mode
    /// What the last request was charged.
    private(set) var charges = LimitCharges()
    private var identifier = ByteBuffer()
    /// The moment of the turn, which its loop sets.
    var time: LimitTime

    init(_ counters: RateCounters, _ mode: Mode) {
        self.counters = counters
        self.mode = mode
        time = counters.clock.now()
    }

    /// False if a limit is in the way; then nothing was charged. `key` is nil on a public route.
    func admit(_ exchange: Exchange, _ owed: RouteCharges, key: KeyView?) -> Bool {
        charges.removeAll()
        if let key {
            // A key that has no limit of a name that the configuration charges is not limited by it.
            _ = charges.gather(key, owed.named, unknown: .passes, counters)
        }
        for own in owed.own {
            identifier.removeAll()
            for subject in own.rule.subjects { append(subject, exchange, key) }
            charges.append(
                .route, name: own.rule.name.span, counted: own.counted.span, identifier: identifier.bytes,
                limit: own.rule.limit, durationMillis: own.rule.durationMillis, cost: 1, counters)
        }
        if charges.isEmpty { return true }
        switch mode {
        case .charges: return charges.charge(counters, at: time) == .passed
        case .looks: return charges.look(counters, at: time) == .passed
        }
    }

    // MARK: Whom a limit of a route counts

    /// Each part begins with what it is and how long it is, so that no two combinations read alike. What is
    /// absent is a part as well: all who lack it are counted together, or leaving it out would be a way around.
    private func append(_ subject: LimitSubject, _ exchange: Exchange, _ key: KeyView?) {
        switch subject {
        case .route:
            break
        case .key:
            if let key { key.withID { append("k", $0) } } else { identifier.append("-") }
        case .identity:
            if let identity = key?.identity {
                identity.withID { append("i", $0) }
            } else {
                append(.key, exchange, key)
            }
        case .clientAddress:
            guard let address = exchange.clientAddress else { return identifier.append("-") }
            identifier.append(address.family == .v4 ? "4" : "6")
            identifier.append(hex: UInt(address.high))
            identifier.append(":")
            identifier.append(hex: UInt(address.low))
        case .header(let name):
            appendHeader(name, exchange)
        }
    }

    /// All fields of the name count: a client that repeats one could otherwise choose which of them does.
    private func appendHeader(_ name: [UInt8], _ exchange: Exchange) {
        exchange.headBytes.with { bytes in
            var next = exchange.head.headers.index(named: name.span, in: bytes)
            if next == nil { identifier.append("-") }
            while let index = next {
                append("h", bytes.extracting(exchange.head.headers[index].value))
                next = exchange.head.headers.index(named: name.span, in: bytes, from: index + 1)
            }
        }
    }

    private func append(_ kind: StaticString, _ text: Span<UInt8>) {
        identifier.append(kind)
        identifier.append(decimal: text.count)
        identifier.append(":")
        identifier.append(text)
    }
}

@available(*, unavailable)
extension RateLimiter: Sendable {}
