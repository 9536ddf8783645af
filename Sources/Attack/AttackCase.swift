// One case of the corpus: bytes to send, what they may come to behind the gateway, and why it matters. A case
// is data, so that the whole corpus can be listed, counted, and tried on forwarders that are known to be bad.

/// What a case plays with; the groups of `keygate attack --group`.
public enum CaseGroup: String, Sendable, CaseIterable {
    case path, target, framing, syntax, alias
    case hopByHop = "hop-by-hop"
    case forwarded, upgrade, credential
}

/// Whose authority a case is sent with, and so what it may reach.
public enum Authority: Sendable {
    /// No valid credential in the one place where the gateway looks: the open prefix and nothing else.
    case anonymous
    /// The operator's key as `Authorization: Bearer`: the open and the locked prefix.
    case keyed
}

/// What must hold of every request that reaches the backend, beyond what holds for all cases (see `Judge`).
public enum Demand: Sendable, Equatable {
    /// No header has a value with these bytes in it.
    case withoutValue(String)
    /// No header has this name, in any letter case.
    case withoutHeader(String)
    /// The request does not have this method.
    case withoutMethod(String)
    /// The last member of X-Forwarded-For is not the address the client wrote there.
    case ownLastHop
    /// A header that the gateway sends with an ordinary request is there.
    case keepsHeader(String)
    /// The key is nowhere in what reaches the backend.
    case withoutKey
}

/// One request, or what looks like one, and what counts as safe.
public struct AttackCase: Sendable {
    /// Stable, unique: `path-dot-segment`.
    public let name: String
    public let group: CaseGroup
    public let authority: Authority
    /// What would go wrong, in one sentence.
    public let why: String
    /// The paragraph that forbids it, or the class of advisories it comes from.
    public let reference: String
    /// What must hold beyond the common rules.
    public let demands: [Demand]
    /// How many requests the bytes are to a reader that follows the RFC; more must not come out.
    public let requestCount: Int
    /// The bytes, with placeholders that `Ground` fills in. A scalar is one byte.
    public let template: String

    /// Whether it can be tried only with a key.
    public var needsKey: Bool {
        authority == .keyed || template.contains("{key}") || template.contains("{auth}")
    }

    /// What counts as safe, for people.
    public var safe: String {
        let reach =
            switch authority {
            case .anonymous: "at most \(requestText) under the open prefix"
            case .keyed: "at most \(requestText) under the open or the locked prefix"
            }
        let extra = demands.map { "; \($0.text)" }.joined()
        return "refused, or \(reach), with the identity the gateway set and no other\(extra)"
    }

    private var requestText: String { requestCount == 1 ? "one request" : "\(requestCount) requests" }
}

extension Demand {
    var text: String {
        switch self {
        case .withoutValue(let value): "no header says \(value)"
        case .withoutHeader(let name): "no \(name) header"
        case .withoutMethod(let method): "the method is not \(method)"
        case .ownLastHop: "the last hop of X-Forwarded-For is not the client's word"
        case .keepsHeader(let name): "\(name) as in an ordinary request"
        case .withoutKey: "the key stays behind"
        }
    }
}

/// Shorthand for the tables of the corpus.
struct CaseTable {
    let group: CaseGroup
    private(set) var cases: [AttackCase] = []

    init(_ group: CaseGroup) { self.group = group }

    mutating func add(
        _ name: String, _ template: String, _ authority: Authority = .anonymous, _ demands: [Demand] = [],
        requests: Int = 1, why: String, _ reference: String
    ) {
        cases.append(
            AttackCase(
                name: "\(group.rawValue)-\(name)", group: group, authority: authority, why: why,
                reference: reference, demands: demands, requestCount: requests, template: template))
    }
}

/// A request head without content. Every one carries the mark of its case, by which what the backend
/// received is told apart.
func get(_ target: String, _ fields: String = "", method: String = "GET") -> String {
    "\(method) \(target) HTTP/1.1\r\nHost: {host}\r\nX-Attack: {mark}\r\n\(fields)\r\n"
}

/// A request to the open prefix with `fields`, and `body` behind its head.
func post(_ fields: String, _ body: String, version: String = "1.1") -> String {
    "POST {open}/{mark} HTTP/\(version)\r\nHost: {host}\r\nX-Attack: {mark}\r\n\(fields)\r\n\(body)"
}
