// What is remembered of one verification, and the two closed vocabularies in it. Whoever verifies a key
// fills an `EventBatch` in place; the value here is for those who have the strings anyway.

/// What a verification came to. The raw values are the published codes; an unknown key leaves no event, so
/// it is not among them.
public enum EventOutcome: String, Sendable, CaseIterable {
    case valid = "VALID"
    case workspaceDisabled = "WORKSPACE_DISABLED"
    case forbidden = "FORBIDDEN"
    case disabled = "DISABLED"
    case expired = "EXPIRED"
    case insufficientPermissions = "INSUFFICIENT_PERMISSIONS"
    case rateLimited = "RATE_LIMITED"
    case usageExceeded = "USAGE_EXCEEDED"

    var utf8: [UInt8] { Array(rawValue.utf8) }
}

/// Where a verification happened.
public enum EventSource: String, Sendable, CaseIterable {
    /// `keys.verifyKey`.
    case api
    /// A request through the gateway.
    case gateway
}

/// One verification of a key that exists. Strings are empty where they do not apply.
public struct VerificationEvent: Sendable {
    public var requestID = ""
    /// When it happened, in milliseconds since 1970.
    public var timeMillis: Int64
    public var keySpaceID = ""
    public var identityID = ""
    public var externalID = ""
    public var keyID = ""
    /// The pattern of the route; only the gateway has one.
    public var route = ""
    public var outcome: EventOutcome
    public var source: EventSource
    public var tags: [String] = []
    public var spentCredits: Int64 = 0
    public var latencyMillis: Double = 0

    public init(timeMillis: Int64, outcome: EventOutcome, source: EventSource) {
        self.timeMillis = timeMillis
        self.outcome = outcome
        self.source = source
    }
}
