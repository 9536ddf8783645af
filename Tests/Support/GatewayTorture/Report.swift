// What the run counts and what it found. Shared by all threads.

import Glibc
import Synchronization

final class Report: Sendable {
    struct Counts {
        var lives = 0, kills = 0, stops = 0, powerFailures = 0, faults = 0, recoveries = 0, failedStarts = 0
        var requests = 0, allowed = 0, refused = 0, unanswered = 0, unavailable = 0
        var grants = 0, refills = 0, revocations = 0, mutations = 0
        var audits = 0, verifications = 0, backups = 0, compactions = 0
        var limitCharged = 0, limitGranted = 0
        var violations = 0
    }

    private struct State {
        var counts = Counts()
        var life = 0
        var circumstances = ""
    }

    private static let mostShown = 50
    private let state = Mutex(State())
    let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    var counts: Counts { state.withLock { $0.counts } }

    func count(_ member: any WritableKeyPath<Counts, Int> & Sendable, _ amount: Int = 1) {
        state.withLock { $0.counts[keyPath: member] += amount }
    }

    /// From now on violations belong to this life.
    func begin(life: Int, _ circumstances: String) {
        state.withLock {
            $0.life = life
            $0.circumstances = circumstances
            $0.counts.lives += 1
        }
    }

    /// Says what was violated and by what evidence, at once.
    func violation(_ what: String) {
        let line = state.withLock { state -> String? in
            state.counts.violations += 1
            guard state.counts.violations <= Self.mostShown else { return nil }
            return "VIOLATION seed \(seed) life \(state.life) (\(state.circumstances)): \(what)"
        }
        if let line { say(line) }
    }

    /// The same, if there is something to say.
    func judge(_ subject: String, _ problem: String?) {
        if let problem { violation("\(subject): \(problem)") }
    }

    /// The last lines of a run.
    var summary: String {
        let counts = counts
        return """
            lives          \(counts.lives): \(counts.kills) killed, \(counts.powerFailures) lost power, \
            \(counts.stops) stopped, \(counts.failedStarts) did not start
            faults         \(counts.faults) injected, \(counts.recoveries) outages recovered from
            requests       \(counts.requests): \(counts.allowed) allowed, \(counts.refused) refused, \
            \(counts.unavailable) unavailable, \(counts.unanswered) cut off
            grants         \(counts.grants), refills \(counts.refills)
            revocations    \(counts.revocations)
            mutations      \(counts.mutations), backups \(counts.backups), compactions \(counts.compactions)
            checks         \(counts.audits) balances, \(counts.verifications) stores
            violations     \(counts.violations)
            """
    }
}

/// One whole line on standard output, whoever else writes there.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
}
