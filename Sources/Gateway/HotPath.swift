// What happens to a request between the socket and libcurl, and nothing else: parsed, identified, routed,
// decided, remembered, given a server, and its headers and target built, by the functions that connections use. For
// measuring: the allocation probe runs this many times over and expects that memory is allocated no more often.

import Access
import Analytics
import Bytes
import HTTP1
public import Keys
import Limits
import Reactor
public import Rules
import Upstream

/// The per-request work of one loop, without its loop. Used by one thread.
public final class HotPath {
    /// After so many events a loop would hand them over.
    private static let eventsPerTurn = 64

    private let rules: RuleSet
    private let reader: StoreReader
    private let limiter = RateLimiter(RateCounters(), .charges)
    private let limits: RequestLimits
    private let peer: IPAddress
    private let peerText: [UInt8]
    private let exchange: Exchange
    private var headers = HeaderLines()
    private var requestIDs = RequestIDs()
    private var verifications = EventBatch()
    private var scratch = ByteBuffer()

    /// `reader` must be awake.
    public init(_ configuration: Configuration, _ reader: StoreReader) {
        let upstreams = UpstreamRegistry()
        let pools = configuration.upstreams.map { group in
            UpstreamPool(
                group,
                servers: group.servers.map { server in
                    UpstreamPool.Server(
                        upstreams.record(group.name, server.description), loop: 0, curlKey: 0, authority: [],
                        limit: server.maxConnections)
                }, line: LoopLine(upstreams.line(group.name), loop: 0))
        }
        rules = RuleSet(configuration, generation: 1, pools: pools)
        self.reader = reader
        limits = RequestLimits(configuration.settings.limits)
        peer = IPAddress(v4: 0x7F00_0001)
        peerText = Array(peer.description.utf8)
        exchange = Exchange(limits: limits)
    }

    /// Whether the request, which must be one complete head, would be forwarded.
    public func decide(_ request: Span<UInt8>, nowMillis: Int64) -> Bool {
        exchange.reset(limits: limits)
        exchange.input.append(request)
        guard
            case .head(let length) = exchange.input.with({ exchange.parser.advance($0, into: &exchange.head) }
            )
        else { preconditionFailure("the request is not one complete head") }
        exchange.headBytes.removeAll()
        exchange.input.with { exchange.headBytes.append($0.extracting(0..<length)) }
        exchange.input.consume(length)

        exchange.clientAddress = exchange.headBytes.with {
            ClientAddress.find(peer: peer, exchange.head, $0, rules)
        }
        requestIDs.next(into: &exchange.requestID)
        if Admission.route(exchange, rules) != nil { return false }
        guard let route = exchange.route else { return false }
        limiter.time = LimitTime(unixMillis: nowMillis)
        if Admission.judge(exchange, rules, route, reader, limiter, nowMillis: nowMillis) != nil {
            return false
        }
        let pool = rules.pools[route.upstreamIndex]
        guard case .server(let server) = pool.take(nowNanos: nowMillis * 1_000_000) else { return false }
        defer {
            pool.succeeded(server, nowNanos: nowMillis * 1_000_000)
            _ = pool.giveBack(server)
        }
        let origin = ForwardedHeaders.Origin(
            peerText: peerText, peerIsTrusted: rules.isTrustedProxy(peer), authority: nil)
        ForwardedHeaders.build(exchange, rules, route, key: exchange.key, origin, into: &headers)
        exchange.key = nil
        ForwardedTarget.build(exchange, rules, route)
        ExchangeEvent.append(exchange, nowNanos: exchange.startNanos, to: &verifications, scratch: &scratch)
        if verifications.count == Self.eventsPerTurn { verifications.removeAll() }
        return headers.count > 0 && !exchange.scratch.isEmpty
    }
}

@available(*, unavailable)
extension HotPath: Sendable {}
