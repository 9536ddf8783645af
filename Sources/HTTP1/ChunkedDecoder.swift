// Takes the chunked framing off a request body (RFC 9112 §7.1) as it streams in.
//
//     chunked-body = *chunk last-chunk trailer-section CRLF
//     chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//
// Where a body ends decides where the next request begins, so there is no lenience at all: a size is
// hexadecimal digits and nothing else, every line ends in CRLF, and data is followed by CRLF at once. What has
// no use here — extensions, leading zeros, fields nobody reads — is bounded, so that it cannot be work for
// nothing.

import Bytes

/// Bounds on what surrounds the data of a chunked body. The data itself is bounded by the caller.
public struct ChunkLimits: Sendable {
    /// One chunk's size and extensions, without the line end.
    public var maxLineBytes: Int
    /// All extensions of a body.
    public var maxExtensionBytes: Int
    /// All bytes of the trailer section, line ends included.
    public var maxTrailerBytes: Int
    public var maxTrailerCount: Int

    public init(
        maxLineBytes: Int = 4 << 10, maxExtensionBytes: Int = 16 << 10, maxTrailerBytes: Int = 8 << 10,
        maxTrailerCount: Int = 32
    ) {
        self.maxLineBytes = maxLineBytes
        self.maxExtensionBytes = maxExtensionBytes
        self.maxTrailerBytes = maxTrailerBytes
        self.maxTrailerCount = maxTrailerCount
    }
}

/// What became of the bytes. `consumed` counts from the start of the span; the caller drops so many bytes
/// (after using the data) before it comes back.
public enum ChunkedEvent: Sendable, Equatable {
    /// Part of the body lies at this range of the span.
    case data(Range<Int>, consumed: Int)
    /// The body is complete; `trailers` holds what followed it. Further bytes belong to the next message.
    case end(consumed: Int)
    case needMore(consumed: Int)
    /// The framing is broken; the decoder keeps saying so.
    case malformed(Malformed)
}

/// Decodes one chunked body after another; call `reset` in between.
public struct ChunkedDecoder: ~Copyable {
    /// What we are waiting for. Each state may be left and resumed behind any byte.
    private enum State {
        /// We are waiting for a digit of the size, or for what ends it.
        case size
        /// We are waiting for the CR behind the extensions.
        case extensions
        /// We are waiting for the LF of the chunk line.
        case sizeLineFeed
        /// We are waiting for the rest of the chunk's data.
        case data
        /// We are waiting for the CR behind the data.
        case dataCarriageReturn
        /// We are waiting for the LF behind the data.
        case dataLineFeed
        /// We are waiting for the CR of a trailer line, possibly the empty one.
        case trailer
        /// We are waiting for the LF of a trailer line.
        case trailerLineFeed
        /// We are waiting for nothing: the body is complete.
        case finished
        /// We are waiting for nothing: the framing is broken.
        case failed(Malformed)
    }

    public private(set) var limits: ChunkLimits
    /// The trailer fields that may be passed on. Complete when `end` has been reported.
    public private(set) var trailers = FieldSection()

    private var state = State.size
    private var size: UInt64 = 0
    private var digitCount = 0
    private var lineBytes = 0
    private var extensionBytes = 0
    private var remaining = 0
    private var trailerBytes = 0
    private var trailerCount = 0
    private var trailerLine = ByteBuffer()

    public init(limits: ChunkLimits = ChunkLimits()) {
        self.limits = limits
    }

    /// Makes the decoder ready for the next body and keeps its memory. `maxLineBytes` replaces the limit.
    public mutating func reset(maxLineBytes: Int? = nil) {
        if let maxLineBytes { limits.maxLineBytes = maxLineBytes }
        trailers.removeAll()
        trailerLine.removeAll()
        state = .size
        size = 0
        digitCount = 0
        lineBytes = 0
        extensionBytes = 0
        remaining = 0
        trailerBytes = 0
        trailerCount = 0
    }

