// A buffer is compared with the plainest model there is, an array that is appended to and cut; on top of
// that come the promises about memory that the model cannot show.

import Bytes
import Testing

@Suite struct ByteBufferTests {
    @Test func anEmptyBufferHoldsNoMemory() {
        let empty = ByteBuffer()
        #expect(empty.capacity == 0)
        #expect(empty.count == 0)
        #expect(text(empty) == "")
    }

    @Test func whatIsAppendedIsReadInOrder() {
        var buffer = ByteBuffer()
        buffer.append(UInt8(ascii: "a"))
        buffer.append("bc" as StaticString)
        buffer.append("dé" as String)
        buffer.append([0x66])
        buffer.append([0x67, 0x68].span)
        #expect(text(buffer) == "abcdéfgh")
        #expect(buffer.count == 9)
    }

    @Test func consumingTakesFromTheFront() {
        var buffer = buffer("abcdef")
        buffer.consume(2)
        #expect(text(buffer) == "cdef")
        buffer.consume(0)
        buffer.consume(4)
        #expect(buffer.count == 0)
    }

    @Test func truncatingTakesFromTheBack() {
        var buffer = buffer("abcdef")
        buffer.consume(1)
        buffer.truncate(to: 3)
        #expect(text(buffer) == "bcd")
        buffer.truncate(to: 0)
        #expect(buffer.count == 0)
        buffer.append("x" as StaticString)
        #expect(text(buffer) == "x")
    }

    @Test func aRangeIsCountedFromTheReadEnd() {
        var buffer = buffer("abcdef")
        buffer.consume(2)
        let middle = String(forDisplay: buffer[1..<3])
        let end = String(forDisplay: buffer[4..<4])
        let first = buffer.with { $0[0] }
        #expect(middle == "de")
        #expect(end == "")
        #expect(first == UInt8(ascii: "c"))
    }

    @Test func oneByteCanBeOverwritten() {
        var buffer = buffer("abc")
        buffer.consume(1)
        buffer.replace(at: 1, with: UInt8(ascii: "X"))
        #expect(text(buffer) == "bX")
    }

    @Test func aSequenceOfOperationsActsAsTheModel() {
        var random = SplitMix(state: 7)
        var buffer = ByteBuffer()
        var model: [UInt8] = []
        for step in 0..<20_000 {
            switch random.next() % 8 {
            case 0...3:
                let run = (0..<Int(random.next() % 400)).map { UInt8(truncatingIfNeeded: $0 &+ step) }
                buffer.append(run.span)
                model += run
            case 4...5:
                let count = model.isEmpty ? 0 : Int(random.next() % UInt64(model.count + 1))
                buffer.consume(count)
                model.removeFirst(count)
            case 6:
                let count = model.isEmpty ? 0 : Int(random.next() % UInt64(model.count + 1))
                buffer.truncate(to: count)
                model.removeLast(model.count - count)
            default:
                buffer.reserve(Int(random.next() % 1000))
            }
            guard Array(copying: buffer.bytes) == model else {
                Issue.record("the buffer and the model differ after step \(step)")
                return
            }
        }
    }

    // MARK: Memory

    @Test func emptyingKeepsTheMemory() {
        var buffer = buffer(String(repeating: "x", count: 1000))
        let capacity = buffer.capacity
        buffer.removeAll()
        #expect(buffer.count == 0)
        #expect(buffer.capacity == capacity)
        buffer.append(String(repeating: "y", count: 1000))
        buffer.consume(1000)
        #expect(buffer.capacity == capacity)
    }

    @Test func releasingGivesTheMemoryBackAndTheBufferGoesOn() {
        var buffer = buffer("abc", capacity: 4096)
        buffer.consume(3)
        buffer.releaseMemory()
        #expect(buffer.capacity == 0)
        buffer.append("again" as StaticString)
        #expect(text(buffer) == "again")
    }

