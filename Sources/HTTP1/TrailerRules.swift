// Which fields may come behind a body (RFC 9110 §6.5.1). A trailer is read after the decisions have been made
// that its field would have changed, yet many receivers merge it into the head: so whatever bears on framing,
// routing, authentication, or how to process the content is dropped from there.

import Bytes

enum TrailerRules {
    /// Whether a field of this name is dropped from a trailer section.
    static func forbids(_ kind: HeaderKind, _ name: Span<UInt8>) -> Bool {
        switch kind {
        case .accept, .authorization, .connection, .contentEncoding, .contentLength, .contentType, .cookie,
            .date,
            .expect, .forwarded, .host, .http2Settings, .keepAlive, .proxyAuthenticate,
            .proxyAuthenticationInfo,
            .proxyAuthorization, .proxyConnection, .setCookie, .te, .trailer, .transferEncoding, .upgrade,
            .via,
            .wwwAuthenticate, .xForwardedFor, .xForwardedHost, .xForwardedProto, .xRequestID:
            return true
        case .other:
            return hasForbiddenPrefix(name) || isControl(name)
        }
    }

    /// Whole families: Content-Range, If-Match, Proxy-…, X-Forwarded-Port, Sec-WebSocket-….
    private static func hasForbiddenPrefix(_ name: Span<UInt8>) -> Bool {
        starts(name, "content-", 8) || starts(name, "if-", 3) || starts(name, "proxy-", 6)
            || starts(name, "x-forwarded-", 12) || starts(name, "sec-", 4)
            || starts(name, "access-control-", 15)
    }

    private static func starts(_ name: Span<UInt8>, _ prefix: StaticString, _ count: Int) -> Bool {
        name.count >= count && ASCII.equalsIgnoringCase(name.extracting(0..<count), prefix)
    }

    /// Request modifiers and response controls (RFC 9110 §10 and §15, RFC 9111 §5).
    private static func isControl(_ name: Span<UInt8>) -> Bool {
        ASCII.equalsIgnoringCase(name, "age") || ASCII.equalsIgnoringCase(name, "range")
            || ASCII.equalsIgnoringCase(name, "vary") || ASCII.equalsIgnoringCase(name, "pragma")
            || ASCII.equalsIgnoringCase(name, "expires") || ASCII.equalsIgnoringCase(name, "warning")
            || ASCII.equalsIgnoringCase(name, "location") || ASCII.equalsIgnoringCase(name, "x-real-ip")
            || ASCII.equalsIgnoringCase(name, "retry-after")
            || ASCII.equalsIgnoringCase(name, "cache-control")
            || ASCII.equalsIgnoringCase(name, "max-forwards")
    }
}
