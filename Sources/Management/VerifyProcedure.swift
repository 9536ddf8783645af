// keys.verifyKey: would this key be let through? The checks stand in the order in which the first failure
// decides, and nothing after it happens.

import Access
import Bytes
import JSON
import Keys
import Limits
import Verification

/// What a verification came to. The raw values are the published codes.
enum Decision: String {
    case valid = "VALID"
    case notFound = "NOT_FOUND"
    case disabled = "DISABLED"
    case expired = "EXPIRED"
    case forbidden = "FORBIDDEN"
    case insufficientPermissions = "INSUFFICIENT_PERMISSIONS"
    case rateLimited = "RATE_LIMITED"
    case usageExceeded = "USAGE_EXCEEDED"
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
                .optional("keyspaces", .array(of: .anyText, count: Schema.unbounded)),
                .optional("migrationId", .string(length: 0...256, of: .any))),
            run: verify)
    ]

    private static func verify(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let began = ContinuousClock.now
        let text = Array(call.requiredText("key").utf8)
        var found = store.key(digest: KeyDigest(hashing: text.span))
        var waiting: PrefixedKeyText?
        if found == nil, call.text("migrationId") == Migration.prefixedAPIKey.rawValue {
            let parts = try PrefixedKeyText(text)
            found = store.key(digest: parts.waitingDigest)
            waiting = parts
        }
        guard var key = found,
            // A key the caller may not verify is as good as unknown to them.
            call.isAllowed(store.requirement("verify_key", on: key)),
            call.texts("keyspaces")?.contains(store.api(key.api).keyspaceID) != false
        else { return notFound }
        if let waiting {
            let imported = key
            key = try asking { () throws(StoreError) in
                try store.updateKey(imported.reference, .keepsTimestamp) { waiting.adopt(&$0) }
            }
        }

        // A query that makes no sense is the caller's mistake whatever the state of the key.
        let query = try call.permissionQuery()
        let request = VerificationRequest(
            permissions: query, limits: try call.limitRequests(), address: call.services.address)
        guard let view = store.view(key.reference) else { return notFound }
        var charges = LimitCharges()
        let verdict = Verification.decide(
            view, request, call.services.counters, charges: &charges, nowMillis: call.nowMillis,
            at: call.services.counters.clock.now())
        let decision: Decision
        var spent: Int64 = 0
        switch verdict {
        case .passed: (decision, spent) = try call.pay(&key, &store)
        case .disabled: decision = .disabled
        case .expired: decision = .expired
        case .forbidden: decision = .forbidden
        case .insufficientPermissions: decision = .insufficientPermissions
        case .rateLimited: decision = .rateLimited
        case .unknownLimit(let index):
            let name = String(decoding: request.limits[index].name, as: UTF8.self)
            throw ManagementError(
                .preconditionFailed, "the key '\(key.id)' has no rate limit named '\(name)'")
        }
        call.record(key, decision.rawValue, spentCredits: spent, since: began, store)
        return .data(json(of: decision, key, charges, store))
    }

    private static var notFound: Outcome {
        .data(["valid": false, "code": .string(Decision.notFound.rawValue)])
    }

    private static func json(
        of decision: Decision, _ key: KeyRecord, _ charges: LimitCharges, _ store: borrowing Transaction
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
        object.append("ratelimits", unlessEmpty: (0..<charges.count).map { json(of: $0, charges) })
        return .object(object)
    }

    /// A limit that was checked in this call.
    private static func json(of index: Int, _ charges: LimitCharges) -> JSONValue {
        let charge = charges[index]
        return [
            "id": .string(charges.withID(index) { Array(copying: $0) }),
            "name": .string(charges.withName(index) { Array(copying: $0) }),
            "limit": .number(Int(charge.limit)), "duration": .number(Int(charge.durationMillis)),
            "reset": .number(Int(charge.resetMillis)), "remaining": .number(Int(charge.remaining)),
            "exceeded": .bool(!charge.fits), "autoApply": .bool(charges.appliesAutomatically(index)),
        ]
    }
}

extension Call {
    /// The last step: takes what the call costs from the key, which then shows what is left.
    fileprivate func pay(
        _ key: inout KeyRecord, _ store: inout Transaction
    ) throws(ManagementError) -> (Decision, spent: Int64) {
        if key.credits == nil { return (.valid, 0) }
        let cost = Int64(body["credits"]?["cost"]?.integer ?? 1)
        let reference = key.reference
        let outcome = try asking { () throws(StoreError) in
            try store.spendCredits(of: reference, cost: cost, services.spending)
        }
        switch outcome {
        case .spent(let remaining):
            key.credits?.remaining = remaining
            return (.valid, cost)
        case .exceeded(let remaining):
            key.credits?.remaining = remaining
            return (.usageExceeded, 0)
        case nil:
            return (.valid, 0)
        }
    }

    /// The shortest window of a limit described on the spot.
    private static var shortestWindowMillis: Int64 { 1000 }

    /// The limits that a verification names. One with both `limit` and `duration` is described on the spot; with
    /// only one of them it is a configured one, and the stray member means nothing.
    fileprivate func limitRequests() throws(ManagementError) -> [LimitRequest] {
        var requests: [LimitRequest] = []
        for item in body["ratelimits"]?.elements ?? [] {
            var inline: LimitRequest.Inline?
            if let limit = item["limit"]?.integer, let duration = item["duration"]?.integer {
                guard duration >= Self.shortestWindowMillis else {
                    throw ManagementError(
                        .invalidInput,
                        "ratelimits: duration is \(duration) ms, the least is \(Self.shortestWindowMillis)")
                }
                inline = LimitRequest.Inline(limit: Int64(limit), durationMillis: Int64(duration))
            }
            requests.append(
                LimitRequest(
                    name: item["name"]?.stringBytes ?? [], cost: Int64(item["cost"]?.integer ?? 1),
                    inline: inline))
        }
        return requests
    }

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
