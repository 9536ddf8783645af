// Pages of records, and what is found in them.

import Testing

@testable import Keys

@Suite struct ListTests {
    let scratch = Scratch()

    @Test(
        "pages in the order of ids put together are the whole list, while keys come and go",
        arguments: [1, 3, 7, 100])
    func pages(limit: Int) throws {
        let store = try KeyStore.open(scratch.store)
        var random = FixedRandom(7)
        let api = try store.change { (transaction) throws(StoreError) in
            try transaction.createAPI(name: "a").reference
        }
        var expected: Set<String> = []
        for round in 0..<12 {
            try store.change { (transaction) throws(StoreError) in
                for number in 0..<8 {
                    let record = KeyRecord(digest: digest("\(round) \(number)"), api: api)
                    expected.insert(try transaction.createKey(record).id)
                }
            }
            for _ in 0..<3 {
                guard let victim = expected.randomElement(using: &random) else { continue }
                expected.remove(victim)
                try store.change { (transaction) throws(StoreError) in
                    let deletion: KeyDeletion = round % 2 == 0 ? .soft : .permanent
                    try transaction.deleteKey(transaction.key(id: victim)!.reference, deletion)
                }
            }
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page = try store.change { (transaction) throws(StoreError) in
                    transaction.keys(of: api, from: cursor, limit: limit)
                }
                #expect(page.records.count <= limit)
                seen += page.records.map(\.id)
                cursor = page.nextCursor
            } while cursor != nil
            #expect(
                seen.map { Array($0.utf8) }
                    == expected.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) })
        }
    }

    @Test("keys of an identity are listed by themselves, also after they moved")
    func keysOfIdentity() throws {
        let store = try KeyStore.open(scratch.store)
        let found = try store.change { (transaction) throws(StoreError) in
            (
                try transaction.createAPI(name: "a").reference,
                try transaction.createIdentity(externalID: "x").reference,
                try transaction.createIdentity(externalID: "y").reference
            )
        }
        let (api, x, y) = found
        func keys(_ identity: Reference<IdentityRecord>) throws -> Int {
            try store.change { (transaction) throws(StoreError) in
                transaction.keys(of: api, identity: identity, limit: 100).records.count
            }
        }
        #expect(try keys(x) == 0)
        let references = try store.change { (transaction) throws(StoreError) in
            var references: [Reference<KeyRecord>] = []
            for number in 0..<5 {
                var key = KeyRecord(digest: digest("\(number)"), api: api)
                key.identity = x
                references.append(try transaction.createKey(key).reference)
            }
            return references
        }
        #expect(try keys(x) == 5)
        try store.change { (transaction) throws(StoreError) in
            try transaction.updateKey(references[0]) { $0.identity = y }
            try transaction.updateKey(references[1]) { $0.identity = nil }
            try transaction.deleteKey(references[2], .permanent)
        }
        #expect(try keys(x) == 2)
        #expect(try keys(y) == 1)
    }

    @Test(
        "search finds a literal text in any letter case",
        arguments: [
            ("", 3), ("ACME", 2), ("  acme ", 2), ("_", 3), ("%", 0), ("e.c", 1), ("id_", 3), ("nothing", 0),
        ])
    func search(text: String, count: Int) throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            for name in ["acme", "Acme.com", "other"] { _ = try transaction.createIdentity(externalID: name) }
        }
        let records = try store.change { (transaction) throws(StoreError) in
            transaction.identities(search: text, limit: 100).records
        }
        #expect(records.count == count)
    }

    @Test("names of roles and slugs are unique in any letter case, external ids are not folded")
    func uniqueness() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            _ = try transaction.createRole(name: "Admin")
            _ = try transaction.createPermission(slug: "Docs.Read")
            _ = try transaction.createIdentity(externalID: "acme")
            _ = try transaction.createIdentity(externalID: "ACME")
        }
        let refused: [(StoreError, (inout Transaction) throws(StoreError) -> Void)] = [
            (
                .alreadyExists(.role, "ADMIN"),
                { (t) throws(StoreError) in _ = try t.createRole(name: "ADMIN") }
            ),
            (
                .alreadyExists(.permission, "docs.read"),
                { (t) throws(StoreError) in _ = try t.createPermission(slug: "docs.read") }
            ),
            (
                .alreadyExists(.identity, "acme"),
                { (t) throws(StoreError) in _ = try t.createIdentity(externalID: "acme") }
            ),
            (
                .invalid("permission slug 'a b': expected 1 to 128 of letters, digits and _ : - . *"),
                { (t) throws(StoreError) in _ = try t.createPermission(slug: "a b") }
            ),
        ]
        for (error, body) in refused {
            #expect(throws: TransactionFailure<StoreError>.refused(error)) { try store.change(body) }
        }
    }

    @Test("a limit keeps its id as long as it keeps its name")
    func limitIDs() throws {
        let store = try KeyStore.open(scratch.store)
        let key = try store.change { (transaction) throws(StoreError) in
            var key = KeyRecord(digest: digest("k"), api: try transaction.createAPI(name: "a").reference)
            key.limits = [
                RateLimitRule(name: "a", limit: 1, durationMillis: 1000, appliesAutomatically: false)
            ]
            return try transaction.createKey(key)
        }
        let changed = try store.change { (transaction) throws(StoreError) in
            try transaction.updateKey(key.reference) { key in
                key.limits = ["b", "a", "b"].map {
                    RateLimitRule(name: $0, limit: 5, durationMillis: 1000, appliesAutomatically: true)
                }
            }
        }
        #expect(changed.limits.map(\.name) == ["a", "b"])
        #expect(changed.limits[0].id == key.limits[0].id)
        #expect(changed.limits[1].id.hasPrefix("rl_"))
        #expect(changed.updatedAtMillis != nil)
    }
}
