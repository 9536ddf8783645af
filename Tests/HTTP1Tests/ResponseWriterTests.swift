// What is written, byte for byte.

import Bytes
import HTTP1
import Testing

@Suite("Responses that are written")
struct ResponseWriterTests {
    private func written(_ write: (inout ByteBuffer) -> Void) -> String {
        var buffer = ByteBuffer()
        write(&buffer)
        return text(buffer.bytes, 0..<buffer.count)
    }

    @Test("have a head")
    func head() {
        let head = written { buffer in
            ResponseWriter.appendStatusLine(.tooManyRequests, to: &buffer)
            ResponseWriter.appendHeader("Retry-After", decimal: 30, to: &buffer)
            ResponseWriter.appendHeader("A", "b", to: &buffer)
            ResponseWriter.appendHeader("C", latin1("d").span, to: &buffer)
            ResponseWriter.appendHeader(latin1("E").span, latin1("").span, to: &buffer)
            ResponseWriter.endHead(&buffer)
        }
        #expect(head == "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nA: b\r\nC: d\r\nE: \r\n\r\n")
    }

    @Test("keep the upstream's reason, or have none")
    func reasons() {
        #expect(
            written { ResponseWriter.appendStatusLine(Status(200), reason: latin1("Fine").span, to: &$0) }
                == "HTTP/1.1 200 Fine\r\n")
        #expect(written { ResponseWriter.appendStatusLine(Status(299), to: &$0) } == "HTTP/1.1 299 \r\n")
    }

    @Test("have chunks, and no empty one before the end")
    func chunks() {
        let body = written { buffer in
            ResponseWriter.appendChunk(latin1("0123456789abcdefg").span, to: &buffer)
            ResponseWriter.appendChunk(latin1("").span, to: &buffer)
            ResponseWriter.endChunkedBody(&buffer)
        }
        #expect(body == "11\r\n0123456789abcdefg\r\n0\r\n\r\n")
    }

    @Test("pass trailers on")
    func trailers() {
        var decoder = ChunkedDecoder()
        let received = latin1("0\r\nX-Sum:1\r\nHost: x\r\nX-B:  2 \r\n\r\n")
        #expect(decoder.advance(received.span) == .end(consumed: received.count))
        var buffer = ByteBuffer()
        ResponseWriter.endChunkedBody(trailers: decoder.trailers, to: &buffer)
        #expect(text(buffer.bytes, 0..<buffer.count) == "0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n")
    }

    @Test(
        "know which statuses have no body",
        arguments: [
            (100, true), (103, true), (204, true), (304, true), (200, false), (205, false), (404, false),
            (999, false),
        ])
    func bodiless(_ code: Int, _ expected: Bool) {
        #expect(Status(code).forbidsBody == expected)
        #expect(Status(code).isInterim == (code < 200))
    }

    @Test("cannot have an empty chunk, which would end the body")
    func emptyChunk() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ByteBuffer()
            ResponseWriter.beginChunk(size: 0, to: &buffer)
        }
    }

    @Test("cannot have a status without three digits")
    func trap() async {
        await #expect(processExitsWith: .failure) { _ = Status(99) }
        await #expect(processExitsWith: .failure) { _ = Status(1000) }
    }
}