    @Test func growingDoubles() {
        var buffer = ByteBuffer()
        var capacities: [Int] = []
        for _ in 0..<5000 {
            buffer.append(0x41 as UInt8)
            if buffer.capacity != capacities.last { capacities.append(buffer.capacity) }
        }
        #expect(capacities == [256, 512, 1024, 2048, 4096, 8192])
    }

    @Test func roomThatWasConsumedIsUsedAgainBySliding() {
        var buffer = buffer(String(repeating: "x", count: 1000), capacity: 1024)
        buffer.consume(990)
        buffer.append(String(repeating: "y", count: 1000))
        #expect(buffer.capacity == 1024)
        #expect(text(buffer) == String(repeating: "x", count: 10) + String(repeating: "y", count: 1000))
    }

    @Test func aStreamThatIsReadAsItComesNeverGrows() {
        var buffer = ByteBuffer(capacity: 4096)
        let piece = [UInt8](repeating: 0x7A, count: 1500)
        for _ in 0..<1000 {
            buffer.append(piece.span)
            buffer.consume(1400)
            if buffer.count > 1500 { buffer.consume(100) }
            buffer.consume(min(buffer.count, 100))
        }
        #expect(buffer.capacity == 4096)
    }

    @Test func aWriterSaysHowMuchItFilled() {
        var buffer = buffer("ab")
        let filled = unsafe buffer.withWritable(minimum: 10) { room in
            #expect(room.count >= 10)
            unsafe room[0] = UInt8(ascii: "c")
            return 1
        }
        #expect(filled == 1)
        #expect(text(buffer) == "abc")
    }

    // MARK: Numbers

    @Test(arguments: [
        (0, "0"), (7, "7"), (10, "10"), (-1, "-1"), (99, "99"), (-100, "-100"),
        (Int.max, "9223372036854775807"), (Int.min, "-9223372036854775808"),
    ])
    func decimalsAreWrittenInFull(_ value: Int, _ expected: String) {
        var buffer = ByteBuffer()
        buffer.append(decimal: value)
        #expect(text(buffer) == expected)
    }

    @Test(arguments: [
        (0 as UInt, "0"), (9, "9"), (10, "a"), (15, "f"), (16, "10"), (0xDEAD_BEEF, "deadbeef"),
        (.max, "ffffffffffffffff"),
    ])
    func hexadecimalsAreLowerCaseWithoutLeadingZeros(_ value: UInt, _ expected: String) {
        var buffer = ByteBuffer()
        buffer.append(hex: value)
        #expect(text(buffer) == expected)
    }

    @Test func theLargestUnsignedNumberFits() {
        var buffer = ByteBuffer()
        buffer.append(decimal: UInt.max)
        #expect(text(buffer) == "18446744073709551615")
    }
}

/// What is our own mistake ends the process, in release too.
@Suite struct ByteBufferTraps {
    @Test func aNegativeCapacityTraps() async {
        await #expect(processExitsWith: .failure) { _ = ByteBuffer(capacity: -1) }
    }

    @Test func consumingMoreThanThereIsTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.append("abc" as StaticString)
            buffer.consume(4)
        }
    }

    @Test func consumingANegativeCountTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.consume(-1)
        }
    }

    @Test func truncatingToMoreThanThereIsTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.truncate(to: 1)
        }
    }

    @Test func aRangeBehindTheEndTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.append("abc" as StaticString)
            _ = buffer[2..<4].count
        }
    }

    @Test func overwritingBehindTheEndTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.replace(at: 0, with: 1)
        }
    }

    @Test func releasingTheMemoryOfUnreadBytesTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.append(1 as UInt8)
            buffer.releaseMemory()
        }
    }

    @Test func claimingMoreThanTheRoomTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            _ = unsafe buffer.withWritable(minimum: 1) { $0.count + 1 }
        }
    }

    @Test func readingASpanBehindItsEndTraps() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer(capacity: 16)
            buffer.append(1 as UInt8)
            _ = buffer.bytes[1]
        }
    }
}

/// SplitMix64: the same numbers in every run.
private struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
