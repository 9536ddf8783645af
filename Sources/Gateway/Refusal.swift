// A refusal with what is particular to it, and the one function that writes it.

import Bytes
import HTTP1
import JSON

/// An answer of Keygate's own. Ends the request; nothing is forwarded.
public struct Refusal: Sendable {
    public let reason: RefusalReason
    /// What to say instead of the table's sentence; nil for the table's.
    public var detail: String?
    /// Permissions for `scope` of WWW-Authenticate, separated by spaces.
    public var scope: String?
    /// Methods for `Allow`.
    public var allowedMethods: [UInt8]?
    /// After how long it is worth trying again, where that is known.
    public var retryAfterSeconds: Int?
    /// Whether `WWW-Authenticate` goes with it, where one goes with its reason.
    var hasChallenge = true

    public init(
        _ reason: RefusalReason, detail: String? = nil, scope: String? = nil, allowedMethods: [UInt8]? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        self.reason = reason
        self.detail = detail
        self.scope = scope
        self.allowedMethods = allowedMethods
        self.retryAfterSeconds = retryAfterSeconds
    }

    init(_ malformed: Malformed) {
        reason = RefusalReason.of(malformed)
        detail = malformed.message.prefix(1).uppercased() + malformed.message.dropFirst() + "."
    }

    init(_ ambiguity: PathAmbiguity) {
        reason = .pathAmbiguous
        detail = "The path can be read in more than one way: \(ambiguity.message)."
    }

    init(_ fault: WebSocketFault) {
        self.init(fault.isAboutVersion ? .upgradeRequired : .badRequest, detail: fault.message)
    }

    static var emptySegment: Refusal {
        Refusal(.pathAmbiguous, detail: "The path can be read in more than one way: it has an empty segment.")
    }

    static var looseReading: Refusal {
        Refusal(
            .pathAmbiguous,
            detail:
                "The path can be read in more than one way: decoded or without parameters it has another route."
        )
    }

    static var encodedSlash: Refusal {
        Refusal(.pathAmbiguous, detail: "The path can be read in more than one way: it has an encoded slash.")
    }

    /// Where the codes are explained; `type` of a problem is this with the code behind it.
    public static let typeBase: StaticString = "https://keygate.dev/errors/"

    /// Seconds after which a refusal that is worth repeating may be tried again.
    private static let retryAfterSeconds = 1

    struct Form {
        var requestID: [UInt8]
        /// `application/problem+json` was asked for.
        var asProblem: Bool
        var isHead: Bool
        var closes: Bool
        /// HTTP/1.0 keep-alive has to be said.
        var saysKeepAlive: Bool
    }

    /// Appends the whole answer, `limitLines` among its headers; returns the number of bytes in its body.
    @discardableResult
    func append(
        to output: inout ByteBuffer, scratch: inout ByteBuffer, limitLines: borrowing ByteBuffer, _ form: Form
    ) -> Int {
        let about = reason.description
        scratch.removeAll()
        scratch.append("{\"meta\":{\"requestId\":\"")
        scratch.append(form.requestID.span)
        scratch.append("\"},\"error\":{\"title\":\"")
        scratch.append(about.title)
        scratch.append("\",\"detail\":")
        if let detail {
            scratch.appendJSONString(Array(detail.utf8).span)
        } else {
            scratch.append("\"")
            scratch.append(about.detail)
            scratch.append("\"")
        }
        scratch.append(",\"status\":")
        scratch.append(decimal: about.status.code)
        scratch.append(",\"type\":\"")
        scratch.append(Refusal.typeBase)
        scratch.append(about.code)
        scratch.append("\",\"code\":\"")
        scratch.append(about.code)
        scratch.append("\"}}\n")

        ResponseWriter.appendStatusLine(about.status, to: &output)
        if form.asProblem {
            ResponseWriter.appendHeader("Content-Type", "application/problem+json", to: &output)
        } else {
            ResponseWriter.appendHeader("Content-Type", "application/json", to: &output)
        }
        ResponseWriter.appendHeader("Content-Length", decimal: scratch.count, to: &output)
        ResponseWriter.appendHeader("X-Request-Id", form.requestID.span, to: &output)
        ResponseWriter.appendHeader("Cache-Control", "no-store", to: &output)
        if hasChallenge { appendChallenge(to: &output) }
        if let allowedMethods { ResponseWriter.appendHeader("Allow", allowedMethods.span, to: &output) }
        output.append(limitLines.bytes)
        if let retryAfterSeconds {
            ResponseWriter.appendHeader("Retry-After", decimal: retryAfterSeconds, to: &output)
        } else if about.isRetryable, about.fault != .client {
            ResponseWriter.appendHeader("Retry-After", decimal: Refusal.retryAfterSeconds, to: &output)
        }
        if reason == .upgradeRequired {
            // What would do, and who it is said to (RFC 6455 §4.4, RFC 9110 §7.8). The connection ends.
            ResponseWriter.appendHeader("Sec-WebSocket-Version", "13", to: &output)
            ResponseWriter.appendHeader("Upgrade", "websocket", to: &output)
            ResponseWriter.appendHeader("Connection", "close, Upgrade", to: &output)
        } else if form.closes {
            ResponseWriter.appendHeader("Connection", "close", to: &output)
        } else if form.saysKeepAlive {
            ResponseWriter.appendHeader("Connection", "keep-alive", to: &output)
        }
        ResponseWriter.endHead(&output)
        if form.isHead { return 0 }
        output.append(scratch.bytes)
        return scratch.count
    }

    /// RFC 6750 §3: no error word when no credential was sent, `invalid_token` for one that is not (any
    /// more) good, `insufficient_scope` for one that is not enough.
    private func appendChallenge(to output: inout ByteBuffer) {
        switch reason {
        case .missingKey:
            ResponseWriter.appendHeader("WWW-Authenticate", "Bearer realm=\"keygate\"", to: &output)
        case .ambiguousKey:
            ResponseWriter.appendHeader(
                "WWW-Authenticate", "Bearer realm=\"keygate\", error=\"invalid_request\"", to: &output)
        case .keyNotFound, .keyDisabled, .keyExpired:
            ResponseWriter.appendHeader(
                "WWW-Authenticate", "Bearer realm=\"keygate\", error=\"invalid_token\"", to: &output)
        case .forbidden, .insufficientPermissions:
            output.append("WWW-Authenticate: Bearer realm=\"keygate\", error=\"insufficient_scope\"")
            if let scope {
                output.append(", scope=\"")
                output.append(scope)
                output.append("\"")
            }
            output.append("\r\n")
        case .badRequest, .pathAmbiguous, .requestTimeout, .payloadTooLarge, .targetTooLong, .headTooLarge,
            .expectationFailed, .upgradeRequired, .notImplemented, .versionNotSupported, .routeNotFound,
            .methodNotAllowed,
            .rateLimited, .usageExceeded, .upstreamUnreachable, .upstreamInvalid, .upstreamTimeout,
            .overloaded:
            return
        }
    }
}
