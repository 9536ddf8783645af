// Creating, changing and deleting keys and root keys.

/// Whether a change counts as an update of the key for those who look at it. Spending credits, granting and
/// being used do not.
public enum UpdateStamp: Sendable {
    case updatesTimestamp
    case keepsTimestamp
}

/// How a key goes away.
public enum KeyDeletion: Sendable {
    /// The record stays, verifies as not found, and keeps its digest taken.
    case soft
    /// Nothing stays; the same digest may be stored again.
    case permanent
}

extension Transaction {
    /// Stores a new key. Its id, if empty, the ids of its limits and `createdAtMillis` are filled in.
    ///
    /// Throws `alreadyExists` when the digest or the id is taken, `notFound` when the API is not live.
    public mutating func createKey(_ new: KeyRecord) throws(StoreError) -> KeyRecord {
        var record = new
        guard let api = catalog.block(.api, new.api.number), !APIBlock(block: api).isDeleted else {
            throw .notFound(.api, "")
        }
        if isTaken(new.digest) { throw .alreadyExists(.key, "digest") }
        if record.id.isEmpty { record.id = Identifier.make("key") }
        if catalog.find(.key, id: record.id) != nil { throw .alreadyExists(.key, record.id) }
        record.createdAtMillis = nowMillis
        record.refilledThroughDay = today
        record.deletedAtMillis = nil
        record.limits = Self.numbered(record.limits, keeping: [])
        record.permissions = Self.unique(record.permissions)
        record.roles = Self.unique(record.roles)
        record.reference = Reference(number: try catalog.takeNumber(.key))
        var account = CreditAccount(ofNew: record.reference.number, atMillis: nowMillis)
        try account.settle(&record, .management)
        catalog.stage(EntityRef(.key, record.reference.number), try record.packed())
        catalog.ledgerEntries += account.entries
        return record
    }

    /// Stores many keys; the result has nil for each whose digest is taken already. For migrations and
    /// other bulk work: a thousand keys at a time cost one wait for the disk.
    public mutating func importKeys(_ new: [KeyRecord]) throws(StoreError) -> [KeyRecord?] {
        var stored: [KeyRecord?] = []
        stored.reserveCapacity(new.count)
        for record in new {
            stored.append(isTaken(record.digest) ? nil : try createKey(record))
        }
        return stored
    }

