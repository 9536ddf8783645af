// Makes heads out of the lines libcurl hands over. Its header callback gets one line a call: the status line
// and fields of each interim head, of the final one, and then, behind the body, the trailers — all alike.
// This is the machine that knows which is which, and refuses what must not reach a client.

import Bytes

/// Bounds on what an upstream may say in front of and behind a body.
public struct ResponseLimits: Sendable {
    /// All bytes of one head; also those of the trailer section.
    public var maxHeadBytes: Int
    public var maxHeaderCount: Int
    public var maxInterimHeads: Int

    public init(maxHeadBytes: Int = 64 << 10, maxHeaderCount: Int = 500, maxInterimHeads: Int = 32) {
        self.maxHeadBytes = maxHeadBytes
        self.maxHeaderCount = maxHeaderCount
        self.maxInterimHeads = maxInterimHeads
    }
}

/// What a line completed.
public enum ResponseEvent: Sendable, Equatable {
    /// Nothing yet.
    case more
    /// An interim head, 100…199 without 101; `head` holds it until the next line.
    case interim(Status)
    /// The 101 that was asked for: what follows is no HTTP any more.
    case switched
    /// The final head.
    case head
    /// A trailer line behind the body; `trailers` has it, unless a trailer of its name is dropped.
    case trailer
    case malformed(MalformedResponse)
}

/// Collects the lines of one response; call `reset` for the next.
public struct ResponseLines: ~Copyable {
    /// Whether the request asked to switch protocols.
    public enum Expectation: Sendable { case response, upgrade }

    private enum State {
        /// We are waiting for a status line.
        case statusLine
        /// We are waiting for a field of the head, or for its empty line.
        case field
        /// We are waiting for trailers, if there are any.
        case trailer
        /// We are waiting for nothing: the lines were refused.
        case failed(MalformedResponse)
    }

    public let limits: ResponseLimits
    /// The head being collected, or the last one completed.
    public private(set) var head = ResponseHead()
    public private(set) var trailers = FieldSection()
    private var state = State.statusLine
    private var expectation = Expectation.response
    private var sectionBytes = 0
    private var interimCount = 0
    private var trailerCount = 0
    private var withheld = WithheldNumber()

    /// What the withheld field has said so far; in a trailer it may still change.
    public var withheldNumber: StatedNumber { withheld.stated }

    public init(limits: ResponseLimits = ResponseLimits()) {
        self.limits = limits
    }

    /// Makes ready for the lines of another response and keeps the memory.
    public mutating func reset(expecting expectation: Expectation = .response) {
        head.removeAll()
        trailers.removeAll()
        state = .statusLine
        self.expectation = expectation
        sectionBytes = 0
        interimCount = 0
        trailerCount = 0
        withheld.reset([])
    }

    /// From here to the next `reset`, a 101 is an answer like others.
    public mutating func expectUpgrade() { expectation = .upgrade }

    /// From here to the next `reset`, keeps every field of this name to itself; see `withheldNumber`. Not for
    /// fields that frame the response.
    public mutating func withhold(_ name: [UInt8]) { withheld.reset(name) }

    /// Takes in one line with its line end: CRLF, or the bare LF that libcurl lets pass.
    public mutating func line(_ bytes: Span<UInt8>) -> ResponseEvent {
        let event = advance(bytes)
        if case .malformed(let reason) = event { state = .failed(reason) }
        return event
    }

    private mutating func advance(_ bytes: Span<UInt8>) -> ResponseEvent {
        if case .failed(let reason) = state { return .malformed(reason) }
        sectionBytes += bytes.count
        // Half a line could be a shorter number than was sent.
        guard let last = bytes.indices.last, bytes[last] == Byte.lineFeed else {
            return .malformed(.truncatedLine)
        }
        let end = last > 0 && bytes[last - 1] == Byte.carriageReturn ? last - 1 : last
        let content = bytes.extracting(0..<end)
        switch state {
        case .statusLine: return admitStatusLine(content, lineBytes: bytes.count)
        case .field: return content.isEmpty ? endHead() : admitField(content)
        case .trailer: return content.isEmpty ? .more : admitTrailer(content)
        case .failed(let reason): return .malformed(reason)
        }
    }

    /// `"HTTP/1." DIGIT SP 3DIGIT [ SP reason-phrase ]`. The grammar wants the second space even before an
    /// empty reason; servers that leave it out are many, and no reading of theirs is in doubt.
    private mutating func admitStatusLine(_ line: Span<UInt8>, lineBytes: Int) -> ResponseEvent {
        head.removeAll()
        withheld.forgetHead()
        sectionBytes = lineBytes
        if sectionBytes > limits.maxHeadBytes { return .malformed(.headTooLarge(limit: limits.maxHeadBytes)) }
        guard line.count >= 12, ASCII.equals(line.extracting(0..<7), "HTTP/1."), line[8] == Byte.space,
            line[7] == UInt8(ascii: "0") || line[7] == UInt8(ascii: "1"),
            let code = ASCII.decimal(line.extracting(9..<12)), code >= 100,
            line.count == 12 || line[12] == Byte.space,
            FieldSyntax.endOfValue(line, from: 12, to: line.count) == line.count
        else { return .malformed(.invalidStatusLine) }
        head.minorVersion = Int(line[7] - UInt8(ascii: "0"))
        head.status = Status(code)
        head.reason = head.section.append(preamble: line.extracting(min(13, line.count)..<line.count))
        state = .field
        return .more
    }

    private mutating func admitField(_ line: Span<UInt8>) -> ResponseEvent {
        if sectionBytes > limits.maxHeadBytes { return .malformed(.headTooLarge(limit: limits.maxHeadBytes)) }
        if head.section.fields.count == limits.maxHeaderCount {
            return .malformed(.tooManyHeaders(limit: limits.maxHeaderCount))
        }
        switch FieldSyntax.parse(line) {
        case .fault(let fault): return .malformed(.field(fault))
        case .field(let field):
            if withheld.takes(field, of: line, isTrailer: false) { return .more }
            var rest: [UInt8] = []
            if withheld.announces(field, of: line, rest: &rest) {
                return rest.isEmpty ? .more : admitField(rest.span)
            }
            if let reason = head.admit(field, of: line) { return .malformed(reason) }
            return .more
        }
    }

    private mutating func endHead() -> ResponseEvent {
        guard head.status.isInterim else {
            state = .trailer
            sectionBytes = 0
            return .head
        }
        if head.status == .switchingProtocols {
            guard expectation == .upgrade else { return .malformed(.unexpectedSwitch) }
            state = .trailer
            return .switched
        }
        interimCount += 1
        if interimCount > limits.maxInterimHeads {
            return .malformed(.tooManyInterimHeads(limit: limits.maxInterimHeads))
        }
        state = .statusLine
        return .interim(head.status)
    }

    private mutating func admitTrailer(_ line: Span<UInt8>) -> ResponseEvent {
        trailerCount += 1
        if sectionBytes > limits.maxHeadBytes || trailerCount > limits.maxHeaderCount {
            return .malformed(.trailersTooLarge(limit: limits.maxHeadBytes))
        }
        switch FieldSyntax.parse(line) {
        case .fault(let fault): return .malformed(.field(fault))
        case .field(let field):
            if !withheld.takes(field, of: line, isTrailer: true) { trailers.append(trailer: field, of: line) }
            return .trailer
        }
    }
}
