// The members of the Connection header (RFC 9110 §7.6.1): what a sender wants removed at this hop, and
// whether the connection goes on. Their number is bounded because every header of the head is compared with
// every one of them.

import Bytes

/// The options named by all Connection fields of one head.
public struct ConnectionOptions: Sendable {
    /// More options than this in one head are refused.
    static let limit = 32

    /// Offsets of the option tokens into the bytes of the head.
    public private(set) var ranges: [Range<Int>] = []
    public private(set) var hasClose = false
    public private(set) var hasKeepAlive = false
    public private(set) var hasUpgrade = false

    public init() {}

    mutating func removeAll() {
        ranges.removeAll(keepingCapacity: true)
        hasClose = false
        hasKeepAlive = false
        hasUpgrade = false
    }

    /// Whether `name` is one of the options, in any letter case. `bytes` are those the ranges refer to.
    public func contains(_ name: Span<UInt8>, in bytes: Span<UInt8>) -> Bool {
        for range in ranges where range.count == name.count {
            if ASCII.equalsIgnoringCase(bytes.extracting(range), name) { return true }
        }
        return false
    }

    /// The same for a name known at compile time; `lowercase` must be written in lower case.
    public func contains(_ lowercase: StaticString, in bytes: Span<UInt8>) -> Bool {
        for range in ranges where ASCII.equalsIgnoringCase(bytes.extracting(range), lowercase) { return true }
        return false
    }

    /// Adds the members of one field value: `#( OWS token OWS )`, where empty members count for nothing
    /// (RFC 9110 §5.6.1.2). Returns false if a member is no token or there are too many.
    mutating func append(_ value: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        var start = value.lowerBound
        while start <= value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let member = FieldSyntax.trim(bytes, from: start, to: end)
            if !member.isEmpty {
                let text = bytes.extracting(member)
                guard ASCII.isToken(text), ranges.count < Self.limit else { return false }
                ranges.append(member)
                if ASCII.equalsIgnoringCase(text, "close") { hasClose = true }
                if ASCII.equalsIgnoringCase(text, "keep-alive") { hasKeepAlive = true }
                if ASCII.equalsIgnoringCase(text, "upgrade") { hasUpgrade = true }
            }
            start = end + 1
        }
        return true
    }
}
