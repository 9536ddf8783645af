// Sizes and counts of a store as the command line and the control socket show them.

public import JSON
public import Keys

extension StoreStatistics {
    /// An object with the counts of records and the sizes of files and memory in bytes.
    public var json: JSONValue {
        [
            "apis": .number(apiCount), "keys": .number(keyCount), "identities": .number(identityCount),
            "permissions": .number(permissionCount), "roles": .number(roleCount),
            "rootKeys": .number(rootKeyCount),
            "recordBytes": .number(recordByteCount), "journalBytes": .number(journalByteCount),
            "snapshotBytes": .number(snapshotByteCount), "journalSequence": .number(journalSequence),
            "transaction": .number(transaction),
        ]
    }
}
