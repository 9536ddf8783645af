// Pages of other origins (the CORS protocol, Fetch §3.2). A browser asks in a preflight whether a page may send
// what it wants to send; that question has no key and no answer of the backend's, so the gateway answers it from
// the policy of the route that the request itself would have. Every answer to such a page then says that the page
// may read it, refusals included: a page that cannot read why it was refused cannot tell its user.

import Bytes
import HTTP1
import Rules

enum CrossOrigin {
    /// A preflight: where its origin and the method it asks for stand in the head.
    struct Preflight {
        let origin: Range<Int>
        let method: Range<Int>
    }

    /// What becomes of a request that may be a preflight.
    enum Verdict {
        /// It is an ordinary request.
        case notAsked
        /// It is decided as an ordinary request: what it asks for has no route with a policy. The route, if there
        /// is one at all.
        case leftAlone(Preflight, Route?)
        /// It is refused, for this reason.
        case objection(Preflight, String)
        /// The page may send what it asked for.
        case leave(Preflight, CORSPolicy)
    }

    /// What pages may read beside the few headers that they always may.
    private static let exposed: StaticString =
        "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"

    /// Headers of a backend's answer that say what the policy says, in lower case: two answers to one question are
    /// none. What a backend exposes is added to what is exposed here.
    private static let decided: [StaticString] = [
        "access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods",
        "access-control-allow-headers", "access-control-max-age",
    ]

    static func isDecided(_ name: Span<UInt8>) -> Bool {
        for own in decided where ASCII.equalsIgnoringCase(name, own) { return true }
        return false
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
        return against.map { .objection(preflight, $0) } ?? .leave(preflight, policy)
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
    private static func only(_ name: StaticString, _ head: borrowing RequestHead, _ bytes: Span<UInt8>)
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
    ) -> String? {
        if !policy.admits(origin: bytes.extracting(preflight.origin)) {
            return "Pages of this origin may not call this API."
        }
        if !policy.admits(method: bytes.extracting(preflight.method)) {
            return "Pages may not use this method here."
        }
        var start = 0
        while let index = head.headers.index(named: "access-control-request-headers", in: bytes, from: start)
        {
            if !admits(bytes.extracting(head.headers[index].value), policy) {
                return "Pages may not set all of these headers here."
            }
            start = index + 1
        }
        return nil
    }

    private static func admits(_ list: Span<UInt8>, _ policy: CORSPolicy) -> Bool {
        var start = 0
        while start < list.count {
            var comma = start
            while comma < list.count, list[comma] != UInt8(ascii: ",") { comma += 1 }
            var end = comma
            while start < end, list[start] == 0x20 || list[start] == 0x09 { start += 1 }
            while end > start, list[end - 1] == 0x20 || list[end - 1] == 0x09 { end -= 1 }
            if end > start, !policy.admits(header: list.extracting(start..<end)) { return false }
            start = comma + 1
        }
        return true
    }

    /// The lines that let a page of the request's origin read the answer; none for an origin that may not.
    /// Returns whether there are any.
    static func appendLines(_ exchange: Exchange, _ policy: CORSPolicy) -> Bool {
        exchange.headBytes.with { bytes in
            guard let origin = only("origin", exchange.head, bytes),
                policy.admits(origin: bytes.extracting(origin))
            else { return false }
            append(bytes.extracting(origin), policy, to: &exchange.corsLines)
            ResponseWriter.appendHeader("Access-Control-Expose-Headers", exposed, to: &exchange.corsLines)
            return true
        }
    }

    private static func append(_ origin: Span<UInt8>, _ policy: CORSPolicy, to lines: inout ByteBuffer) {
        if policy.origins == nil {
            ResponseWriter.appendHeader("Access-Control-Allow-Origin", "*", to: &lines)
        } else {
            ResponseWriter.appendHeader("Access-Control-Allow-Origin", origin, to: &lines)
            // A cache must not give the answer for one origin to another.
            ResponseWriter.appendHeader("Vary", "Origin", to: &lines)
        }
    }

    /// The leave that a preflight asks for, as header lines.
    static func appendLeave(
        _ preflight: Preflight, _ policy: CORSPolicy, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        append(bytes.extracting(preflight.origin), policy, to: &output)
        ResponseWriter.appendHeader(
            "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers", to: &output)
        ResponseWriter.appendHeader(
            "Access-Control-Allow-Methods", bytes.extracting(preflight.method), to: &output)
        if !policy.headers.isEmpty {
            output.append("Access-Control-Allow-Headers: ")
            for (index, name) in policy.headers.enumerated() {
                if index > 0 { output.append(", ") }
                output.append(name.span)
            }
            output.append("\r\n")
        }
        ResponseWriter.appendHeader("Access-Control-Max-Age", decimal: policy.maxAgeSeconds, to: &output)
    }
}

extension Connection {
    /// Answers a preflight for a route that has a policy. False, and nothing has happened, for everything else:
    /// a route without one leaves `OPTIONS` to whatever the configuration says about it.
    func answersPreflight(_ exchange: Exchange, _ rules: RuleSet) -> Bool {
        switch CrossOrigin.judge(exchange, rules) {
        case .notAsked, .leftAlone:
            return false
        case .objection(_, let objection):
            refuse(exchange, Refusal(.forbidden, detail: objection))
        case .leave(let preflight, let policy):
            giveLeave(exchange, preflight, policy)
        }
        return true
    }

    private func giveLeave(_ exchange: Exchange, _ preflight: CrossOrigin.Preflight, _ policy: CORSPolicy) {
        exchange.outcome = .local
        exchange.status = .noContent
        exchange.hasSentHead = true
        if !exchange.hasWholeBody { exchange.closesAfterwards = true }
        ResponseWriter.appendStatusLine(.noContent, to: &exchange.output)
        exchange.headBytes.with { CrossOrigin.appendLeave(preflight, policy, $0, to: &exchange.output) }
        ResponseWriter.appendHeader("X-Request-Id", exchange.requestID.span, to: &exchange.output)
        if exchange.closesAfterwards {
            ResponseWriter.appendHeader("Connection", "close", to: &exchange.output)
        } else if exchange.head.minorVersion == 0 {
            ResponseWriter.appendHeader("Connection", "keep-alive", to: &exchange.output)
        }
        ResponseWriter.endHead(&exchange.output)
        finish(exchange)
    }

    /// Whatever becomes of the request, its answer may be read by the page that sent it.
    func noteOrigin(_ exchange: Exchange, _ rules: RuleSet) {
        let policy = exchange.route.map(\.cors) ?? rules.configuration.settings.cors
        guard let policy else { return }
        exchange.isCrossOrigin = CrossOrigin.appendLines(exchange, policy)
    }
}
