// The run: one life after the other on one store, each ended in its own way, and a look at what it left.

import Glibc
import Synchronization

final class Run {
    let options: Options
    let report: Report
    let directory: Directory
    private let backend: Backend
    var random: Random
    private var clock = ShiftedClock.anHourIntoADay()
    private var lifeNumber = 0

    init(_ options: Options, _ report: Report) throws {
        self.options = options
        self.report = report
        random = Random(seed: options.seed)
        directory = try Directory()
        backend = try Backend()
    }

    func run() throws {
        let world = try makeWorld()
        let deadline = options.seconds.map { monotonicMilliseconds() + $0 * 1000 }
        let isLate = { deadline.map { monotonicMilliseconds() >= $0 } ?? false }
        if let range = options.sweep {
            try sweep(range, world, isLate: isLate)
        } else {
            for _ in 1...options.cycles where !isLate() { try live(world, choose(), .crowd) }
        }
        // What the last one left is looked at as well, and so is what an orderly end leaves.
        for _ in 0..<2 { try live(world, Circumstances(durability: .lease, ending: .stop), .nobody) }
    }

    private func makeWorld() throws -> World {
        let made = try Keygate.run(["rootkey", "create", "--store", "store", "--json"], in: directory.path)
        guard made.succeeded, let rootKey = JSONValue(made.output)?["key"]?.string else {
            throw Session.Failure(reason: "keygate rootkey create: \(made.output)\(made.errors)")
        }
        let circumstances = Circumstances(durability: .lease, ending: .kill)
        let life = try Life(
            in: directory, circumstances.configuration(backend), environment: environment(circumstances))
        let world = try World(
            life, rootKey: rootKey, backend: backend, report,
            pretendedLimit: options.tampering == .limit ? 1 : 0)
        _ = try life.kill()
        return world
    }

    private func choose() -> Circumstances {
        var chosen = Circumstances(
            durability: options.durability ?? (random.once(in: 2) ? .lease : .exact), ending: .kill)
        chosen.largestLease = random.pick([20, 100, 1000])
        switch random.number(0...9) {
        case 0: chosen.ending = .stop
        case 1...2: chosen.ending = .power
        case 3:
            chosen.ending = random.once(in: 2) ? .kill : .stop
            chosen.fault =
                random.once(in: 2)
                ? .outage(kind: random.pick(DiskFault.outages))
                : .operation(
                    kind: random.pick(DiskFault.kinds), at: random.number(1...150),
                    forEver: random.once(in: 2))
        default: break
        }
        // A refill is due then, which a failing disk might not take.
        if chosen.fault == nil && random.once(in: 8) { chosen.newDays = random.number(1...3) }
        return chosen
    }

    // MARK: One life

    /// Who is there during a life.
    enum Company {
        /// Nobody but the inspection.
        case nobody
        /// One client, which does the same each time.
        case script
        case crowd
    }

    /// What was done to the disk in a life that was recorded.
    struct DiskRecord {
        var operationCount = 0
        /// Whether any of it went wrong.
        var wasStruck = false
    }

    @discardableResult
    func live(_ world: World, _ circumstances: Circumstances, _ company: Company) throws -> DiskRecord {
        lifeNumber += 1
        report.begin(life: lifeNumber, "\(circumstances)")
        if options.tampering == .mutation && lifeNumber == 2 { world.churn.pretendMade() }
        clock = clock.later(days: circumstances.newDays)
        for key in world.limited {
            key.meter.withLock { $0.moveOn(millis: circumstances.newDays * ShiftedClock.dayMillis) }
        }
        if circumstances.fault != nil {
            for key in world.credits + world.metered {
                key.account.withLock { $0.withheldAtMost = circumstances.mostLost }
            }
        }
        let inspection = Inspection(world: world, report: report, directory: directory)
        if circumstances.fault != nil {
            // What a sound disk would have brought over from an orderly end may be lost.
            for key in world.limited { key.meter.withLock { $0.end(isOrderly: false) } }
        }
        guard let life = try start(circumstances) else {
            inspection.verifyFiles()
            return takeRecord(circumstances)
        }
        do {
            try inspection.inspect(life, clock, circumstances, random: &random)
        } catch {
            if circumstances.fault == nil { throw error }
            // Its disk has killed it, so there is nobody to ask.
        }
        if options.tampering == .request { tellOfOneMore(world) }
        if options.tampering == .revocation { world.victims[0].pretendShut() }
        let ended = Channel<Void>()
        let threads = populate(life, world, circumstances, company, ended)
        if company == .script {
            _ = eventually(within: 120_000) { ended.pendingCount == threads }
        } else if company == .crowd {
            try passTime(life, world, circumstances)
        }
        let exit = try end(life, circumstances)
        for _ in 0..<threads { try ended.next("end of a thread", milliseconds: 120_000) }
        settle(world, life, circumstances, exit)
        inspection.verifyFiles()
        if options.tampering == .store { try exchangeStore() }
        return takeRecord(circumstances)
    }

    /// Counts a fault that came to pass: a life may end before it does what was to go wrong.
    private func takeRecord(_ circumstances: Circumstances) -> DiskRecord {
        guard circumstances.isRecorded || circumstances.fault != nil,
            let lines = try? directory.read(Circumstances.record).split(separator: "\n")
        else { return DiskRecord() }
        _ = try? runToEnd(["rm", "-f", Circumstances.record], in: directory.path)
        let record = DiskRecord(
            operationCount: lines.count, wasStruck: lines.contains { !$0.hasSuffix(" -") })
        if record.wasStruck && circumstances.fault != nil { report.count(\.faults) }
        return record
    }

