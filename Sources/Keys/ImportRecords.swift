// The record that a line of an export stands for, checked against what was imported before it.

import Access
import Bytes
import JSON

extension Transaction {
    /// Stores the record of one line as it is, but for its number.
    mutating func take(_ object: JSONObject) throws(ImportProblem) {
        var line = ImportReader(object)
        let word = try line.text("kind")
        guard let kind = EntityKind.allCases.first(where: { ExportFormat.word($0) == word }) else {
            throw line.problem("there is no kind \"\(word)\"")
        }
        let id = try line.text("id")
        if id.isEmpty { throw line.problem("\"id\" is empty") }
        if catalog.find(kind, id: id) != nil { throw line.problem("there is a \(word) \(id) already") }
        let number = try Self.explaining { () throws(StoreError) in try catalog.takeNumber(kind) }
        let block =
            switch kind {
            case .permission: try permission(id, number, &line)
            case .role: try role(id, number, &line)
            case .api: try api(id, number, &line)
            case .identity: try identity(id, number, &line)
            case .key: try key(id, number, &line)
            case .rootKey: try rootKey(id, number, &line)
            case .namespace: try namespace(id, number, &line)
            case .override: try override(id, number, &line)
            }
        do throws(ImportProblem) {
            try line.finish()
        } catch {
            block.free()
            throw error
        }
        catalog.stage(EntityRef(kind, number), block)
    }

    private static func explaining<R>(_ work: () throws(StoreError) -> R) throws(ImportProblem) -> R {
        do throws(StoreError) {
            return try work()
        } catch {
            switch error {
            case .invalid(let sentence): throw ImportProblem(reason: sentence)
            case .alreadyExists(let kind, let name):
                throw ImportProblem(reason: "there is a \(ExportFormat.word(kind)) \(name) already")
            case .notFound(let kind, let name):
                throw ImportProblem(reason: "there is no \(ExportFormat.word(kind)) \(name)")
            }
        }
    }

    /// What a line refers to must have come before it.
    private func reference<Entity>(
        _ kind: EntityKind, _ id: String, _: Entity.Type
    ) throws(ImportProblem) -> Reference<Entity> {
        guard let block = catalog.find(kind, id: id) else {
            throw ImportProblem(reason: "there is no \(ExportFormat.word(kind)) \(id) before this line")
        }
        return Reference(number: block.number)
    }

    private func references<Entity>(
        _ kind: EntityKind, _ ids: [String], _ type: Entity.Type
    ) throws(ImportProblem) -> [Reference<Entity>] {
        var references: [Reference<Entity>] = []
        for id in ids { references.append(try reference(kind, id, type)) }
        return Self.unique(references)
    }

    private func refuse(_ isTaken: Bool, _ what: String) throws(ImportProblem) {
        if isTaken { throw ImportProblem(reason: "\(what) is taken by an earlier line") }
    }

    // MARK: Kinds

    private func permission(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = PermissionRecord(
            reference: Reference(number: number), id: id, name: try line.text("name"),
            slug: try line.text("slug"), summary: try line.optionalText("description"))
        record.createdAtMillis = try line.integer("createdAt")
        try refuse(catalog.findPermission(slug: record.slug) != nil, "the slug \"\(record.slug)\"")
        return try Self.explaining { () throws(StoreError) in
            try refuseBadSlug(record.slug)
            return try record.packed()
        }
    }

    private func role(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = RoleRecord(
            reference: Reference(number: number), id: id, name: try line.text("name"),
            summary: try line.optionalText("description"))
        record.permissions = try references(
            .permission, line.texts("permissions"), PermissionRecord.self)
        record.createdAtMillis = try line.integer("createdAt")
        try refuse(catalog.findRole(name: record.name) != nil, "the name \"\(record.name)\"")
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }

    private func api(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = APIRecord(
            reference: Reference(number: number), id: id, keyspaceID: try line.text("keyspaceId"),
            name: try line.text("name"))
        record.allowedNetworks = try line.networks("allowedNetworks")
        record.createdAtMillis = try line.integer("createdAt")
        record.deletedAtMillis = try line.optionalInteger("deletedAt")
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }

