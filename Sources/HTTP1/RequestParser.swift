// Turns received bytes into a request head, strictly (RFC 9112 §2–§6).
//
// Bytes come in pieces of any size, and the outcome must not depend on how they were cut: the parser walks
// the bytes once, in order, in a state machine that can stop behind any byte, and refuses at the first byte
// that cannot belong to a valid head. Nothing is repaired. Whatever another parser might read differently —
// a bare line feed, a folded line, a second Content-Length — ends the connection.

import Bytes

/// What became of the bytes.
public enum ParseEvent: Sendable, Equatable {
    /// No head yet, and nothing wrong so far.
    case needMore
    /// The head is complete and takes up the first `length` bytes. The parser is ready for the next one.
    case head(length: Int)
    /// The bytes cannot be a request; the parser keeps saying so.
    case malformed(Malformed)
}

/// Parses one head after another from a connection.
public struct RequestParser: Sendable {
    /// What we are waiting for. Each state may be left and resumed behind any byte.
    private enum State {
        /// We are waiting for the first byte of a request, or for the CR of one empty line before it.
        case start
        /// We are waiting for the LF of the empty line before the request.
        case leadingLineFeed
        /// We are waiting for the space that ends the method.
        case method
        /// We are waiting for the space that ends the target.
        case target
        /// We are waiting for the rest of `HTTP/d.d` and its CR.
        case version
        /// We are waiting for the LF of the request line.
        case requestLineFeed
        /// We are waiting for the first byte of a header name, or for the CR of the empty line.
        case fieldStart
        /// We are waiting for the colon.
        case name
        /// We are waiting for the CR behind a header value.
        case value
        /// We are waiting for the LF of a header line.
        case fieldLineFeed
        /// We are waiting for the LF of the empty line.
        case headLineFeed
        /// We are waiting for nothing: the bytes were refused.
        case failed(Malformed)
    }

    public let limits: RequestLimits
    private var state = State.start
    /// Bytes already looked at.
    private var offset = 0
    /// Where the method, target, version, name or value being scanned began.
    private var elementStart = 0
    private var name = 0..<0
    private var valueEnd = 0
    private var majorVersion: UInt8 = 0
    private var minorVersion: UInt8 = 0
    private var hasLeadingLine = false

    public init(limits: RequestLimits = RequestLimits()) {
        self.limits = limits
    }

    /// Whether bytes of a request have been seen that is not complete: tells an idle connection from one
    /// that is in the middle of a head.
    public var isInsideHead: Bool { offset > 0 }

    /// Goes on where the last call stopped. `bytes` are all bytes received since the end of the last
    /// message, always from the same start; those already scanned are not scanned again. `head` must be the
    /// same value in all calls for one message; it is emptied when a message begins, and its offsets count
    /// from the start of `bytes`.
    public mutating func advance(_ bytes: Span<UInt8>, into head: inout RequestHead) -> ParseEvent {
        if offset == 0 { head.removeAll() }
        // Never look past the limit: the answer to an oversized head must not depend on how much of it
        // happens to have arrived.
        let end = min(bytes.count, limits.maxHeadBytes)
        let event = scan(bytes, to: end, into: &head)
        switch event {
        case .needMore where end == limits.maxHeadBytes:
            return fail(.headTooLarge(limit: limits.maxHeadBytes))
        case .needMore:
            return event
        case .head:
            self = RequestParser(limits: limits)
            return event
        case .malformed(let reason):
            return fail(reason)
        }
    }

    private mutating func fail(_ reason: Malformed) -> ParseEvent {
        state = .failed(reason)
        return .malformed(reason)
    }

    private mutating func scan(
        _ bytes: Span<UInt8>, to end: Int, into head: inout RequestHead
    ) -> ParseEvent {
        while offset < end {
            let refused: Malformed?
            switch state {
            case .start: refused = begin(bytes[offset])
            case .leadingLineFeed: refused = expectLineFeed(bytes[offset], then: .start)
            case .method: refused = scanMethod(bytes, to: end, into: &head)
            case .target: refused = scanTarget(bytes, to: end, into: &head)
            case .version: refused = scanVersion(bytes[offset])
            case .requestLineFeed:
                refused =
                    expectLineFeed(bytes[offset], then: .fieldStart) ?? judgeRequestLine(bytes, of: &head)
            case .fieldStart: refused = beginField(bytes[offset], head.headers.count)
            case .name: refused = scanName(bytes, to: end)
            case .value: refused = scanValue(bytes, to: end)
            case .fieldLineFeed:
                refused = expectLineFeed(bytes[offset], then: .fieldStart) ?? admitField(bytes, to: &head)
            case .headLineFeed:
                if let reason = expectLineFeed(bytes[offset], then: .start) ?? head.finish(bytes) {
                    return .malformed(reason)
                }
                return .head(length: offset)
            case .failed(let reason): refused = reason
            }
            if let refused { return .malformed(refused) }
        }
        if case .failed(let reason) = state { return .malformed(reason) }
        return .needMore
    }

    private mutating func expectLineFeed(_ byte: UInt8, then next: State) -> Malformed? {
        guard byte == Byte.lineFeed else { return .field(.bareCarriageReturn) }
        offset += 1
        state = next
        return nil
    }

    // MARK: request-line = method SP request-target SP HTTP-version CRLF

    private mutating func begin(_ byte: UInt8) -> Malformed? {
        // One empty line may be left over from a sloppy client's last body (RFC 9112 §2.2); more are no
        // accident, and unbounded ones would be work for nothing.
        if byte == Byte.carriageReturn, !hasLeadingLine {
            hasLeadingLine = true
            offset += 1
            state = .leadingLineFeed
            return nil
        }
        if byte == Byte.lineFeed { return .field(.bareLineFeed) }
        guard FieldSyntax.isTokenByte(byte) else { return .invalidMethod }
        elementStart = offset
        state = .method
        return nil
    }

