import Glibc

/// SplitMix64: the same choices again for the same seed, as far as threads and a kill allow.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A generator of its own for one thread of one life.
    init(seed: UInt64, life: Int, thread: Int) {
        self.init(seed: seed &+ UInt64(life) &* 0x1_0000 &+ UInt64(thread) &* 0x9E37)
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True once in `count` times.
    mutating func once(in count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func pick<C: RandomAccessCollection>(_ items: C) -> C.Element {
        guard let item = items.randomElement(using: &self) else {
            preconditionFailure("nothing to choose from")
        }
        return item
    }
}

func realtimeMilliseconds() -> Int {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
}
