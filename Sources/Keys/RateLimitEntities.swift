// Stand-alone rate limits: namespaces, and the overrides of limits in them. The fixed parts, by offset:
//
//     namespace    16 created at, 24 deleted at; u16 lengths: 32 id, 34 name
//     override     12 u32 namespace, 16 limit, 24 duration, 32 created at, 40 updated at; u16 lengths: 48 id,
//                  50 identifier
//
// then the sections in that order.

import Bytes

/// A group of stand-alone rate limits.
public struct NamespaceRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<NamespaceRecord> = .unassigned
    /// `rlns_…`
    public internal(set) var id: String
    /// Unique, letter case included, among all that ever were: that of a deleted one stays taken.
    public internal(set) var name: String
    public internal(set) var createdAtMillis: Int64 = 0
    public internal(set) var deletedAtMillis: Int64?
}

/// What replaces limit and duration for some identifiers of a namespace.
public struct OverrideRecord: Hashable, Sendable {
    public internal(set) var reference: Reference<OverrideRecord> = .unassigned
    /// `rlor_…`
    public internal(set) var id: String
    public internal(set) var namespace: Reference<NamespaceRecord>
    /// An identifier, or a pattern if it contains `*`.
    public internal(set) var identifier: String
    /// 0 blocks.
    public var limit: Int64
    public var durationMillis: Int64
    public internal(set) var createdAtMillis: Int64 = 0
    public internal(set) var updatedAtMillis: Int64?
}

struct NamespaceBlock {
    static var fixedLength: Int { 40 }

    let block: Block

    var id: Range<Int> { Self.fixedLength..<(Self.fixedLength + Int(block.u16(at: 32))) }
    var name: Range<Int> { id.upperBound..<(id.upperBound + Int(block.u16(at: 34))) }
    var isDeleted: Bool { block.i64(at: 24) != .min }
    var isWellFormed: Bool { name.upperBound == block.length && !id.isEmpty }

    var record: NamespaceRecord {
        NamespaceRecord(
            reference: Reference(number: block.number), id: block.text(id), name: block.text(name),
            createdAtMillis: block.i64(at: 16), deletedAtMillis: block.instant(at: 24))
    }
}

extension NamespaceRecord {
    func packed() throws(StoreError) -> Block {
        var builder = BlockBuilder(kind: .namespace, number: reference.number)
        builder.set(16, createdAtMillis)
        builder.set(24, instant: deletedAtMillis)
        try builder.append(id, "namespace id", lengthAt: 32)
        try builder.append(name, "namespace name", lengthAt: 34)
        return try builder.finish()
    }
}

struct OverrideBlock {
    static var fixedLength: Int { 56 }

    let block: Block

    var namespace: UInt32 { block.u32(at: 12) }
    var id: Range<Int> { Self.fixedLength..<(Self.fixedLength + Int(block.u16(at: 48))) }
    var identifier: Range<Int> { id.upperBound..<(id.upperBound + Int(block.u16(at: 50))) }
    /// Whether the identifier stands for more than itself.
    var isPattern: Bool { block.with(identifier) { IdentifierPattern.isPattern($0) } }
    var isWellFormed: Bool {
        identifier.upperBound == block.length && !id.isEmpty && namespace != 0 && block.i64(at: 24) > 0
    }

    var record: OverrideRecord {
        OverrideRecord(
            reference: Reference(number: block.number), id: block.text(id),
            namespace: Reference(number: namespace), identifier: block.text(identifier),
            limit: block.i64(at: 16), durationMillis: block.i64(at: 24), createdAtMillis: block.i64(at: 32),
            updatedAtMillis: block.instant(at: 40))
    }
}

extension OverrideRecord {
    func packed() throws(StoreError) -> Block {
        guard limit >= 0, durationMillis > 0 else {
            throw .invalid("a limit of \(limit) in \(durationMillis) ms")
        }
        var builder = BlockBuilder(kind: .override, number: reference.number)
        builder.set(12, namespace.number)
        builder.set(16, limit)
        builder.set(24, durationMillis)
        builder.set(32, createdAtMillis)
        builder.set(40, instant: updatedAtMillis)
        try builder.append(id, "override id", lengthAt: 48)
        try builder.append(identifier, "identifier", lengthAt: 50)
        return try builder.finish()
    }
}
