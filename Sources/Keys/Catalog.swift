// The store as its own thread sees it: what is published, plus what is staged but not yet on disk.
//
// A mutation is staged: a new block stands for the entity in everything the store's thread looks at, while
// readers still see the old one. When the journal is on disk, `publish` shows the staged blocks to the
// readers; when it cannot be written, `rollBack` makes the catalog what it was. The same roll-back undoes a
// single transaction that throws half-way through a batch.
//
// Everything about an entity follows from its old and its new block (which texts it is found by, which
// lists it is in), so the same few functions serve staging, undoing and loading.

import Access
import Bytes

/// Which entity: the kind above 32 bits of number, so that sorting puts what is referred to first.
struct EntityRef: Hashable, Comparable {
    let word: UInt64

    init(_ kind: EntityKind, _ number: UInt32) { word = UInt64(kind.rawValue) << 32 | UInt64(number) }

    var number: UInt32 { UInt32(truncatingIfNeeded: word) }
    var kind: EntityKind {
        guard let kind = EntityKind(rawValue: UInt8(truncatingIfNeeded: word >> 32)) else {
            preconditionFailure("a reference to no known kind")
        }
        return kind
    }
    static func < (left: EntityRef, right: EntityRef) -> Bool { left.word < right.word }
}

/// Confined to the thread that owns the store.
final class Catalog {
    let state = PublishedState()
    private(set) var staged: [EntityRef: Block?] = [:]
    private var undo: [(ref: EntityRef, previous: Block??)] = []
    private(set) var texts = TextIndexes()
    private var stagedDigests = StagedDigests()
    /// Credits on their way between a lease and a staged record, to be settled when the batch is.
    var creditMoves = CreditMoves()
    private(set) var counts = RecordCounts()
    /// What the transactions of the batch have to say in the ledger; the journal has it as well.
    var ledgerEntries: [LedgerEntry] = []
    /// Bytes of all published blocks: what a snapshot would hold.
    private(set) var publishedByteCount = 0
    var lists = OrderedLists()
    var leaseSizes = LeaseSizes()
    /// Numbers of the live keys that are refilled.
    private(set) var refilledKeys: Set<UInt32> = []
    /// Numbers of the keys whose record says that some of their credits are on lease.
    private(set) var leasedKeys: Set<UInt32> = []

    var tables: PublishedTables { unsafe state.tables.pointee }

    /// Published records of a kind that lists show.
    func livingCount(_ kind: EntityKind) -> Int { counts.all(kind) - deletedCount(kind) }

    /// Published records of a kind that nobody finds any more.
    func deletedCount(_ kind: EntityKind) -> Int { counts.deleted(kind, tables) }

    // MARK: Looking up

    func block(_ kind: EntityKind, _ number: UInt32) -> Block? {
        if !staged.isEmpty, let change = staged[EntityRef(kind, number)] { return change }
        return tables.table(kind)[number]
    }

    func find(_ kind: EntityKind, id: String) -> Block? { find(kind, id: id.utf8.span) }

    func find(_ kind: EntityKind, id text: Span<UInt8>) -> Block? {
        let number = texts.ids[Int(kind.rawValue)].find(TextHash.of(text)) { number in
            guard let block = block(kind, number) else { return false }
            return block.equals(block.idSection, text)
        }
        return number.flatMap { block(kind, $0) }
    }

    /// The live identity with this external id.
    func findIdentity(externalID: String) -> Block? { findIdentity(externalID: externalID.utf8.span) }

    func findIdentity(externalID text: Span<UInt8>) -> Block? {
        let number = texts.externalIDs.find(TextHash.of(text)) { number in
            guard let block = block(.identity, number) else { return false }
            return block.equals(IdentityBlock(block: block).externalID, text)
        }
        return number.flatMap { block(.identity, $0) }
    }

    func findPermission(slug: String) -> Block? { findPermission(slug: slug.utf8.span) }

    func findPermission(slug text: Span<UInt8>) -> Block? {
        let number = texts.slugs.find(TextHash.folding(text)) { number in
            guard let block = block(.permission, number) else { return false }
            return block.with(PermissionBlock(block: block).slug) { ASCII.equalsIgnoringCase($0, text) }
        }
        return number.flatMap { block(.permission, $0) }
    }

    func findRole(name: String) -> Block? { findRole(name: name.utf8.span) }

    func findRole(name text: Span<UInt8>) -> Block? {
        let number = texts.roleNames.find(NameFolding.hash(text)) { number in
            guard let block = block(.role, number) else { return false }
            return block.with(RoleBlock(block: block).name) { NameFolding.areEqual($0, text) }
        }
        return number.flatMap { block(.role, $0) }
    }

    /// The key with this digest, soft-deleted or not.
    func findKey(_ digest: KeyDigest) -> Block? {
        if let number = stagedDigests.keys[digest] { return block(.key, number) }
        guard let published = tables.findKey(digest), let block = block(.key, published.number),
            KeyBlock(block: block).digest == digest
        else { return nil }
        return block
    }

