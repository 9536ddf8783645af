// Networks: an address and how many of its leading bits count. Used for trusted proxies, for the allow-lists
// of keys and for `client.ip in (…)`.

import Bytes

/// `10.0.0.0/8`, `2001:db8::/32`, or one address.
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    /// The first address: bits beyond the prefix are zero.
    public let address: IPAddress
    /// Number of leading bits that count, 0…32 or 0…128.
    public let prefixLength: Int

    /// The network that `address` lies in. Traps if the length is outside of 0…`address.bitCount`.
    public init(containing address: IPAddress, prefixLength: Int) {
        precondition(
            prefixLength >= 0 && prefixLength <= address.bitCount, "prefix length outside of the address")
        let mask = Self.mask(prefixLength, address.family)
        switch address.family {
        case .v4: self.address = IPAddress(v4: UInt32(truncatingIfNeeded: address.low & mask.low))
        case .v6: self.address = IPAddress(v6High: address.high & mask.high, low: address.low & mask.low)
        }
        self.prefixLength = prefixLength
    }

    /// Reads `ADDRESS` or `ADDRESS/LENGTH`. A wrapped IPv4 network (`::ffff:10.0.0.0/104`) is the IPv4 one.
    public init(parsing text: Span<UInt8>) throws(IPNetworkError) {
        let slash = text.firstOffset(of: UInt8(ascii: "/"), from: 0) ?? text.count
        guard let address = IPAddress(parsing: text.extracting(0..<slash)) else { throw .notAnAddress }
        if slash == text.count {
            self.init(containing: address, prefixLength: address.bitCount)
            return
        }
        let digits = text.extracting((slash + 1)..<text.count)
        guard var length = ASCII.decimal(digits), digits.count == 1 || digits[0] != UInt8(ascii: "0") else {
            throw .badLength(limit: address.bitCount)
        }
        if address.family == .v4,
            text.extracting(0..<slash).firstOffset(of: UInt8(ascii: ":"), from: 0) != nil
        {
            // Shorter than the wrapping prefix, it would name IPv6 addresses as well: neither family fits.
            guard length >= 96 else { throw .badLength(limit: 128) }
            length -= 96
        }
        guard length <= address.bitCount else { throw .badLength(limit: address.bitCount) }
        self.init(containing: address, prefixLength: length)
        // 10.1.2.3/8 is either a typing error in the length or in the address; both matter in a rule.
        guard self.address == address else { throw .bitsBeyondLength(self) }
    }

    /// Whether the address lies in this network. Addresses of the other family never do.
    public func contains(_ other: IPAddress) -> Bool {
        guard other.family == address.family else { return false }
        let mask = Self.mask(prefixLength, address.family)
        return other.high & mask.high == address.high && other.low & mask.low == address.low
    }

    private static func mask(_ length: Int, _ family: IPAddress.Family) -> (high: UInt64, low: UInt64) {
        // `<<` of the standard library gives 0 for a shift by the whole width, which is what length 0 needs.
        switch family {
        case .v4: (0, UInt64(UInt32.max << UInt32(32 - length)))
        case .v6: (UInt64.max << UInt64(64 - min(length, 64)), UInt64.max << UInt64(64 - max(length - 64, 0)))
        }
    }

    public var description: String {
        prefixLength == address.bitCount ? address.description : "\(address)/\(prefixLength)"
    }
}

public enum IPNetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    case notAnAddress
    case badLength(limit: Int)
    /// The network that was probably meant.
    case bitsBeyondLength(IPNetwork)

    public var description: String {
        switch self {
        case .notAnAddress: "expected an IP address or a network such as 10.0.0.0/8"
        case .badLength(let limit): "expected a prefix length of at most \(limit)"
        case .bitsBeyondLength(let network):
            "the address has bits beyond its length; the network is \(network)"
        }
    }
}
