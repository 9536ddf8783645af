// Names for requests: unique without asking anybody, and not secret.

import Bytes
import Reactor

/// Makes request ids for one loop: `req_` and 16 characters from a generator seeded by the system, so that
/// two loops, or two runs, do not meet (80 bits).
struct RequestIDs {
    static let byteCount = 20

    private var state: UInt64
    private let stream: UInt64

    init() {
        state = SystemRandom.word()
        stream = SystemRandom.word() | 1
    }

    /// Overwrites `id` with the next one.
    mutating func next(into id: inout [UInt8]) {
        id.removeAll(keepingCapacity: true)
        id.append(UInt8(ascii: "r"))
        id.append(UInt8(ascii: "e"))
        id.append(UInt8(ascii: "q"))
        id.append(UInt8(ascii: "_"))
        var bits = word()
        for index in 0..<16 {
            if index == 8 { bits = word() }
            let digit = UInt8(truncatingIfNeeded: bits & 31)
            id.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            bits >>= 5
        }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014) with a stream of its own.
    private mutating func word() -> UInt64 {
        state &+= stream
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
