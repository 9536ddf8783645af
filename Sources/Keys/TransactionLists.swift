// Pages of records in the order of their ids.

/// A page of a list.
public struct Page<Record: Sendable>: Sendable {
    public let records: [Record]
    /// The id of the first record of the next page; nil on the last page.
    public let nextCursor: String?
}

extension Transaction {
    /// Live APIs. `cursor` is the first id that may appear; any text will do.
    public func apis(from cursor: String? = nil, limit: Int) -> Page<APIRecord> {
        page(.api, from: cursor, limit: limit, id: \.id) { block in
            APIBlock(block: block).isDeleted ? nil : APIBlock(block: block).record
        }
    }

    /// Live APIs that bear this name; there can be several.
    public func apis(named name: String) -> [APIRecord] {
        apis(limit: Int.max).records.filter { $0.name == name }
    }

    /// Keys of an API that are not deleted; with `identity`, only those linked to it.
    public func keys(
        of api: Reference<APIRecord>, identity: Reference<IdentityRecord>? = nil, from cursor: String? = nil,
        limit: Int
    ) -> Page<KeyRecord> {
        let tables = catalog.tables
        let last = catalog.state.lastNumbers[Int(EntityKind.key.rawValue)]
        var collector = PageCollector<KeyRecord>(limit: limit, id: \.id)
        if let identity {
            let ofIdentity = catalog.lists.keys(ofIdentity: identity.number, last, tables)
            OrderedNumbers(.key, ofIdentity, tables).forEach(from: cursor, tables) { number in
                let record = live(catalog.block(.key, number))
                return collector.add(record?.api == api ? record : nil)
            }
        } else {
            catalog.lists.withKeys(ofAPI: api.number, last, tables) { list in
                list.forEach(from: cursor, tables) { collector.add(live(catalog.block(.key, $0))) }
            }
        }
        return collector.page
    }

    /// Live identities. `search` is a literal text looked for in id and external id, letter case aside.
    public func identities(search: String = "", from cursor: String? = nil, limit: Int) -> Page<
        IdentityRecord
    > {
        let search = TextSearch(search)
        return page(.identity, from: cursor, limit: limit, id: \.id) { block in
            let identity = IdentityBlock(block: block)
            if identity.isDeleted { return nil }
            return search.finds(in: block, [identity.id, identity.externalID]) ? identity.record : nil
        }
    }

    /// Permissions. `search` is looked for in id, name, slug and description.
    public func permissions(search: String = "", from cursor: String? = nil, limit: Int) -> Page<
        PermissionRecord
    > {
        let search = TextSearch(search)
        return page(.permission, from: cursor, limit: limit, id: \.id) { block in
            let permission = PermissionBlock(block: block)
            let sections = [permission.id, permission.name, permission.slug, permission.summary]
            return search.finds(in: block, sections) ? permission.record : nil
        }
    }

    /// Roles. `search` is looked for in id, name and description.
    public func roles(search: String = "", from cursor: String? = nil, limit: Int) -> Page<RoleRecord> {
        let search = TextSearch(search)
        return page(.role, from: cursor, limit: limit, id: \.id) { block in
            let role = RoleBlock(block: block)
            return search.finds(in: block, [role.id, role.name, role.summary]) ? attached(block) : nil
        }
    }

    public func rootKeys(from cursor: String? = nil, limit: Int) -> Page<RootKeyRecord> {
        page(.rootKey, from: cursor, limit: limit, id: \.id) { RootKeyBlock(block: $0).record }
    }

    func page<Record>(
        _ kind: EntityKind, from cursor: String?, limit: Int, id: (Record) -> String,
        _ select: (Block) -> Record?
    ) -> Page<Record> {
        let tables = catalog.tables
        return withoutActuallyEscaping(id) { id in
            var collector = PageCollector<Record>(limit: limit, id: id)
            catalog.lists.withAll(kind, catalog.state.lastNumbers[Int(kind.rawValue)], tables) { list in
                list.forEach(from: cursor, tables) { number in
                    collector.add(catalog.block(kind, number).flatMap(select))
                }
            }
            return collector.page
        }
    }
}

/// Takes records until one more than a page has been seen.
struct PageCollector<Record: Sendable> {
    private let limit: Int
    private let id: (Record) -> String
    private var records: [Record] = []
    private var nextCursor: String?

    init(limit: Int, id: @escaping (Record) -> String) {
        self.limit = limit
        self.id = id
    }

    /// Nil stands for a record that is passed over. False once the page is full and known not to be the last.
    mutating func add(_ record: Record?) -> Bool {
        guard let record else { return true }
        if records.count < limit {
            records.append(record)
            return true
        }
        nextCursor = id(record)
        return false
    }

    var page: Page<Record> { Page(records: records, nextCursor: nextCursor) }
}
