// `failed-key-limit`: addresses that keep presenting keys that are no good. The failures of an address are counted in
// a window; once there are more than the limit, every further one is answered 429 with Retry-After, whatever was wrong
// with the key, so that whoever tries keys no longer learns which of them are unknown, disabled or expired, and is told
// to wait. A good key from the same address passes all the same: behind one address there may be many customers
// (NAT, a proxy), and none of them pays for a neighbour. Finding that out costs one look-up in memory.
//
// The table is one of its own and bounded: strangers who knock from ever new addresses fill it with themselves and
// cannot crowd out the limits of customers. When it is full, a failing newcomer is one too many.

import Access
import Bytes
import HTTP1
import Limits
import Rules

/// One loop's hand on the counts of failed keys.
final class FailedKeys {
    /// Addresses that are counted at once; 6 MiB at most.
    static let addressCount = 1 << 16

    private let counters: RateCounters
    private var charged = ChargeSet()
    private var identifier = ByteBuffer()

    init(_ counters: RateCounters) { self.counters = counters }

    /// Counts a request that was refused for its key. Returns the refusal that stands in for `refusal` once the
    /// address has failed too often; nil if `refusal` stands, which it does for everything that is not about a key.
    func note(
        _ refusal: Refusal, _ exchange: Exchange, _ limit: FailedKeyLimit?, at time: LimitTime,
        nowMillis: Int64
    ) -> Refusal? {
        guard let limit, exchange.presentsKey, refusal.reason.description.status == .unauthorized else {
            return nil
        }
        identifier.removeAll()
        FailedKeys.append(exchange.clientAddress, to: &identifier)
        charged.removeAll()
        charged.append(
            Charge(
                counter: counters.counter(
                    .failedKeys, name: [UInt8]().span, identifier: identifier.bytes,
                    durationMillis: limit.durationMillis),
                limit: limit.count, durationMillis: limit.durationMillis))
        if counters.charge(&charged, at: time) { return nil }
        return Refusal(
            .rateLimited, detail: "Too many requests with a key that is not valid.",
            retryAfterSeconds: max(1, LimitHeaders.secondsUntilReset(charged[0], nowMillis: nowMillis)))
    }

    /// The IPv4 address, or the first 64 bits of the IPv6 address: whoever has one address of such a network has all
    /// of them. Clients without an address (on a Unix socket) are one.
    private static func append(_ address: IPAddress?, to identifier: inout ByteBuffer) {
        guard let address else { return identifier.append("-") }
        switch address.family {
        case .v4:
            identifier.append("4")
            identifier.append(hex: UInt(address.low))
        case .v6:
            identifier.append("6")
            identifier.append(hex: UInt(address.high))
        }
    }
}

@available(*, unavailable)
extension FailedKeys: Sendable {}
