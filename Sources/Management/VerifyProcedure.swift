// keys.verifyKey: would this key be let through? The checks stand in the order in which the first failure
// decides, and nothing after it happens.

import Access
import Bytes
import JSON
import Keys

/// What a verification came to. The raw values are the published codes.
enum Decision: String {
    case valid = "VALID"
    case notFound = "NOT_FOUND"
    case disabled = "DISABLED"
    case expired = "EXPIRED"
    case insufficientPermissions = "INSUFFICIENT_PERMISSIONS"
}

enum VerifyProcedure {
    private static let limit = Schema.object(
        [
            .required("name", .string(length: 3...255, of: .any)),
            .optional("cost", .integer(Schema.unbounded)),
            .optional("limit", .integer(Schema.unbounded)), .optional("duration", .integer(Schema.unbounded)),
        ], .ignored)

    static let table = [
        Procedure(
            "keys.verifyKey",
            .body(
                .required("key", .string(length: 1...512, of: .any)),
                .optional("tags", .array(of: .string(length: 1...512, of: .any), count: 0...20)),
                .optional("permissions", .string(length: 1...PermissionQuery.maxBytes, of: .any)),
                .optional("credits", .body(.required("cost", .integer(0...1_000_000_000_000)))),
                .optional("ratelimits", .array(of: limit, count: Schema.unbounded)),
                .optional("keyspaces", .array(of: .reference, count: Schema.unbounded)),
                .optional("migrationId", .string(length: 0...256, of: .any))),
            run: verify)
    ]

    private static func verify(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let text = Array(call.requiredText("key").utf8)
        guard let key = store.key(digest: KeyDigest(hashing: text.span)),
            // A key the caller may not verify is as good as unknown to them.
            call.isAllowed(store.requirement("verify_key", on: key)),
            call.texts("keyspaces")?.contains(store.api(key.api).keyspaceID) != false
        else { return .data(["valid": false, "code": .string(Decision.notFound.rawValue)]) }

        // A query that makes no sense is the caller's mistake whatever the state of the key.
        let query = try call.permissionQuery()
        let decision = decide(key, query, call, store)
        if decision == .valid { try refuseLimits(call, key) }
        return .data(json(of: decision, key, store))
    }

    private static func decide(
        _ key: KeyRecord, _ query: PermissionQuery?, _ call: Call, _ store: borrowing Transaction
    ) -> Decision {
        if !key.isEnabled { return .disabled }
        if let expires = key.expiresAtMillis, call.nowMillis > expires { return .expired }
        let holder = Grants(slugs: Set(store.effectivePermissions(of: key).map { Array($0.slug.utf8) }))
        if let query, !query.isSatisfied(by: holder) { return .insufficientPermissions }
        return .valid
    }

    /// A limit that is named must exist, and one that is described on the spot would have to be charged.
    private static func refuseLimits(_ call: Call, _ key: KeyRecord) throws(ManagementError) {
        for limit in call.body["ratelimits"]?.elements ?? [] {
            if limit["limit"] != nil, limit["duration"] != nil { try call.refuseUncharged("ratelimits") }
            let name = limit["name"]?.text ?? ""
            throw ManagementError(
                .preconditionFailed, "the key '\(key.id)' has no rate limit named '\(name)'")
        }
    }

    private static func json(
        of decision: Decision, _ key: KeyRecord, _ store: borrowing Transaction
    ) -> JSONValue {
        var object = JSONObject()
        object.append("valid", .bool(decision == .valid))
        object.append("code", .string(decision.rawValue))
        object.append("keyId", .string(key.id))
        object.append("keyspaceId", .string(store.api(key.api).keyspaceID))
        object.append("enabled", .bool(key.isEnabled))
        object.append("name", unlessEmpty: key.name)
        object.append("meta", meta: key.meta)
        object.append("expires", millis: key.expiresAtMillis)
        object.append("credits", ifPresent: key.credits.map { .number(Int($0.remaining)) })
        object.append("permissions", unlessEmpty: store.slugs(of: key))
        object.append("roles", unlessEmpty: store.roleNames(of: key))
        if let identity = key.identity.flatMap({ store.identity($0) }) {
            let hidden = Set(key.limits.map(\.name))
            object.append(
                "identity", identity.json(showing: identity.limits.filter { !hidden.contains($0.name) }))
        }
        return .object(object)
    }

    /// The slugs of one key, to be asked by a query.
    private struct Grants: PermissionHolder {
        let slugs: Set<[UInt8]>
        func holds(_ name: PermissionName) -> Bool { slugs.contains(name.bytes) }
    }
}

extension Call {
    /// The permission query of a verification, if there is one.
    fileprivate func permissionQuery() throws(ManagementError) -> PermissionQuery? {
        guard let bytes = body["permissions"]?.stringBytes else { return nil }
        do throws(PermissionQueryError) {
            return try PermissionQuery(parsing: bytes.span)
        } catch {
            throw ManagementError(.permissionQuerySyntax, "\(error)")
        }
    }
}