    func findRootKey(_ digest: KeyDigest) -> Block? {
        if let number = stagedDigests.rootKeys[digest] { return block(.rootKey, number) }
        guard let published = tables.findRootKey(digest), let block = block(.rootKey, published.number),
            RootKeyBlock(block: block).digest == digest
        else { return nil }
        return block
    }

    // MARK: Staging

    /// How far the undo log reached when a transaction began, and the numbers given out by then.
    struct Mark {
        fileprivate let undoCount: Int
        fileprivate let creditMoveCount: Int
        fileprivate let ledgerCount: Int
        fileprivate let lastNumbers: InlineArray<16, UInt32>
    }

    var mark: Mark {
        Mark(
            undoCount: undo.count, creditMoveCount: creditMoves.count, ledgerCount: ledgerEntries.count,
            lastNumbers: state.lastNumbers)
    }

    /// The next number of a kind, given out for good unless the transaction is rolled back.
    func takeNumber(_ kind: EntityKind) throws(StoreError) -> UInt32 {
        let last = state.lastNumbers[Int(kind.rawValue)]
        guard last < UInt32.max - 1 else { throw .invalid("the store has given out all its numbers") }
        state.lastNumbers[Int(kind.rawValue)] = last + 1
        return last + 1
    }

    /// Makes `new` what the entity is from now on, for this thread; nil removes it.
    func stage(_ ref: EntityRef, _ new: Block?) {
        let old = block(ref.kind, ref.number)
        undo.append((ref, staged[ref]))
        staged[ref] = .some(new)
        texts.move(ref, old, new)
        stagedDigests.move(ref, old, new)
    }

    /// The entities changed since `mark`, each once, in the order in which they have to be written.
    func changes(since mark: Mark) -> [EntityRef] {
        var refs = undo[mark.undoCount...].map(\.ref)
        refs.sort()
        var last: EntityRef?
        refs.removeAll { ref in
            defer { last = ref }
            return ref == last
        }
        return refs
    }

    /// What the ledger has to say about everything since `mark`.
    func ledgerEntries(since mark: Mark) -> ArraySlice<LedgerEntry> { ledgerEntries[mark.ledgerCount...] }

    // MARK: Ending a batch

    /// Makes the catalog what it was at `mark`.
    func rollBack(to mark: Mark, _ reason: RollBackReason) {
        creditMoves.rollBack(to: mark.creditMoveCount, reason, tables.creditCells)
        ledgerEntries.removeSubrange(mark.ledgerCount...)
        while undo.count > mark.undoCount {
            let (ref, previous) = undo.removeLast()
            let current = block(ref.kind, ref.number)
            staged[ref] = previous
            let restored = block(ref.kind, ref.number)
            texts.move(ref, current, restored)
            stagedDigests.move(ref, current, restored)
            current?.free()
        }
        state.lastNumbers = mark.lastNumbers
    }

    /// Ends a batch that changed no record: what it spent out of leases stays spent.
    func endWithoutChange() { creditMoves.release(tables.creditCells) }

    // MARK: Publishing

    /// Shows everything staged to the readers and forgets how to undo it.
    func publish() {
        // Leases first: whoever sees the smaller balance of a record must see where the rest has gone, or
        // would take the key for spent.
        creditMoves.grant(tables.creditCells)
        // What was staged and then replaced within the batch was never seen by a reader.
        for entry in undo {
            if case .some(.some(let superseded)) = entry.previous { superseded.free() }
        }
        undo.removeAll(keepingCapacity: true)
        for ref in staged.keys.sorted() {
            guard let change = staged[ref] else { continue }
            publish(ref, change)
        }
        creditMoves.release(tables.creditCells)
        ledgerEntries.removeAll(keepingCapacity: ledgerEntries.count < 4096)
        staged.removeAll(keepingCapacity: staged.count < 4096)
        stagedDigests.removeAll()
        collect()
    }

    /// Frees what readers have let go of. Called after each batch, and now and then while any of it waits.
    func collect() { state.limbo.collect(state.reclamation) }
    var hasWaitingMemory: Bool { !state.limbo.isEmpty }

    private func publish(_ ref: EntityRef, _ new: Block?) {
        let tables = tables
        let old = tables.table(ref.kind)[ref.number]
        tables.table(ref.kind).store(new, at: ref.number)
        switch ref.kind {
        case .key: publish(old, new, in: tables.keysByDigest, KeyDigestHash.self)
        case .rootKey: publish(old, new, in: tables.rootKeysByDigest, RootKeyDigestHash.self)
        case .permission: publish(old, new, in: tables.permissionsBySlug, PermissionSlugHash.self)
        case .api, .identity, .role, .namespace, .override: break
        }
        counts.change(ref.kind, old, new)
        publishedByteCount += (new?.length ?? 0) - (old?.length ?? 0)
        lists.change(ref, old, new, tables)
        if ref.kind == .key { noteCredits(of: ref.number, old, new) }
        if let old { state.limbo.add(old) }
    }

