// A store as text: one JSON object a line, for whoever wants to read it, change it with other tools, or carry it
// to another machine or build. The first line says what this is:
//
//     {"keygate":"store","version":1}
//
// and then comes one line for each record, what is referred to before what refers to it. Records refer to each
// other by id. What was deleted and still counts (the digest of a soft-deleted key stays taken) has a
// `deletedAt`. Instants are milliseconds since 1970. Secrets are not in the store and so not here: keys are
// known by the SHA-256 of their text.
//
// This file writes; `ImportReader` and `StoreImport` read.

import Access
import Bytes
import JSON

enum ExportFormat {
    static let version = 1
    static var header: JSONValue { ["keygate": "store", "version": .number(version)] }

    /// The word for a kind in `kind`.
    static func word(_ kind: EntityKind) -> String {
        switch kind {
        case .permission: "permission"
        case .role: "role"
        case .api: "api"
        case .identity: "identity"
        case .key: "key"
        case .rootKey: "rootKey"
        case .namespace: "namespace"
        case .override: "override"
        }
    }
}

extension KeyStore {
    /// Calls `line` with one line after the other, each with its line feed. Nothing may change meanwhile.
    public func export<Failure: Error>(_ line: (Span<UInt8>) throws(Failure) -> Void) throws(Failure) {
        var buffer = ByteBuffer(capacity: 4096)
        func write(_ value: JSONValue) throws(Failure) {
            buffer.removeAll()
            buffer.append(json: value)
            buffer.append(UInt8(ascii: "\n"))
            try line(buffer.bytes)
        }
        try write(ExportFormat.header)
        for kind in EntityKind.allCases {
            var number: UInt32 = 0
            while number < catalog.state.lastNumbers[Int(kind.rawValue)] {
                number += 1
                guard let block = catalog.block(kind, number) else { continue }
                try write(.object(catalog.exported(kind, block)))
            }
        }
    }
}

extension Catalog {
    fileprivate func exported(_ kind: EntityKind, _ block: Block) -> JSONObject {
        var object = JSONObject()
        object.append("kind", .string(ExportFormat.word(kind)))
        switch kind {
        case .permission: append(PermissionBlock(block: block).record, to: &object)
        case .role: append(RoleBlock(block: block).record, to: &object)
        case .api: append(APIBlock(block: block).record, to: &object)
        case .identity: append(IdentityBlock(block: block).record, to: &object)
        case .key: append(KeyBlock(block: block).record, to: &object)
        case .rootKey: append(RootKeyBlock(block: block).record, to: &object)
        case .namespace: append(NamespaceBlock(block: block).record, to: &object)
        case .override: append(OverrideBlock(block: block).record, to: &object)
        }
        return object
    }

    /// The id of what a record refers to; nil if it was deleted outright since.
    private func id(_ kind: EntityKind, _ number: UInt32) -> JSONValue? {
        block(kind, number).map { .string($0.array($0.idSection)) }
    }

    private func ids<Entity>(_ kind: EntityKind, _ references: [Reference<Entity>]) -> JSONValue? {
        references.isEmpty ? nil : .array(references.compactMap { id(kind, $0.number) })
    }

    private func append(_ record: PermissionRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("name", .string(record.name))
        object.append("slug", .string(record.slug))
        object.append("description", text: record.summary)
        object.append("createdAt", millis: record.createdAtMillis)
    }

    private func append(_ record: RoleRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("name", .string(record.name))
        object.append("description", text: record.summary)
        object.append("permissions", ifPresent: ids(.permission, record.permissions))
        object.append("createdAt", millis: record.createdAtMillis)
    }

    private func append(_ record: APIRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("keyspaceId", .string(record.keyspaceID))
        object.append("name", .string(record.name))
        object.append("allowedNetworks", networks: record.allowedNetworks)
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("deletedAt", millis: record.deletedAtMillis)
    }

    private func append(_ record: IdentityRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("externalId", .string(record.externalID))
        object.append("meta", meta: record.meta)
        object.append("limits", limits: record.limits)
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("updatedAt", millis: record.updatedAtMillis)
        object.append("deletedAt", millis: record.deletedAtMillis)
    }

