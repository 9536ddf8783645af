// How a key is packed. What a request looks at has a fixed place at the front; the texts follow.
//
//     12  u32 API                  88  i64 deleted at         120  u16 length of start
//     16  32  digest               96  i64 credits remaining  122  u16 length of prefix
//     48  i64 expires at          104  i64 refill amount      124  u16 number of roles
//     56  u32 identity, 0 none    112  u8  refill day         126  u16 number of networks
//     60  u16 permissions         113  u8  byte length        128  u32 length of meta
//     62  u16 length of id        114  u16 length of name     132  u32 length of rate limits
//     64  i64 created at          116  u32 refilled through
//     72  i64 updated at
//     80  i64 last used at
//
// then permission numbers, role numbers, id, name, start, prefix, networks, rate limits, meta, and for a key
// with a lease i64 what is leased. Version 1 had no leases; a key in version 2 has its credits in the ledger.

import Access

/// Flags of a key.
enum KeyFlag {
    static let enabled: UInt16 = 1
    static let hasCredits: UInt16 = 2
    static let hasRefill: UInt16 = 4
    static let hasName: UInt16 = 8
    static let hasPrefix: UInt16 = 16
    static let hasMeta: UInt16 = 32
    static let hasLease: UInt16 = 64
}

/// A block known to be a key.
struct KeyBlock {
    static var fixedLength: Int { 136 }

    let block: Block

    var isEnabled: Bool { block.flags & KeyFlag.enabled != 0 }
    var api: UInt32 { block.u32(at: 12) }
    var digest: KeyDigest { block.digest(at: 16) }
    var expiresAtMillis: Int64? { block.instant(at: 48) }
    var identity: UInt32 { block.u32(at: 56) }
    var isDeleted: Bool { block.i64(at: 88) != .min }
    var remainingCredits: Int64? { block.flags & KeyFlag.hasCredits == 0 ? nil : block.i64(at: 96) }

    /// What was taken out of the balance to be spent without asking the disk.
    var leased: Int64 { hasLease ? block.i64(at: meta.upperBound) : 0 }
    var hasLease: Bool { block.flags & KeyFlag.hasLease != 0 }
    /// Whether the ledger knows the key's credits, if it has any.
    var isInLedger: Bool { block.version > 1 }

    var refilledThroughDay: UInt32 { block.u32(at: 116) }

    /// Alive, and with a refill.
    var isRefilled: Bool { block.flags & KeyFlag.hasRefill != 0 && !isDeleted }

    // Sections, in the order they lie in the block.
    var permissions: Range<Int> { Self.fixedLength..<(Self.fixedLength + 4 * Int(block.u16(at: 60))) }
    var roles: Range<Int> { after(permissions, 4 * Int(block.u16(at: 124))) }
    var id: Range<Int> { after(roles, Int(block.u16(at: 62))) }
    var name: Range<Int> { after(id, Int(block.u16(at: 114))) }
    var start: Range<Int> { after(name, Int(block.u16(at: 120))) }
    var prefix: Range<Int> { after(start, Int(block.u16(at: 122))) }
    var networks: Range<Int> { after(prefix, Block.networkLength * Int(block.u16(at: 126))) }
    var limits: Range<Int> { after(networks, Int(block.u32(at: 132))) }
    var meta: Range<Int> { after(limits, Int(block.u32(at: 128))) }

    private func after(_ section: Range<Int>, _ count: Int) -> Range<Int> {
        section.upperBound..<(section.upperBound + count)
    }

    var isWellFormed: Bool {
        meta.upperBound + (hasLease ? 8 : 0) == block.length && leased >= 0 && !id.isEmpty
            && block.networksAreWellFormed(networks) && block.rulesAreWellFormed(limits)
    }

    var record: KeyRecord {
        var record = KeyRecord(
            id: block.text(id), digest: digest, api: Reference(number: api), start: block.text(start),
            prefix: block.flags & KeyFlag.hasPrefix == 0 ? nil : block.text(prefix),
            byteLength: Int(block.u8(at: 113)))
        record.reference = Reference(number: block.number)
        record.identity = identity == 0 ? nil : Reference(number: identity)
        record.name = block.flags & KeyFlag.hasName == 0 ? nil : block.text(name)
        record.meta = block.flags & KeyFlag.hasMeta == 0 ? nil : block.array(meta)
        record.isEnabled = isEnabled
        record.createdAtMillis = block.i64(at: 64)
        record.updatedAtMillis = block.instant(at: 72)
        record.lastUsedAtMillis = block.instant(at: 80)
        record.expiresAtMillis = expiresAtMillis
        record.allowedNetworks = block.networks(networks)
        record.permissions = block.numbers(permissions)
        record.roles = block.numbers(roles)
        record.limits = block.rules(limits)
        record.credits = credits
        record.leased = leased
        record.refilledThroughDay = block.u32(at: 116)
        record.deletedAtMillis = block.instant(at: 88)
        return record
    }

    private var credits: Credits? {
        guard let remaining = remainingCredits else { return nil }
        guard block.flags & KeyFlag.hasRefill != 0 else { return Credits(remaining: remaining) }
        let day = Int(block.u8(at: 112))
        return Credits(
            remaining: remaining,
            refill: .init(interval: day == 0 ? .daily : .monthly(day: day), amount: block.i64(at: 104)))
    }
}

extension KeyRecord {
    func packed() throws(StoreError) -> Block {
        guard byteLength >= 0 && byteLength <= 255 else {
            throw .invalid("byte length \(byteLength), limit is 255")
        }
        var flags: UInt16 = isEnabled ? KeyFlag.enabled : 0
        if credits != nil { flags |= KeyFlag.hasCredits }
        if credits?.refill != nil { flags |= KeyFlag.hasRefill }
        if name != nil { flags |= KeyFlag.hasName }
        if prefix != nil { flags |= KeyFlag.hasPrefix }
        if meta != nil { flags |= KeyFlag.hasMeta }
        if leased != 0 { flags |= KeyFlag.hasLease }
        var builder = BlockBuilder(kind: .key, flags: flags, number: reference.number)
        builder.set(12, api.number)
        builder.set(16, digest)
        builder.set(48, instant: expiresAtMillis)
        builder.set(56, identity?.number ?? 0)
        builder.set(64, createdAtMillis)
        builder.set(72, instant: updatedAtMillis)
        builder.set(80, instant: lastUsedAtMillis)
        builder.set(88, instant: deletedAtMillis)
        builder.set(96, credits?.remaining ?? 0)
        builder.set(104, credits?.refill?.amount ?? 0)
        if case .monthly(let day) = credits?.refill?.interval {
            guard (1...31).contains(day) else { throw .invalid("refill day \(day), expected 1 to 31") }
            builder.set(112, UInt8(day))
        }
        builder.set(116, refilledThroughDay)
        builder.set(113, UInt8(byteLength))
        try builder.append(permissions, "permissions of a key", countAt: 60)
        try builder.append(roles, "roles of a key", countAt: 124)
        try builder.append(id, "key id", lengthAt: 62)
        try builder.append(name ?? "", "key name", lengthAt: 114)
        try builder.append(start, "start of a key", lengthAt: 120)
        try builder.append(prefix ?? "", "key prefix", lengthAt: 122)
        try builder.append(allowedNetworks, countAt: 126)
        try builder.append(limits, lengthAt: 132)
        try builder.append(meta ?? [], "meta", lengthAt: 128)
        if leased != 0 { builder.append(lease: leased) }
        return try builder.finish()
    }
}
