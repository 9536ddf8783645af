// One call of a procedure: a body that conforms to its schema, who asks, and when. The accessors read members
// whose kind the schema has already settled, so a mismatch is a mistake in the table, not in the request.

public import Access
import Bytes
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
    /// The members of the body; empty if it is a list.
    let body: JSONObject
    /// The elements of a body that is a list.
    let elements: [JSONValue]
    let caller: Caller
    let services: CallServices
    /// The one of its answer.
    let requestId: String
    /// When the call is taken to happen, in milliseconds since 1970.
    let nowMillis: Int64

    init(
        _ body: JSONValue, caller: Caller, services: CallServices, requestId: String, nowMillis: Int64
    ) {
        self.body = body.object ?? JSONObject()
        elements = body.elements ?? []
        self.caller = caller
        self.services = services
        self.requestId = requestId
        self.nowMillis = nowMillis
    }

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

    /// The networks of `allowedNetworks`; nil if it is absent.
    func allowedNetworks() throws(ManagementError) -> [IPNetwork]? {
        guard let texts = texts("allowedNetworks") else { return nil }
        var networks: [IPNetwork] = []
        for text in texts {
            let bytes = Array(text.utf8)
            do throws(IPNetworkError) {
                networks.append(try IPNetwork(parsing: bytes.span))
            } catch {
                throw ManagementError(.invalidInput, "allowedNetworks: \(error), found \"\(text)\"")
            }
        }
        return networks
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
}
