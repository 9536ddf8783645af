// What the store knows, as values: the decoded form that management reads and writes. Requests never see
// these; they look at the packed form through `KeyView`.

public import Access

/// A durable internal number of an entity. Numbers are dense, start at 1 and are never given out twice,
/// so a reference to something deleted cannot come to mean something else.
public struct Reference<Entity>: Hashable, Sendable {
    public let number: UInt32

    /// The reference of a record that has not been stored yet.
    public static var unassigned: Self { Self(number: 0) }
}

/// A named rate limit of a key or an identity.
public struct RateLimitRule: Hashable, Sendable {
    /// `rl_…`; left empty, one is made up when the record is stored.
    public var id: String
    public var name: String
    public var limit: Int64
    /// Length of the window in milliseconds.
    public var durationMillis: Int64
    /// Whether each verification is charged without naming the limit.
    public var appliesAutomatically: Bool

    public init(
        id: String = "", name: String, limit: Int64, durationMillis: Int64, appliesAutomatically: Bool
    ) {
        self.id = id
        self.name = name
        self.limit = limit
        self.durationMillis = durationMillis
        self.appliesAutomatically = appliesAutomatically
    }
}

/// What a key may still spend.
public struct Credits: Hashable, Sendable {
    /// When the balance is set back to `amount`.
    public enum Interval: Hashable, Sendable {
        case daily
        /// Day of the month 1…31; in a shorter month its last day.
        case monthly(day: Int)
    }

    public struct Refill: Hashable, Sendable {
        public var interval: Interval
        public var amount: Int64

        public init(interval: Interval, amount: Int64) {
            self.interval = interval
            self.amount = amount
        }
    }

    /// Never negative.
    public var remaining: Int64
    public var refill: Refill?

    public init(remaining: Int64, refill: Refill? = nil) {
        self.remaining = remaining
        self.refill = refill
    }
}

/// A named container of keys.
public struct APIRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<APIRecord> = .unassigned
    /// `api_…`
    public internal(set) var id: String
    /// `ks_…`
    public internal(set) var keyspaceID: String
    public var name: String
    /// Where keys of this API may be used from; empty means anywhere.
    public var allowedNetworks: [IPNetwork] = []
    public internal(set) var createdAtMillis: Int64 = 0
    /// Set once the API is deleted; its keys then verify as not found.
    public internal(set) var deletedAtMillis: Int64?
}

/// An API key. The digest stands for the secret, which is nowhere.
public struct KeyRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<KeyRecord> = .unassigned
    /// `key_…`; left empty, one is made up when the record is stored.
    public internal(set) var id: String
    public var digest: KeyDigest
    public var api: Reference<APIRecord>
    public var identity: Reference<IdentityRecord>?
    public var name: String?
    /// The beginning of the key's text for display: prefix, underscore and four characters.
    public var start: String
    public var prefix: String?
    /// How many random bytes the key's text was made of; 0 when imported.
    public var byteLength: Int
    /// A compact JSON object, kept byte for byte.
    public var meta: [UInt8]?
    public var isEnabled = true
    public internal(set) var createdAtMillis: Int64 = 0
    public var updatedAtMillis: Int64?
    public var lastUsedAtMillis: Int64?
    /// Milliseconds since 1970; the key is valid up to and including that instant. Nil: never expires.
    public var expiresAtMillis: Int64?
    /// Where this key may be used from; empty means anywhere.
    public var allowedNetworks: [IPNetwork] = []
    /// Granted directly. What roles grant is not repeated here.
    public var permissions: [Reference<PermissionRecord>] = []
    public var roles: [Reference<RoleRecord>] = []
    public var limits: [RateLimitRule] = []
    /// Nil: unlimited.
    public var credits: Credits?
    /// What was taken out of the balance to be spent without asking the disk.
    var leased: Int64 = 0
    /// The last day, counted from 1970-01-01 UTC, whose refill has been done or was not due yet.
    var refilledThroughDay: UInt32 = 0
    /// Set once the key is soft-deleted: it verifies as not found and its digest stays taken.
    public internal(set) var deletedAtMillis: Int64?

    /// A key that is not stored yet. `id` empty has the store make one up.
    public init(
        id: String = "", digest: KeyDigest, api: Reference<APIRecord>, start: String = "",
        prefix: String? = nil,
        byteLength: Int = 0
    ) {
        self.id = id
        self.digest = digest
        self.api = api
        self.start = start
        self.prefix = prefix
        self.byteLength = byteLength
    }
}

/// A customer, addressed by the operator's own external id.
public struct IdentityRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<IdentityRecord> = .unassigned
    /// `id_…`
    public internal(set) var id: String
    public internal(set) var externalID: String
    /// A compact JSON object, kept byte for byte.
    public var meta: [UInt8]?
    public var limits: [RateLimitRule] = []
    public internal(set) var createdAtMillis: Int64 = 0
    public internal(set) var updatedAtMillis: Int64?
    public internal(set) var deletedAtMillis: Int64?
}

/// A permission. Its slug is what routes require and keys hold.
public struct PermissionRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<PermissionRecord> = .unassigned
    /// `perm_…`
    public internal(set) var id: String
    public var name: String
    /// Unique without regard to ASCII letter case.
    public var slug: String
    public var summary: String?
    public internal(set) var createdAtMillis: Int64 = 0
}

/// A named set of permissions.
public struct RoleRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<RoleRecord> = .unassigned
    /// `role_…`
    public internal(set) var id: String
    /// Unique without regard to letter case and accents.
    public var name: String
    public var summary: String?
    public var permissions: [Reference<PermissionRecord>] = []
    public internal(set) var createdAtMillis: Int64 = 0
}

/// A credential for the management API.
public struct RootKeyRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<RootKeyRecord> = .unassigned
    /// `key_…`; left empty, one is made up when the record is stored.
    public internal(set) var id: String
    public var digest: KeyDigest
    public var name: String?
    /// Permission strings of the management API, not references: they name what the API protects.
    public var permissions: [String]
    public var isEnabled = true
    /// The beginning and the end of the key's text for display.
    public var start: String
    public var end: String
    public internal(set) var createdAtMillis: Int64 = 0
    public var updatedAtMillis: Int64?
    public var lastUsedAtMillis: Int64?
    public var expiresAtMillis: Int64?

    /// A root key that is not stored yet. `id` empty has the store make one up.
    public init(
        id: String = "", digest: KeyDigest, name: String? = nil, permissions: [String], start: String = "",
        end: String = "", expiresAtMillis: Int64? = nil
    ) {
        self.id = id
        self.digest = digest
        self.name = name
        self.permissions = permissions
        self.start = start
        self.end = end
        self.expiresAtMillis = expiresAtMillis
    }
}
