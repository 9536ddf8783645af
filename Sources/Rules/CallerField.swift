// What is known about the caller once its key was found: used by `headers` and by `check`.

/// A property of the key or of its identity.
public enum CallerField: Sendable, Hashable {
    case keyID, keyName, keyPermissions, keyRoles
    case identityID, identityExternalID
    /// A path into the JSON object; the path stands beside the field.
    case keyMeta, identityMeta
}

extension CallerField {
    static let spellings: [(name: String, field: CallerField)] = [
        ("key.id", .keyID), ("key.name", .keyName), ("key.permissions", .keyPermissions),
        ("key.roles", .keyRoles),
        ("key.meta", .keyMeta), ("identity.id", .identityID), ("identity.externalId", .identityExternalID),
        ("identity.meta", .identityMeta),
    ]

    /// What may be written, for messages: "meta" always needs a path.
    static let choices = spellings.map { $0.field.takesPath ? $0.name + ".NAME" : $0.name }

    var takesPath: Bool {
        switch self {
        case .keyMeta, .identityMeta: true
        case .keyID, .keyName, .keyPermissions, .keyRoles, .identityID, .identityExternalID: false
        }
    }
}

/// A `CallerField` with its path, as read from the text.
struct CallerSource {
    let field: CallerField
    let path: [[UInt8]]

    /// Reads `key.id`, `identity.meta.plan.name` and the like; nil is none of them.
    init?(_ word: Word) {
        let parts = word.split(at: UInt8(ascii: ".")).map(\.string)
        guard parts.count >= 2 else { return nil }
        let head = "\(parts[0]).\(parts[1])"
        guard let match = CallerField.spellings.first(where: { $0.name == head }) else { return nil }
        let rest = parts[2...]
        guard match.field.takesPath == !rest.isEmpty, rest.allSatisfy({ !$0.isEmpty }) else { return nil }
        field = match.field
        path = rest.map { Array($0.utf8) }
    }
}

/// A header that tells the backend about the caller.
public struct InjectedHeader: Sendable {
    /// As written; copies from the client are removed under any letter case and with `_ . -` taken as alike.
    public let name: [UInt8]
    public let field: CallerField
    /// Member names from the outside in; empty unless the field is a `meta`.
    public let metaPath: [[UInt8]]
    public let location: SourceLocation
}
