// The power fails in the middle of every single operation on the disk. What was told to be durable is there
// afterwards, whichever part of the rest reached the disk.

import Glibc
import Testing

@testable import Keys

@Suite struct PowerTests {
    /// Runs a process until the power fails; returns the last number that it was told was done, after
    /// looking at what is left of its store.
    private func run(_ faults: [String: String], _ label: String) throws -> TortureProcess {
        let scratch = Scratch()
        var settings = faults
        settings["KG_FAULT_NOSYNC"] = "1"
        var process = try TortureProcess(directory: scratch.store, faults: settings)
        process.waitForEnd()
        // Before its first transaction the store has nothing to keep, and it still opens.
        if process.lastNumber == 0 {
            _ = try KeyStore.open(scratch.store)
        } else {
            try TortureProcess.check(scratch.store, process.lastNumber, label)
        }
        return process
    }

    /// What of the unsynced is kept: nothing, everything, and subsets with torn writes.
    @Test(
        "whichever operation the power fails in, nothing acknowledged is lost and nothing is half there",
        arguments: [0, 1, 17])
    func everyOperation(seed: Int) throws {
        var acknowledged = 0
        // Nine operations create the store; a hundred see several compactions to their end.
        for number in 1...110 {
            let faults = ["KG_FAULT_POWER_AT": "\(number)", "KG_FAULT_SEED": "\(seed)"]
            let process = try run(faults, "operation \(number)")
            #expect(process.complaints == [], "operation \(number)")
            acknowledged = max(acknowledged, process.lastNumber)
        }
        #expect(acknowledged > 50)
    }

    @Test("writes that take half of what they are given are gone on with until everything is written")
    func shortWrites() throws {
        let process = try run(
            [
                "KG_FAULT_AT": "1", "KG_FAULT_FOR": "0", "KG_FAULT_KIND": "short", "KG_FAULT_SEED": "3",
                "KG_FAULT_POWER_AT": "900",
            ], "short writes")
        #expect(process.complaints == [])
        #expect(process.lastNumber > 20)
    }

    @Test(
        "nor when an operation fails, the store goes on, and then the power fails",
        arguments: ["EIO", "tear-ENOSPC"])
    func everyFailureThenPower(kind: String) throws {
        var acknowledged = 0
        for number in stride(from: 10, through: 70, by: 2) {
            // Within the attempt to go on, and at several distances behind it. Which threads the two strike
            // is chance: the test below is the one that sees to it that the store was read-only.
            let process = try run(
                [
                    "KG_FAULT_AT": "\(number)", "KG_FAULT_KIND": kind, "KG_FAULT_SEED": "\(number % 7)",
                    "KG_FAULT_POWER_AT": "\(number + 2 + number * 5 % 23)",
                ], "\(kind) at operation \(number)")
            acknowledged = max(acknowledged, process.lastNumber)
        }
        #expect(acknowledged > 10)
    }

    /// So many transactions are acknowledged between the end of the trouble and the power failure, and this is
    /// kept of what was not synced.
    @Test(
        "nor when the disk is broken for a while, the store takes changes again by itself, and then it fails",
        arguments: ["EIO", "tear-ENOSPC"], [(0, 0), (0, 1), (1, 17), (9, 0), (9, 5), (60, 23)])
    func brokenForAWhile(kind: String, then: (distance: Int, seed: Int)) throws {
        let scratch = Scratch()
        let (broken, dark) = (scratch.path + "/broken", scratch.path + "/dark")
        var process = try TortureProcess(
            directory: scratch.store,
            faults: [
                "KG_FAULT_NOSYNC": "1", "KG_FAULT_WHILE": broken, "KG_FAULT_KIND": kind,
                "KG_FAULT_SEED": "\(then.seed)", "KG_FAULT_POWER_WHEN": dark,
            ])
        try process.read { $0.lastNumber >= 20 }
        try Scratch.write([], to: broken)
        try process.read { $0.complaints.contains { $0.hasPrefix("the store is read-only") } }
        _ = unsafe unlink(broken)
        try process.read { $0.complaints.contains("the store takes changes again") }
        let last = process.lastNumber
        try process.read { $0.lastNumber >= last + then.distance }
        try Scratch.write([], to: dark)
        process.waitForEnd()
        try TortureProcess.check(scratch.store, process.lastNumber, "\(kind), \(then)")
    }
}
