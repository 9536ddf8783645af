// Finding what a call names, and saying so when it is not there; and the one place where an error of the store
// becomes an error of the API.

import Keys

extension ManagementError {
    /// "There is no such thing", in the type of that thing.
    static func notFound(_ kind: EntityKind, _ reference: String) -> ManagementError {
        switch kind {
        case .api: ManagementError(.apiNotFound, "the API '\(reference)' does not exist")
        case .key, .rootKey: ManagementError(.keyNotFound, "the key '\(reference)' does not exist")
        case .identity: ManagementError(.identityNotFound, "the identity '\(reference)' does not exist")
        case .permission: ManagementError(.permissionNotFound, "the permission '\(reference)' does not exist")
        case .role: ManagementError(.roleNotFound, "the role '\(reference)' does not exist")
        case .namespace:
            ManagementError(.namespaceNotFound, "the rate limit namespace '\(reference)' does not exist")
        case .override:
            ManagementError(.overrideNotFound, "the rate limit override '\(reference)' does not exist")
        }
    }

    /// What the store refused.
    init(_ error: StoreError) {
        switch error {
        case .notFound(let kind, let reference):
            self = .notFound(kind, reference)
        case .alreadyExists(.identity, let id):
            self.init(.identityExists, "an identity with externalId '\(id)' already exists")
        case .alreadyExists(.permission, let slug):
            self.init(.permissionExists, "a permission with slug '\(slug)' already exists")
        case .alreadyExists(.role, let name):
            self.init(.roleExists, "a role with name '\(name)' already exists")
        case .alreadyExists(.api, _), .alreadyExists(.key, _), .alreadyExists(.rootKey, _),
            .alreadyExists(.namespace, _), .alreadyExists(.override, _):
            // Namespaces and overrides are only made where there are none. Ids and digests are random: meeting
            // one that is taken means the randomness is broken.
            self.init(.unexpected, "a generated identifier is already taken")
        case .invalid(let sentence):
            self.init(.invalidInput, sentence)
        }
    }
}

/// Runs work on the store and turns its errors into the API's.
@discardableResult func asking<Result>(
    _ work: () throws(StoreError) -> Result
) throws(ManagementError) -> Result {
    do throws(StoreError) {
        return try work()
    } catch {
        throw ManagementError(error)
    }
}

extension Transaction {
    func existingAPI(_ id: String) throws(ManagementError) -> APIRecord {
        guard let api = api(id: id) else { throw .notFound(.api, id) }
        return api
    }

    func existingKey(_ id: String) throws(ManagementError) -> KeyRecord {
        guard let key = key(id: id) else { throw .notFound(.key, id) }
        return key
    }

    /// By id or external id.
    func existingIdentity(_ reference: String) throws(ManagementError) -> IdentityRecord {
        guard let identity = identity(idOrExternalID: reference) else {
            throw .notFound(.identity, reference)
        }
        return identity
    }

    /// By id or slug.
    func existingPermission(_ reference: String) throws(ManagementError) -> PermissionRecord {
        guard let permission = permission(idOrSlug: reference) else {
            throw .notFound(.permission, reference)
        }
        return permission
    }

    /// By id or name.
    func existingRole(_ reference: String) throws(ManagementError) -> RoleRecord {
        guard let role = role(idOrName: reference) else { throw .notFound(.role, reference) }
        return role
    }

    func existingRootKey(_ id: String) throws(ManagementError) -> RootKeyRecord {
        guard let key = rootKey(id: id) else { throw .notFound(.rootKey, id) }
        return key
    }

    /// The roles with these names; all must exist.
    func existingRoles(named names: [String]) throws(ManagementError) -> [Reference<RoleRecord>] {
        var roles: [Reference<RoleRecord>] = []
        for name in names {
            guard let role = role(name: name) else { throw .notFound(.role, name) }
            roles.append(role.reference)
        }
        return roles
    }

    /// The permissions with these slugs; missing ones are made, once each however they are capitalised.
    mutating func permissions(
        madeFrom slugs: [String]
    ) throws(ManagementError) -> [Reference<PermissionRecord>] {
        var permissions: [Reference<PermissionRecord>] = []
        for slug in slugs {
            permissions.append(
                try asking { () throws(StoreError) in try findOrCreatePermission(slug: slug).reference })
        }
        return permissions
    }

    /// What an action on a key asks of a root key.
    func requirement(_ action: String, on key: KeyRecord) -> Requirement {
        let api = api(key.api)
        return .api(api.id, action, at: "keyspaces/\(api.keyspaceID)/keys/\(key.id)")
    }
}
