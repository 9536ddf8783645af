// How a backend may read what it is sent. One of these follows the RFC and refuses everything else; the others
// are the ways in which servers in the field are known to be lenient. A gateway that is safe in front of all of
// them is safe in front of any: what it forwards must be the same requests in every dialect.

/// One way of reading HTTP/1.1.
public struct Dialect: Sendable {
    /// Where the body ends when a head is not clear about it.
    enum Framing: Sendable {
        /// What is not exactly one valid length or `chunked` ends the connection.
        case strict
        /// Any Transfer-Encoding with the word chunked in it; else the first length.
        case looseCoding
        /// The first length, and chunked only without one.
        case firstLength
        /// Chunked by its exact name, other codings ignored; else the last length.
        case lastLength
    }

    /// What a length or a chunk size is that is not a plain number.
    enum Numbers: Sendable {
        /// What its leading digits say.
        case leadingDigits
        /// Nothing at all: there is no length.
        case none
        /// The digits, cut off at 32 bits; at 64.
        case wrapped32
        case wrapped64
    }

    /// Where a line ends.
    enum LineEnd: Sendable {
        case crlf
        /// At a line feed, with or without a carriage return.
        case lineFeed
        /// At either alone, or both.
        case either
    }

    /// Completes "to a backend …".
    public let name: String
    var isStrict = false
    var framing = Framing.looseCoding
    var numbers = Numbers.leadingDigits
    var lineEnd = LineEnd.lineFeed
    /// Of the line with a chunk's size, if another one.
    var chunkLineEnd: LineEnd?
    /// A folded line is a header of its own, rather than the end of the one before.
    var foldIsHeader = false
    /// Control characters and spaces around a name belong to it, so that it is another name.
    var keepsNameEdges = false
    /// A field, or a path, ends at a NUL.
    var endsAtNUL = false
    /// Two bytes behind a chunk's data are skipped whatever they are.
    var skipsChunkEnd = false
    /// The target is everything between the first space and the last.
    var wideTarget = false
    /// HTTP/1.0 knows no Transfer-Encoding.
    var oldIsUnchunked = false

    public static let all: [Dialect] = [
        Dialect(name: "that follows the RFC", isStrict: true, framing: .strict, lineEnd: .crlf),
        Dialect(name: "that takes any coding with the word chunked"),
        Dialect(name: "that prefers Content-Length", framing: .firstLength),
        Dialect(name: "that ignores unknown codings and takes the last length", framing: .lastLength),
        Dialect(name: "that drops lengths it cannot read", framing: .firstLength, numbers: .none),
        Dialect(name: "that counts in 32 bits", framing: .looseCoding, numbers: .wrapped32),
        Dialect(name: "that counts in 64 bits", framing: .looseCoding, numbers: .wrapped64),
        Dialect(name: "that ends lines at CRLF only", lineEnd: .crlf),
        Dialect(name: "that ends lines at CR as well", lineEnd: .either),
        Dialect(
            name: "that ends lines at CR and prefers Content-Length", framing: .firstLength, lineEnd: .either),
        Dialect(name: "that ends chunk sizes at CRLF only", chunkLineEnd: .crlf),
        Dialect(name: "that takes a folded line for a header", foldIsHeader: true),
        Dialect(name: "that knows no name with a space in it", framing: .lastLength, keepsNameEdges: true),
        Dialect(name: "whose strings end at NUL", endsAtNUL: true),
        Dialect(name: "that does not look behind a chunk", skipsChunkEnd: true),
        Dialect(name: "whose targets may have spaces", wideTarget: true),
        Dialect(name: "that knows no chunked in HTTP/1.0", oldIsUnchunked: true),
    ]
}

/// A request as one dialect reads it.
public struct ReadRequest: Sendable, Equatable {
    public var method: [UInt8] = []
    public var target: [UInt8] = []
    public var version: [UInt8] = []
    /// Trailers included: many backends do not tell them apart.
    public var fields: [ReadField] = []
    /// False if the body's end has not come.
    public var isComplete = false
}

public struct ReadField: Sendable, Equatable {
    public let name: [UInt8]
    public let value: [UInt8]
}

/// What one dialect makes of all bytes of a connection.
public struct Reading: Sendable {
    public var requests: [ReadRequest] = []
    /// Bytes that the next request would begin with.
    public var leftover: [UInt8] = []
}
