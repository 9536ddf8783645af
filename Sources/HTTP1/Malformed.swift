// Every reason for which a request's bytes are refused, with the status, the stable word and the sentence
// that go with it, in one table: whoever adds a case is made to decide all three.

/// Why the bytes of a client are no acceptable request. After any of these the end of the message is
/// unknown, so the connection must be closed behind the answer.
public enum Malformed: Sendable, Equatable {
    // The request line.
    case invalidMethod, methodTooLong, connectUnsupported
    case invalidRequestLine, invalidVersion, unsupportedVersion, http2Preface
    case targetTooLong(limit: Int)
    case invalidTarget
    // The head as a whole.
    case headTooLarge(limit: Int)
    case tooManyHeaders(limit: Int)
    case field(FieldFault)
    // What the fields say.
    case missingHost, duplicateHost, invalidHost, hostMismatch
    case invalidContentLength, duplicateContentLength
    case invalidTransferEncoding, transferEncodingInHTTP10, conflictingFraming
    case invalidConnection, forbiddenConnectionOption
    case unsupportedExpectation
    // The chunked body.
    case invalidChunkSize, invalidChunkExtension, missingChunkEnd
    case chunkLineTooLong(limit: Int)
    case chunkExtensionsTooLong(limit: Int)
    case trailersTooLarge(limit: Int)

    /// The status to answer with.
    public var status: Status {
        switch self {
        case .connectUnsupported, .methodTooLong: .notImplemented
        case .unsupportedVersion: .httpVersionNotSupported
        case .targetTooLong: .uriTooLong
        case .headTooLarge, .tooManyHeaders, .trailersTooLarge: .requestHeaderFieldsTooLarge
        case .unsupportedExpectation: .expectationFailed
        case .invalidMethod, .invalidRequestLine, .invalidVersion, .http2Preface, .invalidTarget, .field,
            .missingHost, .duplicateHost, .invalidHost, .hostMismatch, .invalidContentLength,
            .duplicateContentLength, .invalidTransferEncoding, .transferEncodingInHTTP10, .conflictingFraming,
            .invalidConnection, .forbiddenConnectionOption, .invalidChunkSize, .invalidChunkExtension,
            .missingChunkEnd, .chunkLineTooLong, .chunkExtensionsTooLong:
            .badRequest
        }
    }

    /// A stable word for logs and counters.
    public var reason: StaticString {
        switch self {
        case .invalidMethod: "method_invalid"
        case .methodTooLong: "method_too_long"
        case .connectUnsupported: "connect_unsupported"
        case .invalidRequestLine: "request_line_invalid"
        case .invalidVersion: "version_invalid"
        case .unsupportedVersion: "version_unsupported"
        case .http2Preface: "http2_preface"
        case .targetTooLong: "target_too_long"
        case .invalidTarget: "target_invalid"
        case .headTooLarge: "head_too_large"
        case .tooManyHeaders: "headers_too_many"
        case .field(let fault): fault.reason
        case .missingHost: "host_missing"
        case .duplicateHost: "host_duplicate"
        case .invalidHost: "host_invalid"
        case .hostMismatch: "host_mismatch"
        case .invalidContentLength: "content_length_invalid"
        case .duplicateContentLength: "content_length_duplicate"
        case .invalidTransferEncoding: "transfer_encoding_invalid"
        case .transferEncodingInHTTP10: "transfer_encoding_in_http10"
        case .conflictingFraming: "framing_conflict"
        case .invalidConnection: "connection_invalid"
        case .forbiddenConnectionOption: "connection_option_forbidden"
        case .unsupportedExpectation: "expectation_unsupported"
        case .invalidChunkSize: "chunk_size_invalid"
        case .invalidChunkExtension: "chunk_extension_invalid"
        case .missingChunkEnd: "chunk_end_missing"
        case .chunkLineTooLong: "chunk_line_too_long"
        case .chunkExtensionsTooLong: "chunk_extensions_too_long"
        case .trailersTooLarge: "trailers_too_large"
        }
    }

    /// One line for people. Shows limits, never bytes of the request.
    public var message: String {
        switch self {
        case .invalidMethod: "the method contains a byte that is not allowed in a token"
        case .methodTooLong: "the method is longer than \(RequestLimits.maxMethodBytes) bytes"
        case .connectUnsupported: "CONNECT is not supported"
        case .invalidRequestLine: "the request line is not method, target and version with one space between"
        case .invalidVersion: "the request line does not end in HTTP/ and a version such as 1.1"
        case .unsupportedVersion: "only HTTP/1.0 and HTTP/1.1 are supported"
        case .http2Preface: "HTTP/2 is not spoken on this listener"
        case .targetTooLong(let limit): "the target is longer than \(limit) bytes"
        case .invalidTarget: "the target is neither a path nor an http or https URL"
        case .headTooLarge(let limit): "the head is longer than \(limit) bytes"
        case .tooManyHeaders(let limit): "the head has more than \(limit) headers"
        case .field(let fault): "\(fault.message)"
        case .missingHost: "the Host header is missing"
        case .duplicateHost: "there is more than one Host header"
        case .invalidHost: "the Host header is not a host with an optional port"
        case .hostMismatch: "the host in the target differs from the Host header"
        case .invalidContentLength: "the Content-Length is not a plain decimal number"
        case .duplicateContentLength: "there is more than one Content-Length header"
        case .invalidTransferEncoding: "the only Transfer-Encoding accepted is a single chunked"
        case .transferEncodingInHTTP10: "HTTP/1.0 knows no Transfer-Encoding"
        case .conflictingFraming: "Content-Length and Transfer-Encoding are both present"
        case .invalidConnection:
            "the Connection header is not a list of at most \(ConnectionOptions.limit) tokens"
        case .forbiddenConnectionOption: "the Connection header names a header that must reach the backend"
        case .unsupportedExpectation: "the only expectation supported is 100-continue"
        case .invalidChunkSize: "a chunk size is not a hexadecimal number of at most 16 digits"
        case .invalidChunkExtension: "a chunk extension contains a byte that is not allowed there"
        case .missingChunkEnd: "a chunk is not followed by CR LF"
        case .chunkLineTooLong(let limit): "a chunk line is longer than \(limit) bytes"
        case .chunkExtensionsTooLong(let limit): "the chunk extensions are longer than \(limit) bytes"
        case .trailersTooLarge(let limit):
            "the trailer section has more than \(limit) bytes or too many fields"
        }
    }
}
