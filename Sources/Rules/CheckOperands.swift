// Where `check` expressions meet a request. Rules knows no requests: it says which operand it needs, and the
// gateway puts its value into a scratch buffer. Values are ranges of that buffer, so loading one allocates
// nothing once the buffer has grown to its usual size.

public import Access
public import Bytes

/// Something of the request that an expression names.
public final class Operand: Sendable {
    public enum Kind: Sendable, Hashable {
        case caller(CallerField)
        /// A segment of the path, percent-decoded; always there.
        case path
        /// The parameter of this name, percent-decoded; `.ambiguous` if there are several.
        case query
        /// The header's value; `.ambiguous` if there are several of the name.
        case header
        case method
        /// Load as `.address`.
        case clientAddress
        /// The subject of the certificate that the client has shown; missing without one.
        case clientSubject
        /// Unix milliseconds; load as `.integer`.
        case now
    }

    public let kind: Kind
    /// The parameter's name, or the header's in lower case; empty for other kinds.
    public let name: [UInt8]
    /// Member names from the outside in, for `meta`.
    public let metaPath: [[UInt8]]
    /// Index into `RouteMatch.captures`, for `path`.
    public let captureIndex: Int
    /// As written.
    public let text: String

    init(kind: Kind, name: [UInt8] = [], metaPath: [[UInt8]] = [], captureIndex: Int = 0, text: String) {
        self.kind = kind
        self.name = name
        self.metaPath = metaPath
        self.captureIndex = captureIndex
        self.text = text
    }

    /// Whether the value is text because requests have nothing else: such text compares with numbers and
    /// booleans by what it spells, while a JSON string "5" is not the number 5.
    var isRequestText: Bool {
        switch kind {
        case .path, .query, .header, .clientSubject: true
        case .caller, .method, .clientAddress, .now: false
        }
    }
}

/// The value of an operand. Ranges are offsets into the readable bytes of the scratch buffer.
public enum CheckValue: Sendable, Hashable {
    /// Not there, or JSON null.
    case missing
    /// There, but more than once: the backend may take the one that is not looked at. It exists, and every
    /// comparison with it is false, `!=` included.
    case ambiguous
    case bool(Bool)
    case integer(Int64)
    case decimal(Double)
    /// Decoded text: no quotes, no escapes.
    case text(Range<Int>)
    /// A JSON array or object as compact JSON.
    case json(Range<Int>)
    /// Names written with `appendName`, one behind the other: permissions, roles.
    case names(Range<Int>)
    case address(IPAddress)
    /// Of an expression; loaders have no use for it.
    case network(IPNetwork)
}

/// Whoever can say what an operand's value is: the exchange being decided.
public protocol CheckOperands: ~Copyable {
    /// The value of `operand`; its bytes, if it has any, are appended to `scratch`, whose earlier bytes must
    /// stay as they are.
    mutating func load(_ operand: Operand, into scratch: inout ByteBuffer) -> CheckValue
}

extension CheckValue {
    /// Appends one element of a `.names` value.
    public static func appendName(_ name: Span<UInt8>, to scratch: inout ByteBuffer) {
        var length = UInt32(truncatingIfNeeded: name.count)
        for _ in 0..<4 {
            scratch.append(UInt8(truncatingIfNeeded: length))
            length >>= 8
        }
        scratch.append(name)
    }

    /// Appends `text` and returns the value that stands for it.
    public static func text(copying text: Span<UInt8>, to scratch: inout ByteBuffer) -> CheckValue {
        let start = scratch.count
        scratch.append(text)
        return .text(start..<scratch.count)
    }

    /// The value of a JSON number; integers stay exact. Missing if the text is not a JSON number (RFC 8259 §6).
    public static func number(_ text: Span<UInt8>) -> CheckValue { JSONNumber.value(of: text) ?? .missing }
}
