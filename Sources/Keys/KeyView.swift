// A key as a request sees it: two addresses, read in place.

public import Access
import Bytes

/// A key found by `StoreReader.find`. Valid until that reader's next `quiesce` or `goIdle`.
///
/// Permissions and roles are resolved through the tables at the moment of the call, so what management
/// acknowledged before is what counts. Deleted permissions, roles and identities are as if never assigned.
///
/// Memory safety: both addresses are alive until the reader's next quiescent state; that contract is the
/// reader's, and the only thing the compiler does not check.
@safe public struct KeyView: PermissionHolder {
    let key: KeyBlock
    let tables: UnsafePointer<PublishedTables>

    init(key: KeyBlock, tables: UnsafePointer<PublishedTables>) {
        self.key = key
        unsafe self.tables = unsafe tables
    }

    private var block: Block { key.block }

    /// Stays the same for the life of the key.
    public var reference: Reference<KeyRecord> { Reference(number: block.number) }
    public var digest: KeyDigest { key.digest }
    public var isEnabled: Bool { key.isEnabled }

    /// Valid up to and including this instant; nil: never expires. Milliseconds since 1970.
    public var expiresAtMillis: Int64? { key.expiresAtMillis }

    public func isExpired(atMillis now: Int64) -> Bool {
        guard let expires = key.expiresAtMillis else { return false }
        return now > expires
    }

    public func withID<R>(_ body: (Span<UInt8>) -> R) -> R { block.with(key.id, body) }

    public var hasName: Bool { block.flags & KeyFlag.hasName != 0 }
    /// Empty when there is no name.
    public func withName<R>(_ body: (Span<UInt8>) -> R) -> R { block.with(key.name, body) }

    /// A compact JSON object; empty when the key has no meta.
    public func withMeta<R>(_ body: (Span<UInt8>) -> R) -> R { block.with(key.meta, body) }

    /// The API that the key belongs to, deleted or not.
    public var api: APIView {
        guard let api = unsafe tables.pointee.apis[key.api] else {
            preconditionFailure("a key without its API")
        }
        return APIView(api: APIBlock(block: api))
    }

    /// The identity that the key is linked to; nil if none, or if it was deleted.
    public var identity: IdentityView? {
        if key.identity == 0 { return nil }
        guard let block = unsafe tables.pointee.identities[key.identity] else { return nil }
        let identity = IdentityBlock(block: block)
        return identity.isDeleted ? nil : IdentityView(identity: identity)
    }

    /// Whether the key's own allow-list lets this address pass; an empty list lets everyone pass. The API's
    /// list is a separate question.
    public func admits(_ address: IPAddress) -> Bool {
        key.networks.isEmpty || block.networks(key.networks, contain: address)
    }

    /// Whether the key may be used from some addresses only.
    public var hasAllowList: Bool { !key.networks.isEmpty }

    // MARK: Permissions

    /// Whether the key or one of its roles holds exactly this permission. No allocation.
    public func holds(_ name: PermissionName) -> Bool {
        guard let permission = unsafe tables.pointee.findPermission(name) else { return false }
        return holds(number: permission.number)
    }

    private func holds(number: UInt32) -> Bool {
        block.contains(number, in: key.permissions) || isGranted(number, byRolesBefore: key.roles.upperBound)
    }

    /// Whether one of the roles that stand before `end` in the block grants this permission.
    private func isGranted(_ number: UInt32, byRolesBefore end: Int) -> Bool {
        var offset = key.roles.lowerBound
        while offset < end {
            if let role = unsafe tables.pointee.roles[block.u32(at: offset)],
                role.contains(number, in: RoleBlock(block: role).permissions)
            {
                return true
            }
            offset += 4
        }
        return false
    }

    /// Each slug the key holds, directly or through a role, once.
    public func forEachPermission(_ body: (Span<UInt8>) -> Void) {
        var offset = key.permissions.lowerBound
        while offset < key.permissions.upperBound {
            visit(block.u32(at: offset), body)
            offset += 4
        }
        offset = key.roles.lowerBound
        while offset < key.roles.upperBound {
            if let role = unsafe tables.pointee.roles[block.u32(at: offset)] {
                let granted = RoleBlock(block: role).permissions
                var entry = granted.lowerBound
                while entry < granted.upperBound {
                    let number = role.u32(at: entry)
                    if !block.contains(number, in: key.permissions), !isGranted(number, byRolesBefore: offset)
                    {
                        visit(number, body)
                    }
                    entry += 4
                }
            }
            offset += 4
        }
    }

