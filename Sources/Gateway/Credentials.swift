// Where in a request the API key stands. There may be one: whoever finds two has to choose, and whoever
// stands behind may choose otherwise.

import Bytes
import HTTP1
import Rules

/// The outcome of looking for a key.
enum PresentedCredential {
    case none
    /// There is an Authorization header, and it is not `Bearer` and one token.
    case unusable
    case ambiguous
    /// Offsets into the head.
    case found(Range<Int>)
}

enum Credentials {
    /// Longest key text accepted, in bytes: that of keys.verifyKey.
    static let maxKeyBytes = 512

    /// Looks in every configured place. The same key in two places is one key.
    static func find(
        _ sources: [CredentialSource], _ head: borrowing RequestHead, query: Range<Int>?, _ bytes: Span<UInt8>
    ) -> PresentedCredential {
        var found: Range<Int>?
        var isUnusable = false
        for source in sources {
            let presented: PresentedCredential =
                switch source {
                case .bearer: bearer(head, bytes)
                case .header(let name): header(name, head, bytes)
                case .query(let name): parameter(name, query, bytes)
                }
            switch presented {
            case .none: continue
            case .unusable: isUnusable = true
            case .ambiguous: return .ambiguous
            case .found(let range):
                if let found, !ASCII.equals(bytes.extracting(found), bytes.extracting(range)) {
                    return .ambiguous
                }
                found = range
            }
        }
        if let found { return .found(found) }
        return isUnusable ? .unusable : .none
    }

    /// `Authorization: Bearer b64token` (RFC 6750 §2.1), the scheme in any letter case.
    private static func bearer(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> PresentedCredential {
        guard let index = head.headers.index(of: .authorization) else { return .none }
        if head.headers.count(of: .authorization) > 1 { return .ambiguous }
        guard let token = bearerToken(head.headers[index].value, bytes) else { return .unusable }
        return .found(token)
    }

    /// The token in the value of an Authorization header; nil if it is none of the Bearer scheme.
    static func bearerToken(_ value: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int>? {
        var start = value.lowerBound + 6
        guard start < value.upperBound,
            ASCII.equalsIgnoringCase(bytes.extracting(value.lowerBound..<start), "bearer"),
            bytes[start] == 0x20
        else { return nil }
        while start < value.upperBound, bytes[start] == 0x20 { start += 1 }
        return token(start..<value.upperBound, bytes)
    }

    /// Whether an Authorization header is of the Bearer scheme, well-formed or not.
    static func isBearer(_ value: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        guard value.count >= 6 else { return false }
        let end = value.lowerBound + 6
        return ASCII.equalsIgnoringCase(bytes.extracting(value.lowerBound..<end), "bearer")
            && (end == value.upperBound || bytes[end] == 0x20 || bytes[end] == 0x09)
    }

    private static func header(_ name: [UInt8], _ head: borrowing RequestHead, _ bytes: Span<UInt8>)
        -> PresentedCredential
    {
        guard let index = head.headers.index(named: name.span, in: bytes) else { return .none }
        if head.headers.index(named: name.span, in: bytes, from: index + 1) != nil { return .ambiguous }
        guard let token = token(head.headers[index].value, bytes) else { return .unusable }
        return .found(token)
    }

    private static func parameter(_ name: [UInt8], _ query: Range<Int>?, _ bytes: Span<UInt8>)
        -> PresentedCredential
    {
        guard let query else { return .none }
        var presented = PresentedCredential.none
        let text = bytes.extracting(query)
        QueryParameters.forEach(in: text) { parameter in
            guard QueryParameters.isNamed(text.extracting(parameter.name), name.span) else { return true }
            if case .none = presented {
                let value =
                    query.lowerBound + parameter.value.lowerBound..<query.lowerBound
                    + parameter.value.upperBound
                presented = token(value, bytes).map { .found($0) } ?? .unusable
                return true
            }
            presented = .ambiguous
            return false
        }
        return presented
    }

    /// The range if it is a non-empty b64token of acceptable length.
    private static func token(_ range: Range<Int>, _ bytes: Span<UInt8>) -> Range<Int>? {
        if range.isEmpty || range.count > maxKeyBytes { return nil }
        for index in range {
            let byte = bytes[index]
            if ASCII.isLetter(byte) || ASCII.isDigit(byte) { continue }
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
                UInt8(ascii: "+"),
                UInt8(ascii: "/"), UInt8(ascii: "="):
                continue
            default: return nil
            }
        }
        return range
    }
}
