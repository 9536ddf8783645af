// The lists inside of a block: numbers, networks, rate-limit rules, strings. Each can be checked, walked
// without an allocation, and decoded.

import Access
import Bytes

extension Block {
    // MARK: Numbers, four bytes each

    func numbers<Entity>(_ section: Range<Int>) -> [Reference<Entity>] {
        stride(from: section.lowerBound, to: section.upperBound, by: 4).map { Reference(number: u32(at: $0)) }
    }

    @inline(__always) func contains(_ number: UInt32, in section: Range<Int>) -> Bool {
        var offset = section.lowerBound
        while offset < section.upperBound {
            if u32(at: offset) == number { return true }
            offset += 4
        }
        return false
    }

    // MARK: Networks, eighteen bytes each

    static var networkLength: Int { 18 }

    func networks(_ section: Range<Int>) -> [IPNetwork] {
        stride(from: section.lowerBound, to: section.upperBound, by: Self.networkLength).map {
            network(at: $0)
        }
    }

    func network(at offset: Int) -> IPNetwork {
        let address =
            u8(at: offset + 16) == 4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: u64(at: offset + 8)))
            : IPAddress(v6High: u64(at: offset), low: u64(at: offset + 8))
        return IPNetwork(containing: address, prefixLength: min(Int(u8(at: offset + 17)), address.bitCount))
    }

    /// Whether an address lies in one of the networks. An empty list admits nobody here; that it stands for
    /// "anywhere" is for the caller to say.
    func networks(_ section: Range<Int>, contain address: IPAddress) -> Bool {
        var offset = section.lowerBound
        while offset < section.upperBound {
            if network(at: offset).contains(address) { return true }
            offset += Self.networkLength
        }
        return false
    }

    func networksAreWellFormed(_ section: Range<Int>) -> Bool {
        var offset = section.lowerBound
        while offset < section.upperBound {
            let family = u8(at: offset + 16)
            guard family == 4 || family == 6, u8(at: offset + 17) <= (family == 4 ? 32 : 128) else {
                return false
            }
            offset += Self.networkLength
        }
        return true
    }

    // MARK: Rate-limit rules: limit, duration, automatic, lengths, id, name

    private static var ruleHeadLength: Int { 21 }

    func rules(_ section: Range<Int>) -> [RateLimitRule] {
        var rules: [RateLimitRule] = []
        forEachRule(section) { rules.append($0.record) }
        return rules
    }

    func forEachRule(_ section: Range<Int>, _ body: (RateLimitRuleView) -> Void) {
        var offset = section.lowerBound
        while offset < section.upperBound {
            let idEnd = offset + Self.ruleHeadLength + Int(u16(at: offset + 17))
            let end = idEnd + Int(u16(at: offset + 19))
            body(
                RateLimitRuleView(
                    block: self, offset: offset, id: (offset + Self.ruleHeadLength)..<idEnd, name: idEnd..<end
                ))
            offset = end
        }
    }

    func rulesAreWellFormed(_ section: Range<Int>) -> Bool {
        var offset = section.lowerBound
        while offset < section.upperBound {
            guard section.upperBound - offset >= Self.ruleHeadLength else { return false }
            offset += Self.ruleHeadLength + Int(u16(at: offset + 17)) + Int(u16(at: offset + 19))
        }
        return offset == section.upperBound
    }

    // MARK: Strings: length, bytes

    func texts(_ section: Range<Int>) -> [String] {
        var texts: [String] = []
        var offset = section.lowerBound
        while offset < section.upperBound {
            let end = offset + 2 + Int(u16(at: offset))
            texts.append(text((offset + 2)..<end))
            offset = end
        }
        return texts
    }

    func textsAreWellFormed(_ section: Range<Int>) -> Bool {
        var offset = section.lowerBound
        while offset < section.upperBound {
            guard section.upperBound - offset >= 2 else { return false }
            offset += 2 + Int(u16(at: offset))
        }
        return offset == section.upperBound
    }
}
