// Looking up, making and changing rate-limit namespaces and overrides.

import Bytes

extension Transaction {
    // MARK: Namespaces

    /// The namespace that `text` names as an id or else as a name, deleted or not: what is deleted is gone, which
    /// is not the same as never having been.
    public func namespace(idOrName text: String) -> NamespaceRecord? {
        let block = catalog.find(.namespace, id: text) ?? catalog.findNamespace(name: text.utf8.span)
        return block.map { NamespaceBlock(block: $0).record }
    }

    /// Throws `alreadyExists` when the name is taken, also by a deleted namespace.
    public mutating func createNamespace(name: String) throws(StoreError) -> NamespaceRecord {
        if catalog.findNamespace(name: name.utf8.span) != nil { throw .alreadyExists(.namespace, name) }
        let record = NamespaceRecord(
            reference: Reference(number: try catalog.takeNumber(.namespace)), id: Identifier.make("rlns"),
            name: name, createdAtMillis: nowMillis)
        catalog.stage(EntityRef(.namespace, record.reference.number), try record.packed())
        return record
    }

    /// Deletes a live namespace. Its limits are refused from now on; its overrides stay with it.
    public mutating func deleteNamespace(_ reference: Reference<NamespaceRecord>) throws(StoreError) {
        guard let block = catalog.block(.namespace, reference.number),
            !NamespaceBlock(block: block).isDeleted
        else { throw .notFound(.namespace, "") }
        var record = NamespaceBlock(block: block).record
        record.deletedAtMillis = nowMillis
        catalog.stage(EntityRef(.namespace, reference.number), try record.packed())
    }

    /// Live namespaces. `cursor` is the first id that may appear; any text will do.
    public func namespaces(from cursor: String? = nil, limit: Int) -> Page<NamespaceRecord> {
        page(.namespace, from: cursor, limit: limit, id: \.id) { block in
            NamespaceBlock(block: block).isDeleted ? nil : NamespaceBlock(block: block).record
        }
    }

    // MARK: Overrides

    /// The override whose identifier is written exactly so.
    public func override(
        of namespace: Reference<NamespaceRecord>, identifier: String
    ) -> OverrideRecord? {
        catalog.findOverride(of: namespace.number, identifier: identifier.utf8.span).map {
            OverrideBlock(block: $0).record
        }
    }

    /// The override that governs an identifier: the one written exactly so, or else the most specific pattern.
    public func override(
        of namespace: Reference<NamespaceRecord>, governing identifier: String
    ) -> OverrideRecord? {
        let text = identifier.utf8.span
        let block =
            catalog.findOverride(of: namespace.number, identifier: text)
            ?? catalog.findPattern(of: namespace.number, matching: text)
        return block.map { OverrideBlock(block: $0).record }
    }

    /// Stores an override, or changes the one of that identifier, which keeps its id.
    public mutating func setOverride(
        of namespace: Reference<NamespaceRecord>, identifier: String, limit: Int64, durationMillis: Int64
    ) throws(StoreError) -> OverrideRecord {
        var record: OverrideRecord
        if let old = override(of: namespace, identifier: identifier) {
            record = old
            record.limit = limit
            record.durationMillis = durationMillis
            record.updatedAtMillis = nowMillis
        } else {
            record = OverrideRecord(
                reference: Reference(number: try catalog.takeNumber(.override)), id: Identifier.make("rlor"),
                namespace: namespace, identifier: identifier, limit: limit, durationMillis: durationMillis,
                createdAtMillis: nowMillis)
        }
        catalog.stage(EntityRef(.override, record.reference.number), try record.packed())
        return record
    }

    public mutating func deleteOverride(_ reference: Reference<OverrideRecord>) throws(StoreError) {
        if catalog.block(.override, reference.number) == nil { throw .notFound(.override, "") }
        catalog.stage(EntityRef(.override, reference.number), nil)
    }

    /// The overrides of a namespace. `cursor` is the first id that may appear; any text will do.
    public func overrides(
        of namespace: Reference<NamespaceRecord>, from cursor: String? = nil, limit: Int
    ) -> Page<OverrideRecord> {
        let tables = catalog.tables
        let last = catalog.state.lastNumbers[Int(EntityKind.override.rawValue)]
        var collector = PageCollector<OverrideRecord>(limit: limit, id: \.id)
        catalog.lists.withOverrides(ofNamespace: namespace.number, last, tables) { list in
            list.forEach(from: cursor, tables) { number in
                collector.add(catalog.block(.override, number).map { OverrideBlock(block: $0).record })
            }
        }
        return collector.page
    }
}
