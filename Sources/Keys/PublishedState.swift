// Everything that readers can see: a table of blocks for each kind of entity and the indexes by digest and
// by permission name. Written by the store's thread alone, after the journal is on disk.

import Access
import Bytes

enum KeyDigestHash: BlockHashing {
    static func hash(_ block: Block) -> UInt64 { block.u64(at: 16) }
}

enum RootKeyDigestHash: BlockHashing {
    static func hash(_ block: Block) -> UInt64 { block.u64(at: 16) }
}

enum PermissionSlugHash: BlockHashing {
    static func hash(_ block: Block) -> UInt64 {
        block.with(PermissionBlock(block: block).slug) { PermissionName.fingerprint(of: $0) }
    }
}

/// The parts, as plain addresses: copying this copies no reference counts.
struct PublishedTables {
    let apis = PagedTable()
    let keys = PagedTable()
    let identities = PagedTable()
    let permissions = PagedTable()
    let roles = PagedTable()
    let rootKeys = PagedTable()
    let namespaces = PagedTable()
    let overrides = PagedTable()
    let keysByDigest = BlockIndex<KeyDigestHash>()
    let rootKeysByDigest = BlockIndex<RootKeyDigestHash>()
    let permissionsBySlug = BlockIndex<PermissionSlugHash>()
    let creditCells = CreditCells()

    @inline(__always) func table(_ kind: EntityKind) -> PagedTable {
        switch kind {
        case .api: apis
        case .key: keys
        case .identity: identities
        case .permission: permissions
        case .role: roles
        case .rootKey: rootKeys
        case .namespace: namespaces
        case .override: overrides
        }
    }

    // Comparing digests may stop at the first difference: all it can tell is how far SHA-256 of a guess
    // agrees with that of a key, which brings nobody nearer to the key.
    @inline(__always) func findKey(_ digest: KeyDigest) -> Block? {
        keysByDigest.find(digest.indexHash) { $0.digest(at: 16) == digest }
    }

    @inline(__always) func findRootKey(_ digest: KeyDigest) -> Block? {
        rootKeysByDigest.find(digest.indexHash) { $0.digest(at: 16) == digest }
    }

    /// The live permission that is spelled exactly like `name`.
    @inline(__always) func findPermission(_ name: borrowing PermissionName) -> Block? {
        let bytes = name.bytes.span
        return permissionsBySlug.find(name.fingerprint) { $0.equals(PermissionBlock(block: $0).slug, bytes) }
    }
}

/// Owns the tables and the memory of every block in them; freed when the store and its last reader are gone.
///
/// `@unchecked` because of the raw addresses and the two variables: the tables synchronise themselves, as
/// their files explain, and the variables are the store's thread's until nobody else is left.
@safe final class PublishedState: @unchecked Sendable {
    let tables: UnsafeMutablePointer<PublishedTables>
    let reclamation = Reclamation()
    let settledRequests = SettledRequests()
    let activity = StoreActivity()
    /// The highest number ever given out, by raw kind.
    var lastNumbers = InlineArray<16, UInt32>(repeating: 0)
    /// What was unpublished and may still be looked at.
    var limbo = Limbo()

    init() {
        unsafe tables = .allocate(capacity: 1)
        unsafe tables.initialize(to: PublishedTables())
    }

    deinit {
        limbo.freeAll()
        unsafe tables.pointee.creditCells.free(upTo: lastNumbers[Int(EntityKind.key.rawValue)])
        for kind in EntityKind.allCases {
            unsafe tables.pointee.table(kind).free(upTo: lastNumbers[Int(kind.rawValue)])
        }
        unsafe tables.pointee.keysByDigest.free()
        unsafe tables.pointee.rootKeysByDigest.free()
        unsafe tables.pointee.permissionsBySlug.free()
        unsafe tables.deallocate()
    }
}
