// Appends the parts of a response to a buffer, in the order of the wire: status line, headers, end of head,
// body pieces. Whoever calls has validated names and values; the writer adds the syntax around them.

public import Bytes

public enum ResponseWriter {
    /// `HTTP/1.1 200 OK`. The version is ours, whatever the client's: RFC 9112 §2.3.
    public static func appendStatusLine(_ status: Status, to buffer: inout ByteBuffer) {
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: status.code)
        buffer.append(UInt8(ascii: " "))
        buffer.append(status.reasonPhrase)
        buffer.append("\r\n")
    }

    /// The same with the upstream's reason phrase, which may be empty.
    public static func appendStatusLine(_ status: Status, reason: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.append("HTTP/1.1 ")
        buffer.append(decimal: status.code)
        buffer.append(UInt8(ascii: " "))
        buffer.append(reason)
        buffer.append("\r\n")
    }

    public static func appendHeader(_ name: Span<UInt8>, _ value: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    public static func appendHeader(_ name: StaticString, _ value: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    public static func appendHeader(_ name: StaticString, _ value: StaticString, to buffer: inout ByteBuffer)
    {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(value)
        buffer.append("\r\n")
    }

    public static func appendHeader(_ name: StaticString, decimal value: Int, to buffer: inout ByteBuffer) {
        buffer.append(name)
        buffer.append(": ")
        buffer.append(decimal: value)
        buffer.append("\r\n")
    }

    /// The empty line behind the headers.
    public static func endHead(_ buffer: inout ByteBuffer) {
        buffer.append("\r\n")
    }

    /// The line in front of a chunk's data. `size` is not 0: that would end the body.
    public static func beginChunk(size: Int, to buffer: inout ByteBuffer) {
        precondition(size > 0, "an empty chunk would end the body")
        buffer.append(hex: UInt(size))
        buffer.append("\r\n")
    }

    /// The line end behind a chunk's data.
    public static func endChunk(_ buffer: inout ByteBuffer) {
        buffer.append("\r\n")
    }

    /// A whole chunk; nothing for empty data.
    public static func appendChunk(_ data: Span<UInt8>, to buffer: inout ByteBuffer) {
        if data.isEmpty { return }
        beginChunk(size: data.count, to: &buffer)
        buffer.append(data)
        endChunk(&buffer)
    }

    /// The last chunk without trailers.
    public static func endChunkedBody(_ buffer: inout ByteBuffer) {
        buffer.append("0\r\n\r\n")
    }

    /// The last chunk and the trailers behind it.
    public static func endChunkedBody(
        trailers: borrowing FieldSection, to buffer: inout ByteBuffer
    ) {
        buffer.append("0\r\n")
        buffer.append(trailers.buffer.bytes)
        buffer.append("\r\n")
    }
}
