// How everything but keys is packed. The fixed parts, by offset:
//
//     API          16 created at, 24 deleted at; u16 lengths: 32 id, 34 keyspace id, 36 name; 38 u16 networks
//     identity     12 u32 length of meta, 16 created at, 24 updated at, 32 deleted at; u16 lengths: 40 id,
//                  42 external id; 44 u32 length of rate limits
//     permission   16 created at; u16 lengths: 24 id, 26 name, 28 slug, 30 description
//     role         16 created at; u16 lengths: 24 id, 26 name, 28 description; 30 u16 permissions
//     root key     12 u32 length of permissions, 16 digest, 48 expires at, 56 created at, 64 updated at,
//                  72 last used at; u16 lengths: 80 id, 82 name, 84 start, 86 end
//
// then the sections in the order in which the structs below list them.

import Access

extension EntityKind {
    /// The newest layout this build writes and reads. Older ones are read as well; newer ones are refused.
    var layoutVersion: UInt8 { self == .key ? 2 : 1 }

    /// Length of the part before the first section.
    var fixedLength: Int {
        switch self {
        case .api: 40
        case .key: KeyBlock.fixedLength
        case .identity: 48
        case .permission: 32
        case .role: 32
        case .rootKey: 88
        case .namespace: NamespaceBlock.fixedLength
        case .override: OverrideBlock.fixedLength
        }
    }
}

/// Sections one after another, each with its own length.
private func sections<let count: Int>(
    from start: Int, _ lengths: InlineArray<count, Int>
) -> InlineArray<count, Range<Int>> {
    var end = start
    return InlineArray { index in
        let begin = end
        end += lengths[index]
        return begin..<end
    }
}

struct APIBlock {
    let block: Block

    private var parts: InlineArray<4, Range<Int>> {
        sections(
            from: 40,
            [
                Int(block.u16(at: 32)), Int(block.u16(at: 34)), Int(block.u16(at: 36)),
                Block.networkLength * Int(block.u16(at: 38)),
            ])
    }
    var id: Range<Int> { parts[0] }
    var keyspaceID: Range<Int> { parts[1] }
    var name: Range<Int> { parts[2] }
    var networks: Range<Int> { parts[3] }
    var isDeleted: Bool { block.i64(at: 24) != .min }
    var isWellFormed: Bool {
        networks.upperBound == block.length && !id.isEmpty && block.networksAreWellFormed(networks)
    }

    var record: APIRecord {
        APIRecord(
            reference: Reference(number: block.number), id: block.text(id),
            keyspaceID: block.text(keyspaceID),
            name: block.text(name), allowedNetworks: block.networks(networks),
            createdAtMillis: block.i64(at: 16),
            deletedAtMillis: block.instant(at: 24))
    }
}

extension APIRecord {
    func packed() throws(StoreError) -> Block {
        var builder = BlockBuilder(kind: .api, number: reference.number)
        builder.set(16, createdAtMillis)
        builder.set(24, instant: deletedAtMillis)
        try builder.append(id, "API id", lengthAt: 32)
        try builder.append(keyspaceID, "keyspace id", lengthAt: 34)
        try builder.append(name, "API name", lengthAt: 36)
        try builder.append(allowedNetworks, countAt: 38)
        return try builder.finish()
    }
}

struct IdentityBlock {
    let block: Block

    private var parts: InlineArray<4, Range<Int>> {
        sections(
            from: 48,
            [
                Int(block.u16(at: 40)), Int(block.u16(at: 42)), Int(block.u32(at: 44)),
                Int(block.u32(at: 12)),
            ])
    }
    var id: Range<Int> { parts[0] }
    var externalID: Range<Int> { parts[1] }
    var limits: Range<Int> { parts[2] }
    var meta: Range<Int> { parts[3] }
    var hasMeta: Bool { block.flags & 1 != 0 }
    var isDeleted: Bool { block.i64(at: 32) != .min }
    var isWellFormed: Bool {
        meta.upperBound == block.length && !id.isEmpty && block.rulesAreWellFormed(limits)
    }

    var record: IdentityRecord {
        IdentityRecord(
            reference: Reference(number: block.number), id: block.text(id),
            externalID: block.text(externalID),
            meta: hasMeta ? block.array(meta) : nil, limits: block.rules(limits),
            createdAtMillis: block.i64(at: 16), updatedAtMillis: block.instant(at: 24),
            deletedAtMillis: block.instant(at: 32))
    }
}

extension IdentityRecord {
    func packed() throws(StoreError) -> Block {
        var builder = BlockBuilder(kind: .identity, flags: meta == nil ? 0 : 1, number: reference.number)
        builder.set(16, createdAtMillis)
        builder.set(24, instant: updatedAtMillis)
        builder.set(32, instant: deletedAtMillis)
        try builder.append(id, "identity id", lengthAt: 40)
        try builder.append(externalID, "external id", lengthAt: 42)
        try builder.append(limits, lengthAt: 44)
        try builder.append(meta ?? [], "meta", lengthAt: 12)
        return try builder.finish()
    }
}

struct PermissionBlock {
    let block: Block

    private var parts: InlineArray<4, Range<Int>> {
        sections(
            from: 32,
            [
                Int(block.u16(at: 24)), Int(block.u16(at: 26)), Int(block.u16(at: 28)),
                Int(block.u16(at: 30)),
            ])
    }
    var id: Range<Int> { parts[0] }
    var name: Range<Int> { parts[1] }
    var slug: Range<Int> { parts[2] }
    var summary: Range<Int> { parts[3] }
    var isWellFormed: Bool { summary.upperBound == block.length && !id.isEmpty && !slug.isEmpty }

