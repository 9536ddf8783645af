// Records as the API shows them. Members that are empty are left out, as the published API does; clients treat
// absent and empty alike.

import JSON
import Keys

extension JSONObject {
    /// Appends a text unless it is absent or empty.
    mutating func append(_ name: String, unlessEmpty text: String?) {
        if let text, !text.isEmpty { append(name, .string(text)) }
    }

    /// Appends a list unless it is empty.
    mutating func append(_ name: String, unlessEmpty elements: [JSONValue]) {
        if !elements.isEmpty { append(name, .array(elements)) }
    }

    /// Appends stored meta unless there is none.
    mutating func append(_ name: String, meta: [UInt8]?) {
        guard let meta else { return }
        guard let value = try? JSONValue(parsing: meta.span) else {
            preconditionFailure("stored meta is not JSON")
        }
        if value.object?.isEmpty == false { append(name, value) }
    }

    mutating func append(_ name: String, millis: Int64?) {
        append(name, ifPresent: millis.map { .number(Int($0)) })
    }
}

extension PermissionRecord {
    var json: JSONValue {
        var object = JSONObject()
        object.append("id", .string(id))
        object.append("name", .string(name))
        object.append("slug", .string(slug))
        object.append("description", unlessEmpty: summary)
        return .object(object)
    }
}

extension RateLimitRule {
    var json: JSONValue {
        [
            "id": .string(id), "name": .string(name), "limit": .number(Int(limit)),
            "duration": .number(Int(durationMillis)), "autoApply": .bool(appliesAutomatically),
        ]
    }
}

extension Credits {
    var json: JSONValue {
        var object = JSONObject()
        object.append("remaining", .number(Int(remaining)))
        if let refill {
            var members = JSONObject()
            switch refill.interval {
            case .daily:
                members.append("interval", "daily")
                members.append("amount", .number(Int(refill.amount)))
            case .monthly(let day):
                members.append("interval", "monthly")
                members.append("amount", .number(Int(refill.amount)))
                members.append("refillDay", .number(day))
            }
            object.append("refill", .object(members))
        }
        return .object(object)
    }
}

extension IdentityRecord {
    var json: JSONValue { json(showing: limits) }

    /// As part of a verification, where limits that the key's own hide are left out.
    func json(showing limits: [RateLimitRule]) -> JSONValue {
        var object = JSONObject()
        object.append("id", .string(id))
        object.append("externalId", .string(externalID))
        object.append("meta", meta: meta)
        object.append("ratelimits", unlessEmpty: limits.map(\.json))
        return .object(object)
    }
}

extension Transaction {
    /// A role with the permissions it grants.
    func json(of role: RoleRecord) -> JSONValue {
        var object = JSONObject()
        object.append("id", .string(role.id))
        object.append("name", .string(role.name))
        object.append("description", unlessEmpty: role.summary)
        object.append("permissions", unlessEmpty: json(of: role.permissions))
        return .object(object)
    }

    /// Permissions in the order of their slugs.
    func json(of permissions: [Reference<PermissionRecord>]) -> [JSONValue] {
        permissions.compactMap { permission($0) }.sorted { $0.slug < $1.slug }.map(\.json)
    }

    func json(of roles: [Reference<RoleRecord>]) -> [JSONValue] {
        roles.compactMap { role($0) }.map { json(of: $0) }
    }

    /// The slugs a key holds, directly or through roles, in order.
    func slugs(of key: KeyRecord) -> [JSONValue] {
        effectivePermissions(of: key).map(\.slug).sorted().map { .string($0) }
    }

    func roleNames(of key: KeyRecord) -> [JSONValue] {
        key.roles.compactMap { role($0).map { .string($0.name) } }
    }

    /// A key as this caller sees it: where it may be used from is not part of the API that root keys speak.
    func json(of key: KeyRecord, for caller: Caller) -> JSONValue {
        guard case .operator = caller, !key.allowedNetworks.isEmpty, var object = json(of: key).object else {
            return json(of: key)
        }
        object.append("allowedNetworks", .array(key.allowedNetworks.map { .string("\($0)") }))
        return .object(object)
    }

    /// A key as `getKey` and `listKeys` show it.
    func json(of key: KeyRecord) -> JSONValue {
        var object = JSONObject()
        object.append("keyId", .string(key.id))
        object.append("start", .string(key.start))
        object.append("enabled", .bool(key.isEnabled))
        object.append("name", unlessEmpty: key.name)
        object.append("meta", meta: key.meta)
        object.append("createdAt", millis: key.createdAtMillis)
        object.append("updatedAt", millis: key.updatedAtMillis)
        object.append("lastUsedAt", millis: key.lastUsedAtMillis)
        object.append("expires", millis: key.expiresAtMillis)
        object.append("permissions", unlessEmpty: slugs(of: key))
        object.append("roles", unlessEmpty: roleNames(of: key))
        object.append("credits", ifPresent: key.credits?.json)
        object.append("identity", ifPresent: key.identity.flatMap { identity($0)?.json })
        object.append("ratelimits", unlessEmpty: key.limits.map(\.json))
        return .object(object)
    }
}
