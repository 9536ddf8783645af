import Glibc
import JSON
import Testing

@testable import keygate

@Suite("Commands on a store that no server has")
struct AdministrationTests {
    /// Runs `body` on a fresh store.
    private func withStore(_ body: (Administration) throws -> Void) throws {
        var template = Array("/tmp/keygate-administration-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no temporary directory") }
        let directory = unsafe String(cString: made)
        defer {
            for name in ["lock", "journal-00000001"] { _ = unsafe unlink("\(directory)/\(name)") }
            _ = unsafe rmdir(directory)
        }
        try body(Administration(storeDirectory: directory, createsStore: true))
    }

    private func failure(_ work: () throws(CommandFailure) -> Void) -> String? {
        do throws(CommandFailure) {
            try work()
            return nil
        } catch {
            return error.message
        }
    }

    @Test("an API is named by its id or by its name, if only one bears it")
    func apiReferences() throws {
        try withStore { administration in
            let first = try administration.call("apis.createApi", ["name": "billing"])["apiId"]?.text ?? ""
            #expect(try administration.apiId(of: "billing") == first)
            #expect(try administration.apiId(of: first) == first)
            #expect(
                failure { () throws(CommandFailure) in _ = try administration.apiId(of: "nope") }
                    == "there is no API \"nope\"")
            _ = try administration.call("apis.createApi", ["name": "billing"])
            let twice = failure { () throws(CommandFailure) in _ = try administration.apiId(of: "billing") }
            #expect(twice?.hasPrefix("several APIs are named \"billing\": api_") == true)
        }
    }

    @Test("a list is complete, however many pages it has, unless the caller has enough")
    func pages() throws {
        try withStore { administration in
            for index in 0..<201 {
                _ = try administration.call("identities.createIdentity", ["externalId": .string("c\(index)")])
            }
            let rows = try administration.list("identities.listIdentities")
            #expect(Set(rows.compactMap { $0["externalId"]?.text }).count == 201)
            var pageCount = 0
            try administration.forEachPage("identities.listIdentities", [:]) { _ in
                pageCount += 1
                return pageCount < 2
            }
            #expect(pageCount == 2)
        }
    }

    @Test("a refusal is told in its own words, violations by member")
    func refusals() throws {
        try withStore { administration in
            #expect(
                failure { () throws(CommandFailure) in
                    _ = try administration.call("apis.createApi", ["name": "ab", "x": 1])
                } == "name: minLength: got 2, want 3; additional properties 'x' not allowed")
            #expect(
                failure { () throws(CommandFailure) in
                    _ = try administration.call("keys.getKey", ["keyId": "key_none"])
                } == "the key 'key_none' does not exist")
        }
    }
}
