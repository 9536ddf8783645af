// Pages of other origins (the CORS protocol, Fetch §3.2). A browser asks in a preflight whether a page may send
// what it wants to send; that question has no key and no answer of the backend's, so the gateway answers it from
// the policy of the route that the request itself would have. Every answer to such a page then says that the page
// may read it, refusals included: a page that cannot read why it was refused cannot tell its user. An answer that
// would be another for another origin, or for none, says so to caches, whoever it goes to.

import Bytes
import HTTP1
import Rules

enum CrossOrigin {
    /// A preflight: where its origin and the method it asks for stand in the head.
    struct Preflight {
        let origin: Range<Int>
        let method: Range<Int>
    }

    /// What a preflight asks for and does not get.
    enum Objection {
        case origin, method
        /// The first header that may not be set, where it stands in the head.
        case header(Range<Int>)

        /// What the answer says; it shows nothing of the policy to an origin that has no business with it.
        var message: String {
            switch self {
            case .origin: "Pages of this origin may not call this API."
            case .method: "Pages may not use this method here."
            case .header: "Pages may not set all of these headers here."
            }
        }

        /// A preflight has no credential, and none would help it.
        var refusal: Refusal {
            var refusal = Refusal(.forbidden, detail: message)
            refusal.hasChallenge = false
            return refusal
        }
    }

    /// What becomes of a request that may be a preflight.
    enum Verdict {
        /// It is an ordinary request.
        case notAsked
        /// It is decided as an ordinary request: what it asks for has no route with a policy. The route, if there
        /// is one at all.
        case leftAlone(Preflight, Route?)
        /// It is refused, for this reason.
        case objection(Preflight, CORSPolicy, Objection)
        /// The page may send what it asked for.
        case leave(Preflight, CORSPolicy)
    }

    /// Finds the route of the request that is asked for. The exchange has no route afterwards unless the preflight
    /// is answered by its policy.
    static func judge(_ exchange: Exchange, _ rules: RuleSet) -> Verdict {
        let found = exchange.headBytes.with { preflight(exchange.head, $0) }
        guard let preflight = found else { return .notAsked }
        let refusal = Admission.route(exchange, rules, method: preflight.method)
        guard refusal == nil, let route = exchange.route, let policy = route.cors else {
            let route = exchange.route
            exchange.routeIndex = -1
            return .leftAlone(preflight, route)
        }
        let against = exchange.headBytes.with { objection(to: preflight, policy, exchange.head, $0) }
        return against.map { .objection(preflight, policy, $0) } ?? .leave(preflight, policy)
    }

    /// Nil for every other request. One with two origins, or two methods to ask for, is no preflight.
    private static func preflight(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Preflight? {
        guard head.method == .options, let origin = only("origin", head, bytes),
            let method = only("access-control-request-method", head, bytes),
            ASCII.isToken(bytes.extracting(method))
        else { return nil }
        return Preflight(origin: origin, method: method)
    }

    /// The value of the one header with this name.
    static func only(_ name: StaticString, _ head: borrowing RequestHead, _ bytes: Span<UInt8>)
        -> Range<Int>?
    {
        guard let index = head.headers.index(named: name, in: bytes),
            head.headers.index(named: name, in: bytes, from: index + 1) == nil
        else { return nil }
        return head.headers[index].value
    }

    /// What stands against letting the page send what it asked for; nil if nothing does.
    private static func objection(
        to preflight: Preflight, _ policy: CORSPolicy, _ head: borrowing RequestHead, _ bytes: Span<UInt8>
    ) -> Objection? {
        if !policy.admits(origin: bytes.extracting(preflight.origin)) { return .origin }
        if !policy.admits(method: bytes.extracting(preflight.method)) { return .method }
        var start = 0
        while let index = head.headers.index(named: "access-control-request-headers", in: bytes, from: start)
        {
            let list = head.headers[index].value
            var members = FieldMembers()
            while let member = members.next(in: bytes.extracting(list)) {
                let name = list.lowerBound + member.lowerBound..<list.lowerBound + member.upperBound
                if !policy.admits(header: bytes.extracting(name)) { return .header(name) }
            }
            start = index + 1
        }
        return nil
    }

    /// The policy for the answer, once a route was looked for: that of the route. Where the path has routes and
    /// none is for the method, one of theirs, so that a page can read that as well.
    static func policy(_ exchange: Exchange, _ rules: RuleSet, unrouted: Refusal?) -> CORSPolicy? {
        if let route = exchange.route { return route.cors }
        guard let unrouted, unrouted.reason == .methodNotAllowed else {
            return rules.configuration.settings.cors
        }
        let others = exchange.headBytes.with { bytes in
            exchange.path.with { path in
                rules.configuration.table.matching(path: path, host: bytes.extracting(exchange.head.host))
            }
        }
        for index in others {
            if let policy = rules.configuration.routes[index].cors { return policy }
        }
        return nil
    }
}
