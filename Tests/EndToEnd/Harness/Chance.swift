/// Repeatable chance for generated inputs. A failing test names the seed; `KEYGATE_SEED` runs another.
struct Chance: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(_ defaultSeed: UInt64) {
        seed = environmentVariable("KEYGATE_SEED").flatMap { UInt64($0) } ?? defaultSeed
        state = seed
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }
}
