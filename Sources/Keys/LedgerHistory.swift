// What the ledger says of one key.

/// The movements of a key's credits, oldest first.
public struct LedgerHistory: Sendable {
    public let keyID: String
    /// The last of them, as many as were asked for.
    public let entries: [LedgerEntry]
    /// How many there are before these.
    public let omittedCount: Int

    /// What to say where there is no history.
    public static func unknownKey(_ id: String) -> String { "the ledger knows no key \"\(id)\"" }

    /// Nil if there is no key of this id, and has not been one that had credits. `number` is that of the key
    /// if it is still there. Reads all of the ledger up to transaction `last`.
    static func read(
        _ keyID: String, number: UInt32?, limit: Int, _ ledger: LedgerStore, through last: UInt64
    ) throws(StoreFileError) -> LedgerHistory? {
        let known = if let number { number } else { try formerNumber(keyID, ledger, through: last) }
        guard let number = known else { return nil }
        var entries: [LedgerEntry] = []
        var count = 0
        try ledger.forEach(through: last) { entry in
            guard entry.key == number else { return }
            count += 1
            entries.append(entry)
            // Twice as many as wanted are kept now and then, so that dropping the old ones is cheap.
            if entries.count > 2 * max(limit, 1) { entries.removeFirst(entries.count - limit) }
        } noteDamage: { _ in
        }
        return LedgerHistory(
            keyID: keyID, entries: entries.suffix(limit), omittedCount: count - min(count, limit))
    }

    /// The number of a deleted key, whose last entry bears its id.
    private static func formerNumber(
        _ keyID: String, _ ledger: LedgerStore, through last: UInt64
    ) throws(StoreFileError) -> UInt32? {
        let id = Array(keyID.utf8)
        var number: UInt32?
        try ledger.forEach(through: last) { entry in
            if entry.kind == .withdrawal, entry.reference == id { number = entry.key }
        } noteDamage: { _ in
        }
        return number
    }
}

// A store that no server has open. Nothing is changed, and no directory made.
extension KeyStore {
    /// The history of a key in the store in `directory`; nil if the store does not know the key.
    public static func ledger(
        of keyID: String, limit: Int, in directory: String
    ) throws(StoreFileError) -> LedgerHistory? {
        var recovery = Recovery(directory: directory, Disk())
        try recovery.run()
        return try LedgerHistory.read(
            keyID, number: recovery.catalog.find(.key, id: keyID)?.number, limit: limit,
            LedgerStore(directory, Disk()), through: recovery.transaction)
    }

    /// Checks the ledger of the store in `directory`.
    public static func verifyLedger(_ directory: String) throws(StoreFileError) -> LedgerReport {
        var recovery = Recovery(directory: directory, Disk())
        try recovery.run()
        let image = StoreImage(recovery.catalog, sequence: 0, transaction: recovery.transaction)
        return try LedgerAudit.run(image, LedgerStore(directory, Disk()))
    }
}

// A store that is open, on the thread it belongs to and between batches.
extension KeyStore {
    var ledgerStore: LedgerStore { LedgerStore(directory, files) }

    /// What reads the history of a key, on any thread, as of now.
    func ledgerQuestion(
        of keyID: String, limit: Int
    ) -> @Sendable () -> Result<LedgerHistory?, StoreFileError> {
        let number = catalog.find(.key, id: keyID)?.number
        let ledger = ledgerStore
        let last = UInt64(statistics.transaction)
        return {
            do throws(StoreFileError) {
                return .success(
                    try LedgerHistory.read(keyID, number: number, limit: limit, ledger, through: last))
            } catch {
                return .failure(error)
            }
        }
    }

    /// What checks the ledger, on any thread, as of now.
    func ledgerAudit() -> @Sendable () -> Result<LedgerReport, StoreFileError> {
        let image = imageForBackup()
        let ledger = ledgerStore
        return {
            do throws(StoreFileError) {
                return .success(try LedgerAudit.run(image, ledger))
            } catch {
                return .failure(error)
            }
        }
    }
}
