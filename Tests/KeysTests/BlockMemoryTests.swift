// The memory of blocks: nobody gets what somebody else has, and what comes and goes leaves nothing behind.

import Reactor
import Testing

@testable import Keys

@Suite struct BlockMemoryTests {
    /// A block of that many bytes, all of the same value behind the length.
    private func bytes(_ count: Int, _ value: UInt8) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
            + Array(repeating: value, count: count - 4)
    }

    @Test func blocksNeverOverlap() {
        var random = SystemRandomNumberGenerator()
        var live: [(block: Block, bytes: [UInt8])] = []
        for round in 0..<20_000 {
            if live.count > 500, live.count > 2000 || Bool.random(using: &random) {
                live.swapAt(.random(in: 0..<live.count, using: &random), live.count - 1)
                let last = live.removeLast()
                #expect(last.block.array(0..<last.bytes.count) == last.bytes)
                last.block.free()
            } else {
                let bytes = bytes(.random(in: 12...1200, using: &random), UInt8(truncatingIfNeeded: round))
                let block = Block.make(bytes)
                #expect(block.address % 16 == 0)
                live.append((block, bytes))
            }
        }
        for last in live { last.block.free() }
    }

    /// As a lease does to a record: a new one of nearly the same size, and then the old one goes.
    @Test(.disabled(if: ProcessLimits.hasSanitizer, "blocks are malloc's then, for the sanitizer to see"))
    func whatWasFreedServesAgain() {
        let sizes = [1000, 1010, 1020]
        var live = (0..<100).map { Block.make(bytes(sizes[$0 % 3], 0)) }
        var places: Set<UInt> = []
        for round in 0..<30_000 {
            let new = Block.make(bytes(sizes[round % 3], 1))
            live[round % 100].free()
            live[round % 100] = new
            places.insert(new.address)
        }
        for block in live { block.free() }
        // Other tests take pieces of these sizes at the same time, and give them back somewhere else.
        #expect(places.count < 10_000, "\(places.count) places for a hundred blocks")
    }
}