    private func identity(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = IdentityRecord(
            reference: Reference(number: number), id: id, externalID: try line.text("externalId"),
            meta: try line.meta("meta"), limits: try line.limits("limits"))
        record.createdAtMillis = try line.integer("createdAt")
        record.updatedAtMillis = try line.optionalInteger("updatedAt")
        record.deletedAtMillis = try line.optionalInteger("deletedAt")
        if record.deletedAtMillis == nil {
            try refuse(
                catalog.findIdentity(externalID: record.externalID) != nil,
                "the external id \"\(record.externalID)\"")
        }
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }

    private func key(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = KeyRecord(
            id: id, digest: try line.digest("sha256"),
            api: try reference(.api, line.text("api"), APIRecord.self), start: try line.text("start"),
            prefix: try line.optionalText("prefix"), byteLength: Int(try line.integer("byteLength")))
        record.reference = Reference(number: number)
        if let identity = try line.optionalText("identity") {
            record.identity = try reference(.identity, identity, IdentityRecord.self)
        }
        record.name = try line.optionalText("name")
        record.meta = try line.meta("meta")
        record.isEnabled = try line.flag("enabled")
        record.expiresAtMillis = try line.optionalInteger("expiresAt")
        record.allowedNetworks = try line.networks("allowedNetworks")
        record.permissions = try references(
            .permission, line.texts("permissions"), PermissionRecord.self)
        record.roles = try references(.role, line.texts("roles"), RoleRecord.self)
        record.limits = try line.limits("limits")
        record.credits = try line.credits("credits")
        guard let day = UInt32(exactly: try line.integer("refilledThroughDay")) else {
            throw line.problem("\"refilledThroughDay\" must be a day since 1970-01-01")
        }
        record.refilledThroughDay = day
        record.createdAtMillis = try line.integer("createdAt")
        record.updatedAtMillis = try line.optionalInteger("updatedAt")
        record.lastUsedAtMillis = try line.optionalInteger("lastUsedAt")
        record.deletedAtMillis = try line.optionalInteger("deletedAt")
        try refuse(isTaken(record.digest), "the sha256")
        return try Self.explaining { () throws(StoreError) in
            // What it comes with is granted here: the ledger of where it was is not in an export.
            var account = CreditAccount(ofNew: number, atMillis: nowMillis)
            try account.settle(&record, .management)
            catalog.ledgerEntries += account.entries
            return try record.packed()
        }
    }

    private func rootKey(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        var record = RootKeyRecord(
            id: id, digest: try line.digest("sha256"), name: try line.optionalText("name"),
            permissions: try line.texts("permissions"), start: try line.text("start"),
            end: try line.text("end"), expiresAtMillis: try line.optionalInteger("expiresAt"))
        record.reference = Reference(number: number)
        record.isEnabled = try line.flag("enabled")
        record.createdAtMillis = try line.integer("createdAt")
        record.updatedAtMillis = try line.optionalInteger("updatedAt")
        record.lastUsedAtMillis = try line.optionalInteger("lastUsedAt")
        try refuse(catalog.findRootKey(record.digest) != nil, "the sha256")
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }

    private func namespace(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        let record = NamespaceRecord(
            reference: Reference(number: number), id: id, name: try line.text("name"),
            createdAtMillis: try line.integer("createdAt"),
            deletedAtMillis: try line.optionalInteger("deletedAt"))
        try refuse(catalog.findNamespace(name: record.name.utf8.span) != nil, "the name \"\(record.name)\"")
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }

    private func override(_ id: String, _ number: UInt32, _ line: inout ImportReader)
        throws(ImportProblem) -> Block
    {
        let namespace = try reference(.namespace, line.text("namespace"), NamespaceRecord.self)
        let record = OverrideRecord(
            reference: Reference(number: number), id: id, namespace: namespace,
            identifier: try line.text("identifier"), limit: try line.integer("limit"),
            durationMillis: try line.integer("duration"), createdAtMillis: try line.integer("createdAt"),
            updatedAtMillis: try line.optionalInteger("updatedAt"))
        let other = catalog.findOverride(of: namespace.number, identifier: record.identifier.utf8.span)
        try refuse(other != nil, "the identifier \"\(record.identifier)\"")
        return try Self.explaining { () throws(StoreError) in try record.packed() }
    }
}