    private func noteCredits(of number: UInt32, _ old: Block?, _ new: Block?) {
        let wasLeased = old.map { KeyBlock(block: $0).hasLease } ?? false
        let isLeased = new.map { KeyBlock(block: $0).hasLease } ?? false
        if isLeased, !wasLeased { leasedKeys.insert(number) }
        if wasLeased, !isLeased { leasedKeys.remove(number) }
        let had = old.map { KeyBlock(block: $0).isRefilled } ?? false
        let has = new.map { KeyBlock(block: $0).isRefilled } ?? false
        if has, !had { refilledKeys.insert(number) }
        if had, !has { refilledKeys.remove(number) }
    }

    private func publish<Hashing: BlockHashing>(
        _ old: Block?, _ new: Block?, in index: BlockIndex<Hashing>, _: Hashing.Type
    ) {
        switch (old, new) {
        case (nil, nil): break
        case (nil, let new?): index.insert(new) { state.limbo.add(tableAt: $0) }
        case (let old?, nil): index.remove(old)
        case (let old?, let new?):
            if Hashing.hash(old) == Hashing.hash(new) {
                index.replace(old, with: new)
            } else {
                index.insert(new) { state.limbo.add(tableAt: $0) }
                index.remove(old)
            }
        }
    }

    // MARK: Loading

    /// Room for what a snapshot says it holds.
    func reserve(_ kind: EntityKind, _ count: Int) {
        texts.reserve(kind, count)
        if kind == .key { tables.keysByDigest.reserve(count) { state.limbo.add(tableAt: $0) } }
    }

    /// Takes over a block from a file, published at once: nobody reads yet. The block must be well formed;
    /// what it says about others is judged here. The caller keeps the block if this throws.
    func install(_ ref: EntityRef, _ new: Block?) throws(BlockError) {
        let last = state.lastNumbers[Int(ref.kind.rawValue)]
        guard ref.number > 0, ref.number < UInt32.max, ref.number - 1 <= last else {
            throw .damaged("record number \(ref.number) is out of sequence")
        }
        let old = tables.table(ref.kind)[ref.number]
        if let new { try judge(new, replacing: old) }
        if new == nil {
            switch ref.kind {
            case .api: throw .damaged("an API that is removed outright")
            case .namespace: throw .damaged("a namespace that is removed outright")
            case .key, .identity, .permission, .role, .rootKey, .override: break
            }
        }
        state.lastNumbers[Int(ref.kind.rawValue)] = max(last, ref.number)
        texts.move(ref, old, new)
        publish(ref, new)
    }

    /// Numbers given out so far, from a snapshot: some may belong to nothing any more.
    func restoreLastNumbers(_ numbers: InlineArray<16, UInt32>) { state.lastNumbers = numbers }

    private func judge(_ new: Block, replacing old: Block?) throws(BlockError) {
        func isTaken(_ other: Block?) -> Bool { other != nil && other?.number != new.number }
        if let old, !old.equals(old.idSection, of: new, new.idSection) {
            throw .damaged("a record that changes its id")
        }
        if old == nil, new.with(new.idSection, { isTaken(find(new.kind, id: $0)) }) {
            throw .damaged("two records with one id")
        }
        switch new.kind {
        case .key:
            let key = KeyBlock(block: new)
            if tables.apis[key.api] == nil { throw .damaged("a key without its API") }
            if isTaken(tables.findKey(key.digest)) { throw .damaged("two keys with one digest") }
        case .rootKey:
            if isTaken(tables.findRootKey(RootKeyBlock(block: new).digest)) {
                throw .damaged("two root keys with one digest")
            }
        case .permission:
            if new.with(PermissionBlock(block: new).slug, { isTaken(findPermission(slug: $0)) }) {
                throw .damaged("two permissions with one slug")
            }
        case .role:
            if new.with(RoleBlock(block: new).name, { isTaken(findRole(name: $0)) }) {
                throw .damaged("two roles with one name")
            }
        case .identity:
            let identity = IdentityBlock(block: new)
            if !identity.isDeleted, new.with(identity.externalID, { isTaken(findIdentity(externalID: $0)) }) {
                throw .damaged("two identities with one external id")
            }
        case .namespace:
            if new.with(NamespaceBlock(block: new).name, { isTaken(findNamespace(name: $0)) }) {
                throw .damaged("two namespaces with one name")
            }
        case .override:
            let override = OverrideBlock(block: new)
            if tables.namespaces[override.namespace] == nil {
                throw .damaged("an override without its namespace")
            }
            let isTwice = new.with(override.identifier) {
                isTaken(findOverride(of: override.namespace, identifier: $0))
            }
            if isTwice {
                throw .damaged("two overrides for one identifier")
            }
            if let old, OverrideBlock(block: old).namespace != override.namespace {
                throw .damaged("an override that changes its namespace")
            }
        case .api: break
        }
    }
}
