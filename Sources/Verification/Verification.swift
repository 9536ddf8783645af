// Whether a key passes, in the order of the published API: state, address, permissions, limits. There is one
// implementation, for keys.verifyKey and for every request through the gateway, so that the two can never
// disagree. It looks at a key in place and allocates nothing once its buffers have grown.
//
// The gateway has a step of its own, a route's checks, between permissions and limits; so each step can be
// taken by itself, and `decide` takes them all. Credits come after everything here: what fails on a limit must
// not have spent any.

public import Access
public import Keys
public import Limits

/// What a key was found to be.
public enum Verdict: Hashable, Sendable {
    /// Nothing stands in the way but, perhaps, credits.
    case passed
    case disabled
    case expired
    /// The address is on none of the allow-lists of the key and its API.
    case forbidden
    case insufficientPermissions
    /// A limit that the request names is neither the key's nor its identity's. The index is the request's.
    case unknownLimit(Int)
    case rateLimited
}

/// What is asked about a key.
public struct VerificationRequest: Sendable {
    /// Nil asks for none.
    public var permissions: PermissionQuery?
    /// Limits named by the request; of several with one name the last counts.
    public var limits: [LimitRequest]
    /// Where the key is used from; nil if that is not known, which is on no allow-list.
    public var address: IPAddress?

    public init(
        permissions: PermissionQuery? = nil, limits: [LimitRequest] = [], address: IPAddress? = nil
    ) {
        self.permissions = permissions
        self.limits = limits
        self.address = address
    }
}

public enum Verification {
    /// All steps in their order; the first failure decides and nothing after it happens. `charges` afterwards
    /// holds what was charged, or would have been if the limits had not stopped it. `nowMillis` is what keys expire
    /// by, `time` what windows age by.
    public static func decide(
        _ key: KeyView, _ request: VerificationRequest, _ counters: RateCounters,
        charges: inout LimitCharges, nowMillis: Int64, at time: LimitTime
    ) -> Verdict {
        charges.removeAll()
        let state = judgeState(key, from: request.address, nowMillis: nowMillis)
        if state != .passed { return state }
        if let query = request.permissions, !query.isSatisfied(by: key) { return .insufficientPermissions }
        let named = charges.gather(key, request.limits, unknown: .isRefused, counters)
        if named != .passed { return named }
        return charges.charge(counters, at: time)
    }

    /// Whether the key is enabled, unexpired, and used from where it may be.
    public static func judgeState(_ key: KeyView, from address: IPAddress?, nowMillis: Int64) -> Verdict {
        if !key.isEnabled { return .disabled }
        if key.isExpired(atMillis: nowMillis) { return .expired }
        guard key.hasAllowList || key.api.hasAllowList else { return .passed }
        guard let address, key.admits(address), key.api.admits(address) else { return .forbidden }
        return .passed
    }
}
