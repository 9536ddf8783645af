// Headers of both versions, whole, cut at every byte, and wrong in every way that would let two readers differ.

import Testing

@testable import Reactor

private let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
]

/// A binary header: command and version, family and protocol, then the body.
private func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
    let announced = length ?? body.count
    return signature + [command, family, UInt8(announced >> 8), UInt8(announced & 255)] + body
}

private let body4: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0xDE, 0xAD, 0x01, 0xBB]
private let body6: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7]
    + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [0x30, 0x39, 0x01, 0xBB]

private func text(_ line: String) -> [UInt8] { Array(line.utf8) }

private let whole: [(String, [UInt8], String?)] = [
    ("text, IPv4", text("PROXY TCP4 192.0.2.7 198.51.100.1 57005 443\r\n"), "192.0.2.7:57005"),
    ("text, IPv6", text("PROXY TCP6 2001:db8::7 2001:db8::1 12345 443\r\n"), "[2001:db8::7]:12345"),
    ("text, lowest and highest port", text("PROXY TCP4 1.2.3.4 5.6.7.8 0 65535\r\n"), "1.2.3.4:0"),
    ("text, unknown", text("PROXY UNKNOWN\r\n"), nil),
    ("text, unknown with words to ignore", text("PROXY UNKNOWN ffff::1 ::2 1 2\r\n"), nil),
    ("binary, IPv4", binary(0x21, 0x11, body4), "192.0.2.7:57005"),
    ("binary, IPv6", binary(0x21, 0x21, body6), "[2001:db8::7]:12345"),
    ("binary, more behind the addresses", binary(0x21, 0x11, body4 + [4, 0, 1, 0]), "192.0.2.7:57005"),
    ("binary, the balancer's own", binary(0x20, 0x11, body4), nil),
    ("binary, the balancer's own without addresses", binary(0x20, 0x00, []), nil),
    ("binary, unspecified", binary(0x21, 0x00, []), nil),
    ("binary, Unix sockets", binary(0x21, 0x31, [UInt8](repeating: 65, count: 216)), nil),
]

private let wrong: [(String, [UInt8], ProxyHeader.Problem)] = [
    ("a request instead", text("GET / HTTP/1.1\r\n"), .absent),
    ("a TLS handshake instead", [0x16, 0x03, 0x01, 0x02, 0x00], .absent),
    ("lower case", text("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), .absent),
    ("half a signature and something else", Array(signature[..<8]) + [0x52], .absent),
    ("another family", text("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), .unknownProtocol),
    ("no family", text("PROXY \r\n"), .unknownProtocol),
    ("an IPv6 address for IPv4", text("PROXY TCP4 ::1 ::2 1 2\r\n"), .invalidAddress),
    ("an IPv4 address for IPv6", text("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), .invalidAddress),
    ("a leading zero in a port", text("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"), .invalidAddress),
    ("a port too high", text("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"), .invalidAddress),
    ("a signed port", text("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n"), .invalidAddress),
    ("two spaces", text("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"), .invalidAddress),
    ("a word too few", text("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), .invalidAddress),
    ("a word too many", text("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), .invalidAddress),
    ("a NUL behind the address", text("PROXY TCP4 1.2.3.4\0x 5.6.7.8 1 2\r\n"), .invalidAddress),
    ("a line feed alone", text("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nGET / HTTP/1.1\r\n"), .invalidAddress),
    ("a carriage return alone", text("PROXY UNKNOWN\rGET / HTTP/1.1\r\n"), .invalidAddress),
    ("108 bytes of text", text("PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n"), .tooLong),
    ("version 1 in binary", binary(0x11, 0x11, body4), .unknownVersion),
    ("version 3 in binary", binary(0x31, 0x11, body4), .unknownVersion),
    ("another command", binary(0x22, 0x11, body4), .unknownCommand),
    ("datagrams", binary(0x21, 0x12, body4), .unknownProtocol),
    ("a family nobody knows", binary(0x21, 0x41, body4), .unknownProtocol),
    ("too few bytes for IPv4", binary(0x21, 0x11, Array(body4.dropLast())), .invalidAddress),
    ("too few bytes for IPv6", binary(0x21, 0x21, body4), .invalidAddress),
    ("too few bytes for Unix sockets", binary(0x21, 0x31, body4), .invalidAddress),
    ("a length beyond all reason", binary(0x21, 0x11, body4, length: 4081), .tooLong),
]

@Suite struct ProxyHeaderTests {
    @Test("is read, and ends where it ends", arguments: whole)
    func complete(_ label: String, _ header: [UInt8], _ source: String?) {
        let behind = header + text("GET / HTTP/1.1\r\n")
        let expected = ProxyHeader.complete(
            length: header.count, source: source.flatMap { SocketAddress(written: $0) })
        #expect(ProxyHeader.read(header.span) == expected)
        #expect(ProxyHeader.read(behind.span) == expected)
        #expect((source == nil) == (expected == .complete(length: header.count, source: nil)))
    }

    @Test("is waited for as long as it may become one", arguments: whole)
    func incomplete(_ label: String, _ header: [UInt8], _ source: String?) {
        for count in 0..<header.count {
            #expect(ProxyHeader.read(header.span.extracting(0..<count)) == .needMore)
        }
    }

    @Test("is refused where two readers might differ", arguments: wrong)
    func malformed(_ label: String, _ bytes: [UInt8], _ problem: ProxyHeader.Problem) {
        #expect(ProxyHeader.read(bytes.span) == .malformed(problem))
        // However little has arrived, nothing is ever taken for a whole header.
        for count in 0..<bytes.count {
            let early = ProxyHeader.read(bytes.span.extracting(0..<count))
            #expect(early == .needMore || early == .malformed(problem))
        }
    }

    @Test("the longest text is taken, and no longer one")
    func longest() {
        let longest = text("PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n")
        #expect(longest.count == 107)
        #expect(ProxyHeader.read(longest.span) == .complete(length: 107, source: nil))
    }

    @Test("the longest binary header is taken")
    func longestBinary() {
        let header = binary(0x21, 0x11, body4 + [UInt8](repeating: 0, count: 4068))
        #expect(header.count == ProxyHeader.maxLength)
        #expect(
            ProxyHeader.read(header.span)
                == .complete(length: 4096, source: SocketAddress(host: "192.0.2.7", port: 57005)))
    }
}
