// The hash of names that the operator chose (permissions, path literals, hosts): quick on a dozen bytes and
// the same in every process. It is no defence against chosen input; tables that clients can fill must not
// use it alone.

/// FNV-1a, 64 bits, with a finishing step so that the low bits are as good as the high ones.
public struct Fingerprint: Sendable {
    @usableFromInline var state: UInt64

    /// Different seeds give unrelated fingerprints of the same bytes.
    @inlinable public init(seed: UInt64 = 0) { state = 0xcbf2_9ce4_8422_2325 ^ seed }

    @inlinable public mutating func combine(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }

    @inlinable public mutating func combine(_ bytes: Span<UInt8>) {
        for index in bytes.indices { combine(bytes[index]) }
    }

    /// The finishing step of MurmurHash3: FNV's low bits hardly depend on the high bits of the input, and
    /// open addressing uses the low ones.
    @inlinable public var value: UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 33)) &* 0xff51_afd7_ed55_8ccd
        mixed = (mixed ^ (mixed >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ (mixed >> 33)
    }
}
