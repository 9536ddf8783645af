// What is said between two neighbours and ends there (RFC 9110 §7.6.1). The same list serves both
// directions: a field that is meaningful in only one of them does no good in the other.

import Bytes

public enum HopByHop {
    /// Whether a field of this kind is never forwarded. Framing fields count: each hop frames for itself.
    /// `Trailer` does not: trailers are passed on, and so is their announcement.
    public static func covers(_ kind: HeaderKind) -> Bool {
        switch kind {
        case .connection, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade, .http2Settings,
            .proxyAuthenticate, .proxyAuthenticationInfo, .proxyAuthorization, .contentLength:
            true
        case .other, .accept, .authorization, .contentEncoding, .contentType, .cookie, .date, .expect,
            .forwarded,
            .host, .setCookie, .trailer, .via, .wwwAuthenticate, .xForwardedFor, .xForwardedHost,
            .xForwardedProto, .xRequestID:
            false
        }
    }

    /// Whether this field is dropped when its message is forwarded: by its kind, or because the Connection
    /// header of the same message names it. `bytes` are those the offsets refer to.
    public static func covers(
        _ field: HeaderField, _ options: ConnectionOptions, in bytes: Span<UInt8>
    ) -> Bool {
        if covers(field.kind) { return true }
        if options.ranges.isEmpty { return false }
        return options.contains(bytes.extracting(field.name), in: bytes)
    }
}
