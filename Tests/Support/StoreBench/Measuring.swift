// What the benchmarks measure with: a stopwatch, and a sequence of numbers that is the same in every run.

import Reactor

struct Stopwatch {
    private let start = Clock.monotonicNanos()
    var nanos: Int64 { Clock.monotonicNanos() - start }
    var seconds: Double { Double(nanos) / 1e9 }
}

/// Knuth's linear congruential generator, whose upper bits are random enough to defeat a cache.
struct Shuffler: RandomNumberGenerator {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

    mutating func next() -> UInt64 { UInt64(half()) << 32 | UInt64(half()) }

    /// From 0 up to, not including, `bound`, which fits into 31 bits.
    mutating func below(_ bound: Int) -> Int { Int(half() >> 1) % bound }

    private mutating func half() -> UInt32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: state >> 32)
    }
}

/// A number with two decimals.
func decimals(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
}
