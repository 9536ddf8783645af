// The store against a model of it: dictionaries that do what the store should. Random operations, some of
// which must be refused; now and then the store is compacted or opened anew; after each round the two must
// hold the same.

import Bytes
import Testing

@testable import Keys

/// What the store should contain, by name.
private struct Model: Equatable {
    struct Key: Equatable {
        var identity: String?
        var permissions: Set<String> = []
        var roles: Set<String> = []
        var meta: [UInt8]?
    }
    var identities: Set<String> = []
    var permissions: Set<String> = []
    var roles: [String: Set<String>] = [:]
    var keys: [String: Key] = [:]
    var deletedKeys: Set<String> = []

    mutating func deletePermission(_ slug: String) {
        permissions.remove(slug)
        for name in roles.keys { roles[name]?.remove(slug) }
        for name in keys.keys { keys[name]?.permissions.remove(slug) }
    }
}

@Suite struct ModelTests {
    @Test(
        "random operations leave the store and the model the same", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func randomOperations(seed: UInt64) throws {
        let scratch = Scratch()
        var random = FixedRandom(seed)
        var model = Model()
        var store: KeyStore? = try KeyStore.open(scratch.store)
        let api = try #require(store).change { (transaction) throws(StoreError) in
            try transaction.createAPI(name: "api").reference
        }
        for round in 0..<60 {
            for _ in 0..<20 {
                var changed = model
                let wanted = step(&changed, random.next())
                do {
                    try #require(store).change { (transaction) throws(StoreError) in
                        try wanted(&transaction, api)
                    }
                    model = changed
                } catch {
                    // What the model forbids it leaves unchanged.
                    #expect(changed == model, "refused: \(error)")
                }
            }
            switch random.next() % 6 {
            case 0: try #require(store).compact()
            case 1, 2:
                let before = try Contents(#require(store))
                store = nil
                store = try KeyStore.open(scratch.store)
                #expect(try Contents(#require(store)) == before, "round \(round)")
            default: break
            }
            try compare(#require(store), api, model)
        }
    }

    /// Changes the model and returns what does the same to the store. Names come from a small set, so that
    /// collisions, repetitions and things that are gone occur all the time.
    private func step(
        _ model: inout Model, _ dice: UInt64
    ) -> (inout Transaction, Reference<APIRecord>) throws(StoreError) -> Void {
        let name = "n\(dice >> 8 & 15)"
        let other = "n\(dice >> 16 & 15)"
        switch dice % 12 {
        case 0, 1:
            if model.permissions.contains(name) {
                return { (transaction, _) throws(StoreError) in
                    _ = try transaction.createPermission(slug: name)
                }
            }
            model.permissions.insert(name)
            return { (transaction, _) throws(StoreError) in _ = try transaction.createPermission(slug: name) }
        case 2:
            if model.permissions.contains(name) { model.deletePermission(name) }
            return { (transaction, _) throws(StoreError) in
                guard let found = transaction.permission(slug: name) else {
                    throw .notFound(.permission, name)
                }
                try transaction.deletePermission(found.reference)
            }
        case 3:
            model.identities.insert(name)
            return { (transaction, _) throws(StoreError) in
                _ = try transaction.findOrCreateIdentity(externalID: name)
            }
        case 4:
            if model.identities.remove(name) != nil {
                for key in model.keys.keys where model.keys[key]?.identity == name {
                    model.keys[key]?.identity = nil
                }
            }
            return { (transaction, _) throws(StoreError) in
                guard let found = transaction.identity(externalID: name) else {
                    throw .notFound(.identity, name)
                }
                try transaction.deleteIdentity(found.reference)
            }
        case 5:
            model.permissions.insert(other)
            model.roles[name] = [other]
            return { (transaction, _) throws(StoreError) in
                let permission = try transaction.findOrCreatePermission(slug: other)
                if let role = transaction.role(name: name) {
                    try transaction.updateRole(role.reference) { $0.permissions = [permission.reference] }
                } else {
                    _ = try transaction.createRole(name: name, permissions: [permission.reference])
                }
            }
        case 6:
            if model.roles.removeValue(forKey: name) != nil {
                for key in model.keys.keys { model.keys[key]?.roles.remove(name) }
            }
            return { (transaction, _) throws(StoreError) in
                guard let found = transaction.role(name: name) else { throw .notFound(.role, name) }
                try transaction.deleteRole(found.reference)
            }
        case 7, 8, 9:
            if model.keys[name] == nil, !model.deletedKeys.contains(name) {
                model.permissions.insert(other)
                model.identities.insert(other)
                model.keys[name] = Model.Key(
                    identity: other, permissions: [other], meta: bytes("{\"m\":\"\(other)\"}"))
            }
            return { (transaction, api) throws(StoreError) in
                // Made before the key is refused: must be undone with it.
                let permission = try transaction.findOrCreatePermission(slug: other)
                let identity = try transaction.findOrCreateIdentity(externalID: other)
                var key = KeyRecord(digest: digest(name), api: api)
                key.name = name
                key.identity = identity.reference
                key.permissions = [permission.reference]
                key.meta = bytes("{\"m\":\"\(other)\"}")
                _ = try transaction.createKey(key)
            }
        case 10:
            if model.keys[name] != nil, model.roles[other] != nil { model.keys[name]?.roles.insert(other) }
            return { (transaction, _) throws(StoreError) in
                guard let key = transaction.key(digest: digest(name)) else { throw .notFound(.key, name) }
                guard let role = transaction.role(name: other) else { throw .notFound(.role, other) }
                try transaction.updateKey(key.reference) { $0.roles.append(role.reference) }
            }
        default:
            if model.keys.removeValue(forKey: name) != nil, dice >> 20 & 1 == 0 {
                model.deletedKeys.insert(name)
            }
            let deletion: KeyDeletion = dice >> 20 & 1 == 0 ? .soft : .permanent
            return { (transaction, _) throws(StoreError) in
                guard let key = transaction.key(digest: digest(name)) else { throw .notFound(.key, name) }
                try transaction.deleteKey(key.reference, deletion)
            }
        }
    }

    private func compare(_ store: KeyStore, _ api: Reference<APIRecord>, _ model: Model) throws {
        var found = Model()
        try store.change { (transaction) throws(StoreError) in
            found.permissions = Set(transaction.permissions(limit: .max).records.map(\.slug))
            found.identities = Set(transaction.identities(limit: .max).records.map(\.externalID))
            for role in transaction.roles(limit: .max).records {
                found.roles[role.name] = Set(role.permissions.compactMap { transaction.permission($0)?.slug })
            }
            for key in transaction.keys(of: api, limit: .max).records {
                found.keys[key.name ?? ""] = Model.Key(
                    identity: key.identity.flatMap { transaction.identity($0)?.externalID },
                    permissions: Set(key.permissions.compactMap { transaction.permission($0)?.slug }),
                    roles: Set(key.roles.compactMap { transaction.role($0)?.name }), meta: key.meta)
            }
        }
        found.deletedKeys = model.deletedKeys
        #expect(found == model)
        // Readers must see the same as management.
        let reader = store.makeReader()
        for number in 0..<16 {
            let name = "n\(number)"
            let view = reader.find(digest(name))
            #expect((view != nil) == (model.keys[name] != nil))
            guard let view, let key = model.keys[name] else { continue }
            let effective = key.roles.reduce(key.permissions) { $0.union(model.roles[$1] ?? []) }
            for permission in 0..<16 {
                #expect(view.holds(permissionName("n\(permission)")) == effective.contains("n\(permission)"))
            }
            #expect(view.identity?.withExternalID { String(forDisplay: $0) } == key.identity)
        }
    }
}
