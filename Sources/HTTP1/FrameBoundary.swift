// Where one WebSocket frame ends and the next begins (RFC 6455 §5.2). A tunnel's bytes pass as they come; only who
// wants to say a last word of its own has to know whether it would stand in the middle of somebody else's frame.

import Bytes

/// Follows the frames of one direction. Looks at headers only and skips what they announce.
public struct FrameBoundary: Sendable {
    private enum State {
        /// We are waiting for the first byte of a header.
        case boundary
        /// We are waiting for the byte with the short length.
        case shortLength
        /// We are waiting for so many more bytes of the length; then the mask follows or not.
        case longLength(remaining: Int, isMasked: Bool)
        /// We are waiting for the rest of mask and payload.
        case payload
        /// We are waiting for nothing: a length was no length, and nobody knows where the frames are.
        case lost
    }

    private var state = State.boundary
    private var length: UInt64 = 0

    public init() {}

    /// Whether the bytes so far are whole frames.
    public var isBetweenFrames: Bool {
        if case .boundary = state { true } else { false }
    }

    /// Goes on with the bytes that follow those seen so far. Returns how many of them there are up to the end of the
    /// last frame that ends among them, or 0 if none does.
    @discardableResult
    public mutating func advance(_ bytes: Span<UInt8>) -> Int {
        var index = 0
        var wholeCount = 0
        while index < bytes.count {
            switch state {
            case .boundary:
                index += 1
                state = .shortLength
            case .shortLength:
                readShortLength(bytes[index])
                index += 1
            case .longLength(let remaining, let isMasked):
                length = length << 8 | UInt64(bytes[index])
                index += 1
                if remaining > 1 {
                    state = .longLength(remaining: remaining - 1, isMasked: isMasked)
                } else {
                    begin(isMasked: isMasked)
                }
            case .payload:
                let count = Int(min(length, UInt64(bytes.count - index)))
                index += count
                length -= UInt64(count)
                if length == 0 { state = .boundary }
            case .lost:
                return wholeCount
            }
            if isBetweenFrames { wholeCount = index }
        }
        return wholeCount
    }

    private mutating func readShortLength(_ byte: UInt8) {
        let isMasked = byte & 0x80 != 0
        length = 0
        switch byte & 0x7F {
        case 126: state = .longLength(remaining: 2, isMasked: isMasked)
        case 127: state = .longLength(remaining: 8, isMasked: isMasked)
        case let short:
            length = UInt64(short)
            begin(isMasked: isMasked)
        }
    }

    /// The length is known. Its highest bit may not be set.
    private mutating func begin(isMasked: Bool) {
        if length > UInt64(Int64.max) - 4 {
            state = .lost
            return
        }
        if isMasked { length += 4 }
        state = length == 0 ? .boundary : .payload
    }
}
