// Creating, changing and deleting APIs, identities, permissions and roles.

public import Access

extension Transaction {
    // MARK: APIs

    /// Stores a new API with a keyspace of its own. Names need not be unique.
    public mutating func createAPI(
        name: String, allowedNetworks: [IPNetwork] = []
    ) throws(StoreError) -> APIRecord {
        let record = APIRecord(
            reference: Reference(number: try catalog.takeNumber(.api)), id: Identifier.make("api"),
            keyspaceID: Identifier.make("ks"), name: name, allowedNetworks: allowedNetworks,
            createdAtMillis: nowMillis)
        catalog.stage(EntityRef(.api, record.reference.number), try record.packed())
        return record
    }

    /// Changes the name or the allow-list of a live API.
    @discardableResult
    public mutating func updateAPI(
        _ reference: Reference<APIRecord>, _ change: (inout APIRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> APIRecord {
        var record = api(reference)
        if record.deletedAtMillis != nil { throw .notFound(.api, record.id) }
        try change(&record)
        record.reference = reference
        catalog.stage(EntityRef(.api, reference.number), try record.packed())
        return record
    }

    /// Deletes an API. Its keys stay where they are and are not found any more.
    public mutating func deleteAPI(_ reference: Reference<APIRecord>) throws(StoreError) {
        var record = api(reference)
        if record.deletedAtMillis != nil { throw .notFound(.api, record.id) }
        record.deletedAtMillis = nowMillis
        catalog.stage(EntityRef(.api, reference.number), try record.packed())
    }

    // MARK: Identities

    /// Throws `alreadyExists` when a live identity has this external id.
    public mutating func createIdentity(
        externalID: String, meta: [UInt8]? = nil, limits: [RateLimitRule] = []
    ) throws(StoreError) -> IdentityRecord {
        if catalog.findIdentity(externalID: externalID) != nil { throw .alreadyExists(.identity, externalID) }
        let record = IdentityRecord(
            reference: Reference(number: try catalog.takeNumber(.identity)), id: Identifier.make("id"),
            externalID: externalID, meta: meta, limits: Self.numbered(limits, keeping: []),
            createdAtMillis: nowMillis)
        catalog.stage(EntityRef(.identity, record.reference.number), try record.packed())
        return record
    }

    /// The live identity with this external id; made, without meta and limits, if there is none.
    public mutating func findOrCreateIdentity(externalID: String) throws(StoreError) -> IdentityRecord {
        if let record = identity(externalID: externalID) { return record }
        return try createIdentity(externalID: externalID)
    }

    /// Changes meta or limits. A limit without an id takes the id of the limit of that name that was there.
    @discardableResult
    public mutating func updateIdentity(
        _ reference: Reference<IdentityRecord>, _ change: (inout IdentityRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> IdentityRecord {
        guard let old = identity(reference) else { throw .notFound(.identity, "") }
        var record = old
        try change(&record)
        record.reference = reference
        record.limits = Self.numbered(record.limits, keeping: old.limits)
        record.updatedAtMillis = nowMillis
        catalog.stage(EntityRef(.identity, reference.number), try record.packed())
        return record
    }

    /// Deletes an identity. Its keys stay valid and belong to nobody; its external id is free at once, and
    /// a new identity of that name does not get the keys back.
    public mutating func deleteIdentity(_ reference: Reference<IdentityRecord>) throws(StoreError) {
        guard var record = identity(reference) else { throw .notFound(.identity, "") }
        record.deletedAtMillis = nowMillis
        catalog.stage(EntityRef(.identity, reference.number), try record.packed())
    }

    // MARK: Permissions

    /// Throws `alreadyExists` when the slug is taken in any letter case, `invalid` when it is none.
    public mutating func createPermission(
        slug: String, name: String? = nil, summary: String? = nil
    ) throws(StoreError) -> PermissionRecord {
        try refuseBadSlug(slug)
        if catalog.findPermission(slug: slug) != nil { throw .alreadyExists(.permission, slug) }
        let record = PermissionRecord(
            reference: Reference(number: try catalog.takeNumber(.permission)), id: Identifier.make("perm"),
            name: name ?? slug, slug: slug, summary: summary, createdAtMillis: nowMillis)
        catalog.stage(EntityRef(.permission, record.reference.number), try record.packed())
        return record
    }

    /// The permission with this slug in any letter case; made, with the slug as its name, if there is none.
    public mutating func findOrCreatePermission(slug: String) throws(StoreError) -> PermissionRecord {
        if let record = permission(slug: slug) { return record }
        return try createPermission(slug: slug)
    }

    /// Changes a permission; keys and roles follow, since they refer to it by number.
    @discardableResult
    public mutating func updatePermission(
        _ reference: Reference<PermissionRecord>,
        _ change: (inout PermissionRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> PermissionRecord {
        guard let old = permission(reference) else { throw .notFound(.permission, "") }
        var record = old
        try change(&record)
        try refuseBadSlug(record.slug)
        if let other = catalog.findPermission(slug: record.slug), other.number != reference.number {
            throw .alreadyExists(.permission, record.slug)
        }
        record.reference = reference
        catalog.stage(EntityRef(.permission, reference.number), try record.packed())
        return record
    }

    /// Deletes a permission; every key and role loses it at once.
    public mutating func deletePermission(_ reference: Reference<PermissionRecord>) throws(StoreError) {
        if catalog.block(.permission, reference.number) == nil { throw .notFound(.permission, "") }
        catalog.stage(EntityRef(.permission, reference.number), nil)
    }

    func refuseBadSlug(_ slug: String) throws(StoreError) {
        guard PermissionName.isSlug(slug.utf8.span) else {
            throw .invalid("permission slug '\(slug)': expected 1 to 128 of letters, digits and _ : - . *")
        }
    }

    // MARK: Roles

    /// Throws `alreadyExists` when the name is taken in any letter case.
    public mutating func createRole(
        name: String, summary: String? = nil, permissions: [Reference<PermissionRecord>] = []
    ) throws(StoreError) -> RoleRecord {
        if name.isEmpty { throw .invalid("a role needs a name") }
        if catalog.findRole(name: name) != nil { throw .alreadyExists(.role, name) }
        let record = RoleRecord(
            reference: Reference(number: try catalog.takeNumber(.role)), id: Identifier.make("role"),
            name: name,
            summary: summary, permissions: Self.unique(permissions), createdAtMillis: nowMillis)
        catalog.stage(EntityRef(.role, record.reference.number), try record.packed())
        return record
    }

    /// Changes a role; every key that has it follows at once.
    @discardableResult
    public mutating func updateRole(
        _ reference: Reference<RoleRecord>, _ change: (inout RoleRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> RoleRecord {
        guard let old = role(reference) else { throw .notFound(.role, "") }
        var record = old
        try change(&record)
        if record.name.isEmpty { throw .invalid("a role needs a name") }
        if let other = catalog.findRole(name: record.name), other.number != reference.number {
            throw .alreadyExists(.role, record.name)
        }
        record.reference = reference
        record.permissions = Self.unique(record.permissions)
        catalog.stage(EntityRef(.role, reference.number), try record.packed())
        return record
    }

    /// Deletes a role; every key loses it at once.
    public mutating func deleteRole(_ reference: Reference<RoleRecord>) throws(StoreError) {
        if catalog.block(.role, reference.number) == nil { throw .notFound(.role, "") }
        catalog.stage(EntityRef(.role, reference.number), nil)
    }
}
