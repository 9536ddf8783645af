// What runs for long is looked at again: a request whose answer is still being streamed, whose upload goes on, or
// whose backend takes its time was let through by a key that may since have been deleted, disabled or stripped of the
// permission it needed. Every `recheck-interval` its key is found anew and put to the same questions as at the
// start, except for what it pays: nothing is charged twice. One that fails is cut off, and the log says why.
//
// It costs an ordinary request nothing: no timer is set for it and nothing is kept. The loop looks through its
// connections now and then, and those whose exchange is young are left alone. A key cannot be held over turns (the
// store frees it), so it is found by the credential, which is still in the head.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules

enum Recheck {
    /// Whether the key that let an exchange through would do so at this moment, by the rules under which it began; nil if
    /// it would, or if its route refuses nobody. Then `exchange.key` is the key as it is now, valid in this turn only.
    /// Charges nothing. For everything that goes on for longer than a turn.
    static func judge(
        _ exchange: Exchange, _ route: Route, _ reader: StoreReader, nowMillis: Int64
    ) -> Refusal? {
        exchange.key = nil
        guard let range = exchange.credential,
            let key = reader.find(KeyDigest(hashing: exchange.headBytes[range])),
            Admission.isServed(key, route)
        else { return route.isShadow ? nil : Refusal(.keyNotFound) }
        if let refusal = Admission.judgeState(key, exchange, nowMillis: nowMillis) {
            return route.isShadow ? nil : refusal
        }
        exchange.key = key
        if route.isShadow { return nil }
        let refusal =
            Admission.judgePermissions(key, route)
            ?? Admission.judgeChecks(exchange, route, nowMillis: nowMillis)
        if refusal != nil { exchange.key = nil }
        return refusal
    }

    /// A loop looks so many times in an interval, so that no exchange has to wait for much longer than that.
    private static let looksPerInterval: Int64 = 8

    /// How long a loop waits before it looks again.
    static func pauseNanos(_ settings: Settings) -> Int64 {
        Int64(settings.recheckIntervalNanos) / looksPerInterval
    }

    /// How old a decision is that is made anew: by the next look it would be older than the interval.
    static func ageNanos(_ settings: Settings) -> Int64 {
        Int64(settings.recheckIntervalNanos) - pauseNanos(settings)
    }
}

extension Connection {
    /// Ends the exchange if its decision is older than `ageNanos` and would be another one now.
    func recheck(ageNanos: Int64) {
        guard role == .client, state == .exchange || state == .tunnel, let exchange, exchange.transfer != nil,
            case .valid = exchange.outcome, let route = exchange.route, !route.isShadow
        else { return }
        let now = worker.loop.nowNanos
        // A time from before the start belongs to an earlier exchange.
        guard now - max(exchange.startNanos, exchange.recheckedNanos) >= ageNanos else { return }
        exchange.recheckedNanos = now
        let refusal = Recheck.judge(exchange, route, worker.reader, nowMillis: worker.loop.unixMillis)
        exchange.key = nil
        guard let refusal else { return }
        exchange.revocation = refusal.reason
        worker.counters.countRevocation(refusal.reason)
        if state == .tunnel { return endTunnel(exchange, .revoked) }
        // Nothing sent yet: the refusal is the answer. Otherwise what was sent is cut off and cannot be taken for whole.
        refuse(exchange, refusal, closing: !exchange.hasWholeBody)
        if state != .closed { drive() }
    }
}
