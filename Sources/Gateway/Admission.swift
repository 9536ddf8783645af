// The decision about one request, step by step in the order of the contract: the first failure answers, and
// nothing after it happens. `keygate explain` calls the very same steps and shows what each found.

import Access
import Bytes
import HTTP1
import Keys
import Rules
import Verification

enum Admission {
    /// What is left of step 1 once the rules are known: `Connection` may not name what Keygate writes, or the
    /// backend's own proxy logic would take it away again. `route` is nil until it is known, and then again what it
    /// sets is judged.
    private static func judgeConnection(_ exchange: Exchange, _ rules: RuleSet, route: Int?) -> Refusal? {
        let ranges = exchange.head.connectionOptions.ranges
        if ranges.isEmpty { return nil }
        let isForbidden = exchange.headBytes.with { bytes in
            for range in ranges {
                let name = bytes.extracting(range)
                if let route {
                    if rules.setNames[route].contains(name) { return true }
                } else if rules.reservedNames.contains(name) || rules.credentialHeaders.contains(name) {
                    return true
                }
            }
            return false
        }
        return isForbidden ? Refusal(.forbiddenConnectionOption) : nil
    }

    /// Steps 2 and 3: one path, and the route for it. The path that is matched is the one in
    /// `exchange.path`, and that is the one forwarded. `method` is where in the head the method stands, if it is
    /// not the request's own.
    static func route(_ exchange: Exchange, _ rules: RuleSet, method: Range<Int>? = nil) -> Refusal? {
        exchange.rules = rules
        let method = method ?? exchange.head.methodRange
        if let refusal = judgeConnection(exchange, rules, route: nil) { return refusal }
        exchange.path.removeAll()
        let outcome = exchange.headBytes.with { bytes in
            RequestTarget.canonicalise(
                bytes.extracting(exchange.head.target), method: exchange.head.method, into: &exchange.path)
        }
        let target: RequestTarget
        switch outcome {
        case .canonical(let canonical): target = canonical
        case .ambiguous(let ambiguity): return Refusal(ambiguity)
        case .malformed(let malformed): return Refusal(malformed)
        }
        exchange.target = target
        let found = exchange.headBytes.with { bytes in
            exchange.path.with { path in
                rules.configuration.table.match(
                    method: bytes.extracting(method), path: path,
                    host: bytes.extracting(exchange.head.host), into: &exchange.match)
            }
        }
        switch found {
        case .route(let index):
            exchange.routeIndex = index
            let route = rules.configuration.routes[index]
            if let refusal = judgeConnection(exchange, rules, route: index) { return refusal }
            // A backend that answers TRACE shows the client what was injected, so `*` does not mean it.
            if exchange.head.method == .trace, route.methods == .any { return Refusal(.notImplemented) }
            if target.hasEmptySegments, !route.allowsEmptySegments { return Refusal.emptySegment }
            if target.hasEncodedSlash, !route.allowsEncodedSlash { return Refusal.encodedSlash }
            return hasAnotherRoute(exchange, rules, method) ? Refusal.looseReading : nil
        case .methodNotAllowed, .notFound:
            // A path that can be read in two ways is refused as such, whether or not one of them has a route.
            if target.hasEmptySegments { return Refusal.emptySegment }
            if target.hasEncodedSlash { return Refusal.encodedSlash }
            guard found == .methodNotAllowed else { return Refusal(.routeNotFound) }
            exchange.scratch.removeAll()
            rules.configuration.table.appendAllowed(exchange.match, to: &exchange.scratch)
            return Refusal(.methodNotAllowed, allowedMethods: exchange.scratch.with { Array(copying: $0) })
        }
    }

    /// Whether the path, read loosely, would come under another route than the one it has.
    private static func hasAnotherRoute(_ exchange: Exchange, _ rules: RuleSet, _ method: Range<Int>) -> Bool
    {
        guard exchange.path.with({ LenientPath.isNeeded($0) }) else { return false }
        exchange.scratch.removeAll()
        exchange.path.with { LenientPath.append($0, to: &exchange.scratch) }
        let found = exchange.headBytes.with { bytes in
            exchange.scratch.with { path in
                rules.configuration.table.match(
                    method: bytes.extracting(method), path: path,
                    host: bytes.extracting(exchange.head.host), into: &exchange.otherMatch)
            }
        }
        if case .route(let other) = found { return other != exchange.routeIndex }
        return false
    }

    /// Steps 4 to 6, as far as the route asks for them. Without a refusal, `exchange.outcome` says on what
    /// ground the request goes on.
    static func judge(
        _ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ reader: StoreReader, _ limiter: RateLimiter,
        nowMillis: Int64
    ) -> Refusal? {
        switch route.access {
        case .open:
            exchange.outcome = .open
            return judgeChecks(exchange, route, nowMillis: nowMillis)
                ?? chargeLimits(exchange, nil, limiter, nowMillis: nowMillis)
        case .authenticated, .requires:
            exchange.outcome = .valid
            if let refusal = authenticate(exchange, rules, route, reader) { return refusal }
            guard let key = exchange.key else { return Refusal(.keyNotFound) }
            return authorise(exchange, route, key, limiter, nowMillis: nowMillis)
        }
    }

