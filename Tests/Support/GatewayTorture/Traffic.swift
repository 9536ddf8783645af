// What clients do during a life: spend, be limited, be turned away. Each answer is judged at once.

import Synchronization

/// One client.
struct Traffic {
    let world: World
    let session: Session
    let report: Report
    let clock: ShiftedClock
    var random: Random
    /// If not, whatever shares a batch with a change that fails is refused with it.
    let diskIsSound: Bool

    /// Goes on until the gateway is gone.
    mutating func run() {
        while step() {}
    }

    /// One request. False if there was nobody to send it to.
    mutating func step() -> Bool {
        switch random.number(0...9) {
        case 0...4: spend(random.once(in: 2) ? world.credits[0] : random.pick(world.credits))
        case 5: useLimit(random.pick(world.limited))
        case 6: useMetered(random.pick(world.metered))
        default: tryVictim(random.pick(world.victims))
        }
    }

    // MARK: Credits

    mutating func spend(_ key: CreditKey) -> Bool {
        switch random.number(0...3) {
        case 0: return forward(key, "GET", "/cheap/1", cost: 1)
        case 1: return forward(key, "POST", "/dear/1", cost: 5, body: Array("dear".utf8))
        case 2: return forward(key, "GET", "/free/1", cost: 0)
        default: return verify(key, cost: random.number(0...9))
        }
    }

    private func forward(
        _ key: CreditKey, _ method: String, _ target: String, cost: Int64, body: [UInt8]? = nil
    )
        -> Bool
    {
        return forward(key, method, target, Price(cost), body: body)
    }

    /// What only the backend knows: it is told to say `used`.
    mutating func useMetered(_ key: CreditKey) -> Bool {
        let used = Int64(random.number(0...Int(Price.most)))
        return forward(key, "GET", "/metered/\(used)", Price(reserve: Price.reserve, used: used))
    }

    private func forward(
        _ key: CreditKey, _ method: String, _ target: String, _ price: Price, body: [UInt8]? = nil
    )
        -> Bool
    {
        guard let begun = key.account.withLock({ $0.begin(price) }) else { return true }
        let number = world.backend.newNumber()
        switch session.forward(method, target, key: key.secret, number: number, body: body) {
        case .gone:
            key.account.withLock { $0.cancelled(begun) }
            return false
        case .unanswered:
            report.count(\.unanswered)
            key.account.withLock { $0.unanswered(begun) }
            world.leaveUnresolved(number, key, begun)
        case .answered(let response):
            switch (response.status, response.code) {
            case (200, _): allowed(key, begun, left: nil)
            case (429, "USAGE_EXCEEDED"): exceeded(key, begun)
            case (503, _), (502, _):
                report.count(\.unavailable)
                key.account.withLock { $0.unanswered(begun) }
                world.leaveUnresolved(number, key, begun)
            default:
                key.account.withLock { $0.cancelled(begun) }
                report.violation("key \(key.id) on \(target): \(response.status) \(response.text)")
            }
        }
        return true
    }

    private func verify(_ key: CreditKey, cost: Int) -> Bool {
        guard let begun = key.account.withLock({ $0.begin(Price(Int64(cost))) }) else { return true }
        report.count(\.requests)
        let body = #"{"key":"\#(key.secret)","credits":{"cost":\#(cost)}}"#
        switch session.call("keys.verifyKey", body) {
        case .gone:
            key.account.withLock { $0.cancelled(begun) }
            return false
        case .unanswered:
            report.count(\.unanswered)
            key.account.withLock { $0.unanswered(begun) }
        case .answered(let response):
            let data = response.json?["data"]
            switch (response.status, data?["code"]?.string) {
            case (200, "VALID"):
                allowed(key, begun, left: data?["credits"]?.number.map { Int64($0) })
            case (200, "USAGE_EXCEEDED"): exceeded(key, begun)
            case (500..., _):
                report.count(\.unavailable)
                key.account.withLock { $0.unanswered(begun) }
            default:
                key.account.withLock { $0.cancelled(begun) }
                report.violation("key \(key.id) verified: \(response.status) \(response.text)")
            }
        }
        return true
    }

    private func allowed(_ key: CreditKey, _ begun: Account.Begun, left: Int64?) {
        report.count(\.allowed)
        report.judge("key \(key.id)", key.account.withLock { $0.allowed(begun, left: left) })
    }

    private func exceeded(_ key: CreditKey, _ begun: Account.Begun) {
        report.count(\.refused)
        report.judge("key \(key.id)", key.account.withLock { $0.exceeded(begun) })
    }

    // MARK: Limits

