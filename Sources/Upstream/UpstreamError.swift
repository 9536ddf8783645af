// What can go wrong between Keygate and a backend, in the few words the client is told.

import CCurl

/// Why a transfer failed.
public enum UpstreamError: Error, Sendable, Equatable {
    /// No connection: refused, no route, name unknown, TLS handshake or verification failed, or a kept
    /// connection died and the request must not be repeated.
    case unreachable(detail: StaticDetail)
    /// The connection ended before the answer was whole.
    case cut(detail: StaticDetail)
    /// The backend answered with something that is not HTTP.
    case invalid(detail: StaticDetail)
    /// The connection could not be made in time.
    case connectTimeout
}

/// A cause as text for the log. Fixed strings only: libcurl's own messages name addresses.
public struct StaticDetail: Sendable, Equatable, CustomStringConvertible {
    let text: StaticString
    public var description: String { text.description }

    init(_ text: StaticString) { self.text = text }

    public static func == (left: StaticDetail, right: StaticDetail) -> Bool {
        left.description == right.description
    }
}

extension UpstreamError {
    /// The error of a finished transfer, or nil if it ended well.
    static func from(_ code: CURLcode, wasReplayRefused: Bool) -> UpstreamError? {
        if wasReplayRefused {
            return .unreachable(
                detail: StaticDetail("the connection died and the request must not be sent twice"))
        }
        switch code {
        case CURLE_OK: return nil
        case CURLE_COULDNT_CONNECT:
            return .unreachable(detail: StaticDetail("connection refused or not routable"))
        case CURLE_COULDNT_RESOLVE_HOST: return .unreachable(detail: StaticDetail("name does not resolve"))
        case CURLE_OPERATION_TIMEDOUT: return .connectTimeout
        case CURLE_SSL_CONNECT_ERROR: return .unreachable(detail: StaticDetail("TLS handshake failed"))
        case CURLE_PEER_FAILED_VERIFICATION:
            return .unreachable(detail: StaticDetail("the server's certificate was not accepted"))
        case CURLE_SSL_CERTPROBLEM:
            return .unreachable(detail: StaticDetail("the client certificate or its key cannot be used"))
        case CURLE_SSL_CACERT_BADFILE:
            return .unreachable(detail: StaticDetail("the CA file could not be read"))
        case CURLE_SEND_ERROR: return .unreachable(detail: StaticDetail("connection lost while sending"))
        case CURLE_SEND_FAIL_REWIND:
            return .unreachable(
                detail: StaticDetail("the connection died and the body must not be sent twice"))
        case CURLE_GOT_NOTHING: return .cut(detail: StaticDetail("closed without an answer"))
        case CURLE_RECV_ERROR: return .cut(detail: StaticDetail("connection lost while receiving"))
        case CURLE_PARTIAL_FILE: return .cut(detail: StaticDetail("the answer ended too early"))
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_HTTP2:
            return .invalid(detail: StaticDetail("not an HTTP/1.1 answer"))
        default: return .invalid(detail: StaticDetail("the answer could not be read"))
        }
    }
}

extension UpstreamError {
    /// The cause for the log.
    public var detail: StaticDetail {
        switch self {
        case .unreachable(let detail), .cut(let detail), .invalid(let detail): detail
        case .connectTimeout: StaticDetail("no connection within the time for it")
        }
    }

    /// Whether a request that failed so says something about the server. An answer that is not HTTP may be the
    /// fault of one page of it, and whoever asks for that page must not be able to put the server aside.
    public var isServerFailure: Bool {
        switch self {
        case .unreachable, .cut, .connectTimeout: true
        case .invalid: false
        }
    }
}

extension StaticDetail {
    /// Nothing came within the time for the first byte.
    public static let noFirstByte = StaticDetail("no answer within the time for its first byte")
}
