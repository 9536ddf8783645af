// What the tests of byte memory share: spans cannot stand in an expectation, arrays can.

import Bytes

/// The readable bytes of a buffer as text.
func text(_ buffer: borrowing ByteBuffer) -> String {
    String(decoding: Array(copying: buffer.bytes), as: UTF8.self)
}

/// A buffer with these bytes in it.
func buffer(_ text: String, capacity: Int = 0) -> ByteBuffer {
    var buffer = ByteBuffer(capacity: capacity)
    buffer.append(text)
    return buffer
}
