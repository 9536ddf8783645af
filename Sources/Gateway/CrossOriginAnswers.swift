// What answers say about pages of other origins: the header lines of the policy, and those of a backend that are left
// out because of them.

import Bytes
import HTTP1
import Rules

extension CrossOrigin {
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

    /// Notes the lines for an answer under this policy: they let a page of the request's origin read it, if it may.
    static func appendLines(_ exchange: Exchange, _ policy: CORSPolicy) {
        exchange.hasOriginPolicy = true
        exchange.headBytes.with { bytes in
            let origin = only("origin", exchange.head, bytes)
            if append(origin, policy, bytes, to: &exchange.corsLines) {
                ResponseWriter.appendHeader("Access-Control-Expose-Headers", exposed, to: &exchange.corsLines)
            }
        }
    }

    /// Notes the lines for a preflight that is refused. A page of an origin that may call learns what it may do:
    /// browsers show that to whoever writes it, and go by the status.
    static func appendRefusal(of preflight: Preflight, _ exchange: Exchange, _ policy: CORSPolicy) {
        exchange.hasOriginPolicy = true
        exchange.headBytes.with { bytes in
            if append(preflight.origin, policy, bytes, to: &exchange.corsLines) {
                appendAllowed(preflight, policy, policy.methods, bytes, to: &exchange.corsLines)
            } else {
                appendVaryOfPreflights(to: &exchange.corsLines)
            }
        }
    }

    /// The leave that a preflight asks for, as header lines.
    static func appendLeave(
        _ preflight: Preflight, _ policy: CORSPolicy, _ bytes: Span<UInt8>, to output: inout ByteBuffer
    ) {
        _ = append(preflight.origin, policy, bytes, to: &output)
        appendAllowed(preflight, policy, nil, bytes, to: &output)
        ResponseWriter.appendHeader("Access-Control-Max-Age", decimal: policy.maxAgeSeconds, to: &output)
    }

    /// The leave to read the answer, for an origin that has it; whether that is so.
    private static func append(
        _ origin: Range<Int>?, _ policy: CORSPolicy, _ bytes: Span<UInt8>, to lines: inout ByteBuffer
    ) -> Bool {
        var isAdmitted = false
        if let origin, policy.admits(origin: bytes.extracting(origin)) {
            isAdmitted = true
            if policy.origins == nil {
                ResponseWriter.appendHeader("Access-Control-Allow-Origin", "*", to: &lines)
            } else {
                ResponseWriter.appendHeader(
                    "Access-Control-Allow-Origin", bytes.extracting(origin), to: &lines)
            }
        }
        // A cache must not give the answer for one origin to another, nor the one for none (Fetch §3.2.5).
        if policy.origins != nil { ResponseWriter.appendHeader("Vary", "Origin", to: &lines) }
        return isAdmitted
    }

    private static func appendVaryOfPreflights(to lines: inout ByteBuffer) {
        ResponseWriter.appendHeader(
            "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers", to: &lines)
    }

    /// What a page may send: these methods, or the one it asks for, and the headers of the policy.
    private static func appendAllowed(
        _ preflight: Preflight, _ policy: CORSPolicy, _ methods: [[UInt8]]?, _ bytes: Span<UInt8>,
        to lines: inout ByteBuffer
    ) {
        appendVaryOfPreflights(to: &lines)
        if let methods {
            append("Access-Control-Allow-Methods: ", methods, to: &lines)
        } else {
            ResponseWriter.appendHeader(
                "Access-Control-Allow-Methods", bytes.extracting(preflight.method), to: &lines)
        }
        append("Access-Control-Allow-Headers: ", policy.headers, to: &lines)
    }

    private static func append(_ start: StaticString, _ list: [[UInt8]], to lines: inout ByteBuffer) {
        lines.append(start)
        for (index, element) in list.enumerated() {
            if index > 0 { lines.append(", ") }
            lines.append(element.span)
        }
        lines.append("\r\n")
    }
}

extension Connection {
    /// Answers a preflight for a route that has a policy. False, and nothing has happened, for everything else:
    /// a route without one leaves `OPTIONS` to whatever the configuration says about it.
    func answersPreflight(_ exchange: Exchange, _ rules: RuleSet) -> Bool {
        switch CrossOrigin.judge(exchange, rules) {
        case .notAsked, .leftAlone:
            return false
        case .objection(let preflight, let policy, let objection):
            CrossOrigin.appendRefusal(of: preflight, exchange, policy)
            refuse(exchange, objection.refusal)
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

    /// Whatever becomes of the request, its answer may be read by the page that sent it. `unrouted` is why it has
    /// no route, if it has none.
    func noteOrigin(_ exchange: Exchange, _ rules: RuleSet, unrouted: Refusal?) {
        guard let policy = CrossOrigin.policy(exchange, rules, unrouted: unrouted) else { return }
        CrossOrigin.appendLines(exchange, policy)
    }
}
