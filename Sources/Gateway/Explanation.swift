// Why a request would be let through or not, shown step by step. It is made by the same functions that
// decide real requests, on a request put together for the purpose; nothing is charged and nothing changes.

public import Access
import Bytes
import HTTP1
public import Keys
public import Limits
public import Rules
import Upstream
import Verification

/// The request to explain.
public struct ExplainedRequest: Sendable {
    /// Who is taken to ask.
    public enum Credential: Sendable {
        case none
        /// The text of a key.
        case key([UInt8])
        /// A key known by its digest: found by its id.
        case digest(KeyDigest)
    }

    public var method: String
    /// A path with or without query, or an http URL.
    public var url: String
    public var headers: [(name: String, value: String)]
    public var credential: Credential
    public var address: IPAddress

    public init(
        method: String, url: String, headers: [(name: String, value: String)], credential: Credential,
        address: IPAddress
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.credential = credential
        self.address = address
    }
}

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

    private mutating func parse(_ request: ExplainedRequest) -> Refusal? {
        var text = "\(request.method) \(request.url) HTTP/1.1\r\n"
        if !request.headers.contains(where: { $0.name.lowercased() == "host" }) {
            text += "Host: \(Account.authority(of: request.url))\r\n"
        }
        for header in request.headers { text += "\(header.name): \(header.value)\r\n" }
        exchange.headBytes.append(text)
        if case .key(let secret) = request.credential { appendCredential(secret) }
        exchange.headBytes.append("\r\n")
        switch exchange.headBytes.with({ exchange.parser.advance($0, into: &exchange.head) }) {
        case .head: return nil
        case .malformed(let malformed): return Refusal(malformed)
        case .needMore: return Refusal(.badRequest)
        }
    }

    /// The host of an absolute URL; `localhost` for a path.
    private static func authority(of url: String) -> String {
        for scheme in ["http://", "https://"] where url.lowercased().hasPrefix(scheme) {
            return String(url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" })
        }
        return "localhost"
    }

    /// Puts the key where the configuration looks first.
    private mutating func appendCredential(_ secret: [UInt8]) {
        switch rules.configuration.settings.credentials.first {
        case .header(let name):
            exchange.headBytes.append(name)
            exchange.headBytes.append(": ")
        case .bearer, .query, nil:
            exchange.headBytes.append("Authorization: Bearer ")
        }
        exchange.headBytes.append(secret)
        exchange.headBytes.append("\r\n")
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

    private mutating func authenticate(_ request: ExplainedRequest, _ route: Route, _ reader: StoreReader)
        -> Refusal?
    {
        let refusal: Refusal?
        switch request.credential {
        case .none, .key:
            refusal = Admission.authenticate(exchange, rules, route, reader)
        case .digest(let digest):
            guard let key = reader.find(digest) else { return Refusal(.keyNotFound) }
            refusal = Admission.adopt(key, exchange, route)
        }
        guard let key = exchange.key else {
            let word = refusal.map { $0.reason.description.detail.description } ?? ""
            say("key", word)
            return refusal
        }
        let name = key.hasName ? key.withName { " \"\(String(forDisplay: $0))\"" } : ""
        let api = key.api.withName { String(forDisplay: $0) }
        say("key", key.withID { String(forDisplay: $0) } + name + " of API \(api)")
        if let identity = key.identity {
            say("identity", identity.withExternalID { String(forDisplay: $0) })
        } else {
            say("identity", "none")
        }
        if route.apis.isEmpty {
            result(true, "a key of any API is accepted")
        } else {
            result(refusal == nil, "the key is of one of: \(route.apis.joined(separator: ", "))")
        }
        return refusal
    }

    private mutating func authorise(_ route: Route, _ key: KeyView) -> Refusal? {
        let state = Admission.judgeState(key, exchange, nowMillis: nowMillis)
        result(state?.reason != .keyDisabled, "the key is enabled")
        if state?.reason == .keyDisabled { return state }
        let expiry =
            key.expiresAtMillis.map { "expires at \($0) ms, now is \(nowMillis) ms" } ?? "never expires"
        result(state?.reason != .keyExpired, "the key has not expired: \(expiry)")
        if state?.reason == .keyExpired { return state }
        let lists = key.hasAllowList || key.api.hasAllowList ? "by the allow-list" : "there is no allow-list"
        result(state == nil, "the address is admitted: \(lists)")
        if let state { return state }

        if case .requires(let query) = route.access {
            let held = query.leaves.map { "\($0) \(key.holds($0) ? "held" : "not held")" }
            let isSatisfied = query.isSatisfied(by: key)
            result(isSatisfied, "require \(query): \(held.joined(separator: ", "))")
            if !isSatisfied {
                return Admission.authorise(exchange, route, key, limiter, nowMillis: nowMillis)
            }
        }
        return judgeChecks(route) ?? judgeLimits(key) ?? judgeCredits(route, key)
    }

    private mutating func judgeCredits(_ route: Route, _ key: KeyView) -> Refusal? {
        guard key.hasCredits else { return nil }
        switch key.affords(route.cost.amount) {
        case .spent(let remaining):
            let verb = route.cost.bill == nil ? "spent" : "reserved"
            result(true, "\(route.cost.amount) of \(remaining) credits would be \(verb)")
            if route.isShadow { return nil }
            for line in route.cost.afterwards { say("", line) }
            return nil
        case .exceeded(let remaining):
            result(false, "the request costs \(route.cost.amount) credits, the key has \(remaining)")
            return Refusal(.usageExceeded)
        }
    }

    private mutating func judgeLimits(_ key: KeyView?) -> Refusal? {
        let refusal = Admission.chargeLimits(exchange, key, limiter, nowMillis: nowMillis)
        let charges = limiter.charges
        for index in 0..<charges.count {
            let charge = charges[index]
            let name = charges.withName(index) { String(forDisplay: $0) }
            let owner =
                switch charges.space(index) {
                case .key: "of the key"
                case .identity: "of the identity"
                case .route: "of the route"
                case .namespace, .failedKeys:
                    preconditionFailure("a request is never charged a stand-alone limit")
                }
            result(
                charge.fits,
                "limit \(name) \(owner): \(charge.limit) per \(charge.durationMillis) ms, "
                    + "\(charge.effective) used, this request costs \(charge.cost)")
        }
        return refusal
    }

    private mutating func judgeChecks(_ route: Route) -> Refusal? {
        for check in route.checks {
            var context = CheckContext(exchange: exchange, nowMillis: nowMillis)
            let values = check.program.operandValues(&context, scratch: &exchange.scratch)
            let shown = values.map { "\($0.operand) is \($0.value)" }.joined(separator: ", ")
            let holds = Admission.holds(check, exchange, nowMillis: nowMillis)
            result(holds, "check \(check.text): \(shown)")
            if !holds { return Admission.judgeChecks(exchange, route, nowMillis: nowMillis) }
        }
        return nil
    }

    private mutating func result(_ holds: Bool, _ text: String) { say(holds ? "  yes" : "  NO", text) }

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
            return
        }
        if isAnswered { return }
        guard let route = exchange.route else { return }
        isAllowed = true
        let group = rules.configuration.upstreams[route.upstreamIndex]
        ForwardedTarget.build(exchange, rules, route)
        let target = exchange.scratch.with { String(forDisplay: $0) }
        let method = exchange.headBytes.with { String(forDisplay: $0.extracting(exchange.head.methodRange)) }
        say("charge", limiter.chargedText)
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

extension RouteCost {
    /// What becomes of credits that were taken.
    fileprivate var afterwards: [String] {
        let undone = onError == .refund ? "given back" : "kept"
        let errors = "\(undone) if the backend fails or the client leaves"
        guard let bill else { return amount == 0 ? [] : ["      they are \(errors)"] }
        return [
            "      \(String(decoding: bill.header, as: UTF8.self)) of the answer says what is owed, at most \(bill.maximum)",
            "      without it the reserve is spent, or \(errors)",
        ]
    }
}

extension RateLimiter {
    /// What an admitted request is charged, for people.
    fileprivate var chargedText: String {
        let parts = (0..<charges.count).map { index in
            "\(charges[index].cost) to \(charges.withName(index) { String(forDisplay: $0) })"
        }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }
}
