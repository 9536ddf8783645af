// Rate-limit namespaces and overrides: found as they should be, and the same after a restart.

import Testing

@testable import Keys

@Suite struct NamespaceTests {
    let scratch = Scratch()

    private typealias Found = (namespace: NamespaceRecord?, overrides: [OverrideRecord])

    private func contents(_ store: KeyStore, _ name: String) throws -> Found {
        try store.change { (transaction) throws(StoreError) in
            guard let namespace = transaction.namespace(idOrName: name) else { return (nil, []) }
            return (namespace, transaction.overrides(of: namespace.reference, limit: .max).records)
        }
    }

    @Test("what was stored is there after a restart and after a compaction, in every index")
    func durability() throws {
        var store: KeyStore? = try KeyStore.open(scratch.store)
        try #require(store).change { (transaction) throws(StoreError) in
            for name in ["api", "API", "other"] {
                let namespace = try transaction.createNamespace(name: name).reference
                for number in 0..<20 {
                    _ = try transaction.setOverride(
                        of: namespace, identifier: number % 2 == 0 ? "user_\(number)" : "group_\(number)_*",
                        limit: Int64(number), durationMillis: 60_000)
                }
            }
            guard let other = transaction.namespace(idOrName: "other") else { return }
            try transaction.deleteNamespace(other.reference)
        }
        try #require(store).change { (transaction) throws(StoreError) in
            guard let namespace = transaction.namespace(idOrName: "api"),
                let override = transaction.override(of: namespace.reference, identifier: "user_4")
            else { return }
            try transaction.deleteOverride(override.reference)
            _ = try transaction.setOverride(
                of: namespace.reference, identifier: "user_6", limit: 66, durationMillis: 1000)
        }
        let before = try ["api", "API", "other"].map { try contents(#require(store), $0) }
        #expect(before.map(\.overrides.count) == [19, 20, 20])
        #expect(before[2].namespace?.deletedAtMillis != nil)
        for compacts in [false, true, false] {
            if compacts { try #require(store).compact() }
            store = nil
            store = try KeyStore.open(scratch.store)
            let after = try ["api", "API", "other"].map { try contents(#require(store), $0) }
            for (left, right) in zip(before, after) {
                #expect(left.namespace == right.namespace && left.overrides == right.overrides)
            }
            try #require(store).change { (transaction) throws(StoreError) in
                guard let namespace = transaction.namespace(idOrName: "api") else { return }
                #expect(transaction.namespace(idOrName: namespace.id) == namespace)
                let reference = namespace.reference
                #expect(transaction.override(of: reference, identifier: "user_6")?.limit == 66)
                #expect(transaction.override(of: reference, identifier: "user_4") == nil)
                #expect(transaction.override(of: reference, governing: "group_7_x")?.limit == 7)
                #expect(transaction.override(of: reference, governing: "group_7") == nil)
            }
        }
    }

    @Test("a name is taken for good, and what is rolled back was never there")
    func rollBack() throws {
        let store = try KeyStore.open(scratch.store)
        try store.change { (transaction) throws(StoreError) in
            let namespace = try transaction.createNamespace(name: "api").reference
            _ = try transaction.setOverride(of: namespace, identifier: "a*", limit: 1, durationMillis: 1000)
        }
        #expect(throws: TransactionFailure<StoreError>.refused(.alreadyExists(.namespace, "api"))) {
            try store.change { (transaction) throws(StoreError) in
                guard let namespace = transaction.namespace(idOrName: "api") else { return }
                let override = try transaction.setOverride(
                    of: namespace.reference, identifier: "ab*", limit: 2, durationMillis: 1000)
                try transaction.deleteOverride(override.reference)
                _ = try transaction.setOverride(
                    of: namespace.reference, identifier: "abc*", limit: 3, durationMillis: 1000)
                _ = try transaction.createNamespace(name: "new")
                try transaction.deleteNamespace(namespace.reference)
                _ = try transaction.createNamespace(name: "api")
            }
        }
        try store.change { (transaction) throws(StoreError) in
            #expect(transaction.namespace(idOrName: "new") == nil)
            guard let namespace = transaction.namespace(idOrName: "api") else {
                Issue.record("the namespace is gone")
                return
            }
            #expect(namespace.deletedAtMillis == nil)
            #expect(transaction.override(of: namespace.reference, governing: "abcd")?.limit == 1)
        }
    }

    struct Pattern: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let pattern: String
        let matching: [String]
        let other: [String]
    }

    static let patterns = [
        Pattern(
            testDescription: "a star at the end", pattern: "vip_*", matching: ["vip_", "vip_1", "vip_*"],
            other: ["vip", "xvip_1", "VIP_1", ""]),
        Pattern(
            testDescription: "a star in the middle", pattern: "a*z", matching: ["az", "abz", "azz", "a*z"],
            other: ["a", "z", "azb", "baz"]),
        Pattern(
            testDescription: "stars that have to give something back", pattern: "*ab*abc",
            matching: ["ababc", "xxabxabababc"], other: ["abc", "ababcx", "aababd"]),
        Pattern(
            testDescription: "nothing but a star", pattern: "*", matching: ["", "anything at all"],
            other: ["two\nlines"]),
        Pattern(
            testDescription: "a line feed is matched by itself only", pattern: "*\n*",
            matching: ["a\nb", "\n"],
            other: ["ab", "a\nb\nc"]),
        Pattern(
            testDescription: "other signs stand for themselves", pattern: "a.?[b]*",
            matching: ["a.?[b]", "a.?[b]c"], other: ["axyb", "a.xb"]),
    ]

    @Test("patterns match whole texts", arguments: patterns)
    func matching(_ row: Pattern) {
        for text in row.matching { #expect(matches(text, row.pattern), "\(text)") }
        for text in row.other { #expect(!matches(text, row.pattern), "\(text)") }
    }

    @Test("a pattern made to be slow is not")
    func slowPattern() {
        #expect(
            !matches(String(repeating: "a", count: 512), String(repeating: "a*", count: 250) + "b"))
    }

    private func matches(_ text: String, _ pattern: String) -> Bool {
        IdentifierPattern.matches(bytes(text).span, bytes(pattern).span)
    }
}