    private func visit(_ number: UInt32, _ body: (Span<UInt8>) -> Void) {
        guard let permission = unsafe tables.pointee.permissions[number] else { return }
        permission.with(PermissionBlock(block: permission).slug, body)
    }

    /// The name of each role of the key.
    public func forEachRole(_ body: (Span<UInt8>) -> Void) {
        var offset = key.roles.lowerBound
        while offset < key.roles.upperBound {
            if let role = unsafe tables.pointee.roles[block.u32(at: offset)] {
                role.with(RoleBlock(block: role).name, body)
            }
            offset += 4
        }
    }

    // MARK: Limits and credits

    public var hasLimits: Bool { !key.limits.isEmpty }
    /// The key's own rate limits; those of the identity are the identity's.
    public func forEachLimit(_ body: (RateLimitRuleView) -> Void) { block.forEachRule(key.limits, body) }

    /// The balance as stored; nil: unlimited.
    var remainingCredits: Int64? { key.remainingCredits }
    /// Whether the key pays for its requests.
    public var hasCredits: Bool { key.remainingCredits != nil }
    var leases: CreditCells { unsafe tables.pointee.creditCells }
    /// Whether no newer record of the key has been published.
    var isCurrent: Bool { unsafe tables.pointee.keys[block.number] == block }
}

/// An API as a request sees it. Valid as long as the `KeyView` it came from.
public struct APIView {
    let api: APIBlock

    public var reference: Reference<APIRecord> { Reference(number: api.block.number) }
    /// Keys of a deleted API verify as not found.
    public var isDeleted: Bool { api.isDeleted }
    public func withID<R>(_ body: (Span<UInt8>) -> R) -> R { api.block.with(api.id, body) }
    public func withKeyspaceID<R>(_ body: (Span<UInt8>) -> R) -> R { api.block.with(api.keyspaceID, body) }
    public func withName<R>(_ body: (Span<UInt8>) -> R) -> R { api.block.with(api.name, body) }
    /// Whether the API's keys may be used from some addresses only.
    public var hasAllowList: Bool { !api.networks.isEmpty }

    /// Whether the API's allow-list lets this address pass; an empty list lets everyone pass.
    public func admits(_ address: IPAddress) -> Bool {
        api.networks.isEmpty || api.block.networks(api.networks, contain: address)
    }
}

/// An identity as a request sees it. Valid as long as the `KeyView` it came from.
public struct IdentityView {
    let identity: IdentityBlock

    public var reference: Reference<IdentityRecord> { Reference(number: identity.block.number) }
    public func withID<R>(_ body: (Span<UInt8>) -> R) -> R { identity.block.with(identity.id, body) }
    public func withExternalID<R>(_ body: (Span<UInt8>) -> R) -> R {
        identity.block.with(identity.externalID, body)
    }
    /// A compact JSON object; empty when the identity has no meta.
    public func withMeta<R>(_ body: (Span<UInt8>) -> R) -> R { identity.block.with(identity.meta, body) }
    public var hasLimits: Bool { !identity.limits.isEmpty }
    public func forEachLimit(_ body: (RateLimitRuleView) -> Void) {
        identity.block.forEachRule(identity.limits, body)
    }
}

/// A rate limit in place. Valid as long as the view it came from.
public struct RateLimitRuleView {
    let block: Block
    let offset: Int
    let id: Range<Int>
    let name: Range<Int>

    public var limit: Int64 { block.i64(at: offset) }
    public var durationMillis: Int64 { block.i64(at: offset + 8) }
    public var appliesAutomatically: Bool { block.u8(at: offset + 16) != 0 }
    public func withID<R>(_ body: (Span<UInt8>) -> R) -> R { block.with(id, body) }
    public func withName<R>(_ body: (Span<UInt8>) -> R) -> R { block.with(name, body) }

    var record: RateLimitRule {
        RateLimitRule(
            id: block.text(id), name: block.text(name), limit: limit, durationMillis: durationMillis,
            appliesAutomatically: appliesAutomatically)
    }
}

/// A root key found by `StoreReader.findRootKey`. Valid until that reader's next `quiesce` or `goIdle`.
public struct RootKeyView {
    let key: RootKeyBlock

    public var reference: Reference<RootKeyRecord> { Reference(number: key.block.number) }
    public var isEnabled: Bool { key.isEnabled }
    public func isExpired(atMillis now: Int64) -> Bool {
        guard let expires = key.expiresAtMillis else { return false }
        return now > expires
    }
    public func withID<R>(_ body: (Span<UInt8>) -> R) -> R { key.block.with(key.id, body) }
    /// A copy with strings, for decisions that need the permission list.
    public var record: RootKeyRecord { key.record }
}
