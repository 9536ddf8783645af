// Everything in the store that the run works on, and what is known about it from the outside. It is made once,
// through the management API, and outlives every life.

import Synchronization

/// A key with credits.
final class CreditKey: Sendable {
    let id: String
    let secret: String
    /// What it is refilled to every day, if it is.
    let refill: Int64?
    /// Whether its requests go where the backend says what they cost.
    let isMetered: Bool
    let account: Mutex<Account>

    init(id: String, secret: String, balance: Int64, refill: Int64? = nil, isMetered: Bool = false) {
        (self.id, self.secret, self.refill, self.isMetered) = (id, secret, refill, isMetered)
        account = Mutex(Account(balance: balance))
    }
}

/// A key with one rate limit, which every request of it is charged.
final class LimitedKey: Sendable {
    static let limitName = "requests"
    let id: String
    let secret: String
    let meter: Mutex<Meter>

    init(id: String, secret: String, _ meter: Meter) {
        (self.id, self.secret) = (id, secret)
        self.meter = Mutex(meter)
    }
}

final class World: Sendable {
    let rootKey: String
    let credits: [CreditKey]
    /// With so many credits that no surcharge is ever more than there is.
    let metered: [CreditKey]
    let limited: [LimitedKey]
    let victims: [Victim]
    let composite: Composite
    let churn: Churn
    let backend: Backend
    /// Requests nobody answered, which may have reached the backend.
    private let unresolved = Mutex<[Int: (key: CreditKey, begun: Account.Begun)]>([:])

    private static let creditKeyCount = 10
    private static let plenty: Int64 = 100_000_000
    private static let limits = [(3, 2000), (20, 5000), (50, 10_000), (150, 60_000)]

    /// Makes it all in the store of a life. The checker is told limits that are lower by `pretendedLimit`.
    init(_ life: Life, rootKey: String, backend: Backend, _ report: Report, pretendedLimit: Int) throws {
        self.rootKey = rootKey
        self.backend = backend
        let session = Session(life, rootKey: rootKey, report)
        let api = try session.text("apiId", "apis.createApi", #"{"name":"torture"}"#)
        credits = try (0..<Self.creditKeyCount).map { index in
            // Most are short of credits most of the time; the first one never is, so its leases grow.
            let balance: Int64 = index == 0 ? 5000 : Int64(20 * index)
            let refill: Int64? = index >= 8 ? 40 : nil
            let rule = refill.map { #","refill":{"interval":"daily","amount":\#($0)}"# } ?? ""
            let (id, secret) = try session.makeKey(
                #"{"apiId":"\#(api)","name":"credits-\#(index)","credits":{"remaining":\#(balance)\#(rule)}}"#
            )
            return CreditKey(id: id, secret: secret, balance: balance, refill: refill)
        }
        metered = try (0..<2).map { index in
            let (id, secret) = try session.makeKey(
                #"{"apiId":"\#(api)","name":"metered-\#(index)","credits":{"remaining":\#(Self.plenty)}}"#)
            return CreditKey(id: id, secret: secret, balance: Self.plenty, isMetered: true)
        }
        limited = try Self.limits.map { limit, duration in
            let (id, secret) = try session.makeKey(
                """
                {"apiId":"\(api)","name":"limited-\(limit)","ratelimits":[{"name":"\(LimitedKey.limitName)",\
                "limit":\(limit),"duration":\(duration),"autoApply":true}]}
                """)
            return LimitedKey(
                id: id, secret: secret, Meter(limit: limit - pretendedLimit, durationMillis: duration))
        }
        victims = try Victim.Kind.allCases.map { try Victim($0, api: api, session) }
        composite = try Composite(api: api, session)
        churn = Churn(api: try session.text("apiId", "apis.createApi", #"{"name":"churn"}"#))
    }

    func leaveUnresolved(_ number: Int, _ key: CreditKey, _ begun: Account.Begun) {
        unresolved.withLock { $0[number] = (key, begun) }
    }

    /// After an end: whatever reached the backend was forwarded, answered or not. Returns how many did.
    func resolve(_ report: Report) -> Int {
        let seen = backend.takeSeen()
        let open = unresolved.withLock { open in
            defer { open = [:] }
            return open
        }
        var found = 0
        for (number, request) in open where seen.contains(number) {
            found += 1
            report.judge(
                "key \(request.key.id)", request.key.account.withLock { $0.wasForwarded(request.begun) })
        }
        return found
    }
}

extension Session {
    struct Failure: Error { let reason: String }

    /// The `data` of a call that must succeed.
    func data(_ procedure: String, _ body: String) throws -> JSONValue {
        guard case .answered(let response) = call(procedure, body) else {
            throw Failure(reason: "\(procedure): no answer")
        }
        guard response.status == 200, let data = response.json?["data"] else {
            throw Failure(reason: "\(procedure) \(body): \(response.status) \(response.text)")
        }
        return data
    }

    func text(_ member: String, _ procedure: String, _ body: String) throws -> String {
        guard let text = try data(procedure, body)[member]?.string else {
            throw Failure(reason: "\(procedure) without \(member)")
        }
        return text
    }

    func makeKey(_ body: String) throws -> (id: String, secret: String) {
        let data = try data("keys.createKey", body)
        guard let id = data["keyId"]?.string, let secret = data["key"]?.string else {
            throw Failure(reason: "keys.createKey without a key")
        }
        return (id, secret)
    }
}