    private func append(_ record: KeyRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("sha256", .string(Hex.string(record.digest.bytes.span)))
        object.append("api", ifPresent: id(.api, record.api.number))
        object.append("identity", ifPresent: record.identity.flatMap { id(.identity, $0.number) })
        object.append("name", text: record.name)
        object.append("start", .string(record.start))
        object.append("prefix", text: record.prefix)
        object.append("byteLength", .number(record.byteLength))
        object.append("meta", meta: record.meta)
        object.append("enabled", .bool(record.isEnabled))
        object.append("expiresAt", millis: record.expiresAtMillis)
        object.append("allowedNetworks", networks: record.allowedNetworks)
        object.append("permissions", ifPresent: ids(.permission, record.permissions))
        object.append("roles", ifPresent: ids(.role, record.roles))
        object.append("limits", limits: record.limits)
        if let credits = record.credits { object.append("credits", Self.exported(credits)) }
        object.append("refilledThroughDay", .number(Int(record.refilledThroughDay)))
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("updatedAt", millis: record.updatedAtMillis)
        object.append("lastUsedAt", millis: record.lastUsedAtMillis)
        object.append("deletedAt", millis: record.deletedAtMillis)
    }

    private static func exported(_ credits: Credits) -> JSONValue {
        var object: JSONObject = ["remaining": .number(Int(credits.remaining))]
        if let refill = credits.refill {
            var members = JSONObject()
            switch refill.interval {
            case .daily: members.append("interval", "daily")
            case .monthly(let day):
                members.append("interval", "monthly")
                members.append("day", .number(day))
            }
            members.append("amount", .number(Int(refill.amount)))
            object.append("refill", .object(members))
        }
        return .object(object)
    }

    private func append(_ record: RootKeyRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("sha256", .string(Hex.string(record.digest.bytes.span)))
        object.append("name", text: record.name)
        object.append("permissions", .array(record.permissions.map { .string($0) }))
        object.append("enabled", .bool(record.isEnabled))
        object.append("start", .string(record.start))
        object.append("end", .string(record.end))
        object.append("expiresAt", millis: record.expiresAtMillis)
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("updatedAt", millis: record.updatedAtMillis)
        object.append("lastUsedAt", millis: record.lastUsedAtMillis)
    }

    private func append(_ record: NamespaceRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("name", .string(record.name))
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("deletedAt", millis: record.deletedAtMillis)
    }

    private func append(_ record: OverrideRecord, to object: inout JSONObject) {
        object.append("id", .string(record.id))
        object.append("namespace", ifPresent: id(.namespace, record.namespace.number))
        object.append("identifier", .string(record.identifier))
        object.append("limit", .number(Int(record.limit)))
        object.append("duration", .number(Int(record.durationMillis)))
        object.append("createdAt", millis: record.createdAtMillis)
        object.append("updatedAt", millis: record.updatedAtMillis)
    }
}

extension JSONObject {
    fileprivate mutating func append(_ name: String, text: String?) {
        append(name, ifPresent: text.map { .string($0) })
    }

    fileprivate mutating func append(_ name: String, millis: Int64?) {
        append(name, ifPresent: millis.map { .number(Int($0)) })
    }

    fileprivate mutating func append(_ name: String, networks: [IPNetwork]) {
        if !networks.isEmpty { append(name, .array(networks.map { .string($0.description) })) }
    }

    fileprivate mutating func append(_ name: String, limits: [RateLimitRule]) {
        if limits.isEmpty { return }
        let values = limits.map { rule -> JSONValue in
            [
                "id": .string(rule.id), "name": .string(rule.name), "limit": .number(Int(rule.limit)),
                "duration": .number(Int(rule.durationMillis)), "autoApply": .bool(rule.appliesAutomatically),
            ]
        }
        append(name, .array(values))
    }

    fileprivate mutating func append(_ name: String, meta: [UInt8]?) {
        guard let meta else { return }
        guard let value = try? JSONValue(parsing: meta.span) else {
            preconditionFailure("stored meta is not JSON")
        }
        append(name, value)
    }
}
