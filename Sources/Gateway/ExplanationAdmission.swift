// The part of an explanation that is about the key: whose it is, and each thing that is asked of it, with what was
// found. On a public route it is about the checks and the limits alone.

import Access
import Bytes
import Keys
import Limits
import Rules
import Verification

extension Account {
    /// Steps 4 and 5: the credential, and the key it belongs to.
    mutating func authenticate(_ request: ExplainedRequest, _ route: Route, _ reader: StoreReader)
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

    /// Step 6.
    mutating func authorise(_ route: Route, _ key: KeyView) -> Refusal? {
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
            result(true, "\(route.cost.amount) of \(remaining.counted("credit")) would be \(verb)")
            if route.isShadow || route.cost.amount == 0 { return nil }
            let credits = route.cost.amount.counted("credit")
            charged.insert(route.cost.bill == nil ? credits : credits + " reserved", at: 0)
            for line in route.cost.afterwards { say("", line) }
            return nil
        case .exceeded(let remaining):
            result(false, "the request costs \(route.cost.amount.counted("credit")), the key has \(remaining)")
            return Refusal(.usageExceeded)
        }
    }

    mutating func judgeLimits(_ key: KeyView?) -> Refusal? {
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
            if refusal == nil { charged.append("\(charge.cost) to \(name)") }
        }
        return refusal
    }

    mutating func judgeChecks(_ route: Route) -> Refusal? {
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

    mutating func result(_ holds: Bool, _ text: String) { say(holds ? "  yes" : "  NO", text) }
}

extension RouteCost {
    /// What becomes of credits that were taken.
    fileprivate var afterwards: [String] {
        let undone = onError == .refund ? "given back" : "kept"
        let errors = "\(undone) if the backend fails or the client leaves"
        guard let bill else { return ["      they are \(errors)"] }
        return [
            "      \(String(decoding: bill.header, as: UTF8.self)) of the answer says what is owed, at most \(bill.maximum)",
            "      without it the reserve is spent, or \(errors)",
        ]
    }
}