    public var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// Goes on with the bytes that follow those consumed so far.
    public mutating func advance(_ bytes: Span<UInt8>) -> ChunkedEvent {
        var offset = 0
        while offset < bytes.count {
            let refused: Malformed?
            switch state {
            case .size: refused = admitSize(bytes[offset])
            case .extensions: refused = admitExtension(bytes[offset])
            case .sizeLineFeed: refused = expectLineFeed(bytes[offset], then: size == 0 ? .trailer : .data)
            case .data:
                let range = offset..<(offset + min(remaining, bytes.count - offset))
                remaining -= range.count
                if remaining == 0 { state = .dataCarriageReturn }
                return .data(range, consumed: range.upperBound)
            case .dataCarriageReturn:
                refused = bytes[offset] == Byte.carriageReturn ? nil : .missingChunkEnd
                state = .dataLineFeed
            case .dataLineFeed:
                refused = bytes[offset] == Byte.lineFeed ? nil : .missingChunkEnd
                beginChunk()
            case .trailer: refused = admitTrailer(bytes[offset])
            case .trailerLineFeed: refused = endTrailer(bytes[offset])
            case .finished: return .end(consumed: offset)
            case .failed(let reason): refused = reason
            }
            if let refused {
                state = .failed(refused)
                return .malformed(refused)
            }
            offset += 1
        }
        switch state {
        case .finished: return .end(consumed: offset)
        case .failed(let reason): return .malformed(reason)
        case .size, .extensions, .sizeLineFeed, .data, .dataCarriageReturn, .dataLineFeed, .trailer,
            .trailerLineFeed:
            return .needMore(consumed: offset)
        }
    }

    private mutating func expectLineFeed(_ byte: UInt8, then next: State) -> Malformed? {
        guard byte == Byte.lineFeed else { return .field(.bareCarriageReturn) }
        state = next
        return nil
    }

    // MARK: chunk-size [ chunk-ext ] CRLF

    private mutating func beginChunk() {
        state = .size
        size = 0
        digitCount = 0
        lineBytes = 0
    }

    private mutating func admitSize(_ byte: UInt8) -> Malformed? {
        if let digit = Hex.value(byte) {
            // Sixteen digits fill 64 bits, so shifting never loses one; leading zeros count as well.
            guard digitCount < 16 else { return .invalidChunkSize }
            size = size << 4 | UInt64(digit)
            digitCount += 1
            lineBytes += 1
            return lineBytes > limits.maxLineBytes ? .chunkLineTooLong(limit: limits.maxLineBytes) : nil
        }
        guard digitCount > 0, let length = Int(exactly: size) else { return .invalidChunkSize }
        remaining = length
        switch byte {
        case Byte.carriageReturn: state = .sizeLineFeed
        case UInt8(ascii: ";"):
            state = .extensions
            return admitExtension(byte)
        case Byte.lineFeed: return .field(.bareLineFeed)
        default: return .invalidChunkSize
        }
        return nil
    }

    /// Extensions are dropped, so their grammar does not matter; only that no byte of theirs could be taken
    /// for the end of the line.
    private mutating func admitExtension(_ byte: UInt8) -> Malformed? {
        switch byte {
        case Byte.carriageReturn:
            state = .sizeLineFeed
            return nil
        case Byte.lineFeed: return .field(.bareLineFeed)
        case Byte.tab, 0x20...0x7E: break
        default: return .invalidChunkExtension
        }
        lineBytes += 1
        extensionBytes += 1
        if lineBytes > limits.maxLineBytes { return .chunkLineTooLong(limit: limits.maxLineBytes) }
        if extensionBytes > limits.maxExtensionBytes {
            return .chunkExtensionsTooLong(limit: limits.maxExtensionBytes)
        }
        return nil
    }

    // MARK: trailer-section = *( field-line CRLF )

    private mutating func admitTrailer(_ byte: UInt8) -> Malformed? {
        trailerBytes += 1
        if trailerBytes > limits.maxTrailerBytes { return .trailersTooLarge(limit: limits.maxTrailerBytes) }
        switch byte {
        case Byte.carriageReturn: state = .trailerLineFeed
        case Byte.lineFeed: return .field(.bareLineFeed)
        default: trailerLine.append(byte)
        }
        return nil
    }

    private mutating func endTrailer(_ byte: UInt8) -> Malformed? {
        guard byte == Byte.lineFeed else { return .field(.bareCarriageReturn) }
        trailerBytes += 1
        if trailerBytes > limits.maxTrailerBytes { return .trailersTooLarge(limit: limits.maxTrailerBytes) }
        if trailerLine.isEmpty {
            state = .finished
            return nil
        }
        state = .trailer
        trailerCount += 1
        if trailerCount > limits.maxTrailerCount { return .trailersTooLarge(limit: limits.maxTrailerBytes) }
        if let fault = trailers.append(trailer: trailerLine) { return .field(fault) }
        trailerLine.removeAll()
        return nil
    }
}
