import Testing

/// The torture of `Tests/Torture`, for as long as a test may take, and the proof that it would see a violation:
/// told a lie, its checker contradicts.
@Suite(.serialized) struct Torture {
    private static func run(_ arguments: String...) throws -> Finished {
        try runToEnd([Keygate.products + "/GatewayTorture"] + arguments, in: "/tmp", milliseconds: 300_000)
    }

    @Test func nothingIsViolatedByKillsPowerFailuresAndFaults() throws {
        let done = try Self.run("--seed", "7", "--cycles", "25")
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        #expect(done.output.contains("violations     0\n"))
        #expect(!done.output.contains(" 0 killed"))
    }

    @Test func nothingIsViolatedByADiskThatFailsAtOneOperation() throws {
        let done = try Self.run("--seed", "7", "--durability", "lease", "--sweep", "40..41")
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        #expect(done.output.contains("lease: 2 operations, 12 of 12 lives struck\n"), "\(done.output)")
        #expect(done.output.contains("violations     0\n"))
    }

    /// In the middle of a life, where no fault comes too late.
    @Test func aSweepCanBeDoneInParts() throws {
        let done = try Self.run("--seed", "7", "--durability", "exact", "--sweep", "80..81")
        #expect(done.succeeded, "\(done.output)\(done.errors)")
        #expect(done.output.contains("exact: 2 operations, 12 of 12 lives struck\n"), "\(done.output)")
        #expect(done.output.contains("violations     0\n"))
    }

    @Test(arguments: [
        // One request too many shows first in whatever is looked at first: a balance that was told, the sum of what was
        // allowed, or the store itself.
        ("request", ["can be spent twice", "granted credits", "credits are left, which is not within"]),
        ("revocation", ["allowed after an acknowledged revocation"]),
        ("limit", ["were allowed"]),
        ("mutation", ["acknowledged key"]),
        ("store", ["the store has"]),
    ])
    func aLieIsSeenThrough(_ lie: String, _ evidence: [String]) throws {
        let done = try Self.run("--seed", "7", "--cycles", "6", "--durability", "exact", "--tamper", lie)
        #expect(done.exit == .code(1), "\(done.output)\(done.errors)")
        let violations = done.output.split(separator: "\n").filter { $0.hasPrefix("VIOLATION seed 7 ") }
        #expect(violations.contains { line in evidence.contains { line.contains($0) } }, "\(done.output)")
    }

    @Test(arguments: [["--cycles", "none"], ["--sweep", "5..3"], ["--sweep", "0.."], ["--sweep", "2..x"]])
    func wrongUsageIsRefused(_ arguments: [String]) throws {
        let done = try runToEnd([Keygate.products + "/GatewayTorture"] + arguments, in: "/tmp")
        #expect(done.exit == .code(2))
        #expect(done.output.hasPrefix("usage: GatewayTorture "))
    }
}
