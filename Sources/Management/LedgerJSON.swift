// The ledger as the command line and the control socket show it.

public import JSON
public import Keys

extension LedgerHistory {
    /// An object with the id of the key, how many older entries there are, and the entries, oldest first.
    public var json: JSONValue {
        [
            "keyId": .string(keyID), "omitted": .number(omittedCount),
            "entries": .array(entries.map(\.json)),
        ]
    }
}

extension LedgerEntry {
    var json: JSONValue {
        var object = JSONObject()
        object.append("time", .number(Int(timeMillis)))
        object.append("transaction", .number(Int(transaction)))
        object.append("kind", .string(kind.name))
        object.append("amount", .number(Int(amount)))
        object.append("count", .number(Int(count)))
        object.append("balance", .number(Int(balance)))
        object.append("leased", .number(Int(leased)))
        if !reference.isEmpty { object.append("reference", .string(reference)) }
        return .object(object)
    }
}

extension LedgerReport {
    /// An object that says whether the ledger is sound, what its entries come to by kind, and where they do
    /// not add up.
    public var json: JSONValue {
        var amounts = JSONObject()
        for kind in LedgerKind.allCases { amounts.append(kind.name, .number(Int(amount(kind)))) }
        return [
            "sound": .bool(isSound), "entries": .number(entryCount), "keys": .number(keyCount),
            "untouchedKeys": .number(untouchedCount), "balance": .number(Int(balance)),
            "leased": .number(Int(leased)), "amounts": .object(amounts),
            "findingCount": .number(findingCount), "findings": .array(findings.map(\.json)),
            "damage": .array(damage.map { .string("\($0)") }),
            "completeSince": completeSinceMillis.map { .number(Int($0)) } ?? .null,
            "asideFiles": .array(asideFiles.map { .string($0) }),
        ]
    }
}

extension LedgerReport.Finding {
    var json: JSONValue {
        [
            "keyId": keyID.map { .string($0) } ?? .null, "keyNumber": .number(keyNumber),
            "transaction": entry.map { .number($0.transaction) } ?? .null,
            "kind": entry.map { .string($0.kind.name) } ?? .null, "account": .string(account.rawValue),
            "expected": .number(Int(expected)), "found": .number(Int(found)),
        ]
    }
}
