// Request methods (RFC 9110 §9). Case-sensitive, and open: a token we do not know is still a method, and a
// route may admit it.

import Bytes

/// The methods the gateway knows by name. The text of `other` is at the head's `methodRange`.
public enum Method: UInt8, Sendable, CaseIterable {
    case get, head, post, put, patch, delete, options, trace, connect, other

    /// The method a token names.
    public static func recognise(_ token: Span<UInt8>) -> Method {
        let candidate: Method
        switch (token.count, token.isEmpty ? 0 : token[0]) {
        case (3, UInt8(ascii: "G")): candidate = .get
        case (3, UInt8(ascii: "P")): candidate = .put
        case (4, UInt8(ascii: "H")): candidate = .head
        case (4, UInt8(ascii: "P")): candidate = .post
        case (5, UInt8(ascii: "P")): candidate = .patch
        case (5, UInt8(ascii: "T")): candidate = .trace
        case (6, UInt8(ascii: "D")): candidate = .delete
        case (7, UInt8(ascii: "O")): candidate = .options
        case (7, UInt8(ascii: "C")): candidate = .connect
        default: return .other
        }
        return ASCII.equals(token, candidate.name) ? candidate : .other
    }

    /// The token on the wire; empty for `other`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other: ""
        }
    }
}

extension Method {
    /// Whether a request of this method asks for nothing to change, so that sending it twice does no harm
    /// (RFC 9110 §9.2.1).
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        case .post, .put, .patch, .delete, .connect, .other: false
        }
    }
}
