// Every answer Keygate gives instead of the backend's, in one table: status, code, words, whose fault it is.
// The code goes to the client and into the log; the stable word goes into log and counters. None of them
// shows a key, an upstream's address or anything of the request.

public import HTTP1

/// Why a request was not answered by the backend. The raw value indexes counters.
public enum RefusalReason: UInt8, Sendable, CaseIterable {
    case badRequest, pathAmbiguous, requestTimeout, payloadTooLarge, targetTooLong, headTooLarge,
        expectationFailed, upgradeRequired
    case notImplemented, versionNotSupported
    case routeNotFound, methodNotAllowed
    case missingKey, ambiguousKey, keyNotFound, keyDisabled, keyExpired
    case forbidden, insufficientPermissions
    case rateLimited, usageExceeded
    case upstreamUnreachable, upstreamInvalid, upstreamTimeout, overloaded

    /// Those for which an exchange may be ended that had been let through.
    static let ofRunningExchanges: [RefusalReason] = [
        .keyNotFound, .keyDisabled, .keyExpired, .forbidden, .insufficientPermissions,
    ]

    /// Whose fault a refusal is.
    public enum Fault: Sendable { case client, upstream, gateway }

    public struct Description: Sendable {
        public let status: Status
        /// What the client reads as `error.code`.
        public let code: StaticString
        /// The same in the log's style.
        public let word: StaticString
        public let title: StaticString
        public let detail: StaticString
        public let fault: Fault
        /// Whether the same request may succeed if it is sent again later.
        public let isRetryable: Bool
    }

    public var description: Description {
        switch self {
        case .badRequest:
            entry(
                .badRequest, "BAD_REQUEST", "bad_request", "Bad Request", "The request is not valid HTTP/1.1."
            )
        case .pathAmbiguous:
            entry(
                .badRequest, "PATH_AMBIGUOUS", "path_ambiguous", "Bad Request",
                "The path can be read in more than one way.")
        case .requestTimeout:
            entry(
                .requestTimeout, "REQUEST_TIMEOUT", "request_timeout", "Request Timeout",
                "The request did not arrive in time.", retry: true)
        case .payloadTooLarge:
            entry(
                .contentTooLarge, "PAYLOAD_TOO_LARGE", "payload_too_large", "Content Too Large",
                "The body is larger than this route accepts.")
        case .targetTooLong:
            entry(
                .uriTooLong, "TARGET_TOO_LONG", "target_too_long", "URI Too Long",
                "The request target is longer than accepted.")
        case .headTooLarge:
            entry(
                .requestHeaderFieldsTooLarge, "HEAD_TOO_LARGE", "head_too_large",
                "Request Header Fields Too Large",
                "The request head is larger than accepted.")
        case .expectationFailed:
            entry(
                .expectationFailed, "EXPECTATION_FAILED", "expectation_failed", "Expectation Failed",
                "The only expectation supported is 100-continue.")
        case .upgradeRequired:
            entry(
                .upgradeRequired, "UPGRADE_REQUIRED", "upgrade_required", "Upgrade Required",
                "The only version of WebSocket spoken here is 13.")
        case .notImplemented:
            entry(
                .notImplemented, "NOT_IMPLEMENTED", "not_implemented", "Not Implemented",
                "The method is not supported.")
        case .versionNotSupported:
            entry(
                .httpVersionNotSupported, "VERSION_NOT_SUPPORTED", "version_not_supported",
                "HTTP Version Not Supported", "Only HTTP/1.0 and HTTP/1.1 are supported.")
        case .routeNotFound:
            entry(.notFound, "ROUTE_NOT_FOUND", "route_unmatched", "Not Found", "No route matches this path.")
        case .methodNotAllowed:
            entry(
                .methodNotAllowed, "METHOD_NOT_ALLOWED", "method_unmatched", "Method Not Allowed",
                "The path exists, but not for this method.")
        case .missingKey:
            entry(
                .unauthorized, "MISSING_KEY", "key_missing", "Unauthorized",
                "An API key is required and none was sent.")
        case .ambiguousKey:
            entry(
                .unauthorized, "AMBIGUOUS_KEY", "key_ambiguous", "Unauthorized",
                "More than one credential was sent.")
        case .keyNotFound:
            entry(
                .unauthorized, "NOT_FOUND", "key_not_found", "Unauthorized", "The API key is not valid here.")
        case .keyDisabled:
            entry(.unauthorized, "DISABLED", "key_disabled", "Unauthorized", "The API key is disabled.")
        case .keyExpired:
            entry(.unauthorized, "EXPIRED", "key_expired", "Unauthorized", "The API key has expired.")
        case .forbidden:
            entry(
                .forbidden, "FORBIDDEN", "forbidden", "Forbidden", "This request is not allowed for this key."
            )
        case .insufficientPermissions:
            entry(
                .forbidden, "INSUFFICIENT_PERMISSIONS", "permissions_insufficient", "Forbidden",
                "The API key lacks a permission this route requires.")
        case .rateLimited:
            entry(
                .tooManyRequests, "RATE_LIMITED", "rate_limited", "Too Many Requests",
                "A rate limit is exceeded.", retry: true)
        case .usageExceeded:
            entry(
                .tooManyRequests, "USAGE_EXCEEDED", "usage_exceeded", "Too Many Requests",
                "The API key has not enough credits left.")
        case .upstreamUnreachable:
            entry(
                .badGateway, "UPSTREAM_UNREACHABLE", "upstream_unreachable", "Bad Gateway",
                "The service behind the gateway cannot be reached.", fault: .upstream, retry: true)
        case .upstreamInvalid:
            entry(
                .badGateway, "UPSTREAM_INVALID", "upstream_invalid", "Bad Gateway",
                "The service behind the gateway did not give a valid answer.", fault: .upstream)
        case .upstreamTimeout:
            entry(
                .gatewayTimeout, "UPSTREAM_TIMEOUT", "upstream_timeout", "Gateway Timeout",
                "The service behind the gateway did not answer in time.", fault: .upstream, retry: true)
        case .overloaded:
            entry(
                .serviceUnavailable, "OVERLOADED", "overloaded", "Service Unavailable",
                "The gateway has more connections than it may serve.", fault: .gateway, retry: true)
        }
    }

    private func entry(
        _ status: Status, _ code: StaticString, _ word: StaticString, _ title: StaticString,
        _ detail: StaticString,
        fault: Fault = .client, retry: Bool = false
    ) -> Description {
        Description(
            status: status, code: code, word: word, title: title, detail: detail, fault: fault,
            isRetryable: retry)
    }

    /// The reason for bytes that are no acceptable request.
    static func of(_ malformed: Malformed) -> RefusalReason {
        switch malformed.status.code {
        case 413: .payloadTooLarge
        case 414: .targetTooLong
        case 417: .expectationFailed
        case 431: .headTooLarge
        case 501: .notImplemented
        case 505: .versionNotSupported
        default: .badRequest
        }
    }
}
