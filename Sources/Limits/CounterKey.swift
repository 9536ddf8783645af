// Which counter a charge goes to: 128 bits in place of a namespace, an identifier and a duration. A table that
// kept the texts themselves would need memory of every length for each address that knocks; this one has slots
// of one size.
//
// The price is that two counters can come to share a slot. The hash is keyed with 128 random bits, so nobody
// can choose identifiers that meet, and among n counters that are alive at once the chance that any two of
// them do is about n²/2¹²⁹: for the million that the table holds at most, 2⁻⁸⁹, far below that of a memory
// error. What would happen then is that two callers share an allowance, never that one gets a fresh one.

/// The key of the hash, without which nobody can find identifiers that meet. It goes with the counters from one
/// process to the next: the same name and identifier must lead to the same counter.
struct CounterSeed: Sendable, Hashable {
    let first: UInt64
    let second: UInt64

    static func random() -> CounterSeed {
        var random = SystemRandomNumberGenerator()
        return CounterSeed(first: random.next(), second: random.next())
    }
}

/// The name of one counter. Only meaningful to the `RateCounters` that made it and to those that continue it.
public struct CounterKey: Hashable, Sendable {
    let high: UInt64
    let low: UInt64
}

/// What kind of thing a counter is counted for. Counters of different kinds never meet, whatever their names.
public enum CounterSpace: UInt8, Sendable {
    /// A stand-alone namespace of the management API, by its id.
    case namespace = 1
    /// A limit of a key: the limit's name, counted by key id.
    case key = 2
    /// A limit of an identity: the limit's name, counted by identity id, so that all its keys share it.
    case identity = 3
    /// A limit of a route.
    case route = 4
    /// Keys that were no good, by the address they came from.
    case failedKeys = 5
}

/// SipHash-1-3 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the wide
/// output as in the authors' reference code).
struct CounterHash {
    private var v0, v1, v2, v3: UInt64
    private var tail: UInt64 = 0
    private var byteCount = 0

    init(seed: CounterSeed) {
        v0 = seed.first ^ 0x736f_6d65_7073_6575
        v1 = seed.second ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = seed.first ^ 0x6c79_6765_6e65_7261
        v3 = seed.second ^ 0x7465_6462_7974_6573
    }

    mutating func combine(_ byte: UInt8) {
        tail |= UInt64(byte) << UInt64(8 * (byteCount & 7))
        byteCount += 1
        if byteCount & 7 == 0 {
            compress(tail)
            tail = 0
        }
    }

    mutating func combine(_ word: UInt64) {
        let held = UInt64(8 * (byteCount & 7))
        compress(tail | word << held)
        tail = held == 0 ? 0 : word >> (64 - held)
        byteCount += 8
    }

    /// The bytes behind their number, so that two texts in a row cannot be cut in two ways.
    mutating func combine(_ text: Span<UInt8>) {
        combine(UInt64(text.count))
        var index = 0
        while index + 8 <= text.count {
            var word: UInt64 = 0
            for offset in 0..<8 { word |= UInt64(text[index + offset]) << UInt64(8 * offset) }
            combine(word)
            index += 8
        }
        while index < text.count {
            combine(text[index])
            index += 1
        }
    }

    consuming func finish() -> CounterKey {
        compress(tail | UInt64(byteCount) << 56)
        v2 ^= 0xee
        round()
        round()
        round()
        let low = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        round()
        round()
        round()
        return CounterKey(high: v0 ^ v1 ^ v2 ^ v3, low: low)
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 = v0 &+ v1
        v1 = rotate(v1, 13) ^ v0
        v0 = rotate(v0, 32)
        v2 = v2 &+ v3
        v3 = rotate(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = rotate(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = rotate(v1, 17) ^ v2
        v2 = rotate(v2, 32)
    }

    private func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}
