// What an event loop sees of the store.

import Access
import Bytes
import Testing

@testable import Keys

@Suite struct ReaderTests {
    let scratch = Scratch()

    @Test("a key is found by the digest of its text, with everything a request asks about")
    func wholeKey() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "payments")
            let customer = try transaction.createIdentity(externalID: "acme", meta: bytes(#"{"plan":"pro"}"#))
            let read = try transaction.createPermission(slug: "invoices.read")
            let write = try transaction.createPermission(slug: "invoices.write")
            let role = try transaction.createRole(
                name: "Clerk", permissions: [read.reference, write.reference])
            var key = KeyRecord(
                digest: digest("secret"), api: api.reference, start: "live_abcd", prefix: "live")
            key.name = "for the shop"
            key.meta = bytes(#"{"env":"test"}"#)
            key.identity = customer.reference
            key.permissions = [read.reference]
            key.roles = [role.reference]
            key.expiresAtMillis = 5000
            key.credits = Credits(remaining: 7)
            key.limits = [
                RateLimitRule(name: "requests", limit: 10, durationMillis: 1000, appliesAutomatically: true)
            ]
            key.allowedNetworks = [IPNetwork(containing: IPAddress(v4: 0x0A00_0000), prefixLength: 8)]
            _ = try transaction.createKey(key)
        }
        let reader = store.makeReader()
        let key = try #require(reader.find(digest("secret")))
        #expect(reader.find(digest("other")) == nil)
        #expect(key.withID { String(forDisplay: $0) }.hasPrefix("key_"))
        #expect(key.withName { String(forDisplay: $0) } == "for the shop")
        #expect(key.withMeta { String(forDisplay: $0) } == #"{"env":"test"}"#)
        #expect(key.api.withName { String(forDisplay: $0) } == "payments")
        let identity = try #require(key.identity)
        #expect(identity.withExternalID { String(forDisplay: $0) } == "acme")
        #expect(identity.withMeta { String(forDisplay: $0) } == #"{"plan":"pro"}"#)
        #expect(!key.isExpired(atMillis: 5000))
        #expect(key.isExpired(atMillis: 5001))
        #expect(key.remainingCredits == 7)
        #expect(key.admits(IPAddress(v4: 0x0A01_0203)))
        #expect(!key.admits(IPAddress(v4: 0x0B01_0203)))
        var seen: [String] = []
        key.forEachPermission { seen.append(String(forDisplay: $0)) }
        #expect(seen == ["invoices.read", "invoices.write"])
        seen = []
        key.forEachRole { seen.append(String(forDisplay: $0)) }
        #expect(seen == ["Clerk"])
        seen = []
        key.forEachLimit { rule in seen.append(rule.withName { String(forDisplay: $0) } + " \(rule.limit)") }
        #expect(seen == ["requests 10"])
    }

    @Test(
        "a permission is held exactly as it is spelled",
        arguments: [
            ("direct.read", true), ("role.read", true), ("DIRECT.read", false), ("docs.*", true),
            ("docs.read", false), ("unassigned", false), ("unknown", false),
        ])
    func holding(name: String, isHeld: Bool) throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "a")
            let direct = try transaction.createPermission(slug: "direct.read")
            let star = try transaction.createPermission(slug: "docs.*")
            let granted = try transaction.createPermission(slug: "role.read")
            _ = try transaction.createPermission(slug: "unassigned")
            let role = try transaction.createRole(name: "r", permissions: [granted.reference])
            var key = KeyRecord(digest: digest("k"), api: api.reference)
            key.permissions = [direct.reference, star.reference]
            key.roles = [role.reference]
            _ = try transaction.createKey(key)
        }
        let reader = store.makeReader()
        #expect(try #require(reader.find(digest("k"))).holds(permissionName(name)) == isHeld)
    }

    @Test("deleting a permission, a role or an identity takes it from every key at once")
    func deletions() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: "a")
            let one = try transaction.createPermission(slug: "one")
            let two = try transaction.createPermission(slug: "two")
            let role = try transaction.createRole(name: "r", permissions: [two.reference])
            var key = KeyRecord(digest: digest("k"), api: api.reference)
            key.permissions = [one.reference]
            key.roles = [role.reference]
            key.identity = try transaction.createIdentity(externalID: "acme").reference
            _ = try transaction.createKey(key)
        }
        let reader = store.makeReader()
        try store.change { (transaction) throws(StoreError) in
            try transaction.deletePermission(transaction.permission(slug: "ONE")!.reference)
            try transaction.deleteIdentity(transaction.identity(externalID: "acme")!.reference)
        }
        var key = try #require(reader.find(digest("k")))
        #expect(!key.holds(permissionName("one")))
        #expect(key.holds(permissionName("two")))
        #expect(key.identity == nil)
        try store.change { (transaction) throws(StoreError) in
            try transaction.deleteRole(transaction.role(name: "R")!.reference)
            // The same names again are other things: the key must not get them back.
            _ = try transaction.createPermission(slug: "one")
            _ = try transaction.createIdentity(externalID: "acme")
            _ = try transaction.createRole(
                name: "r", permissions: [transaction.permission(slug: "two")!.reference])
        }
        key = try #require(reader.find(digest("k")))
        #expect(!key.holds(permissionName("one")))
        #expect(!key.holds(permissionName("two")))
        #expect(key.identity == nil)
        let record = try store.change { (transaction) throws(StoreError) in
            transaction.key(digest: digest("k"))!
        }
        #expect(record.permissions.isEmpty && record.roles.isEmpty && record.identity == nil)
    }

    @Test("a soft-deleted key is not found and keeps its digest; a permanently deleted one frees it")
    func deletingKeys() throws {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (transaction) throws(StoreError) in
            try transaction.createKey(
                KeyRecord(digest: digest("k"), api: transaction.createAPI(name: "a").reference))
        }
        let reader = store.makeReader()
        try store.change { (transaction) throws(StoreError) in try transaction.deleteKey(key.reference, .soft)
        }
        #expect(reader.find(digest("k")) == nil)
        #expect(throws: TransactionFailure<StoreError>.refused(.alreadyExists(.key, "digest"))) {
            try store.change { (transaction) throws(StoreError) in
                _ = try transaction.createKey(KeyRecord(digest: digest("k"), api: key.api))
            }
        }
        let other = try store.change { (transaction) throws(StoreError) in
            let other = try transaction.createKey(KeyRecord(digest: digest("l"), api: key.api))
            try transaction.deleteKey(other.reference, .permanent)
            return try transaction.createKey(KeyRecord(digest: digest("l"), api: key.api))
        }
        #expect(reader.find(digest("l"))?.reference == other.reference)
    }

    @Test("root keys and keys do not find each other")
    func rootKeys() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            _ = try transaction.createRootKey(
                RootKeyRecord(digest: digest("root"), permissions: ["api.*.create_key"]))
        }
        let reader = store.makeReader()
        #expect(reader.find(digest("root")) == nil)
        #expect(reader.findRootKey(digest("root"))?.record.permissions == ["api.*.create_key"])
        #expect(reader.findRootKey(digest("other")) == nil)
    }

    @Test("keys of a deleted API are found with an API that says it is deleted, and are gone for management")
    func deletedAPI() throws {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (transaction) throws(StoreError) in
            try transaction.createKey(
                KeyRecord(digest: digest("k"), api: transaction.createAPI(name: "a").reference))
        }
        try store.change { (transaction) throws(StoreError) in try transaction.deleteAPI(key.api) }
        #expect(store.makeReader().find(digest("k"))?.api.isDeleted == true)
        let found = try store.change { (transaction) throws(StoreError) in
            (transaction.key(id: key.id), transaction.api(id: transaction.api(key.api).id))
        }
        #expect(found.0 == nil && found.1 == nil)
        #expect(throws: TransactionFailure<StoreError>.refused(.notFound(.key, ""))) {
            try store.change { (transaction) throws(StoreError) in
                try transaction.updateKey(key.reference) { $0.isEnabled = false }
            }
        }
    }

    @Test("an import stores what is new and tells what was there, many thousand keys at a time")
    func importing() throws {
        let store = try KeyStore.open(scratch.store)
        let api = try store.change { (transaction) throws(StoreError) in
            try transaction.createAPI(name: "a").reference
        }
        let keys = (0..<5000).map { KeyRecord(digest: digest("k\($0 % 4000)"), api: api) }
        let stored = try store.change { (transaction) throws(StoreError) in try transaction.importKeys(keys) }
        #expect(stored[..<4000].allSatisfy { $0 != nil })
        #expect(stored[4000...].allSatisfy { $0 == nil })
        let reader = store.makeReader()
        #expect((0..<4000).allSatisfy { reader.find(digest("k\($0)"))?.reference == stored[$0]?.reference })
        #expect((4000..<5000).allSatisfy { reader.find(digest("k\($0)")) == nil })
    }
}
