// Sizes and counts of a store as the command line and the control socket show them.

public import JSON
public import Keys

extension StoreStatistics {
    /// An object with the counts of records and the sizes of files and memory in bytes. What is soft-deleted is
    /// counted apart, and only said if there is any.
    public var json: JSONValue {
        var object = JSONObject()
        for (name, count) in [
            ("apis", apiCount), ("keys", keyCount), ("identities", identityCount),
            ("permissions", permissionCount), ("roles", roleCount), ("rootKeys", rootKeyCount),
        ] { object.append(name, .number(count)) }
        for (name, count) in [
            ("deletedApis", deletedAPICount), ("deletedKeys", deletedKeyCount),
            ("deletedIdentities", deletedIdentityCount),
        ] where count > 0 { object.append(name, .number(count)) }
        for (name, value) in [
            ("recordBytes", recordByteCount), ("journalBytes", journalByteCount),
            ("snapshotBytes", snapshotByteCount), ("journalSequence", journalSequence),
            ("transaction", transaction),
        ] { object.append(name, .number(value)) }
        return .object(object)
    }
}
