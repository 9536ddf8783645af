// The parsed head of one request: what it asks for and how its body is framed, with everything textual as
// offsets into the received bytes. `RequestParser` fills it; a connection owns one and reuses it, so that a
// keep-alive request allocates nothing.

import Bytes

/// How the end of a body is found (RFC 9112 §6.3). Requests are never delimited by the end of the connection.
public enum BodyFraming: Sendable, Equatable {
    case none
    /// Exactly so many bytes; may be 0 when Content-Length said so.
    case length(Int)
    case chunked
}

/// The head of one request. All ranges are offsets from the start of the span that was parsed, so they hold
/// for as long as the caller keeps those bytes in place.
public struct RequestHead: ~Copyable, Sendable {
    public internal(set) var method = Method.other
    public internal(set) var methodRange = 0..<0
    public internal(set) var target = 0..<0
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    public internal(set) var minorVersion = 1
    public internal(set) var headers = HeaderBlock()
    public internal(set) var framing = BodyFraming.none
    public internal(set) var connectionOptions = ConnectionOptions()
    /// The host and port the request is for: the Host header, or the authority of an absolute target, which
    /// equals it. Empty only for an HTTP/1.0 request that names no host.
    public internal(set) var host = 0..<0
    /// The client waits for a 100 before it sends the body.
    public internal(set) var expectsContinue = false
    /// The value of the one Upgrade header, when an upgrade is asked for properly: HTTP/1.1, named by
    /// Connection (RFC 9110 §7.8).
    public internal(set) var upgrade: Range<Int>?

    public init() {}

    /// Whether the client wants the connection to go on after this exchange (RFC 9112 §9.3).
    public var isPersistent: Bool {
        !connectionOptions.hasClose && (minorVersion == 1 || connectionOptions.hasKeepAlive)
    }

    public var isUpgrade: Bool { upgrade != nil }

    /// Empties the head and keeps its memory.
    public mutating func removeAll() {
        method = .other
        methodRange = 0..<0
        target = 0..<0
        minorVersion = 1
        headers.removeAll()
        framing = .none
        connectionOptions.removeAll()
        host = 0..<0
        expectsContinue = false
        upgrade = nil
    }
}

extension RequestHead {
    /// Takes in one complete field and judges it as far as it can be judged alone or against those before
    /// it, so that a head which cannot become valid is refused before the rest has arrived.
    mutating func admit(_ field: HeaderField, of bytes: Span<UInt8>) -> Malformed? {
        defer { headers.append(field) }
        let value = bytes.extracting(field.value)
        switch field.kind {
        case .host:
            if headers.contains(.host) { return .duplicateHost }
            guard Authority.isValid(value) else { return .invalidHost }
            host = field.value
        case .contentLength:
            // Even equal ones: a list of lengths is something that somebody on the way has already read
            // differently (RFC 9112 §6.3 allows to refuse it).
            if headers.contains(.contentLength) { return .duplicateContentLength }
            if headers.contains(.transferEncoding) { return .conflictingFraming }
            guard let length = ASCII.decimal(value) else { return .invalidContentLength }
            framing = .length(length)
        case .transferEncoding:
            // Two framings in one head is how requests are smuggled: we would end the body at the last
            // chunk, the backend where Content-Length says (RFC 9112 §6.1, §6.3). Letting either win is a
            // guess about the other side.
            if headers.contains(.contentLength) { return .conflictingFraming }
            if minorVersion == 0 { return .transferEncodingInHTTP10 }
            guard !headers.contains(.transferEncoding), ASCII.equalsIgnoringCase(value, "chunked") else {
                return .invalidTransferEncoding
            }
            framing = .chunked
        case .connection:
            return admitConnection(field.value, of: bytes)
        case .expect:
            guard ASCII.equalsIgnoringCase(value, "100-continue") else { return .unsupportedExpectation }
        case .other, .accept, .authorization, .contentEncoding, .contentType, .cookie, .date, .forwarded,
            .http2Settings, .keepAlive, .proxyAuthenticate, .proxyAuthenticationInfo, .proxyAuthorization,
            .proxyConnection, .setCookie, .te, .trailer, .upgrade, .via, .wwwAuthenticate, .xForwardedFor,
            .xForwardedHost, .xForwardedProto, .xRequestID:
            break
        }
        return nil
    }

    private mutating func admitConnection(_ value: Range<Int>, of bytes: Span<UInt8>) -> Malformed? {
        let known = connectionOptions.ranges.count
        guard connectionOptions.append(value, of: bytes) else { return .invalidConnection }
        for option in connectionOptions.ranges[known...] {
            if HeaderKind.recognise(bytes.extracting(option)).mustReachBackend {
                return .forbiddenConnectionOption
            }
        }
        return nil
    }

    /// Judges the head as a whole, once its empty line has arrived.
    mutating func finish(_ bytes: Span<UInt8>) -> Malformed? {
        guard headers.contains(.host) || minorVersion == 0 else { return .missingHost }
        guard let parts = TargetParts(bytes.extracting(target), method: method) else { return .invalidTarget }
        if parts.form == .absolute {
            // A proxy would go by the target and ignore Host, an origin server often does the reverse
            // (RFC 9112 §3.2.2). Equal to the letter, ports included, neither can be fooled.
            let start = target.lowerBound
            let authority = (start + parts.authority.lowerBound)..<(start + parts.authority.upperBound)
            if headers.contains(.host),
                !ASCII.equalsIgnoringCase(bytes.extracting(authority), bytes.extracting(host))
            {
                return .hostMismatch
            }
            host = authority
        }
        // An HTTP/1.0 client knows neither interim answers nor upgrades (RFC 9110 §10.1.1, §7.8).
        if minorVersion == 1 {
            expectsContinue = headers.contains(.expect) && framing != .none && framing != .length(0)
            if connectionOptions.hasUpgrade, headers.count(of: .upgrade) == 1 {
                upgrade = headers.value(of: .upgrade)
            }
        }
        return nil
    }
}
