// The upstream's head, collected line by line, and what makes it unusable. A head that two readers could take
// differently is not forwarded: the client would be the one to pay for our guess.

import Bytes

/// Why the upstream's lines are no acceptable response. Always answered with 502.
public enum MalformedResponse: Sendable, Equatable {
    case truncatedLine
    case invalidStatusLine
    case field(FieldFault)
    case invalidContentLength, differingContentLengths
    case invalidTransferEncoding, conflictingFraming
    case invalidConnection
    case headTooLarge(limit: Int)
    case tooManyHeaders(limit: Int)
    case tooManyInterimHeads(limit: Int)
    case trailersTooLarge(limit: Int)
    /// A 101 although the request did not ask for an upgrade.
    case unexpectedSwitch

    /// A stable word for logs and counters.
    public var reason: StaticString {
        switch self {
        case .truncatedLine: "line_truncated"
        case .invalidStatusLine: "status_line_invalid"
        case .field(let fault): fault.reason
        case .invalidContentLength: "content_length_invalid"
        case .differingContentLengths: "content_length_differing"
        case .invalidTransferEncoding: "transfer_encoding_invalid"
        case .conflictingFraming: "framing_conflict"
        case .invalidConnection: "connection_invalid"
        case .headTooLarge: "head_too_large"
        case .tooManyHeaders: "headers_too_many"
        case .tooManyInterimHeads: "interim_heads_too_many"
        case .trailersTooLarge: "trailers_too_large"
        case .unexpectedSwitch: "switch_unexpected"
        }
    }

    /// One line for people. Shows limits, never bytes of the response.
    public var message: String {
        switch self {
        case .truncatedLine: "a line of the head has no end"
        case .invalidStatusLine: "the status line is not HTTP/1.0 or HTTP/1.1, three digits and a reason"
        case .field(let fault): "\(fault.message)"
        case .invalidContentLength: "the Content-Length is not a plain decimal number"
        case .differingContentLengths: "there are two different Content-Length headers"
        case .invalidTransferEncoding: "the only Transfer-Encoding accepted is a single chunked, in HTTP/1.1"
        case .conflictingFraming: "Content-Length and Transfer-Encoding are both present"
        case .invalidConnection:
            "the Connection header is not a list of at most \(ConnectionOptions.limit) tokens"
        case .headTooLarge(let limit): "the head is longer than \(limit) bytes"
        case .tooManyHeaders(let limit): "the head has more than \(limit) headers"
        case .tooManyInterimHeads(let limit): "more than \(limit) interim answers came before the final one"
        case .trailersTooLarge(let limit):
            "the trailer section has more than \(limit) bytes or too many fields"
        case .unexpectedSwitch: "101 Switching Protocols although no upgrade was asked for"
        }
    }
}

/// The head of one response. Ranges are offsets into the readable bytes of `section.buffer`.
public struct ResponseHead: ~Copyable {
    public internal(set) var status = Status.ok
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    public internal(set) var minorVersion = 1
    /// The reason phrase; may be empty.
    public internal(set) var reason = 0..<0
    public internal(set) var section = FieldSection()
    /// The length that all Content-Length headers agree on, if there are any.
    public internal(set) var contentLength: Int?
    public internal(set) var isChunked = false
    public internal(set) var connectionOptions = ConnectionOptions()

    public init() {}

    /// Empties the head and keeps its memory.
    public mutating func removeAll() {
        status = .ok
        minorVersion = 1
        reason = 0..<0
        section.removeAll()
        contentLength = nil
        isChunked = false
        connectionOptions.removeAll()
    }

    /// Takes in one field of `line` and judges what it says about framing.
    mutating func admit(_ field: HeaderField, of line: Span<UInt8>) -> MalformedResponse? {
        let value = line.extracting(field.value)
        // Repeating the same length is a known fault of many servers and leaves no doubt; the request side
        // need not be so kind, since clients do not do it (RFC 9112 §6.3).
        if field.kind == .contentLength {
            guard let length = ASCII.decimal(value) else { return .invalidContentLength }
            if let contentLength, contentLength != length { return .differingContentLengths }
            if isChunked { return .conflictingFraming }
            contentLength = length
        }
        if field.kind == .transferEncoding {
            if contentLength != nil { return .conflictingFraming }
            guard minorVersion == 1, !isChunked, ASCII.equalsIgnoringCase(value, "chunked") else {
                return .invalidTransferEncoding
            }
            isChunked = true
        }
        let kept = section.append(field, of: line)
        if field.kind == .connection, !section.addOptions(of: kept, to: &connectionOptions) {
            return .invalidConnection
        }
        return nil
    }
}
