// What the server of a WebSocket handshake answers to the client's key (RFC 6455 §4.2.2): a proof that it has
// understood the request, and not of anything else.

import Bytes
import CCrypto

public enum WebSocketAccept {
    private static let suffix: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    private static let digestByteCount = 20

    /// The value of `Sec-WebSocket-Accept` for that of `Sec-WebSocket-Key`. Empty, which no answer equals, if
    /// the library has no SHA-1 for us.
    public static func value(for key: Span<UInt8>) -> [UInt8] {
        var text = ByteBuffer(capacity: 64)
        text.append(key)
        text.append(suffix)
        var digest = [UInt8](repeating: 0, count: digestByteCount)
        let isDone = unsafe text.withUnsafeReadable { source in
            unsafe digest.withUnsafeMutableBufferPointer { room in
                unsafe SHA1(source.bindMemory(to: UInt8.self).baseAddress, source.count, room.baseAddress)
                    != nil
            }
        }
        var value: [UInt8] = []
        if isDone { Base64.append(digest.span, to: &value) }
        return value
    }
}
