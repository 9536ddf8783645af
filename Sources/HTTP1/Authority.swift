// The `uri-host [ ":" port ]` of a Host header or of an absolute target (RFC 9110 §7.2, RFC 3986 §3.2).
//
// Narrower than the grammar on purpose: a registered name may hold percent-encodings and sub-delimiters such
// as a comma, no real host does, and whoever splits, decodes or joins one differently from us would see
// another host than the one the route was chosen by.

import Bytes

enum Authority {
    /// Whether the bytes are a host name, an IPv4 address or a bracketed IPv6 address, with an optional port
    /// 1…65535. User information, an empty host and an empty port are refused.
    static func isValid(_ bytes: Span<UInt8>) -> Bool {
        var index = 0
        if !bytes.isEmpty, bytes[0] == UInt8(ascii: "[") {
            guard let end = endOfBracketedAddress(bytes) else { return false }
            index = end
        } else {
            while index < bytes.count, isHostByte(bytes[index]) { index += 1 }
            if index == 0 { return false }
        }
        if index == bytes.count { return true }
        guard bytes[index] == Byte.colon, bytes.count - index - 1 <= 5,
            let port = ASCII.decimal(bytes.extracting((index + 1)..<bytes.count))
        else { return false }
        return port >= 1 && port <= 65535
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    /// The index behind the closing bracket. Only the alphabet of an IPv6 address is checked: what it may
    /// spell wrongly with it resolves to nothing, and cannot be read as anything but an address.
    private static func endOfBracketedAddress(_ bytes: Span<UInt8>) -> Int? {
        var index = 1
        var colonCount = 0
        while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
            if bytes[index] == Byte.colon {
                colonCount += 1
            } else if Hex.value(bytes[index]) == nil, bytes[index] != UInt8(ascii: ".") {
                return nil
            }
            index += 1
        }
        // The longest spelling is ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255.
        return index < bytes.count && colonCount >= 2 && index - 1 <= 45 ? index + 1 : nil
    }
}
