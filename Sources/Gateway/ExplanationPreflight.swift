// The part of an explanation that is about preflights: answered by the gateway, why not, or no preflight at all.

import Bytes
import HTTP1
import Rules

extension Account {
    enum PreflightDecision {
        /// The request is decided like any other.
        case ordinary
        case refused(Refusal)
        /// Leave is given, and that has been said.
        case answered
    }

    /// Looks whether the request is a preflight, and says what becomes of it.
    mutating func decidePreflight() -> PreflightDecision {
        switch CrossOrigin.judge(exchange, rules) {
        case .notAsked:
            if exchange.head.method == .options, hasOrigin {
                say("preflight", "none: one Origin and one Access-Control-Request-Method are needed")
            }
            return .ordinary
        case .leftAlone(let preflight, let route):
            let what = Account.wanted(preflight, exchange)
            if let route {
                let why = "decided like any other request, for the route it asks for has no cors:"
                say("preflight", "\(what): \(why)")
                say("  for", "\(Account.title(of: route))  (\(route.location))")
            } else {
                say("preflight", "\(what): decided like any other request, for there is no route for that")
            }
            return .ordinary
        case .objection(let preflight, let policy, let objection):
            say("preflight", Account.wanted(preflight, exchange))
            sayRoute()
            sayObjection(preflight, policy, objection)
            return .refused(objection.refusal)
        case .leave(let preflight, let policy):
            say("preflight", Account.wanted(preflight, exchange))
            sayRoute()
            sayLeave(preflight, policy)
            return .answered
        }
    }

    /// In the order in which it is judged: origin, method, headers.
    private mutating func sayObjection(
        _ preflight: CrossOrigin.Preflight, _ policy: CORSPolicy, _ objection: CrossOrigin.Objection
    ) {
        func text(_ range: Range<Int>) -> String {
            exchange.headBytes.with { String(forDisplay: $0.extracting(range)) }
        }
        func list(_ words: [[UInt8]]?) -> String {
            (words ?? []).map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
        }
        switch objection {
        case .origin:
            result(false, "the origin \(text(preflight.origin)) is none of \(list(policy.origins))")
        case .method:
            result(true, "pages of this origin may call")
            result(false, "the method \(text(preflight.method)) is none of \(list(policy.methods))")
        case .header(let name):
            result(true, "pages of this origin may call")
            result(true, "they may use \(text(preflight.method))")
            result(false, "the header \(text(name)) is none of \(list(policy.headers))")
        }
    }

    private mutating func sayLeave(_ preflight: CrossOrigin.Preflight, _ policy: CORSPolicy) {
        isAllowed = true
        say("key", "none is asked for: a preflight has none; the request itself is decided when it comes")
        say("answer", "204 by the gateway, without the backend:")
        lines.append("")
        exchange.scratch.removeAll()
        exchange.headBytes.with {
            CrossOrigin.appendLeave(preflight, policy, $0, to: &exchange.scratch)
        }
        let leave = exchange.scratch.with { String(forDisplay: $0) }
        for line in leave.split(separator: "\r\n") { lines.append("    \(line)") }
    }

    private var hasOrigin: Bool {
        exchange.headBytes.with { exchange.head.headers.index(named: "origin", in: $0) != nil }
    }

    private static func wanted(_ preflight: CrossOrigin.Preflight, _ exchange: Exchange) -> String {
        exchange.headBytes.with { bytes in
            let method = String(forDisplay: bytes.extracting(preflight.method))
            return "\(method) by a page of \(String(forDisplay: bytes.extracting(preflight.origin)))"
        }
    }
}
