// Why a request would be let through or not, shown step by step. It is made by the same functions that
// decide real requests, on a request put together for the purpose; nothing is charged and nothing changes.

import Access
import Bytes
import HTTP1
public import Keys
public import Limits
public import Rules
import Upstream
import Verification

/// The finished explanation.
public struct Explanation: Sendable {
    /// Lines for people.
    public let text: String
    /// Whether the request would be forwarded, or is a preflight that is given leave.
    public let isAllowed: Bool

    /// Decides the request by these rules and this store. `reader` must be awake; the views it gives out are
    /// used within this call only.
    public static func make(
        _ request: ExplainedRequest, _ configuration: Configuration, _ reader: StoreReader,
        _ counters: RateCounters, nowMillis: Int64
    ) -> Explanation {
        var account = Account(
            rules: RuleSet(explaining: configuration), limiter: RateLimiter(counters, .looks),
            nowMillis: nowMillis)
        let refusal = account.decide(request, reader)
        account.conclude(refusal)
        return Explanation(text: account.lines.joined(separator: "\n") + "\n", isAllowed: account.isAllowed)
    }
}

/// The explanation under construction.
struct Account {
    let rules: RuleSet
    let limiter: RateLimiter
    let nowMillis: Int64
    let exchange: Exchange
    var lines: [String] = []
    var isAllowed = false
    /// The gateway itself answers, and that has been said.
    var isAnswered = false
    /// What the request would be charged if it went on, one phrase a piece: credits, then limits.
    var charged: [String] = []
    /// The request is taken to come over TLS.
    private var isSecure = false

    init(rules: RuleSet, limiter: RateLimiter, nowMillis: Int64) {
        self.rules = rules
        self.limiter = limiter
        self.nowMillis = nowMillis
        exchange = Exchange(limits: RequestLimits(rules.configuration.settings.limits))
        exchange.requestID = Array("req_explained".utf8)
    }

    mutating func say(_ label: String, _ text: String) {
        lines.append(label + String(repeating: " ", count: max(1, 12 - label.count)) + text)
    }

    // MARK: The steps

    mutating func decide(_ request: ExplainedRequest, _ reader: StoreReader) -> Refusal? {
        say("request", "\(request.method) \(request.url) from \(request.address)")
        isSecure = request.url.lowercased().hasPrefix("https://")
        if let refusal = parse(request) { return refusal }
        exchange.clientAddress = exchange.headBytes.with { bytes in
            ClientAddress.find(peer: request.address, exchange.head, bytes, rules)
        }
        if exchange.clientAddress != request.address, let client = exchange.clientAddress {
            say("client", "\(client), by X-Forwarded-For of a trusted proxy")
        }
        if rules.mindsOrigins {
            switch decidePreflight() {
            case .ordinary: break
            case .refused(let refusal): return refusal
            case .answered:
                isAnswered = true
                return nil
            }
        }

        let refusal = Admission.route(exchange, rules)
        sayRoute()
        if let refusal { return refusal }
        guard let route = exchange.route else { return Refusal(.routeNotFound) }
        if let refusal = Admission.upgrade(exchange, route) { return refusal }

        switch route.access {
        case .open:
            say("key", "none is asked for: the route is public")
            if let refusal = judgeChecks(route) ?? judgeLimits(nil) { return decided(route, refusal) }
        case .authenticated, .requires:
            if let refusal = authenticate(request, route, reader) { return decided(route, refusal) }
            guard let key = exchange.key else { return Refusal(.keyNotFound) }
            if let refusal = authorise(route, key) { return decided(route, refusal) }
        }
        return decided(route, nil)
    }

    mutating func sayRoute() {
        if !exchange.path.isEmpty { say("path", exchange.path.with { String(forDisplay: $0) }) }
        if let route = exchange.route { describe(route) }
        sayRunnersUp()
    }

    private mutating func describe(_ route: Route) {
        say("route", "\(Account.title(of: route))  (\(route.location))")
        say("access", route.access.text)
        let tags = route.tags.map { tag in
            var value = ByteBuffer()
            ForwardedTarget.append(tag.value, exchange, route, to: &value)
            return "\(String(decoding: tag.name, as: UTF8.self))=\(String(forDisplay: value.bytes))"
        }
        if !tags.isEmpty { say("tags", tags.joined(separator: " ")) }
        if route.allowsWebSocket {
            say("websocket", "a handshake becomes a tunnel, once the backend has switched")
        }
        if route.isShadow { say("shadow", "decided, logged and counted, never refused") }
    }

    static func title(of route: Route) -> String {
        let host = route.host.map { " host \(String(decoding: $0, as: UTF8.self))" } ?? ""
        return "\(route.methods.text) \(String(decoding: route.pattern, as: UTF8.self))\(host)"
    }

    private mutating func sayRunnersUp() {
        let others = exchange.headBytes.with { bytes in
            exchange.path.with { path in
                rules.configuration.table.matching(path: path, host: bytes.extracting(exchange.head.host))
            }
        }
        for index in others where index != exchange.routeIndex {
            let route = rules.configuration.routes[index]
            say(
                "  or", "\(Account.title(of: route))  (\(route.location)), less specific or for other methods"
            )
        }
    }

    // MARK: The end

    /// A shadow route refuses nobody.
    private mutating func decided(_ route: Route, _ refusal: Refusal?) -> Refusal? {
        guard let refusal else { return nil }
        if !route.isShadow { return refusal }
        say("shadow", "would be refused: \(refusal.reason.description.code)")
        return nil
    }

    mutating func conclude(_ refusal: Refusal?) {
        if let refusal {
            let about = refusal.reason.description
            say("answer", "\(about.status.code) \(about.code): \(refusal.detail ?? about.detail.description)")
            if let methods = refusal.allowedMethods {
                say("allow", String(decoding: methods, as: UTF8.self))
            }
            return
        }
        if isAnswered { return }
        guard let route = exchange.route else { return }
        isAllowed = true
        let group = rules.configuration.upstreams[route.upstreamIndex]
        ForwardedTarget.build(exchange, rules, route)
        let target = exchange.scratch.with { String(forDisplay: $0) }
        let method = exchange.headBytes.with { String(forDisplay: $0.extracting(exchange.head.methodRange)) }
        say("charge", charged.isEmpty ? "nothing" : charged.joined(separator: ", "))
        say("upstream", "\(group.name)")
        say("answer", "forwarded, as the backend receives it:")
        lines.append("")
        lines.append("    \(method) \(target) HTTP/1.1")
        var headers = HeaderLines()
        let origin = ForwardedHeaders.Origin(
            peerText: Array((exchange.clientAddress?.description ?? "").utf8), peerIsTrusted: false,
            authority: group.hostHeader == .client ? nil : Array(group.servers[0].authority.utf8),
            isSecure: isSecure)
        ForwardedHeaders.build(exchange, rules, route, key: exchange.key, origin, into: &headers)
        headers.forEachHeader { name, value in
            lines.append("    \(String(forDisplay: name)): \(String(forDisplay: value))")
        }
    }
}
