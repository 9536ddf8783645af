// What those who run the gateway do during a life: grant credits, look at balances, revoke and restore keys,
// make and delete keys, compact and copy the store.

import Glibc
import Synchronization

struct Operations {
    let world: World
    let session: Session
    let report: Report
    let clock: ShiftedClock
    let life: Life
    let directory: Directory
    var random: Random
    /// Whether calls may fail because the disk does.
    let diskIsSound: Bool

    // MARK: Grants and balances

    mutating func grantUntilTheEnd() {
        while !life.isOver && !life.hasEnded {
            let key = random.pick(world.credits)
            switch random.number(0...9) {
            case 0...5: grant(key, Int64(random.number(1...60)))
            case 6: take(key, Int64(random.number(1...30)))
            case 7: replace(key, Int64(random.number(0...80)))
            case 8: rename(key)
            default: audit(random.once(in: 4) ? random.pick(world.metered) : key)
            }
        }
    }

    func grant(_ key: CreditKey, _ amount: Int64) {
        guard key.account.withLock({ $0.beginGrant(amount) }) else { return }
        let (fate, _) = session.change("keys.updateCredits", update(key, "increment", amount))
        key.account.withLock { $0.endGrant(amount, fate) }
        if fate == .done { report.count(\.grants) }
    }

    private func take(_ key: CreditKey, _ amount: Int64) {
        guard key.account.withLock({ $0.beginTaking(amount) }) else { return }
        let (fate, data) = session.change("keys.updateCredits", update(key, "decrement", amount))
        key.account.withLock {
            $0.endTaking(amount, fate, left: data?["remaining"]?.number.map { Int64($0) })
        }
    }

    private func replace(_ key: CreditKey, _ balance: Int64) {
        whilePaused(key) {
            let (fate, _) = session.change("keys.updateCredits", update(key, "set", balance))
            key.account.withLock { $0.set(balance, fate) }
            if fate == .done { report.count(\.grants) }
        }
    }

    /// A change that has nothing to do with credits, and must not touch them.
    private mutating func rename(_ key: CreditKey) {
        _ = session.change("keys.updateKey", #"{"keyId":"\#(key.id)","name":"\#(random.next())"}"#)
    }

    /// Compares the balance while nothing is under way.
    func audit(_ key: CreditKey) {
        whilePaused(key) {
            // What a request has cost in the end is charged after its answer.
            var balance = balance(key)
            if key.isMetered {
                _ = eventually(within: 10_000) {
                    balance = self.balance(key)
                    return balance.map { left in key.account.withLock { $0.bounds.contains(left) } } ?? true
                }
            }
            guard let balance else { return }
            report.count(\.audits)
            report.judge("balance of key \(key.id)", key.account.withLock { $0.observe(balance) })
        }
    }

    func balance(_ key: CreditKey) -> Int64? {
        guard case .answered(let response) = session.call("keys.getKey", #"{"keyId":"\#(key.id)"}"#) else {
            return nil
        }
        guard response.status == 200, let left = response.json?["data"]?["credits"]?["remaining"]?.number
        else {
            if diskIsSound { report.violation("key \(key.id): \(response.status) \(response.text)") }
            return nil
        }
        return Int64(left)
    }

    private func whilePaused(_ key: CreditKey, _ body: () -> Void) {
        defer { key.account.withLock { $0.resume() } }
        while !key.account.withLock({ $0.pause() }) {
            if life.isOver || life.hasEnded { return }
            wait(milliseconds: 1)
        }
        body()
    }

    private func update(_ key: CreditKey, _ operation: String, _ value: Int64) -> String {
        #"{"keyId":"\#(key.id)","operation":"\#(operation)","value":\#(value)}"#
    }

    // MARK: Revocations and other mutations

    mutating func revokeUntilTheEnd() {
        while !life.isOver && !life.hasEnded {
            turn(random.pick(world.victims))
            // Requests that begin and end in between are the ones that are judged.
            wait(milliseconds: Int32(random.number(0...10)))
        }
    }

    /// Takes a right away, or gives it back.
    mutating func turn(_ victim: Victim) {
        let isRevocation = victim.now.standing == .open
        let fate = victim.turn(session, nowMillis: clock.nowMillis, &random)
        if isRevocation && fate == .done { report.count(\.revocations) }
    }

    mutating func mutateUntilTheEnd() {
        while !life.isOver && !life.hasEnded { mutate() }
    }

    mutating func mutate() {
        switch random.number(0...3) {
        case 0: world.composite.changeKey(session)
        case 1: world.composite.changeRole(session)
        default:
            guard let made = world.churn.change(session, &random) else { return }
            let number = world.backend.newNumber()
            guard
                case .answered(let response) = session.forward(
                    "GET", "/free/1", key: made.secret, number: number)
            else { return }
            if response.status != 200 {
                report.violation(
                    "key \(made.id) was acknowledged and refused: \(response.status) \(response.text)")
            }
        }
    }

    mutating func keepUpUntilTheEnd() {
        while !life.isOver && !life.hasEnded {
            wait(milliseconds: Int32(random.number(0...400)))
            if random.once(in: 2) { compact() } else { backUp() }
        }
    }

    func compact() {
        guard !life.isOver, let done = command("store", "compact", "-c", "gateway.conf") else { return }
        if done.succeeded {
            report.count(\.compactions)
        } else if diskIsSound && !life.isEnding {
            report.violation("keygate store compact: \(done.errors)")
        }
    }

    /// The copy must open and be whole. What it shows of each key is known only roughly while there is traffic.
    private mutating func backUp() {
        let copy = "backup-\(random.next() % 1_000_000)"
        defer { _ = try? runToEnd(["rm", "-rf", copy], in: directory.path) }
        guard !life.isOver, let done = command("store", "backup", copy, "-c", "gateway.conf") else { return }
        guard done.succeeded else {
            if diskIsSound && !life.isEnding {
                report.violation("keygate store backup: \(done.errors)")
            }
            return
        }
        report.count(\.backups)
        if let verified = command("store", "verify", "--store", copy), !verified.succeeded {
            report.violation("keygate store verify of a backup: \(verified.output)\(verified.errors)")
        }
    }

    private func command(_ arguments: String...) -> Finished? {
        try? Keygate.run(arguments, in: directory.path)
    }
}

func wait(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }
