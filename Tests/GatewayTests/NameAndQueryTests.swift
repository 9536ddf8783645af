// Names that must be recognised however they are spelled, and queries that are walked but never decoded.

import Bytes
import Testing

@testable import Gateway

@Suite struct NameFilterTests {
    private func contains(_ names: [String], _ candidate: String) -> Bool {
        var filter = NameFilter()
        for name in names { filter.insert(Array(name.utf8)) }
        let bytes = Array(candidate.utf8)
        return filter.contains(bytes.span)
    }

    @Test(arguments: [
        "X-Tenant-Id", "x-tenant-id", "X_TENANT_ID", "x.tenant.id", "X-Tenant_Id", "x_Tenant.ID",
        "X~Tenant~Id", "x!tenant+id",
    ])
    func aNameIsRecognisedInAnySpelling(_ spelling: String) {
        #expect(contains(["X-Tenant-Id"], spelling))
        #expect(contains([spelling], "x-TENANT-id"))
    }

    @Test(arguments: [
        "X-Tenant-Ids", "X-Tenant-I", "XTenant-Id", "X-Tenant-Ie", "", "X-Tenant1Id",
    ])
    func anotherNameIsNot(_ name: String) {
        #expect(!contains(["X-Tenant-Id"], name))
    }

    @Test func anEmptyFilterContainsNothing() {
        #expect(!contains([], "X"))
        #expect(!contains([], ""))
    }

    @Test func namesOfAnyLengthAreKeptApart() {
        let names = (1...130).map { String(repeating: "a", count: $0) + "-" }
        for name in names { #expect(contains(names, name.uppercased())) }
        for name in names { #expect(!contains(names, "b" + name.dropFirst())) }
        #expect(!contains(names, String(repeating: "a", count: 131) + "-"))
    }
}

@Suite struct QueryParameterTests {
    @Test(
        arguments: [
            ("a=1&b=2", ["a|1|a=1", "b|2|b=2"]), ("a", ["a||a"]), ("a=", ["a||a="]), ("=1", ["|1|=1"]),
            ("a=1=2", ["a|1=2|a=1=2"]), ("&&a=1&", ["a|1|a=1"]), ("", []), ("&", []),
            ("a=1&a=2", ["a|1|a=1", "a|2|a=2"]),
            ("%61=%26", ["%61|%26|%61=%26"]), ("a;b=1", ["a;b|1|a;b=1"]),
        ] as [(String, [String])])
    func parametersAreFoundAndNotDecoded(_ query: String, _ expected: [String]) {
        let bytes = Array(query.utf8)
        var found: [String] = []
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        QueryParameters.forEach(in: bytes.span) { parameter in
            found.append("\(text(parameter.name))|\(text(parameter.value))|\(text(parameter.whole))")
            return true
        }
        #expect(found == expected)
    }

    @Test func theWalkEndsWhenItIsTold() {
        let bytes = Array("a&b&c".utf8)
        var count = 0
        QueryParameters.forEach(in: bytes.span) { _ in
            count += 1
            return count < 2
        }
        #expect(count == 2)
    }
}
