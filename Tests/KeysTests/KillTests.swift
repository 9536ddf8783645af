// A process that mutates a store is killed at random moments, two hundred times. Whatever it had said was
// done is there afterwards, and nothing is half there.

import Testing

@Suite struct KillTests {
    let scratch = Scratch()

    @Test("after kill -9 every acknowledged transaction is there, and none in part")
    func killed() throws {
        var random = FixedRandom(11)
        var acknowledged = 0
        for round in 0..<200 {
            var process = try TortureProcess(directory: scratch.store)
            // Killed as soon as so many were acknowledged, while the next ones are on their way.
            let wanted = acknowledged + 1 + Int(random.next() % 60)
            while process.lastNumber < wanted, process.readSome() {}
            process.kill()
            try #require(process.lastNumber >= wanted, "round \(round): \(process.complaints)")
            acknowledged = process.lastNumber
            // Not every time: now and then the next process recovers by itself, from what recovery left.
            if round % 4 == 0 || round == 199 {
                try TortureProcess.check(scratch.store, acknowledged, "round \(round)")
            }
        }
    }
}
