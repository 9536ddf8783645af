// The first look into the store after a start, and the look at its files before: what is there against what
// clients were told.

import Synchronization

struct Inspection {
    let world: World
    let report: Report
    let directory: Directory

    /// The files, while no process has them. Returns false if they are damaged.
    func verifyFiles() {
        report.count(\.verifications)
        for command in Self.verifications {
            guard let done = try? Keygate.run(command + ["--store", "store"], in: directory.path) else {
                report.violation("keygate \(command) did not end")
                continue
            }
            if !done.succeeded {
                report.violation("keygate \(command.joined(separator: " ")): \(done.output)\(done.errors)")
            }
        }
    }

    /// Both commands, or the one that there is.
    private static let verifications: [[String]] = {
        let ledger = ["ledger", "verify"]
        let help = try? Keygate.run(["help"], in: "/")
        return [["store", "verify"]] + (help?.output.contains("ledger") == true ? [ledger] : [])
    }()

    /// Everything through the gateway, before there is any traffic.
    func inspect(_ life: Life, _ clock: ShiftedClock, _ circumstances: Circumstances, random: inout Random)
        throws
    {
        let session = Session(life, rootKey: world.rootKey, report)
        let operations = Operations(
            world: world, session: session, report: report, clock: clock, life: life, directory: directory,
            random: random, diskIsSound: circumstances.fault == nil)
        for key in world.credits {
            if circumstances.newDays > 0, let amount = key.refill {
                // The refill is a transaction of its own, and the gateway may be ready before it is done.
                if !(eventually(within: 30_000) { operations.balance(key).map { $0 >= amount } ?? false }) {
                    report.violation("key \(key.id) was not refilled")
                }
                report.count(\.refills)
                key.account.withLock { $0.refill(amount) }
            }
            operations.audit(key)
        }
        for key in world.metered { operations.audit(key) }
        let traffic = Traffic(
            world: world, session: session, report: report, clock: clock, random: random,
            diskIsSound: circumstances.fault == nil)
        for victim in world.victims {
            guard let told = traffic.ask(victim, victim.now, verifies: false), let isAllowed = told.isAllowed
            else {
                throw Session.Failure(reason: "no answer during the inspection")
            }
            report.judge("\(victim.kind)", victim.settle(isAllowed: isAllowed, code: told.code))
        }
        for problem in try world.composite.judge(session) + world.churn.judge(session) {
            report.violation(problem)
        }
    }
}
