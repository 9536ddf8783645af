import JSON
import Testing

@testable import Management

/// The permission matrix of the API, row by row: a caller with just the row's permissions passes in each of
/// their spellings, a caller that lacks any one of them is refused in the row's own way.
@Suite("What each procedure asks of a root key")
struct AuthorisationTests {
    /// One of everything a row may name.
    private struct World {
        let sandbox: Sandbox
        private let names: [(String, String)]

        init() throws {
            sandbox = try Sandbox()
            let api = try sandbox.createAPI()
            let key = try sandbox.createKey(in: api, #""externalId":"acme","permissions":["slug"]"#)
            let keyspace = try sandbox.verify(key.text)["keyspaceId"]?.text ?? ""
            try sandbox.data("permissions.createRole", #"{"name":"role"}"#)
            let identity = try sandbox.data("identities.getIdentity", #"{"identity":"acme"}"#)["id"]?.text
            let root = try sandbox.data("rootKeys.createKey", #"{"permissions":[]}"#)["keyId"]?.text
            try sandbox.data(
                "ratelimit.limit", #"{"namespace":"requests","identifier":"i","limit":5,"duration":60000}"#)
            let override = try sandbox.data(
                "ratelimit.setOverride",
                #"{"namespace":"requests","identifier":"vip","limit":9,"duration":60000}"#)["overrideId"]?
                .text
            let namespace = try sandbox.namespaceId("requests") ?? ""
            names = [
                ("<API>", api), ("<KEY>", key.id), ("<TEXT>", key.text), ("<KS>", keyspace),
                ("<IDENTITY>", identity ?? ""), ("<ROOT>", root ?? ""),
                ("<NS>", namespace), ("<OVERRIDE>", override ?? ""),
            ]
        }

        func fill(_ text: String) -> String { names.reduce(text) { $0.replacing($1.0, with: $1.1) } }

        /// What the row's call comes to for a caller who holds these.
        func answer(_ row: PermissionRow, holding permissions: [String]) throws -> ManagementAnswer {
            // Something harmless besides, so that a caller is never without any permission.
            let caller = try Sandbox.rootKey(permissions.map(fill) + ["harmless.*.action"])
            return sandbox.call(row.procedure, fill(row.body), as: caller)
        }
    }

    private func expectDenied(_ answer: ManagementAnswer, _ row: PermissionRow, _ situation: String) {
        switch row.denial {
        case .error(let kind): #expect(answer.error?.kind == kind, "\(situation): \(answer.body)")
        case .notFoundCode:
            #expect(
                answer.body["data"] == ["valid": false, "code": "NOT_FOUND"], "\(situation): \(answer.body)")
        }
    }

    @Test("every spelling of the row's permissions is enough", arguments: PermissionRow.all)
    func enough(_ row: PermissionRow) throws {
        for (index, need) in row.needs.enumerated() {
            for spelling in need {
                var held = row.needs.map { $0[0] }
                held[index] = spelling
                let answer = try World().answer(row, holding: held)
                // What does not exist is only told to who may ask.
                let passed = answer.status == 200 || row.body.contains("unknown") && answer.status == 404
                #expect(passed, "with \(held): \(answer.body)")
                #expect(answer.body["data"]?["code"] != "NOT_FOUND", "with \(held)")
            }
        }
    }

    @Test("each of the row's permissions is needed", arguments: PermissionRow.all)
    func needed(_ row: PermissionRow) throws {
        for missing in row.needs.indices {
            var held = row.needs.map { $0[0] }
            held.remove(at: missing)
            expectDenied(try World().answer(row, holding: held), row, "without \(row.needs[missing][0])")
        }
    }

    static let tooWide = [
        "*.*.*", "api.*.*", "rbac.*.*", "identity.*.*", "api.api_other.read_key", "unkey:v1:ws_other:**#*",
        "unkey:v1:ws_keygate:keyspaces/ks_other/**#read_key", "unkey:v1:ws_keygate:**#unheard_of",
    ]

    @Test(
        "a star is no glob in a tuple, and neither another API nor another workspace counts",
        arguments: PermissionRow.all)
    func nearMisses(_ row: PermissionRow) throws {
        expectDenied(try World().answer(row, holding: Self.tooWide), row, "with near misses")
    }

    @Test("the all-powerful grant is enough for everything", arguments: PermissionRow.all)
    func everything(_ row: PermissionRow) throws {
        let answer = try World().answer(row, holding: [Workspace.everything])
        #expect(answer.error?.kind != .insufficientPermissions && answer.status < 500, "\(answer.body)")
    }

    @Test("showing a key's text asks for more, even though no text is kept")
    func decryption() throws {
        let world = try World()
        let row = PermissionRow("keys.getKey", #"{"keyId":"<KEY>","decrypt":true}"#)
        #expect(
            try world.answer(row, holding: ["api.*.read_key"]).error?.kind == .insufficientPermissions)
        #expect(
            try world.answer(row, holding: ["api.*.read_key", "api.*.decrypt_key"]).error?.kind
                == .preconditionFailed)
        let recoverable = PermissionRow("keys.createKey", #"{"apiId":"<API>","recoverable":true}"#)
        #expect(try world.answer(recoverable, holding: ["api.*.create_key"]).error?.kind == .apiNotFound)
        #expect(
            try world.answer(recoverable, holding: ["api.*.create_key", "api.*.encrypt_key"]).error?.kind
                == .preconditionFailed)
    }

    @Test(
        "an empty page of identities needs no permission, and root keys that may not be read are passed over")
    func lists() throws {
        let world = try World()
        let nobody = PermissionRow("identities.listIdentities", #"{"search":"nobody"}"#)
        #expect(try world.answer(nobody, holding: []).body["data"] == [])
        let rootKeys = PermissionRow("rootKeys.listKeys", "{}")
        #expect(try world.answer(rootKeys, holding: []).body["data"] == [])
        let one = try world.answer(rootKeys, holding: ["unkey:v1:ws_keygate:rootKeys/<ROOT>#read"])
        #expect(one.body["data"]?.texts("keyId") == [world.fill("<ROOT>")])
    }

    @Test("a reference that no permission could name is refused like any other")
    func oddReferences() throws {
        let world = try World()
        let row = PermissionRow(
            "keys.migrateKeys", #"{"apiId":"a b/é","migrationId":"sha256_base64","keys":[{"hash":"abc"}]}"#)
        #expect(
            try world.answer(row, holding: ["api.*.read_api"]).error?.kind == .insufficientPermissions)
    }
}
