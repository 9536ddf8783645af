// One life for each thing that the gateway does to its disk, in which just that goes wrong, in each way.

extension Run {
    /// Which faults, and whether everything after fails too.
    private static let faults: [(kind: String, forEver: Bool)] = [
        ("EIO", true), ("EIO", false), ("tear-ENOSPC", true), ("tear-EIO", false), ("kill", false),
        ("power", false),
    ]

    /// Operation after operation, to the last that a life without faults has, and on for as long as a fault still
    /// finds something to strike: threads decide how many there are.
    func sweep(_ range: ClosedRange<Int>, _ world: World, isLate: () -> Bool) throws {
        for durability in [Durability.lease, .exact] where options.durability ?? durability == durability {
            if isLate() {
                say("\(durability.rawValue): not begun")
                continue
            }
            let count = try record(world, durability)
            say("\(durability.rawValue): \(count) disk operations, each of them to go wrong")
            var (at, lives, struck) = (range.lowerBound, 0, 0)
            operations: while at <= range.upperBound {
                let before = struck
                for (kind, forEver) in Self.faults {
                    if isLate() {
                        say("\(durability.rawValue): not done from operation \(at) on")
                        break operations
                    }
                    let fault = DiskFault.operation(kind: kind, at: at, forEver: forEver)
                    let ending = at % 2 == 0 ? Circumstances.Ending.kill : .stop
                    let disk = try live(
                        world, Circumstances(durability: durability, ending: ending, fault: fault), .script)
                    lives += 1
                    if disk.wasStruck { struck += 1 }
                    // And the store it left is looked at with a sound disk.
                    try live(world, Circumstances(durability: durability, ending: .kill), .nobody)
                }
                at += 1
                if at > count && struck == before { break }
            }
            let swept = "\(at - range.lowerBound) operations"
            say("\(durability.rawValue): \(swept), \(struck) of \(lives) lives struck")
        }
    }

    /// How many operations there are when nothing goes wrong.
    private func record(_ world: World, _ durability: Durability) throws -> Int {
        try live(world, Circumstances(durability: durability, ending: .stop, isRecorded: true), .script)
            .operationCount
    }
}

/// What one client does during each life of a sweep: all kinds of mutations and enough spending for several leases.
enum Script {
    static func run(_ traffic: inout Traffic, _ operations: inout Operations) {
        for round in 0..<4 {
            for key in operations.world.credits.prefix(3) {
                operations.grant(key, 12)
                for _ in 0..<3 { _ = traffic.spend(key) }
                _ = traffic.useMetered(operations.world.metered[0])
                operations.audit(key)
            }
            let victims = operations.world.victims
            for victim in [victims[round], victims[round + 4]] {
                for _ in 0..<2 {
                    operations.turn(victim)
                    _ = traffic.tryVictim(victim)
                }
            }
            operations.mutate()
            if round == 1 { operations.compact() }
        }
    }
}