    private mutating func useLimit(_ key: LimitedKey) -> Bool {
        let cost = random.once(in: 3) ? random.number(0...3) : 1
        let begun = key.meter.withLock { $0.begin(cost, nowMillis: clock.nowMillis) }
        report.count(\.requests)
        let body: String
        if cost == 1 {
            let number = world.backend.newNumber()
            return count(
                key, begun, session.forward("GET", "/free/1", key: key.secret, number: number)
            ) { response in
                switch (response.status, response.code) {
                case (200, _): true
                case (429, "RATE_LIMITED"): false
                default: nil
                }
            }
        }
        body = #"{"key":"\#(key.secret)","ratelimits":[{"name":"\#(LimitedKey.limitName)","cost":\#(cost)}]}"#
        return count(key, begun, session.call("keys.verifyKey", body)) { response in
            switch response.json?["data"]?["code"]?.string {
            case "VALID": true
            case "RATE_LIMITED": false
            default: nil
            }
        }
    }

    private func count(
        _ key: LimitedKey, _ begun: Meter.Begun, _ outcome: Outcome, isAllowed: (Response) -> Bool?
    ) -> Bool {
        let now = clock.nowMillis
        switch outcome {
        case .gone:
            key.meter.withLock { $0.cancelled(begun) }
            return false
        case .unanswered:
            report.count(\.unanswered)
            key.meter.withLock { $0.unanswered(begun, nowMillis: now) }
        case .answered(let response):
            switch isAllowed(response) {
            case true?:
                report.count(\.allowed)
                report.judge(
                    "limit of key \(key.id)", key.meter.withLock { $0.allowed(begun, nowMillis: now) })
            case false?:
                report.count(\.refused)
                report.judge(
                    "limit of key \(key.id)", key.meter.withLock { $0.exceeded(begun, nowMillis: now) })
            case nil:
                key.meter.withLock { $0.unanswered(begun, nowMillis: now) }
                // A request through the gateway would have needed no disk.
                if response.status == 503 && begun.cost != 1 && !diskIsSound {
                    report.count(\.unavailable)
                    break
                }
                report.violation("limited key \(key.id): \(response.status) \(response.text)")
            }
        }
        return true
    }

    // MARK: Revocation

    mutating func tryVictim(_ victim: Victim) -> Bool {
        let begun = victim.now
        report.count(\.requests)
        guard let (isAllowed, code) = ask(victim, begun, verifies: random.once(in: 3)) else { return false }
        guard let isAllowed else { return true }
        report.count(isAllowed ? \.allowed : \.refused)
        report.judge(
            "\(victim.kind) of key \(begun.keyID)", victim.judge(begun, isAllowed: isAllowed, code: code))
        return true
    }

    /// Whether the key may pass. Nil if there was nobody to ask; nobody knows if there was no answer.
    func ask(_ victim: Victim, _ state: Victim.State, verifies: Bool) -> (isAllowed: Bool?, code: String)? {
        let outcome: Outcome
        let verifies = verifies && victim.kind != .identity
        if verifies {
            let needed =
                switch victim.kind {
                case .permission, .permissionDeletion, .role, .rolePermissions:
                    #","permissions":"\#(victim.kind.slug)""#
                case .disabling, .expiry, .deletion, .identity: ""
                }
            outcome = session.call("keys.verifyKey", #"{"key":"\#(state.secret)"\#(needed)}"#)
        } else {
            let number = world.backend.newNumber()
            outcome = session.forward("GET", victim.kind.target, key: state.secret, number: number)
        }
        switch outcome {
        case .gone: return nil
        case .unanswered:
            report.count(\.unanswered)
            return (nil, "")
        case .answered(let response):
            let code = (verifies ? response.json?["data"]?["code"]?.string : response.code) ?? ""
            // Deciding takes no disk; only calls share the fate of others.
            if verifies && response.status == 503 && !diskIsSound {
                report.count(\.unavailable)
                return (nil, "")
            }
            if verifies { return (code == "VALID", code) }
            return (response.status == 200, response.status == 200 ? "" : code)
        }
    }
}

/// The clock that the gateway has: this machine's, some days ahead.
struct ShiftedClock: Sendable {
    static let dayMillis = 86_400_000
    let shiftMillis: Int

    var nowMillis: Int { realtimeMilliseconds() + shiftMillis }

    /// One hour into a day, so that no run comes upon a midnight of its own.
    static func anHourIntoADay() -> ShiftedClock {
        let now = realtimeMilliseconds() % dayMillis
        return ShiftedClock(shiftMillis: dayMillis - now + 3_600_000)
    }

    func later(days: Int) -> ShiftedClock { ShiftedClock(shiftMillis: shiftMillis + days * Self.dayMillis) }
}