    var record: PermissionRecord {
        PermissionRecord(
            reference: Reference(number: block.number), id: block.text(id), name: block.text(name),
            slug: block.text(slug), summary: block.flags & 1 == 0 ? nil : block.text(summary),
            createdAtMillis: block.i64(at: 16))
    }
}

extension PermissionRecord {
    func packed() throws(StoreError) -> Block {
        var builder = BlockBuilder(kind: .permission, flags: summary == nil ? 0 : 1, number: reference.number)
        builder.set(16, createdAtMillis)
        try builder.append(id, "permission id", lengthAt: 24)
        try builder.append(name, "permission name", lengthAt: 26)
        try builder.append(slug, "permission slug", lengthAt: 28)
        try builder.append(summary ?? "", "description", lengthAt: 30)
        return try builder.finish()
    }
}

struct RoleBlock {
    let block: Block

    private var parts: InlineArray<4, Range<Int>> {
        sections(
            from: 32,
            [
                4 * Int(block.u16(at: 30)), Int(block.u16(at: 24)), Int(block.u16(at: 26)),
                Int(block.u16(at: 28)),
            ])
    }
    var permissions: Range<Int> { 32..<(32 + 4 * Int(block.u16(at: 30))) }
    var id: Range<Int> { parts[1] }
    var name: Range<Int> { parts[2] }
    var summary: Range<Int> { parts[3] }
    var isWellFormed: Bool { summary.upperBound == block.length && !id.isEmpty }

    var record: RoleRecord {
        RoleRecord(
            reference: Reference(number: block.number), id: block.text(id), name: block.text(name),
            summary: block.flags & 1 == 0 ? nil : block.text(summary),
            permissions: block.numbers(permissions),
            createdAtMillis: block.i64(at: 16))
    }
}

extension RoleRecord {
    func packed() throws(StoreError) -> Block {
        var builder = BlockBuilder(kind: .role, flags: summary == nil ? 0 : 1, number: reference.number)
        builder.set(16, createdAtMillis)
        try builder.append(permissions, "permissions of a role", countAt: 30)
        try builder.append(id, "role id", lengthAt: 24)
        try builder.append(name, "role name", lengthAt: 26)
        try builder.append(summary ?? "", "description", lengthAt: 28)
        return try builder.finish()
    }
}

struct RootKeyBlock {
    let block: Block

    private var parts: InlineArray<5, Range<Int>> {
        sections(
            from: 88,
            [
                Int(block.u16(at: 80)), Int(block.u16(at: 82)), Int(block.u16(at: 84)),
                Int(block.u16(at: 86)),
                Int(block.u32(at: 12)),
            ])
    }
    var id: Range<Int> { parts[0] }
    var name: Range<Int> { parts[1] }
    var start: Range<Int> { parts[2] }
    var end: Range<Int> { parts[3] }
    var permissions: Range<Int> { parts[4] }
    var digest: KeyDigest { block.digest(at: 16) }
    var isEnabled: Bool { block.flags & 1 != 0 }
    var expiresAtMillis: Int64? { block.instant(at: 48) }
    var isWellFormed: Bool {
        permissions.upperBound == block.length && !id.isEmpty && block.textsAreWellFormed(permissions)
    }

    var record: RootKeyRecord {
        var record = RootKeyRecord(
            id: block.text(id), digest: digest, name: block.flags & 2 == 0 ? nil : block.text(name),
            permissions: block.texts(permissions), start: block.text(start), end: block.text(end),
            expiresAtMillis: expiresAtMillis)
        record.reference = Reference(number: block.number)
        record.isEnabled = isEnabled
        record.createdAtMillis = block.i64(at: 56)
        record.updatedAtMillis = block.instant(at: 64)
        record.lastUsedAtMillis = block.instant(at: 72)
        return record
    }
}

extension RootKeyRecord {
    func packed() throws(StoreError) -> Block {
        let flags: UInt16 = (isEnabled ? 1 : 0) | (name == nil ? 0 : 2)
        var builder = BlockBuilder(kind: .rootKey, flags: flags, number: reference.number)
        builder.set(16, digest)
        builder.set(48, instant: expiresAtMillis)
        builder.set(56, createdAtMillis)
        builder.set(64, instant: updatedAtMillis)
        builder.set(72, instant: lastUsedAtMillis)
        try builder.append(id, "root key id", lengthAt: 80)
        try builder.append(name ?? "", "root key name", lengthAt: 82)
        try builder.append(start, "start of a root key", lengthAt: 84)
        try builder.append(end, "end of a root key", lengthAt: 86)
        try builder.append(permissions, "root permission", lengthAt: 12)
        return try builder.finish()
    }
}

extension Block {
    /// Whether the sections fill the block exactly and every list in it can be walked. The block must be at
    /// least as long as the fixed part of its kind.
    func isWellFormed(_ kind: EntityKind) -> Bool {
        switch kind {
        case .api: APIBlock(block: self).isWellFormed
        case .key: KeyBlock(block: self).isWellFormed
        case .identity: IdentityBlock(block: self).isWellFormed
        case .permission: PermissionBlock(block: self).isWellFormed
        case .role: RoleBlock(block: self).isWellFormed
        case .rootKey: RootKeyBlock(block: self).isWellFormed
        case .namespace: NamespaceBlock(block: self).isWellFormed
        case .override: OverrideBlock(block: self).isWellFormed
        }
    }

    /// The id of the entity, which every kind has.
    var idSection: Range<Int> {
        switch kind {
        case .api: APIBlock(block: self).id
        case .key: KeyBlock(block: self).id
        case .identity: IdentityBlock(block: self).id
        case .permission: PermissionBlock(block: self).id
        case .role: RoleBlock(block: self).id
        case .rootKey: RootKeyBlock(block: self).id
        case .namespace: NamespaceBlock(block: self).id
        case .override: OverrideBlock(block: self).id
        }
    }
}
