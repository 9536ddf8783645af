// libcurl's memory: pieces do not overlap, keep what is in them, and are taken again once they are given back.

import CCurl
import Glibc
import Testing

@testable import Upstream

@Suite struct CurlMemoryTests {
    /// A piece, filled with a byte of its own. Memory safety: `memory` has `count` bytes.
    @safe private struct Piece {
        var memory: UnsafeMutableRawPointer
        var count: Int
        let mark: UInt8

        func fill() { _ = unsafe memset(memory, Int32(mark), count) }

        func isIntact(_ length: Int) -> Bool {
            unsafe UnsafeRawBufferPointer(start: memory, count: length).allSatisfy { $0 == mark }
        }
    }

    /// Of the sizes libcurl asks for, and around each bound of a class.
    private static func size(_ random: inout SystemRandomNumberGenerator) -> Int {
        let bound = [48, 112, 240, 496, 1008, 2032, 4080, 8176, 16448, 65536].randomElement(using: &random)!
        return switch Int.random(in: 0..<3, using: &random) {
        case 0: bound + Int.random(in: -1...1, using: &random)
        case 1: Int.random(in: 0...bound, using: &random)
        default: Int.random(in: 0...200, using: &random)
        }
    }

    private func exercise(rounds: Int) {
        var random = SystemRandomNumberGenerator()
        var pieces: [Piece] = []
        for round in 0..<rounds {
            let mark = UInt8(truncatingIfNeeded: round | 1)
            let size = Self.size(&random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let piece = unsafe Piece(memory: kg_memory_take(size), count: size, mark: mark)
                #expect(unsafe UInt(bitPattern: piece.memory) % 16 == 0)
                piece.fill()
                pieces.append(piece)
            case 4:
                let piece = unsafe Piece(memory: kg_memory_take_zeroed(7, size), count: 7 * size, mark: mark)
                let isZero = unsafe UnsafeRawBufferPointer(start: piece.memory, count: 7 * size)
                    .allSatisfy { $0 == 0 }
                #expect(isZero, "\(7 * size) bytes")
                piece.fill()
                pieces.append(piece)
            case 5..<7 where !pieces.isEmpty:
                let index = Int.random(in: pieces.indices, using: &random)
                let old = pieces[index].count
                unsafe pieces[index].memory = kg_memory_change(pieces[index].memory, size)
                pieces[index].count = size
                #expect(pieces[index].isIntact(min(old, size)), "\(old) bytes became \(size)")
                pieces[index].fill()
            case 7... where !pieces.isEmpty:
                let index = Int.random(in: pieces.indices, using: &random)
                let piece = pieces.remove(at: index)
                #expect(piece.isIntact(piece.count), "\(piece.count) bytes")
                unsafe kg_memory_give(piece.memory)
            default: break
            }
        }
        for piece in pieces {
            #expect(piece.isIntact(piece.count))
            unsafe kg_memory_give(piece.memory)
        }
    }

    @Test(arguments: [true, false]) func piecesKeepWhatIsInThem(withLists: Bool) {
        if withLists { kg_memory_lists_begin() }
        exercise(rounds: 20_000)
        if withLists { kg_memory_lists_end() }
    }

    @Test func whatWasGivenBackIsTakenAgainByThisThreadAlone() {
        kg_memory_lists_begin()
        defer { kg_memory_lists_end() }
        let first = unsafe kg_memory_take(100)
        unsafe kg_memory_give(first)
        let again = unsafe kg_memory_take(60)
        #expect(unsafe again == first)
        let other = unsafe kg_memory_take(100)
        #expect(unsafe other != again)
        unsafe kg_memory_give(other)
        unsafe kg_memory_give(again)
    }

    @Test func aTextIsCopiedWithItsEnd() {
        for count in 0...300 {
            let text = String(repeating: "x", count: count)
            let copy = unsafe kg_memory_duplicate(text)!
            #expect(unsafe String(cString: copy) == text)
            unsafe kg_memory_give(copy)
        }
    }

    @Test func nothingIsNoPiece() {
        kg_memory_give(nil)
        let piece = unsafe kg_memory_change(nil, 10)
        #expect(unsafe piece != nil)
        unsafe kg_memory_give(piece)
    }

    @Test func moreThanThereIsIsRefused() {
        #expect(unsafe kg_memory_take(Int.max) == nil)
        #expect(unsafe kg_memory_take_zeroed(Int.max, 16) == nil)
        let piece = unsafe kg_memory_take(100)
        #expect(unsafe kg_memory_change(piece, Int.max) == nil)
        unsafe kg_memory_give(piece)
    }

    @Test func aPieceThatIsGivenBackTwiceEndsTheProcess() async {
        await #expect(processExitsWith: .signal(SIGABRT)) {
            kg_memory_lists_begin()
            let piece = unsafe kg_memory_take(100)
            unsafe kg_memory_give(piece)
            unsafe kg_memory_give(piece)
        }
    }
}
