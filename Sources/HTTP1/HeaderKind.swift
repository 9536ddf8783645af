// The headers a gateway has to understand, recognised once when the head is parsed, so that nobody later
// compares names again. A name that is not in this list is `other`, and is forwarded without being looked at.

import Bytes

/// A header field name the gateway treats specially, or `other`.
public enum HeaderKind: UInt8, Sendable {
    case other
    case accept, authorization, connection, contentEncoding, contentLength, contentType, cookie, date, expect
    case forwarded, host, http2Settings, keepAlive
    case proxyAuthenticate, proxyAuthenticationInfo, proxyAuthorization, proxyConnection
    case setCookie, te, trailer, transferEncoding, upgrade, via, wwwAuthenticate
    case xForwardedFor, xForwardedHost, xForwardedProto, xRequestID

    /// Whether a request is refused whose Connection header names this one. To have it removed is to have the
    /// backend see another message than the one we judged.
    var mustReachBackend: Bool {
        self == .host || self == .contentLength || self == .transferEncoding || self == .authorization
    }

    /// The kind of a name in any letter case. The length decides first and the first letter second, so a
    /// name is compared in full with one candidate at most.
    static func recognise(_ name: Span<UInt8>) -> HeaderKind {
        guard let first = name.isEmpty ? nil : ASCII.lower(name[0]) else { return .other }
        let candidate: HeaderKind
        let spelling: StaticString
        switch (name.count, first) {
        case (2, UInt8(ascii: "t")): (candidate, spelling) = (.te, "te")
        case (3, UInt8(ascii: "v")): (candidate, spelling) = (.via, "via")
        case (4, UInt8(ascii: "h")): (candidate, spelling) = (.host, "host")
        case (4, UInt8(ascii: "d")): (candidate, spelling) = (.date, "date")
        case (6, UInt8(ascii: "a")): (candidate, spelling) = (.accept, "accept")
        case (6, UInt8(ascii: "c")): (candidate, spelling) = (.cookie, "cookie")
        case (6, UInt8(ascii: "e")): (candidate, spelling) = (.expect, "expect")
        case (7, UInt8(ascii: "t")): (candidate, spelling) = (.trailer, "trailer")
        case (7, UInt8(ascii: "u")): (candidate, spelling) = (.upgrade, "upgrade")
        case (9, UInt8(ascii: "f")): (candidate, spelling) = (.forwarded, "forwarded")
        case (10, UInt8(ascii: "c")): (candidate, spelling) = (.connection, "connection")
        case (10, UInt8(ascii: "k")): (candidate, spelling) = (.keepAlive, "keep-alive")
        case (10, UInt8(ascii: "s")): (candidate, spelling) = (.setCookie, "set-cookie")
        case (12, UInt8(ascii: "c")): (candidate, spelling) = (.contentType, "content-type")
        case (12, UInt8(ascii: "x")): (candidate, spelling) = (.xRequestID, "x-request-id")
        case (13, UInt8(ascii: "a")): (candidate, spelling) = (.authorization, "authorization")
        case (14, UInt8(ascii: "c")): (candidate, spelling) = (.contentLength, "content-length")
        case (14, UInt8(ascii: "h")): (candidate, spelling) = (.http2Settings, "http2-settings")
        case (15, UInt8(ascii: "x")): (candidate, spelling) = (.xForwardedFor, "x-forwarded-for")
        case (16, UInt8(ascii: "c")): (candidate, spelling) = (.contentEncoding, "content-encoding")
        case (16, UInt8(ascii: "p")): (candidate, spelling) = (.proxyConnection, "proxy-connection")
        case (16, UInt8(ascii: "w")): (candidate, spelling) = (.wwwAuthenticate, "www-authenticate")
        case (16, UInt8(ascii: "x")): (candidate, spelling) = (.xForwardedHost, "x-forwarded-host")
        case (17, UInt8(ascii: "t")): (candidate, spelling) = (.transferEncoding, "transfer-encoding")
        case (17, UInt8(ascii: "x")): (candidate, spelling) = (.xForwardedProto, "x-forwarded-proto")
        case (18, UInt8(ascii: "p")): (candidate, spelling) = (.proxyAuthenticate, "proxy-authenticate")
        case (19, UInt8(ascii: "p")): (candidate, spelling) = (.proxyAuthorization, "proxy-authorization")
        case (25, UInt8(ascii: "p")):
            (candidate, spelling) = (.proxyAuthenticationInfo, "proxy-authentication-info")
        default: return .other
        }
        return ASCII.equalsIgnoringCase(name, spelling) ? candidate : .other
    }
}
