// Addresses as rules and allow-lists compare them. An IPv4 address that arrives wrapped in IPv6
// (::ffff:10.0.0.1, as dual-stack sockets report it, RFC 4291 §2.5.5.2) is the IPv4 address: otherwise a rule
// for 10.0.0.0/8 would hold on one listener and not on another.
//
// Text is read strictly: four decimal numbers without leading zeros (some readers take those for octal),
// RFC 4291 §2.2 forms for IPv6, no zone. A reader that guesses would let two programs see two addresses.

import Bytes

public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    public enum Family: Sendable, Hashable { case v4, v6 }

    public let family: Family
    /// The address's bits from the left; an IPv4 address is the last 32 bits of `low`.
    public let high: UInt64
    public let low: UInt64

    public init(v4 bits: UInt32) {
        self.init(.v4, 0, UInt64(bits))
    }

    private init(_ family: Family, _ high: UInt64, _ low: UInt64) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// An IPv6 address, or the IPv4 address that it wraps.
    public init(v6High high: UInt64, low: UInt64) {
        if high == 0, low >> 32 == 0xFFFF {
            self.init(v4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(.v6, high, low)
        }
    }

    /// Number of bits an address of this family has.
    public var bitCount: Int { family == .v4 ? 32 : 128 }

    /// The address that `text` spells, or nil. No port, no brackets, no zone, no spaces.
    public init?(parsing text: Span<UInt8>) {
        if text.firstOffset(of: UInt8(ascii: ":"), from: 0) == nil {
            guard let bits = Self.parseV4(text) else { return nil }
            self.init(v4: bits)
        } else {
            guard let groups = Self.parseV6(text) else { return nil }
            self.init(v6High: groups.0, low: groups.1)
        }
    }

    private static func parseV4(_ text: Span<UInt8>) -> UInt32? {
        var bits: UInt32 = 0
        var offset = 0
        for part in 0..<4 {
            if part > 0 {
                guard offset < text.count, text[offset] == UInt8(ascii: ".") else { return nil }
                offset += 1
            }
            var value: UInt32 = 0
            let start = offset
            while offset < text.count, ASCII.isDigit(text[offset]), offset - start < 3 {
                value = value * 10 + UInt32(text[offset] - UInt8(ascii: "0"))
                offset += 1
            }
            let digits = offset - start
            if digits == 0 || value > 255 || (digits > 1 && text[start] == UInt8(ascii: "0")) { return nil }
            bits = bits << 8 | value
        }
        return offset == text.count ? bits : nil
    }

    private static func parseV6(_ text: Span<UInt8>) -> (UInt64, UInt64)? {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        /// Where `::` stands, counted in groups before it.
        var gap: Int?
        var offset = 0
        if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
            gap = 0
            offset = 2
        }
        while offset < text.count {
            guard count < 8 else { return nil }
            let end = text.firstOffset(of: UInt8(ascii: ":"), from: offset) ?? text.count
            if end == text.count,
                text.extracting(offset..<end).firstOffset(of: UInt8(ascii: "."), from: 0) != nil
            {
                guard count <= 6, let v4 = parseV4(text.extracting(offset..<end)) else { return nil }
                groups[count] = UInt16(truncatingIfNeeded: v4 >> 16)
                groups[count + 1] = UInt16(truncatingIfNeeded: v4)
                count += 2
                offset = end
                break
            }
            guard end > offset, end - offset <= 4 else { return nil }
            var value: UInt16 = 0
            for index in offset..<end {
                guard let digit = Hex.value(text[index]) else { return nil }
                value = value << 4 | UInt16(digit)
            }
            groups[count] = value
            count += 1
            offset = end
            if offset == text.count { break }
            offset += 1
            if offset < text.count, text[offset] == UInt8(ascii: ":") {
                if gap != nil { return nil }
                gap = count
                offset += 1
            } else if offset == text.count {
                return nil
            }
        }
        if let gap {
            guard count < 8 else { return nil }
            let moved = count - gap
            for index in 0..<moved {
                groups[7 - index] = groups[count - 1 - index]
            }
            for index in gap..<(8 - moved) { groups[index] = 0 }
        } else if count != 8 {
            return nil
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<4 {
            high = high << 16 | UInt64(groups[index])
            low = low << 16 | UInt64(groups[index + 4])
        }
        return (high, low)
    }

    /// The address in its usual spelling (RFC 5952: lower case, the longest run of zero groups as `::`).
    public var description: String {
        if family == .v4 { return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)" }
        let groups = (0..<8).map {
            UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> UInt64(48 - 16 * ($0 % 4)))
        }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        func join(_ range: Range<Int>) -> String {
            range.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        if longest.isEmpty { return join(0..<8) }
        return "\(join(0..<longest.lowerBound))::\(join(longest.upperBound..<8))"
    }
}
