// The power fails in the middle of every single operation on the disk. What was told to be durable is there
// afterwards, whichever part of the rest reached the disk.

import Testing

@testable import Keys

@Suite struct PowerTests {
    /// What of the unsynced is kept: nothing, everything, and subsets with torn writes.
    @Test(
        "whichever operation the power fails in, nothing acknowledged is lost and nothing is half there",
        arguments: [0, 1, 17, 4711])
    func everyOperation(seed: Int) throws {
        var acknowledged = 0
        // Eight operations create the store; a hundred see several compactions to their end.
        for number in 1...110 {
            let scratch = Scratch()
            var process = try TortureProcess(
                directory: scratch.store,
                faults: [
                    "KG_FAULT_POWER_AT": "\(number)", "KG_FAULT_SEED": "\(seed)", "KG_FAULT_NOSYNC": "1",
                ])
            process.waitForEnd()
            #expect(process.complaint == "", "operation \(number)")
            // Before its first transaction the store has nothing to keep, and it still opens.
            if process.lastNumber == 0 {
                _ = try KeyStore.open(scratch.store)
            } else {
                try TortureProcess.check(scratch.store, process.lastNumber, "operation \(number)")
            }
            acknowledged = max(acknowledged, process.lastNumber)
        }
        #expect(acknowledged > 50)
    }
}