    /// Changes a live key. A limit without an id takes the id of the limit of that name that the key had.
    ///
    /// Throws `notFound` when the key or its API is gone, `alreadyExists` when the new digest is taken, and
    /// whatever `change` throws.
    @discardableResult
    public mutating func updateKey(
        _ reference: Reference<KeyRecord>, _ stamp: UpdateStamp = .updatesTimestamp,
        _ change: (inout KeyRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> KeyRecord {
        try updateKey(reference, stamp, .management, change)
    }

    /// As above, with the reason for which the balance changes, if it does. Where it is for spending, `change` may
    /// lease some of it.
    @discardableResult
    mutating func updateKey(
        _ reference: Reference<KeyRecord>, _ stamp: UpdateStamp, _ reason: CreditReason,
        _ change: (inout KeyRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> KeyRecord {
        guard let block = catalog.block(.key, reference.number), isLive(block) else {
            throw .notFound(.key, "")
        }
        return try withCredits(of: block) { (old, account) throws(StoreError) in
            var record = old
            try change(&record)
            // The lease was taken back, and the balance is whole. A record from before does not lease it again: what
            // has been spent of it would be there twice.
            switch reason {
            case .spending: break
            case .management, .refill, .settlement: record.leased = old.leased
            }
            // A refill that is new does not make up for the days before it.
            if record.credits?.refill != old.credits?.refill { record.refilledThroughDay = today }
            if record.digest != old.digest, isTaken(record.digest) { throw .alreadyExists(.key, "digest") }
            record.reference = reference
            record.id = old.id
            record.limits = Self.numbered(record.limits, keeping: old.limits)
            record.permissions = Self.unique(record.permissions)
            record.roles = Self.unique(record.roles)
            switch stamp {
            case .updatesTimestamp: record.updatedAtMillis = nowMillis
            case .keepsTimestamp: break
            }
            try account.settle(&record, reason)
            catalog.stage(EntityRef(.key, reference.number), try record.packed())
            return record
        }
    }

    /// Throws `notFound` when the key or its API is gone already.
    public mutating func deleteKey(_ reference: Reference<KeyRecord>, _ deletion: KeyDeletion)
        throws(StoreError)
    {
        guard let block = catalog.block(.key, reference.number), isLive(block) else {
            throw .notFound(.key, "")
        }
        try withCredits(of: block) { (old, account) throws(StoreError) in
            var record = old
            try account.settle(&record, .management)
            switch deletion {
            case .soft:
                record.deletedAtMillis = nowMillis
                catalog.stage(EntityRef(.key, reference.number), try record.packed())
            case .permanent:
                if record.credits != nil { account.close(record.id) }
                catalog.stage(EntityRef(.key, reference.number), nil)
            }
        }
    }

    // MARK: Root keys

    /// Stores a new root key; id and `createdAtMillis` are filled in. Throws `alreadyExists` when the digest
    /// or the id is taken.
    public mutating func createRootKey(_ new: RootKeyRecord) throws(StoreError) -> RootKeyRecord {
        var record = new
        if catalog.findRootKey(new.digest) != nil { throw .alreadyExists(.rootKey, "digest") }
        if record.id.isEmpty { record.id = Identifier.make("key") }
        if catalog.find(.rootKey, id: record.id) != nil { throw .alreadyExists(.rootKey, record.id) }
        record.createdAtMillis = nowMillis
        record.reference = Reference(number: try catalog.takeNumber(.rootKey))
        catalog.stage(EntityRef(.rootKey, record.reference.number), try record.packed())
        return record
    }

    /// Changes a root key and stamps it as updated.
    @discardableResult
    public mutating func updateRootKey(
        _ reference: Reference<RootKeyRecord>, _ change: (inout RootKeyRecord) throws(StoreError) -> Void
    ) throws(StoreError) -> RootKeyRecord {
        guard let block = catalog.block(.rootKey, reference.number) else { throw .notFound(.rootKey, "") }
        let old = RootKeyBlock(block: block).record
        var record = old
        try change(&record)
        if record.digest != old.digest, catalog.findRootKey(record.digest) != nil {
            throw .alreadyExists(.rootKey, "digest")
        }
        record.reference = reference
        record.id = old.id
        record.updatedAtMillis = nowMillis
        catalog.stage(EntityRef(.rootKey, reference.number), try record.packed())
        return record
    }

    public mutating func deleteRootKey(_ reference: Reference<RootKeyRecord>) throws(StoreError) {
        if catalog.block(.rootKey, reference.number) == nil { throw .notFound(.rootKey, "") }
        catalog.stage(EntityRef(.rootKey, reference.number), nil)
    }

    // MARK: Shared

    /// Rules with ids. Of several with one name the last wins, as upstream has it.
    static func numbered(_ rules: [RateLimitRule], keeping old: [RateLimitRule]) -> [RateLimitRule] {
        var result: [RateLimitRule] = []
        for rule in rules {
            var rule = rule
            result.removeAll { $0.name == rule.name }
            if rule.id.isEmpty {
                rule.id = old.first { $0.name == rule.name }?.id ?? Identifier.make("rl")
            }
            result.append(rule)
        }
        return result
    }

    static func unique<Entity>(_ references: [Reference<Entity>]) -> [Reference<Entity>] {
        if references.count < 2 { return references }
        var seen: Set<Reference<Entity>> = []
        return references.filter { seen.insert($0).inserted }
    }
}
