// Text messages as a client sends them, and as an echo brings them back (RFC 6455 §5.2).

enum WebSocketMessage {
    /// The example of RFC 6455 §1.3, and what a server must make of it.
    static let handshakeKey = "dGhlIHNhbXBsZSBub25jZQ=="
    static let handshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    /// Lengths on both sides of 125, behind which they are spelled in two bytes more.
    static func payload(_ number: Int) -> [UInt8] {
        (0..<1 + number * 37 % 300).map { UInt8(ascii: "a") + UInt8((number + $0) % 26) }
    }

    /// Clients mask what they send.
    static func sent(_ number: Int) -> [UInt8] {
        let mask: [UInt8] = [0x5A, UInt8(truncatingIfNeeded: number), 0xC3, 0x3C]
        let payload = payload(number)
        return head(payload.count, maskBit: 0x80) + mask
            + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// Servers do not.
    static func echoed(_ number: Int) -> [UInt8] {
        let payload = payload(number)
        return head(payload.count, maskBit: 0) + payload
    }

    private static func head(_ length: Int, maskBit: UInt8) -> [UInt8] {
        length < 126
            ? [0x81, maskBit | UInt8(length)]
            : [0x81, maskBit | 126, UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
    }
}