    /// Steps 4 and 5: the credential, and the live key it belongs to.
    static func authenticate(_ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ reader: StoreReader)
        -> Refusal?
    {
        let query = exchange.target?.query.map { query in
            exchange.head.target.lowerBound + query.lowerBound..<exchange.head.target.lowerBound
                + query.upperBound
        }
        let presented = exchange.headBytes.with { bytes in
            Credentials.find(rules.configuration.settings.credentials, exchange.head, query: query, bytes)
        }
        exchange.presentsKey = true
        switch presented {
        case .none:
            exchange.presentsKey = false
            return Refusal(.missingKey)
        case .unusable:
            return Refusal(.missingKey, detail: "The credential is not of the form that this gateway reads.")
        case .ambiguous: return Refusal(.ambiguousKey)
        case .found(let range): exchange.credential = range
        }
        guard let range = exchange.credential else { return Refusal(.missingKey) }
        let digest = KeyDigest(hashing: exchange.headBytes[range])
        guard let key = reader.find(digest) else { return Refusal(.keyNotFound) }
        return adopt(key, exchange, route)
    }

    /// The second half of step 5: the key is one of an API that this route serves.
    static func adopt(_ key: KeyView, _ exchange: Exchange, _ route: Route) -> Refusal? {
        if !isServed(key, route) { return Refusal(.keyNotFound) }
        exchange.key = key
        key.withID { id in
            exchange.keyID.append(copying: id)
        }
        key.api.withKeyspaceID { id in
            exchange.keySpaceID.append(copying: id)
        }
        if let identity = key.identity {
            identity.withExternalID { id in
                exchange.identity.append(copying: id)
            }
            identity.withID { id in
                exchange.identityID.append(copying: id)
            }
        }
        return nil
    }

    /// Whether the key is of an API that lives and that this route is for.
    static func isServed(_ key: KeyView, _ route: Route) -> Bool {
        !key.api.isDeleted && serves(route.apis, key.api)
    }

    /// `apis` holds names and ids; none means any.
    private static func serves(_ apis: [String], _ api: APIView) -> Bool {
        if apis.isEmpty { return true }
        return api.withID { id in
            api.withName { name in
                for allowed in apis {
                    let text = allowed.utf8.span
                    if ASCII.equals(id, text) || ASCII.equals(name, text) { return true }
                }
                return false
            }
        }
    }

    /// Step 6, in its order.
    static func authorise(
        _ exchange: Exchange, _ route: Route, _ key: KeyView, _ limiter: RateLimiter, nowMillis: Int64
    ) -> Refusal? {
        if let refusal = judgeState(key, exchange, nowMillis: nowMillis) {
            // Such a key vouches for nobody, not even on a route that only watches.
            exchange.key = nil
            return refusal
        }
        return judgePermissions(key, route) ?? judgeChecks(exchange, route, nowMillis: nowMillis)
            ?? chargeLimits(exchange, key, limiter, nowMillis: nowMillis)
    }

    static func judgePermissions(_ key: KeyView, _ route: Route) -> Refusal? {
        guard case .requires(let query) = route.access, !query.isSatisfied(by: key) else { return nil }
        return Refusal(.insufficientPermissions, scope: scope(of: query))
    }

    /// Enabled, unexpired, from an address that may use it.
    static func judgeState(_ key: KeyView, _ exchange: Exchange, nowMillis: Int64) -> Refusal? {
        // A client without an address (on a Unix socket) is on no allow-list.
        switch Verification.judgeState(key, from: exchange.clientAddress, nowMillis: nowMillis) {
        case .disabled: Refusal(.keyDisabled)
        case .expired: Refusal(.keyExpired)
        case .forbidden: Refusal(.forbidden, detail: "This key may not be used from this address.")
        case .passed: nil
        case .insufficientPermissions, .unknownLimit, .rateLimited:
            preconditionFailure("a verdict that the state of a key cannot lead to")
        }
    }

    /// The route's checks; on a public route they see no key.
    static func judgeChecks(_ exchange: Exchange, _ route: Route, nowMillis: Int64) -> Refusal? {
        for check in route.checks where !holds(check, exchange, nowMillis: nowMillis) {
            return Refusal(.forbidden, detail: check.message.map { String(decoding: $0, as: UTF8.self) })
        }
        return nil
    }

    static func holds(_ check: RouteCheck, _ exchange: Exchange, nowMillis: Int64) -> Bool {
        var context = CheckContext(exchange: exchange, nowMillis: nowMillis)
        return check.program.evaluate(&context, scratch: &exchange.scratch)
    }

    /// All rate limits of the request, or none of them. What the client is told of them is in
    /// `exchange.limitLines` afterwards, whether it is let through or not.
    static func chargeLimits(
        _ exchange: Exchange, _ key: KeyView?, _ limiter: RateLimiter, nowMillis: Int64
    ) -> Refusal? {
        guard let rules = exchange.rules, exchange.routeIndex >= 0 else { return nil }
        let owed = rules.charges[exchange.routeIndex]
        let isAdmitted = limiter.admit(exchange, owed, key: key)
        exchange.limitLines.removeAll()
        LimitHeaders.append(limiter.charges, nowMillis: nowMillis, to: &exchange.limitLines)
        if isAdmitted { return nil }
        return Refusal(
            .rateLimited,
            retryAfterSeconds: LimitHeaders.retryAfterSeconds(limiter.charges, nowMillis: nowMillis))
    }

    /// The permissions of a query as RFC 6750 §3 lists them: the client learns what to ask for, and nothing
    /// about which of them it holds.
    private static func scope(of query: PermissionQuery) -> String {
        query.leaves.map(\.description).joined(separator: " ")
    }
}
