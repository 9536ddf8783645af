// What a load balancer says in front of a connection that it passes on: whose connection it is. Both versions of
// HAProxy's PROXY protocol (proxy-protocol.txt, 2020/03/05), read strictly and from the first byte on: a header
// that is not there, or is there in a form of its own, ends the connection, because a guess about where it ends
// would be a guess about who is calling and about which bytes are a request.

import Bytes

/// The outcome of looking for a PROXY header at the start of a connection.
public enum ProxyHeader: Equatable, Sendable {
    /// What is there begins like a header; the rest has not arrived.
    case needMore
    /// A whole header of `length` bytes. `source` is nil where the header says that the connection is the
    /// balancer's own (its health check) or from somewhere that has no Internet address.
    case complete(length: Int, source: SocketAddress?)
    case malformed(Problem)

    /// Why bytes are no PROXY header.
    public enum Problem: Equatable, Sendable {
        /// Neither version begins like this.
        case absent
        /// The text form is longer than 107 bytes, or the binary one than `maxLength`.
        case tooLong
        /// Not `TCP4`, `TCP6` or `UNKNOWN`; not stream sockets.
        case unknownProtocol
        /// An address or a port is not of the announced kind, or there are too few or too many.
        case invalidAddress
        case unknownVersion
        case unknownCommand
    }

    /// Longest binary header, in bytes. What balancers add behind the addresses takes a few hundred.
    public static let maxLength = 4096
    /// Longest text header, its CRLF included.
    private static let maxTextLength = 107
    private static let signature: InlineArray<12, UInt8> = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    private static let binaryHeadLength = 16

    /// Looks at the first bytes of a connection.
    public static func read(_ bytes: Span<UInt8>) -> ProxyHeader {
        if bytes.isEmpty { return .needMore }
        return bytes[0] == signature[0] ? readBinary(bytes) : readText(bytes)
    }

    // MARK: Version 1

    /// `PROXY` SP (`TCP4` | `TCP6`) SP source SP destination SP source-port SP destination-port CRLF, or
    /// `PROXY UNKNOWN` and anything up to CRLF.
    private static func readText(_ bytes: Span<UInt8>) -> ProxyHeader {
        let opening: StaticString = "PROXY "
        let openingLength = opening.utf8CodeUnitCount
        for index in 0..<min(openingLength, bytes.count) where bytes[index] != opening.byte(index) {
            return .malformed(.absent)
        }
        var end = openingLength
        while true {
            if end + 1 >= maxTextLength { return .malformed(.tooLong) }
            if end + 1 >= bytes.count { return .needMore }
            if bytes[end] == 0x0D, bytes[end + 1] == 0x0A { break }
            // A line break of another kind is where two readers would part.
            if bytes[end] == 0x0A || bytes[end] == 0x0D { return .malformed(.invalidAddress) }
            end += 1
        }
        let words = split(bytes, openingLength..<end)
        let length = end + 2
        guard let family = words.first else { return .malformed(.unknownProtocol) }
        if ASCII.equals(bytes.extracting(family), "UNKNOWN") { return .complete(length: length, source: nil) }
        let isFour = ASCII.equals(bytes.extracting(family), "TCP4")
        guard isFour || ASCII.equals(bytes.extracting(family), "TCP6") else {
            return .malformed(.unknownProtocol)
        }
        guard words.count == 5, let source = address(bytes, words[1], port: words[3], isFour),
            address(bytes, words[2], port: words[4], isFour) != nil
        else { return .malformed(.invalidAddress) }
        return .complete(length: length, source: source)
    }

    private static func split(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var start = range.lowerBound
        for index in range where bytes[index] == UInt8(ascii: " ") {
            words.append(start..<index)
            start = index + 1
        }
        words.append(start..<range.upperBound)
        return words
    }

    private static func address(
        _ bytes: Span<UInt8>, _ host: Range<Int>, port: Range<Int>, _ isFour: Bool
    ) -> SocketAddress? {
        let digits = bytes.extracting(port)
        guard let number = ASCII.decimal(digits).flatMap({ UInt16(exactly: $0) }),
            digits.count == 1 || digits[0] != UInt8(ascii: "0")
        else { return nil }
        // The system's reader stops at a NUL, and takes spellings that other readers do not.
        for index in host {
            let byte = bytes[index]
            guard Hex.value(byte) != nil || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") else { return nil }
        }
        let text = String(forDisplay: bytes.extracting(host))
        guard let address = SocketAddress(host: text, port: number), address.isIPv4 == isFour else { return nil }
        return address
    }

    // MARK: Version 2

    private static func readBinary(_ bytes: Span<UInt8>) -> ProxyHeader {
        for index in 0..<min(signature.count, bytes.count) where bytes[index] != signature[index] {
            return .malformed(.absent)
        }
        if bytes.count > 12, bytes[12] >> 4 != 2 { return .malformed(.unknownVersion) }
        if bytes.count > 12, bytes[12] & 15 > 1 { return .malformed(.unknownCommand) }
        if bytes.count < binaryHeadLength { return .needMore }
        let body = Int(bytes[14]) << 8 | Int(bytes[15])
        let length = binaryHeadLength + body
        if length > maxLength { return .malformed(.tooLong) }
        if bytes.count < length { return .needMore }
        // A connection of the balancer itself; what it says about addresses is to be ignored (§2.2).
        if bytes[12] & 15 == 0 { return .complete(length: length, source: nil) }
        switch bytes[13] {
        case 0x00: return .complete(length: length, source: nil)
        case 0x11:
            guard body >= 12 else { return .malformed(.invalidAddress) }
            let octets = UInt32(truncatingIfNeeded: big(bytes, 16..<20))
            let port = UInt16(truncatingIfNeeded: big(bytes, 24..<26))
            return .complete(length: length, source: SocketAddress(ip4: octets, port: port))
        case 0x21:
            guard body >= 36 else { return .malformed(.invalidAddress) }
            let source = SocketAddress(
                ip6High: big(bytes, 16..<24), low: big(bytes, 24..<32),
                port: UInt16(truncatingIfNeeded: big(bytes, 48..<50)))
            return .complete(length: length, source: source)
        case 0x31:
            guard body >= 216 else { return .malformed(.invalidAddress) }
            return .complete(length: length, source: nil)
        default: return .malformed(.unknownProtocol)
        }
    }

    private static func big(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var value: UInt64 = 0
        for index in range { value = value << 8 | UInt64(bytes[index]) }
        return value
    }
}

extension StaticString {
    fileprivate func byte(_ index: Int) -> UInt8 { withUTF8Buffer { unsafe $0[index] } }
}
