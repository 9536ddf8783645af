// One canonical path for each request, or none. The route is chosen by this path and the backend gets this
// path, byte for byte; so the only way around a rule is a path that the backend reads differently from us.
// Hence nothing is repaired or resolved: a path that any common server could read in two ways is refused.
//
// What is left to do is to decode the escapes of unreserved characters, which mean the same as the characters
// themselves (RFC 3986 §6.2.2.2), exactly once. The result is a fixed point: taken as a target again, it comes
// out as it is, which is what makes "exactly once" checkable.

public import Bytes

/// What makes a path or query mean different things to different servers.
public enum PathAmbiguity: Sendable, Equatable, CaseIterable {
    case dotSegment, backslash, controlCharacter, doubleEncoding, invalidEscape, invalidUTF8
    case nonASCII, fragment, forbiddenCharacter, invalidQuery

    /// A stable word for logs and counters.
    public var reason: StaticString {
        switch self {
        case .dotSegment: "path_dot_segment"
        case .backslash: "path_backslash"
        case .controlCharacter: "path_control_character"
        case .doubleEncoding: "path_double_encoding"
        case .invalidEscape: "path_escape_invalid"
        case .invalidUTF8: "path_utf8_invalid"
        case .nonASCII: "path_not_ascii"
        case .fragment: "path_fragment"
        case .forbiddenCharacter: "path_character_forbidden"
        case .invalidQuery: "query_invalid"
        }
    }

    /// One line for people.
    public var message: StaticString {
        switch self {
        case .dotSegment: "the path contains a . or .. segment"
        case .backslash: "the path contains a backslash"
        case .controlCharacter: "the path contains a control character"
        case .doubleEncoding: "the path is percent-encoded twice"
        case .invalidEscape: "the path contains a % that is not followed by two hexadecimal digits"
        case .invalidUTF8: "the percent-encoded bytes of the path are not UTF-8"
        case .nonASCII: "the path contains a byte above 0x7F that is not percent-encoded"
        case .fragment: "the target contains a #"
        case .forbiddenCharacter: "the path contains a character that must be percent-encoded"
        case .invalidQuery: "the query contains a control character or a byte above 0x7F"
        }
    }
}

/// A target whose meaning is settled.
public struct RequestTarget: Sendable, Equatable {
    public let form: TargetForm
    /// The canonical path, or `*`, in the readable bytes of the buffer it was appended to.
    public let path: Range<Int>
    /// The query, without its `?`, in the target as received; nil when there is no `?`. Forwarded untouched.
    public let query: Range<Int>?
    /// The path has an empty segment (`//`, or one of parameters only, `/;x`): for the route to allow.
    public let hasEmptySegments: Bool
    /// The path has a `%2F`, which stays encoded: for the route to allow.
    public let hasEncodedSlash: Bool

    public enum Outcome: Sendable, Equatable {
        case canonical(RequestTarget)
        case ambiguous(PathAmbiguity)
        case malformed(Malformed)
    }

    /// Appends the canonical path of `target` to `buffer`, or leaves the buffer as it was. That an absolute
    /// target names the host of the Host header has been checked with the head.
    public static func canonicalise(
        _ target: Span<UInt8>, method: Method, into buffer: inout ByteBuffer
    ) -> Outcome {
        guard let parts = TargetParts(target, method: method) else { return .malformed(.invalidTarget) }
        let start = buffer.count
        var walk = PathWalk()
        if parts.form == .asterisk {
            buffer.append(UInt8(ascii: "*"))
        } else {
            let ambiguity =
                appendPath(target, parts.path, &walk, to: &buffer) ?? judgeQuery(target, parts.query)
            if let ambiguity {
                buffer.truncate(to: start)
                return .ambiguous(ambiguity)
            }
        }
        return .canonical(
            RequestTarget(
                form: parts.form, path: start..<buffer.count, query: parts.query,
                hasEmptySegments: walk.hasEmptySegments, hasEncodedSlash: walk.hasEncodedSlash))
    }

    private static func appendPath(
        _ target: Span<UInt8>, _ path: Range<Int>, _ walk: inout PathWalk, to buffer: inout ByteBuffer
    ) -> PathAmbiguity? {
        // An absolute target may end behind its authority; its path is then "/" (RFC 9112 §3.2.1).
        if path.isEmpty {
            buffer.append(Byte.slash)
            return nil
        }
        buffer.reserve(path.count)
        return walk.append(target.extracting(path), to: &buffer)
    }

    /// The query is data for the backend alone and is passed on as it is, so it only has to be unable to
    /// end the request line or to be cut at a `#`.
    private static func judgeQuery(_ target: Span<UInt8>, _ query: Range<Int>?) -> PathAmbiguity? {
        guard let query else { return nil }
        for index in query {
            let byte = target[index]
            if byte == UInt8(ascii: "#") { return .fragment }
            if byte <= Byte.space || byte >= 0x7F { return .invalidQuery }
        }
        return nil
    }
}
