// Which headers a configuration may set, and which spellings are the same header to a backend.
//
// Many servers turn `X-Tenant-Id`, `X_Tenant_Id` and `x.tenant.id` into one variable (CGI and its heirs), so a
// name counts as taken in all of these spellings.

import Bytes

enum HeaderNames {
    /// Headers that frame the message or concern one connection, or that the gateway writes itself. Setting them
    /// to something else would break the framing or let a configuration lie to the backend.
    private static let reserved = [
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE",
        "Trailer", "Upgrade", "Expect", "Proxy-Authenticate", "Proxy-Authorization", "Via", "Forwarded",
        "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
    ]

    /// Lower case, with everything that is no letter and no digit as `-`: equal for names that some backend
    /// takes as one.
    static func folded(_ name: [UInt8]) -> [UInt8] { name.map { folded($0) } }

    static func folded(_ byte: UInt8) -> UInt8 {
        let lower = ASCII.lower(byte)
        return ASCII.isLetter(lower) || ASCII.isDigit(lower) ? lower : UInt8(ascii: "-")
    }

    /// The name that may not be set, spelled as usual, if `name` is one of them.
    static func reservedName(_ name: [UInt8]) -> String? {
        let folded = folded(name)
        return reserved.first { self.folded(Array($0.utf8)) == folded }
    }

    /// Fields of an answer that clients cannot do without, or that frame it; one that is taken out of answers must
    /// not be among them.
    private static let needed = [
        "Date", "Location", "Set-Cookie", "WWW-Authenticate", "Cache-Control", "ETag", "Vary", "Age",
        "Expires",
        "Last-Modified", "Accept-Ranges", "Retry-After", "Allow", "Authorization",
    ]

    static func isNeededByClients(_ name: [UInt8]) -> Bool {
        let folded = folded(name)
        return reservedName(name) != nil || folded.starts(with: "content-".utf8)
            || needed.contains { self.folded(Array($0.utf8)) == folded }
    }

    static func isAuthorization(_ name: [UInt8]) -> Bool { folded(name).elementsEqual("authorization".utf8) }

    /// Printable ASCII and tabs inside, without blanks at the ends: RFC 9110 §5.5 less obs-text.
    static func isValue(_ value: [UInt8]) -> Bool {
        value.allSatisfy { ASCII.isPrintable($0) || $0 == 0x09 }
            && ASCII.trimmed(value.span) == 0..<value.count
    }
}

extension ValueReader {
    /// A header's name (RFC 9110 §5.1).
    func headerName(_ word: Word) -> [UInt8]? {
        if ASCII.isToken(word.text.span) { return word.text }
        findings.error("expected a header name, found \(word.shown)", at: word.place)
        return nil
    }

    /// The name of a header that requests to the backend are given or lose.
    func settableHeaderName(_ word: Word) -> [UInt8]? {
        guard let name = headerName(word) else { return nil }
        guard let reserved = HeaderNames.reservedName(name) else { return name }
        findings.error("\(reserved) is set by the gateway and cannot be changed", at: word.place)
        return nil
    }
}