    /// Nil if it may fail to start and does.
    private func start(_ circumstances: Circumstances) throws -> Life? {
        do {
            return try Life(
                in: directory, circumstances.configuration(backend), environment: environment(circumstances))
        } catch Life.StartFailure.ended(let exit, let complaint) {
            report.count(\.failedStarts)
            guard circumstances.fault != nil else {
                throw Session.Failure(reason: "the gateway does not start (\(exit)): \(complaint)")
            }
            if exit != .code(1) && exit != .signal(SIGKILL) {
                report.violation("the gateway did not refuse to start but ended, \(exit): \(complaint)")
            }
            return nil
        }
    }

    private func populate(
        _ life: Life, _ world: World, _ circumstances: Circumstances, _ company: Company,
        _ ended: Channel<Void>
    ) -> Int {
        let (report, clock, directory, lifeNumber) = (report, clock, directory, lifeNumber)
        var count = 0
        func client(_ body: @escaping @Sendable (inout Traffic, inout Operations) -> Void) {
            count += 1
            let random = Random(seed: options.seed, life: lifeNumber, thread: count)
            startThread {
                let session = Session(life, rootKey: world.rootKey, report)
                var traffic = Traffic(
                    world: world, session: session, report: report, clock: clock, random: random,
                    diskIsSound: circumstances.fault == nil)
                var operations = Operations(
                    world: world, session: session, report: report, clock: clock, life: life,
                    directory: directory, random: random, diskIsSound: circumstances.fault == nil)
                body(&traffic, &operations)
                ended.push(())
            }
        }
        switch company {
        case .nobody: break
        case .script: client { Script.run(&$0, &$1) }
        case .crowd:
            for _ in 0..<4 { client { traffic, _ in traffic.run() } }
            client { $1.grantUntilTheEnd() }
            client { $1.mutateUntilTheEnd() }
            client { $1.keepUpUntilTheEnd() }
            if options.tampering != .revocation { client { $1.revokeUntilTheEnd() } }
        }
        return count
    }

    /// For as long as the crowd is there.
    private func passTime(_ life: Life, _ world: World, _ circumstances: Circumstances) throws {
        func pass() { wait(milliseconds: Int32(random.number(20...random.pick([60, 300, 900])))) }
        pass()
        guard circumstances.fault?.isOutage == true else { return }
        try directory.write("", to: Circumstances.outageSwitch)
        pass()
        // Half of the lives end before the disk is back.
        if random.once(in: 2) { return }
        _ = try runToEnd(["rm", "-f", Circumstances.outageSwitch], in: directory.path)
        let session = Session(life, rootKey: world.rootKey, report)
        let recovers = eventually(within: 30_000) {
            wait(milliseconds: 10)
            return session.change("permissions.createRole", #"{"name":"outage-\#(lifeNumber)"}"#).fate
                == .done
        }
        if recovers {
            report.count(\.recoveries)
        } else {
            report.violation("the disk is sound again, and the store takes no changes: \(life.standardError)")
        }
        pass()
    }

    private func end(_ life: Life, _ circumstances: Circumstances) throws -> Exit {
        switch circumstances.ending {
        case .kill:
            report.count(\.kills)
            return try life.kill()
        case .stop:
            report.count(\.stops)
            return try life.stop()
        case .power:
            try directory.write("", to: Circumstances.powerSwitch)
            // It is gone with the next thing it does to its disk; without traffic that may take a while.
            if eventually(within: 3000, { life.hasEnded }) {
                report.count(\.powerFailures)
            } else {
                report.count(\.kills)
            }
            return try life.kill()
        }
    }

    private func settle(_ world: World, _ life: Life, _ circumstances: Circumstances, _ exit: Exit) {
        let isClean = circumstances.ending == .stop && circumstances.fault == nil
        let expected: [Exit] =
            isClean
            ? [.code(0)]
            : circumstances.ending == .stop ? [.code(0), .code(1), .signal(SIGKILL)] : [.signal(SIGKILL)]
        if !expected.contains(exit) {
            report.violation("the gateway ended with \(exit): \(life.standardError.suffix(2000))")
        }
        let cutOff = world.resolve(report)
        if isClean && cutOff > 0 {
            report.violation("\(cutOff) forwarded requests were not answered before an orderly end")
        }
        for key in world.credits + world.metered {
            key.account.withLock { $0.end(lost: isClean ? nil : circumstances.mostLost) }
        }
        for key in world.limited { key.meter.withLock { $0.end(isOrderly: isClean) } }
        _ = try? runToEnd(
            ["rm", "-rf", "store.limbo", Circumstances.powerSwitch, Circumstances.outageSwitch],
            in: directory.path)
    }

    private func environment(_ circumstances: Circumstances) -> [String: String] {
        var variables = circumstances.faultSettings(in: directory, seed: random.number(0...1000))
        var libraries = [Beside.clockShift]
        if !variables.isEmpty { libraries.append(Beside.diskFaults) }
        variables["LD_PRELOAD"] = libraries.joined(separator: ":")
        variables["KG_CLOCK_MILLIS"] = "\(clock.shiftMillis)"
        return variables
    }

    // MARK: Lies

    private func tellOfOneMore(_ world: World) {
        let key = world.credits[0]
        key.account.withLock { account in
            guard let begun = account.begin(Price(1)) else { return }
            report.judge("key \(key.id)", account.allowed(begun, left: nil))
        }
    }

    /// The store as the first life left it comes back after the third.
    private func exchangeStore() throws {
        if lifeNumber == 1 { _ = try runToEnd(["cp", "-a", "store", "older"], in: directory.path) }
        if lifeNumber == 3 {
            _ = try runToEnd(["sh", "-c", "rm -rf store && cp -a older store"], in: directory.path)
        }
    }
}
