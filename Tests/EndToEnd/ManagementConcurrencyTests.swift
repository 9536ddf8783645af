import Synchronization
import Testing

/// What holds of the management API when many clients call it at the same moment, on several event loops.
@Suite struct ManagementConcurrency {
    private static let threads = 12

    private static func start() throws -> (
        gateway: Gateway, rootKey: String, client: ManagementClient, api: String
    ) {
        let gateway = try Gateway(upstream: try Upstream(), workers: 2)
        let rootKey = try gateway.makeRootKey()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        let api = try client.text("apiId", "apis.createApi", #"{"name":"billing"}"#)
        return (gateway, rootKey, client, api)
    }

    struct Unique: Sendable, CustomTestStringConvertible {
        let procedure: String
        let body: String
        var testDescription: String { procedure }
    }

    @Test(
        "of many that make the same thing at once, one succeeds and the others are told that it exists",
        arguments: [
            Unique(procedure: "identities.createIdentity", body: #"{"externalId":"acme-2"}"#),
            Unique(procedure: "permissions.createRole", body: #"{"name":"Editor"}"#),
            Unique(procedure: "permissions.createPermission", body: #"{"name":"Edit","slug":"docs.edit"}"#),
        ])
    func oneWins(_ unique: Unique) throws {
        let (gateway, rootKey, _, _) = try Self.start()
        let answers = try gateway.calls(Self.threads, rootKey, unique.procedure) { _ in unique.body }
        #expect(answers.count(of: 200) == 1)
        #expect(answers.count(of: 409) == Self.threads - 1)
    }

    @Test("keys that are made for one customer at once share one identity")
    func oneIdentity() throws {
        let (gateway, rootKey, client, api) = try Self.start()
        let answers = try gateway.calls(Self.threads, rootKey, "keys.createKey") { _ in
            #"{"apiId":"\#(api)","externalId":"newcomer"}"#
        }
        #expect(answers.count(of: 200) == Self.threads)
        let found = try client.data("identities.listIdentities", #"{"search":"newcomer"}"#)
        #expect(found.array?.count == 1)
        let keys = try client.data("apis.listKeys", #"{"apiId":"\#(api)","externalId":"newcomer"}"#)
        #expect(keys.array?.count == Self.threads)
    }

    @Test("a permission that many grants name for the first time is made once")
    func onePermission() throws {
        let (gateway, rootKey, client, api) = try Self.start()
        let keys = try (0..<Self.threads).map { _ in
            try client.text("keyId", "keys.createKey", #"{"apiId":"\#(api)"}"#)
        }
        let answers = try gateway.calls(Self.threads, rootKey, "keys.addPermissions") { index in
            // The letter case tells permissions apart no more than it does for one caller.
            let slug = index.isMultiple(of: 2) ? "reports.run" : "Reports.Run"
            return #"{"keyId":"\#(keys[index])","permissions":["\#(slug)"]}"#
        }
        #expect(answers.count(of: 200) == Self.threads)
        let ids = Set(answers.compactMap { $0.json?["data"]?.array?.first?["id"]?.string })
        #expect(ids.count == 1)
        let found = try client.data("permissions.listPermissions", #"{"search":"reports.run"}"#)
        #expect(found.array?.count == 1)
    }

    @Test(
        "of several replacements at once, the last one stands whole",
        arguments: [("permissions", "keys.setPermissions"), ("roles", "keys.setRoles")])
    func replacements(_ member: String, _ procedure: String) throws {
        let (gateway, rootKey, client, api) = try Self.start()
        let key = try client.text("keyId", "keys.createKey", #"{"apiId":"\#(api)"}"#)
        for index in 0..<Self.threads * 2 {
            _ = try client.data("permissions.createRole", #"{"name":"set.\#(index)"}"#)
        }
        let answers = try gateway.calls(Self.threads, rootKey, procedure) { index in
            #"{"keyId":"\#(key)","\#(member)":["set.\#(2 * index)","set.\#(2 * index + 1)"]}"#
        }
        #expect(answers.count(of: 200) == Self.threads)
        let shown = try client.data("keys.getKey", #"{"keyId":"\#(key)"}"#)
        let names = Set(shown[member]?.array?.compactMap(\.string) ?? [])
        let asked = (0..<Self.threads).map { Set(["set.\(2 * $0)", "set.\(2 * $0 + 1)"]) }
        #expect(asked.contains(names), "\(names)")
    }

    @Test("from the moment a deletion is answered, no verification is valid")
    func deletion() throws {
        let (gateway, rootKey, client, api) = try Self.start()
        let made = try client.data("keys.createKey", #"{"apiId":"\#(api)"}"#)
        let id = try #require(made["keyId"]?.string)
        let secret = try #require(made["key"]?.string)
        let admin = gateway.admin
        final class Shared: Sendable {
            let isDeleted = Atomic(false)
            let validCount = Atomic(0)
        }
        let shared = Shared()
        let outcomes = try concurrently(9) { index in
            Result {
                let client = try ManagementClient(admin, rootKey: rootKey)
                if index == 0 {
                    // Not before the others are at work.
                    _ = eventually { shared.validCount.load(ordering: .relaxed) >= 50 }
                    _ = try client.data("keys.deleteKey", #"{"keyId":"\#(id)"}"#)
                    shared.isDeleted.store(true, ordering: .sequentiallyConsistent)
                    return 0
                }
                var wronglyValid = 0
                var laterCount = 0
                while laterCount < 50 {
                    // Read before the request is sent: what is sent later must be refused.
                    let wasDeleted = shared.isDeleted.load(ordering: .sequentiallyConsistent)
                    let code = try client.text("code", "keys.verifyKey", #"{"key":"\#(secret)"}"#)
                    if code == "VALID" { shared.validCount.add(1, ordering: .relaxed) }
                    if wasDeleted {
                        laterCount += 1
                        if code != "NOT_FOUND" { wronglyValid += 1 }
                    }
                }
                return wronglyValid
            }
        }
        for outcome in outcomes { #expect(try outcome.get() == 0) }
        #expect(shared.validCount.load(ordering: .relaxed) >= 50)
    }

    @Test("a hash that is imported many times at once becomes one key")
    func migration() throws {
        let (gateway, rootKey, client, api) = try Self.start()
        // SHA-256 of "legacy-key", in base64.
        let hash = "lO63u+l53Q0vC7CFFyt2obyeYXiYOUgINKm8tar5xu8="
        let answers = try gateway.calls(Self.threads, rootKey, "keys.migrateKeys") { _ in
            #"{"migrationId":"sha256_base64","apiId":"\#(api)","keys":[{"hash":"\#(hash)"}]}"#
        }
        #expect(answers.count(of: 200) == Self.threads)
        let migrated = answers.flatMap { $0.json?["data"]?["migrated"]?.array ?? [] }
        let failed = answers.flatMap { $0.json?["data"]?["failed"]?.array ?? [] }
        #expect(migrated.count == 1)
        #expect(failed == [JSONValue](repeating: .string(hash), count: Self.threads - 1))
        #expect(try client.text("code", "keys.verifyKey", #"{"key":"legacy-key"}"#) == "VALID")
    }
}
