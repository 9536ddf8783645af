// One call of a procedure: a body that conforms to its schema, who asks, and when. The accessors read members
// whose kind the schema has already settled, so a mismatch is a mistake in the table, not in the request.

public import Access
import JSON

/// Who asks the management API for something.
public enum Caller: Sendable {
    /// The operator of this machine, by the command line or the control socket: may do everything.
    case `operator`
    /// A root key with what it is permitted to do.
    case rootKey(id: String, permissions: [RootPermission], expiresAtMillis: Int64?)
}

/// A member of an update.
enum Change<Value> {
    /// It is absent: what there is stays.
    case keep
    /// It is null: what there is goes.
    case clear
    case set(Value)

    /// Makes the change.
    func apply(to target: inout Value?) {
        switch self {
        case .keep: break
        case .clear: target = nil
        case .set(let value): target = value
        }
    }
}

struct Call {
    let body: JSONObject
    let caller: Caller
    /// When the call is taken to happen, in milliseconds since 1970.
    let nowMillis: Int64

    // MARK: Members

    func text(_ name: String) -> String? { body[name]?.text }
    func integer(_ name: String) -> Int64? { body[name]?.integer.map { Int64($0) } }
    func flag(_ name: String, default absent: Bool) -> Bool { body[name]?.bool ?? absent }

    /// A string the schema requires.
    func requiredText(_ name: String) -> String {
        guard let text = text(name) else { preconditionFailure("the schema requires \(name) to be a string") }
        return text
    }

    /// The strings of a list; nil if it is absent.
    func texts(_ name: String) -> [String]? { body[name]?.elements?.compactMap(\.text) }

    func textChange(_ name: String) -> Change<String> { change(name, \.text) }
    func integerChange(_ name: String) -> Change<Int64> { change(name) { $0.integer.map { Int64($0) } } }

    private func change<Value>(_ name: String, _ read: (JSONValue) -> Value?) -> Change<Value> {
        guard let member = body[name] else { return .keep }
        if member == .null { return .clear }
        guard let value = read(member) else { preconditionFailure("the schema settles the kind of \(name)") }
        return .set(value)
    }

    // MARK: Meta

    /// The change of a meta object, in the compact form the store keeps. An empty object clears.
    func metaChange(maxBytes: Int) throws(ManagementError) -> Change<[UInt8]> {
        guard let member = body["meta"] else { return .keep }
        guard let object = member.object, !object.isEmpty else { return .clear }
        let bytes = member.compactBytes()
        guard bytes.count <= maxBytes else {
            throw ManagementError(.invalidInput, "meta is \(bytes.count) bytes, limit is \(maxBytes)")
        }
        return .set(bytes)
    }

    // MARK: What this version cannot do

    /// Refuses members whose effect nobody would enforce: a limit that is stored and never charged is worse
    /// than none. Absent, null and empty ones ask for nothing.
    func refuseUncharged(_ names: String...) throws(ManagementError) {
        for name in names {
            guard let member = body[name], member != .null, member.elements?.isEmpty != true else { continue }
            throw ManagementError(.invalidInput, "\(name) are not yet available")
        }
    }
}
