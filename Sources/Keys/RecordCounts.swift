// How many records of each kind there are, and how many of them nobody finds any more: a soft-deleted one stays
// for what refers to it, and the keys of a soft-deleted API stay with it. Followed at every publication, so that
// asking costs nothing.

import Bytes

/// Confined to the thread that owns the catalog.
struct RecordCounts {
    private var present = InlineArray<16, Int>(repeating: 0)
    private var deleted = InlineArray<16, Int>(repeating: 0)
    /// Keys that are not deleted themselves, by the number of their API: numbers of APIs are few and dense.
    private var keysOfAPI: [Int] = []

    /// All records of a kind, those that are soft-deleted too.
    func all(_ kind: EntityKind) -> Int { present[Int(kind.rawValue)] }

    /// Follows a publication.
    mutating func change(_ kind: EntityKind, _ old: Block?, _ new: Block?) {
        let index = Int(kind.rawValue)
        present[index] += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        deleted[index] += (Self.isDeleted(kind, new) ? 1 : 0) - (Self.isDeleted(kind, old) ? 1 : 0)
        if kind == .key {
            count(old, by: -1)
            count(new, by: 1)
        }
    }

    private mutating func count(_ block: Block?, by step: Int) {
        guard let block, !KeyBlock(block: block).isDeleted else { return }
        let api = Int(KeyBlock(block: block).api)
        while keysOfAPI.count <= api { keysOfAPI.append(0) }
        keysOfAPI[api] += step
    }

    private static func isDeleted(_ kind: EntityKind, _ block: Block?) -> Bool {
        guard let block else { return false }
        return switch kind {
        case .api: APIBlock(block: block).isDeleted
        case .identity: IdentityBlock(block: block).isDeleted
        case .key: KeyBlock(block: block).isDeleted
        case .namespace: NamespaceBlock(block: block).isDeleted
        case .permission, .role, .rootKey, .override: false
        }
    }

    /// Records of a kind that nobody finds any more. `tables` are the published ones.
    func deleted(_ kind: EntityKind, _ tables: PublishedTables) -> Int {
        var count = deleted[Int(kind.rawValue)]
        if kind == .key, deleted[Int(EntityKind.api.rawValue)] > 0 {
            for (api, keyCount) in keysOfAPI.enumerated() where keyCount > 0 {
                if Self.isDeleted(.api, tables.apis[UInt32(api)]) { count += keyCount }
            }
        }
        return count
    }
}