    private mutating func scanMethod(
        _ bytes: Span<UInt8>, to end: Int, into head: inout RequestHead
    ) -> Malformed? {
        let longest = elementStart + RequestLimits.maxMethodBytes
        offset = FieldSyntax.endOfToken(bytes, from: offset, to: min(end, longest + 1))
        if offset > longest { return .methodTooLong }
        if offset == end { return nil }
        switch bytes[offset] {
        case Byte.space: break
        case Byte.carriageReturn: return .invalidRequestLine
        case Byte.lineFeed: return .field(.bareLineFeed)
        default: return .invalidMethod
        }
        head.methodRange = elementStart..<offset
        head.method = .recognise(bytes.extracting(head.methodRange))
        if head.method == .connect { return .connectUnsupported }
        offset += 1
        elementStart = offset
        state = .target
        return nil
    }

    /// Only what would end the line is judged here. All other bytes are left to `RequestTarget`, which
    /// answers for them with what a client can act on.
    private mutating func scanTarget(
        _ bytes: Span<UInt8>, to end: Int, into head: inout RequestHead
    ) -> Malformed? {
        let longest = elementStart + limits.maxTargetBytes
        let stop = min(end, longest + 1)
        while offset < stop, bytes[offset] > Byte.space || !Self.endsTarget(bytes[offset]) { offset += 1 }
        if offset > longest { return .targetTooLong(limit: limits.maxTargetBytes) }
        if offset == end { return nil }
        guard bytes[offset] == Byte.space else {
            // No version: a request of HTTP/0.9, whose answer would have no head.
            return bytes[offset] == Byte.lineFeed ? .field(.bareLineFeed) : .invalidRequestLine
        }
        if offset == elementStart { return .invalidRequestLine }
        head.target = elementStart..<offset
        offset += 1
        elementStart = offset
        state = .version
        return nil
    }

    private static func endsTarget(_ byte: UInt8) -> Bool {
        byte == Byte.space || byte == Byte.carriageReturn || byte == Byte.lineFeed
    }

    private mutating func scanVersion(_ byte: UInt8) -> Malformed? {
        let isExpected: Bool
        switch offset - elementStart {
        case 0: isExpected = byte == UInt8(ascii: "H")
        case 1, 2: isExpected = byte == UInt8(ascii: "T")
        case 3: isExpected = byte == UInt8(ascii: "P")
        case 4: isExpected = byte == Byte.slash
        case 5:
            isExpected = ASCII.isDigit(byte)
            majorVersion = byte
        case 6: isExpected = byte == UInt8(ascii: ".")
        case 7:
            isExpected = ASCII.isDigit(byte)
            minorVersion = byte
        default:
            isExpected = byte == Byte.carriageReturn
            state = .requestLineFeed
        }
        guard isExpected else { return byte == Byte.lineFeed ? .field(.bareLineFeed) : .invalidVersion }
        offset += 1
        return nil
    }

    private func judgeRequestLine(_ bytes: Span<UInt8>, of head: inout RequestHead) -> Malformed? {
        switch (majorVersion, minorVersion) {
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): head.minorVersion = 0
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): head.minorVersion = 1
        case (UInt8(ascii: "0"), _): return .invalidVersion
        case (UInt8(ascii: "2"), UInt8(ascii: "0"))
        where ASCII.equals(bytes.extracting(head.methodRange), "PRI")
            && ASCII.equals(bytes.extracting(head.target), "*"):
            return .http2Preface
        default: return .unsupportedVersion
        }
        return TargetParts(bytes.extracting(head.target), method: head.method) == nil ? .invalidTarget : nil
    }

    // MARK: field-line = field-name ":" OWS field-value OWS CRLF

    private mutating func beginField(_ byte: UInt8, _ fieldCount: Int) -> Malformed? {
        switch byte {
        case Byte.carriageReturn:
            offset += 1
            state = .headLineFeed
            return nil
        case Byte.lineFeed: return .field(.bareLineFeed)
        // Behind the request line this would hide a header from some parsers, behind a header it is
        // obs-fold (RFC 9112 §2.2, §5.2).
        case Byte.space, Byte.tab: return .field(.foldedLine)
        case Byte.colon: return .field(.emptyName)
        default:
            if fieldCount == limits.maxHeaderCount { return .tooManyHeaders(limit: limits.maxHeaderCount) }
            elementStart = offset
            state = .name
            return nil
        }
    }

    private mutating func scanName(_ bytes: Span<UInt8>, to end: Int) -> Malformed? {
        offset = FieldSyntax.endOfToken(bytes, from: offset, to: end)
        if offset == end { return nil }
        guard bytes[offset] == Byte.colon else { return .field(FieldSyntax.faultAfterName(bytes[offset])) }
        name = elementStart..<offset
        offset += 1
        elementStart = offset
        state = .value
        return nil
    }

    private mutating func scanValue(_ bytes: Span<UInt8>, to end: Int) -> Malformed? {
        offset = FieldSyntax.endOfValue(bytes, from: offset, to: end)
        if offset == end { return nil }
        switch bytes[offset] {
        case Byte.carriageReturn: break
        case Byte.lineFeed: return .field(.bareLineFeed)
        default: return .field(.invalidValue)
        }
        valueEnd = offset
        offset += 1
        state = .fieldLineFeed
        return nil
    }

    private func admitField(_ bytes: Span<UInt8>, to head: inout RequestHead) -> Malformed? {
        let field = HeaderField(
            kind: .recognise(bytes.extracting(name)), name: name,
            value: FieldSyntax.trim(bytes, from: elementStart, to: valueEnd))
        return head.admit(field, of: bytes)
    }
}
