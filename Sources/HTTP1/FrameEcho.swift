// The frames of a WebSocket client, sent back as those of a server (RFC 6455 §5.2): for `keygate echo`. A frame is
// not waited for to be whole, so the longest takes no more memory than what has come of it.

public import Bytes

/// Where one is among the frames of one client.
public struct FrameEcho: Sendable {
    private static let continuation: UInt8 = 0
    private static let binary: UInt8 = 2
    private static let close: UInt8 = 8
    private static let ping: UInt8 = 9
    private static let pong: UInt8 = 10
    /// What a control frame carries at most.
    private static let controlLimit: UInt64 = 125
    private static let protocolError = 1002

    private enum State {
        /// We are waiting for a header, mask included.
        case header
        /// We are waiting for so many more bytes of what it announced.
        case payload(remaining: UInt64, opcode: UInt8)
        /// We are waiting for nothing: the closing handshake is through, or a frame was none.
        case over
    }

    private var state = State.header
    private var mask: InlineArray<4, UInt8> = [0, 0, 0, 0]
    private var maskIndex = 0

    public init() {}

    /// Nothing of what follows is read, and the connection is to be closed.
    public var isOver: Bool {
        if case .over = state { true } else { false }
    }

    /// Takes what it can out of `input` and appends what is to be sent for it. False when more has to come first.
    public mutating func advance(_ input: inout ByteBuffer, into output: inout ByteBuffer) -> Bool {
        switch state {
        case .over:
            return false
        case .header:
            return readHeader(&input, &output)
        case .payload(let remaining, let opcode):
            if input.isEmpty { return false }
            let count = Int(min(remaining, UInt64(input.count)))
            // A pong is an answer, and has none.
            if opcode != Self.pong { unmask(input.bytes.extracting(0..<count), &output) }
            input.consume(count)
            go(on: remaining - UInt64(count), opcode)
            return true
        }
    }

    private mutating func go(on remaining: UInt64, _ opcode: UInt8) {
        if remaining > 0 {
            state = .payload(remaining: remaining, opcode: opcode)
        } else {
            state = opcode == Self.close ? .over : .header
        }
    }

    private mutating func readHeader(_ input: inout ByteBuffer, _ output: inout ByteBuffer) -> Bool {
        if input.count < 2 { return false }
        let first = input.bytes[0]
        let short = input.bytes[1] & 0x7F
        let lengthCount = short == 126 ? 2 : short == 127 ? 8 : 0
        let headerCount = 2 + lengthCount + 4
        let opcode = first & 0x0F
        let isControl = opcode >= Self.close
        // Reserved bits mean extensions, and none was agreed on; a client masks; control frames are short and whole.
        guard first & 0x70 == 0, input.bytes[1] & 0x80 != 0,
            opcode <= Self.binary || (isControl && opcode <= Self.pong),
            !isControl || (first & 0x80 != 0 && UInt64(short) <= Self.controlLimit)
        else {
            refuse(&output)
            return false
        }
        if input.count < headerCount { return false }
        var length = UInt64(short)
        if lengthCount > 0 {
            length = 0
            for index in 2..<2 + lengthCount { length = length << 8 | UInt64(input.bytes[index]) }
        }
        guard length <= UInt64(Int64.max) else {
            refuse(&output)
            return false
        }
        for index in 0..<4 { mask[index] = input.bytes[2 + lengthCount + index] }
        maskIndex = 0
        if opcode != Self.pong {
            output.append(opcode == Self.ping ? 0x80 | Self.pong : first)
            output.append(short)
            output.append(input.bytes.extracting(2..<2 + lengthCount))
        }
        input.consume(headerCount)
        go(on: length, opcode)
        return true
    }

    private mutating func unmask(_ bytes: Span<UInt8>, _ output: inout ByteBuffer) {
        output.reserve(bytes.count)
        for index in bytes.indices {
            output.append(bytes[index] ^ mask[maskIndex])
            maskIndex = (maskIndex + 1) & 3
        }
    }

    private mutating func refuse(_ output: inout ByteBuffer) {
        CloseFrame.append(code: Self.protocolError, to: &output)
        state = .over
    }
}

/// A close frame of a server (RFC 6455 §5.5.1): unmasked, with the code only.
public enum CloseFrame {
    public static func append(code: Int, to output: inout ByteBuffer) {
        output.append(0x88)
        output.append(2)
        output.append(UInt8(truncatingIfNeeded: code >> 8))
        output.append(UInt8(truncatingIfNeeded: code))
    }
}
