// What a piece of work on the store can do. Everything a transaction changes is kept or nothing is: when
// the closure it was handed to throws, or the journal cannot be written, it is as if it had not run.
//
// This file: the looking up. `TransactionKeys` and `TransactionEntities` change things, `TransactionLists`
// makes pages.

/// Access to the newest state of the store, including what earlier transactions of the same batch changed.
/// Exists only while the closure it was handed to runs, on the store's thread.
public struct Transaction: ~Copyable {
    let catalog: Catalog
    /// The time at which the transaction began; every time stamp it sets is this one.
    public let nowMillis: Int64

    init(_ catalog: Catalog, nowMillis: Int64) {
        self.catalog = catalog
        self.nowMillis = nowMillis
    }

    // MARK: APIs

    /// The live API with this id.
    public func api(id: String) -> APIRecord? {
        guard let block = catalog.find(.api, id: id), !APIBlock(block: block).isDeleted else { return nil }
        return APIBlock(block: block).record
    }

    /// The API behind a reference, deleted or not.
    public func api(_ reference: Reference<APIRecord>) -> APIRecord {
        guard let block = catalog.block(.api, reference.number) else {
            preconditionFailure("a reference to an API that never was")
        }
        return APIBlock(block: block).record
    }

    // MARK: Keys

    /// The key with this id, unless it or its API is deleted.
    public func key(id: String) -> KeyRecord? { live(catalog.find(.key, id: id)) }

    /// The key with this digest, unless it or its API is deleted.
    public func key(digest: KeyDigest) -> KeyRecord? { live(catalog.findKey(digest)) }

    /// The key behind a reference, unless it or its API is deleted.
    public func key(_ reference: Reference<KeyRecord>) -> KeyRecord? {
        live(catalog.block(.key, reference.number))
    }

    /// A live key as a request would see it, with what is published of everything it refers to. Valid as long
    /// as the transaction. Nil if the key or its API is deleted, or if that API is no older than this batch.
    public func view(_ reference: Reference<KeyRecord>) -> KeyView? {
        guard let block = catalog.block(.key, reference.number) else { return nil }
        let key = KeyBlock(block: block)
        guard !key.isDeleted, let api = catalog.tables.apis[key.api], !APIBlock(block: api).isDeleted else {
            return nil
        }
        return unsafe KeyView(key: key, tables: UnsafePointer(catalog.state.tables))
    }

    /// Whether some key, even a soft-deleted one, has this digest.
    public func isTaken(_ digest: KeyDigest) -> Bool { catalog.findKey(digest) != nil }

    /// The record with its whole balance: what the journal has and what is leased.
    func live(_ block: Block?) -> KeyRecord? {
        guard let block, var record = unleased(block) else { return nil }
        record.credits = record.credits.map { $0.whole(with: catalog.leased(block.number)) }
        record.leased = 0
        return record
    }

    /// The record as it is written: without what is leased.
    func unleased(_ block: Block?) -> KeyRecord? {
        guard let block, isLive(block) else { return nil }
        return attached(KeyBlock(block: block).record)
    }

    /// Whether neither the key nor its API is deleted.
    func isLive(_ block: Block) -> Bool {
        let key = KeyBlock(block: block)
        guard !key.isDeleted, let api = catalog.block(.api, key.api) else { return false }
        return !APIBlock(block: api).isDeleted
    }

    /// The record without references to what was deleted since it was written: deleting a permission, a
    /// role or an identity does not touch the keys that have it.
    func attached(_ record: KeyRecord) -> KeyRecord {
        var record = record
        record.permissions.removeAll { catalog.block(.permission, $0.number) == nil }
        record.roles.removeAll { catalog.block(.role, $0.number) == nil }
        if let identity = record.identity, self.identity(identity) == nil { record.identity = nil }
        return record
    }

    // MARK: Identities

    /// The live identity with this id.
    public func identity(id: String) -> IdentityRecord? { liveIdentity(catalog.find(.identity, id: id)) }

    /// The live identity with this external id, byte for byte.
    public func identity(externalID: String) -> IdentityRecord? {
        liveIdentity(catalog.findIdentity(externalID: externalID))
    }

    /// The live identity that `text` names as an id or else as an external id.
    public func identity(idOrExternalID text: String) -> IdentityRecord? {
        identity(id: text) ?? identity(externalID: text)
    }

    /// The live identity behind a reference.
    public func identity(_ reference: Reference<IdentityRecord>) -> IdentityRecord? {
        liveIdentity(catalog.block(.identity, reference.number))
    }

    private func liveIdentity(_ block: Block?) -> IdentityRecord? {
        guard let block, !IdentityBlock(block: block).isDeleted else { return nil }
        return IdentityBlock(block: block).record
    }

    // MARK: Permissions

    public func permission(id: String) -> PermissionRecord? {
        catalog.find(.permission, id: id).map { PermissionBlock(block: $0).record }
    }

    /// The permission with this slug in any letter case.
    public func permission(slug: String) -> PermissionRecord? {
        catalog.findPermission(slug: slug).map { PermissionBlock(block: $0).record }
    }

    public func permission(idOrSlug text: String) -> PermissionRecord? {
        permission(id: text) ?? permission(slug: text)
    }

    public func permission(_ reference: Reference<PermissionRecord>) -> PermissionRecord? {
        catalog.block(.permission, reference.number).map { PermissionBlock(block: $0).record }
    }

    /// What the key may do: its own permissions and those of its roles, each once.
    public func effectivePermissions(of key: KeyRecord) -> [PermissionRecord] {
        var seen: Set<Reference<PermissionRecord>> = []
        let granted = key.roles.compactMap { role($0) }.flatMap(\.permissions)
        return (key.permissions + granted).filter { seen.insert($0).inserted }.compactMap { permission($0) }
    }

    // MARK: Roles

    public func role(id: String) -> RoleRecord? { attached(catalog.find(.role, id: id)) }

    /// The role with this name in any ASCII letter case.
    public func role(name: String) -> RoleRecord? { attached(catalog.findRole(name: name)) }

    public func role(idOrName text: String) -> RoleRecord? { role(id: text) ?? role(name: text) }

    public func role(_ reference: Reference<RoleRecord>) -> RoleRecord? {
        attached(catalog.block(.role, reference.number))
    }

    func attached(_ block: Block?) -> RoleRecord? {
        guard let block else { return nil }
        var record = RoleBlock(block: block).record
        record.permissions.removeAll { catalog.block(.permission, $0.number) == nil }
        return record
    }

    // MARK: Root keys

    public func rootKey(id: String) -> RootKeyRecord? {
        catalog.find(.rootKey, id: id).map { RootKeyBlock(block: $0).record }
    }

    public func rootKey(digest: KeyDigest) -> RootKeyRecord? {
        catalog.findRootKey(digest).map { RootKeyBlock(block: $0).record }
    }
}
