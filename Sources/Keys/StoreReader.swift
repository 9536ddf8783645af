// How an event loop looks things up: no lock, no allocation, no reference count.

/// A loop's access to the store. One per loop, used by that loop's thread only.
///
/// The contract: what `find` returns may be used until the next `quiesce` or `goIdle` and not a moment
/// longer, because that is when the store is allowed to free it. Call `quiesce` once per turn, and bracket
/// blocking with `goIdle` and `wake`: a reader that does neither keeps the store from freeing anything.
/// A new reader is awake.
///
/// Memory safety: `state` keeps the tables alive for as long as this reader, and the slot keeps the blocks
/// alive while the contract is kept.
@safe public final class StoreReader {
    private let state: PublishedState
    private let tables: UnsafePointer<PublishedTables>
    private let slot: Int

    init(_ state: PublishedState) {
        self.state = state
        unsafe tables = unsafe UnsafePointer(state.tables)
        slot = state.reclamation.claim()
    }

    deinit { state.reclamation.release(slot) }

    /// The key with this digest; nil if there is none or it is deleted. Keys of deleted APIs, disabled and
    /// expired ones are found: what to make of those is the caller's question.
    @inline(__always) public func find(_ digest: KeyDigest) -> KeyView? {
        guard let block = unsafe tables.pointee.findKey(digest) else { return nil }
        let key = KeyBlock(block: block)
        return unsafe key.isDeleted ? nil : KeyView(key: key, tables: tables)
    }

    /// The root key with this digest, whether enabled and unexpired or not.
    public func findRootKey(_ digest: KeyDigest) -> RootKeyView? {
        guard let block = unsafe tables.pointee.findRootKey(digest) else { return nil }
        return RootKeyView(key: RootKeyBlock(block: block))
    }

    /// Settles a request whose cost turned out to be other than what was taken for it before. Nil if the
    /// store's thread has to be asked, with `Transaction.settleCredits`. Never blocks.
    public func settle(_ settlement: Settlement, _ mode: SpendingMode) -> SettlementOutcome? {
        let tables = unsafe tables.pointee
        return settlement.settle(in: tables.creditCells, mode, state.settledRequests)
    }

    /// Says that this loop holds nothing it has found so far. Once per turn; costs two plain memory accesses.
    @inline(__always) public func quiesce() { state.reclamation.quiesce(slot) }

    /// As `quiesce`, and that nothing will be looked up before `wake`. Before blocking.
    public func goIdle() { state.reclamation.goIdle(slot) }

    /// Ends what `goIdle` began. After blocking, before the next look-up.
    public func wake() { state.reclamation.wake(slot) }
}

/// A reader belongs to one loop.
@available(*, unavailable)
extension StoreReader: Sendable {}
