// What the store's thread finds entities by, beside their numbers: texts, in indexes that are always those of
// the newest state, and the digests of what is staged. Both follow from an entity's old and new block alone,
// so moving from one to the other and back is the same operation.

import Bytes

/// From texts to numbers.
struct TextIndexes {
    /// By raw kind.
    private(set) var ids = [NumberIndex](repeating: NumberIndex(), count: 16)
    /// Of live identities only: that of a deleted one is free.
    private(set) var externalIDs = NumberIndex()
    /// ASCII letter case aside.
    private(set) var slugs = NumberIndex()
    /// Letter case and accents aside.
    private(set) var roleNames = NumberIndex()
    private(set) var namespaceNames = NumberIndex()
    private(set) var overrides = OverrideIndex()

    /// Files the entity under what `new` says instead of what `old` says; nil stands for no entity.
    mutating func move(_ ref: EntityRef, _ old: Block?, _ new: Block?) {
        let number = ref.number
        let kind = Int(ref.kind.rawValue)
        if old == nil, let new { ids[kind].insert(new.with(new.idSection, TextHash.of), number) }
        if new == nil, let old { ids[kind].remove(old.with(old.idSection, TextHash.of), number) }
        switch ref.kind {
        case .identity: externalIDs.move(number, from: Self.externalIDHash(old), to: Self.externalIDHash(new))
        case .permission: slugs.move(number, from: Self.slugHash(old), to: Self.slugHash(new))
        case .role: roleNames.move(number, from: Self.roleNameHash(old), to: Self.roleNameHash(new))
        case .namespace:
            namespaceNames.move(number, from: Self.namespaceHash(old), to: Self.namespaceHash(new))
        case .override: overrides.move(number, old, new)
        case .key, .rootKey, .api: break
        }
    }

    mutating func reserve(_ kind: EntityKind, _ count: Int) {
        ids[Int(kind.rawValue)].reserve(count)
        if kind == .identity { externalIDs.reserve(count) }
    }

    private static func externalIDHash(_ block: Block?) -> UInt32? {
        guard let block, !IdentityBlock(block: block).isDeleted else { return nil }
        return block.with(IdentityBlock(block: block).externalID, TextHash.of)
    }

    private static func slugHash(_ block: Block?) -> UInt32? {
        block.map { $0.with(PermissionBlock(block: $0).slug, TextHash.folding) }
    }

    private static func roleNameHash(_ block: Block?) -> UInt32? {
        block.map { $0.with(RoleBlock(block: $0).name, NameFolding.hash) }
    }

    private static func namespaceHash(_ block: Block?) -> UInt32? {
        block.map { $0.with(NamespaceBlock(block: $0).name, TextHash.of) }
    }
}

/// Digests of staged records; those of published ones are in the readers' index, which costs a million keys
/// less than a second index would.
struct StagedDigests {
    private(set) var keys: [KeyDigest: UInt32] = [:]
    private(set) var rootKeys: [KeyDigest: UInt32] = [:]

    mutating func move(_ ref: EntityRef, _ old: Block?, _ new: Block?) {
        switch ref.kind {
        case .key:
            Self.move(
                ref.number, from: old.map { KeyBlock(block: $0).digest },
                to: new.map { KeyBlock(block: $0).digest }, in: &keys)
        case .rootKey:
            Self.move(
                ref.number, from: old.map { RootKeyBlock(block: $0).digest },
                to: new.map { RootKeyBlock(block: $0).digest }, in: &rootKeys)
        case .api, .identity, .permission, .role, .namespace, .override: break
        }
    }

    mutating func removeAll() {
        keys.removeAll(keepingCapacity: keys.count < 4096)
        rootKeys.removeAll()
    }

    private static func move(
        _ number: UInt32, from old: KeyDigest?, to new: KeyDigest?, in digests: inout [KeyDigest: UInt32]
    ) {
        if old == new { return }
        if let old, digests[old] == number { digests[old] = nil }
        if let new { digests[new] = number }
    }
}

extension NumberIndex {
    /// Files `number` under another hash; nil stands for not at all.
    mutating func move(_ number: UInt32, from old: UInt32?, to new: UInt32?) {
        if old == new { return }
        if let old { remove(old, number) }
        if let new { insert(new, number) }
    }
}
