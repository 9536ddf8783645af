// Chunked bodies: what they decode to, where they end, and why the broken ones are refused.

import Bytes
import HTTP1
import Testing

struct ChunkedOutcome: Equatable {
    var data: [UInt8] = []
    /// Bytes used up; nil while the body is not complete.
    var length: Int?
    var malformed: Malformed?
    var trailers: [String] = []
}

/// Decodes the pieces of `bytes` as a connection would: unconsumed bytes are offered again with the next.
func decode(_ bytes: [UInt8], arriving lengths: [Int], limits: ChunkLimits = ChunkLimits()) -> ChunkedOutcome
{
    var decoder = ChunkedDecoder(limits: limits)
    var outcome = ChunkedOutcome()
    var start = 0
    for length in lengths {
        var isWaiting = false
        while !isWaiting {
            let arrived = bytes.span.extracting(start..<length)
            switch decoder.advance(arrived) {
            case .data(let range, let consumed):
                outcome.data += Array(copying: arrived.extracting(range))
                start += consumed
            case .needMore(let consumed):
                start += consumed
                isWaiting = true
            case .end(let consumed):
                outcome.length = start + consumed
                for field in decoder.trailers.fields.fields {
                    let bytes = decoder.trailers.buffer.bytes
                    outcome.trailers.append("\(text(bytes, field.name))=\(text(bytes, field.value))")
                }
                return outcome
            case .malformed(let reason):
                outcome.malformed = reason
                return outcome
            }
        }
    }
    return outcome
}

private let complete: [(String, String, String, [String])] = [
    ("an empty body is one last chunk", "0\r\n\r\n", "", []),
    ("one chunk is its data", "5\r\nhello\r\n0\r\n\r\n", "hello", []),
    ("chunks are joined", "5\r\nhello\r\nA\r\n, world\r\n!\r\n0\r\n\r\n", "hello, world\r\n!", []),
    (
        "a size is hexadecimal in either case", "a\r\n0123456789\r\nB\r\n0123456789x\r\n0\r\n\r\n",
        "01234567890123456789x", []
    ),
    ("leading zeros are allowed up to 16 digits", "0000000000000005\r\nhello\r\n0000\r\n\r\n", "hello", []),
    ("extensions are dropped", "5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello", []),
    ("data may look like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n", []),
    (
        "trailers are kept in order", "0\r\nX-A: 1\r\nx-b:\t2 \r\nX-A: 3\r\n\r\n", "",
        ["X-A=1", "x-b=2", "X-A=3"]
    ),
    (
        "trailers that bear on the message are dropped",
        "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nauthorization: x\r\nConnection: close\r\n"
            + "Cookie: a\r\nContent-Range: x\r\nIf-Match: x\r\nX-Forwarded-For: x\r\nCache-Control: x\r\nTrailer: x\r\n"
            + "X-Checksum: 1\r\n\r\n", "", ["X-Checksum=1"]
    ),
]

private let broken: [(String, String, Malformed)] = [
    ("an empty size is no size", "\r\n\r\n", .invalidChunkSize),
    ("a sign is refused", "+5\r\nhello\r\n", .invalidChunkSize),
    ("a negative size is refused", "-5\r\nhello\r\n", .invalidChunkSize),
    ("a 0x prefix is refused", "0x5\r\nhello\r\n", .invalidChunkSize),
    ("an underscore is refused", "1_0\r\n", .invalidChunkSize),
    ("a space before the size is refused", " 5\r\nhello\r\n", .invalidChunkSize),
    ("a tab before the size is refused", "\t5\r\nhello\r\n", .invalidChunkSize),
    ("a space behind the size is refused", "5 \r\nhello\r\n", .invalidChunkSize),
    ("a space before an extension is refused", "5 ;a\r\nhello\r\n", .invalidChunkSize),
    ("quotes are refused", "\"5\"\r\nhello\r\n", .invalidChunkSize),
    ("a letter behind f is refused", "g\r\n", .invalidChunkSize),
    ("17 digits are refused", "00000000000000005\r\n", .invalidChunkSize),
    ("2^63 is refused", "8000000000000000\r\n", .invalidChunkSize),
    ("2^64 - 1 is refused", "ffffffffffffffff\r\n", .invalidChunkSize),
    ("2^64 + 5 is refused", "10000000000000005\r\nhello", .invalidChunkSize),
    ("a bare LF behind the size is refused", "5\nhello\r\n", .field(.bareLineFeed)),
    ("CR CR LF behind the size is refused", "5\r\r\nhello\r\n", .field(.bareCarriageReturn)),
    ("a bare LF in an extension is refused", "5;a\nhello\r\n", .field(.bareLineFeed)),
    ("a bare CR in an extension is refused", "5;a\rb\r\nhello\r\n", .field(.bareCarriageReturn)),
    ("NUL in an extension is refused", "5;\u{00}\r\nhello\r\n", .invalidChunkExtension),
    ("a byte above 0x7F in an extension is refused", "5;\u{85}\r\nhello\r\n", .invalidChunkExtension),
    ("data longer than its size is refused", "5\r\nhelloXX\r\n0\r\n\r\n", .missingChunkEnd),
    ("data shorter than its size is refused", "6\r\nhello\r\n0\r\n\r\n", .missingChunkEnd),
    ("a bare LF behind data is refused", "5\r\nhello\n0\r\n\r\n", .missingChunkEnd),
    ("a bare CR behind data is refused", "5\r\nhello\r0\r\n\r\n", .missingChunkEnd),
    ("a folded trailer is refused", "0\r\nA: 1\r\n 2\r\n\r\n", .field(.foldedLine)),
    ("a trailer without a colon is refused", "0\r\nGET / HTTP/1.1\r\n\r\n", .field(.spaceBeforeColon)),
    ("a trailer with an invalid name is refused", "0\r\nA@: 1\r\n\r\n", .field(.invalidName)),
    ("NUL in a trailer is refused", "0\r\nA: \u{00}\r\n\r\n", .field(.invalidValue)),
    ("a bare LF in the trailers is refused", "0\r\nA: 1\nB: 2\r\n\r\n", .field(.bareLineFeed)),
    ("a bare LF in place of the last line is refused", "0\r\n\n", .field(.bareLineFeed)),
    ("a bare CR in the trailers is refused", "0\r\nA: 1\rB: 2\r\n\r\n", .field(.bareCarriageReturn)),
]

private let limited: [(String, String, Malformed?)] = [
    ("a chunk line of 8 bytes is accepted", "5;234567\r\nhello\r\n0\r\n\r\n", nil),
    ("a chunk line of 9 bytes is refused", "5;2345678\r\nhello\r\n0\r\n\r\n", .chunkLineTooLong(limit: 8)),
    ("a size counts for the line", "000000005\r\n", .chunkLineTooLong(limit: 8)),
    (
        "extensions of all chunks are counted together", "1;23456\r\nx\r\n1;23456\r\nx\r\n0;\r\n\r\n",
        .chunkExtensionsTooLong(limit: 12)
    ),
    ("16 bytes of trailers are accepted", "0\r\nA: 1\r\nB: 456\r\n\r\n", nil),
    ("17 bytes of trailers are refused", "0\r\nA: 1\r\nB: 4567\r\n\r\n", .trailersTooLarge(limit: 16)),
    ("a trailer that never ends is refused", "0\r\nA: 1234567890123456789", .trailersTooLarge(limit: 16)),
    ("a third trailer is refused", "0\r\nA:\r\nB:\r\nC:\r\n\r\n", .trailersTooLarge(limit: 16)),
]

@Suite("Chunked bodies")
struct ChunkedDecoderTests {
    @Test("decode to the same data, however they arrive", arguments: complete)
    func decoded(_ label: String, _ body: String, _ data: String, _ trailers: [String]) {
        let bytes = latin1(body)
        for following in ["", "GET / HTTP/1.1\r\n", "\r\n0\r\n\r\n"] {
            let all = bytes + latin1(following)
            for lengths in cuttings(of: all.count) {
                let outcome = decode(all, arriving: lengths)
                #expect(
                    outcome == ChunkedOutcome(data: latin1(data), length: bytes.count, trailers: trailers))
            }
        }
    }

    @Test("are not complete before their last byte", arguments: complete)
    func cut(_ label: String, _ body: String, _ data: String, _ trailers: [String]) {
        let bytes = latin1(body)
        for length in bytes.indices {
            let outcome = decode(Array(bytes[..<length]), arriving: [length])
            #expect(outcome.length == nil && outcome.malformed == nil)
        }
    }

    @Test("are refused for one reason, however they arrive", arguments: broken)
    func refused(_ label: String, _ body: String, _ reason: Malformed) {
        let bytes = latin1(body)
        for lengths in cuttings(of: bytes.count) {
            #expect(decode(bytes, arriving: lengths).malformed == reason, "\(label)")
        }
        #expect(reason.status == .badRequest)
    }

    @Test("are bounded in what is not data", arguments: limited)
    func bounded(_ label: String, _ body: String, _ reason: Malformed?) {
        let limits = ChunkLimits(
            maxLineBytes: 8, maxExtensionBytes: 12, maxTrailerBytes: 16, maxTrailerCount: 2)
        let bytes = latin1(body)
        for lengths in cuttings(of: bytes.count) {
            let outcome = decode(bytes, arriving: lengths, limits: limits)
            #expect(outcome.malformed == reason, "\(label)")
            #expect((outcome.length != nil) == (reason == nil), "\(label)")
        }
    }

    @Test("that we write are those that we read")
    func roundTrip() {
        var random = SeededGenerator(state: 0xC0DE)
        for _ in 0..<300 {
            var wire = ByteBuffer()
            var data: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                var chunk: [UInt8] = []
                for _ in 0..<Int.random(in: 0...40, using: &random) {
                    chunk.append(.random(in: 0...255, using: &random))
                }
                ResponseWriter.appendChunk(chunk.span, to: &wire)
                data += chunk
            }
            ResponseWriter.endChunkedBody(&wire)
            let bytes = Array(copying: wire.bytes)
            var lengths = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            lengths.append(bytes.count)
            #expect(decode(bytes, arriving: lengths) == ChunkedOutcome(data: data, length: bytes.count))
        }
    }

    @Test("follow one another through a decoder that is reset")
    func reset() {
        var decoder = ChunkedDecoder()
        let first = latin1("0;ext\r\nA: 1\r\n\r\n")
        #expect(decoder.advance(first.span) == .end(consumed: first.count))
        #expect(decoder.isFinished && decoder.trailers.fields.count == 1)
        #expect(decoder.advance(first.span) == .end(consumed: 0))
        decoder.reset()
        #expect(!decoder.isFinished && decoder.trailers.fields.isEmpty)
        #expect(decoder.advance(latin1("x").span) == .malformed(.invalidChunkSize))
        #expect(decoder.advance(latin1("0\r\n\r\n").span) == .malformed(.invalidChunkSize))
        decoder.reset()
        #expect(decoder.advance(latin1("0\r\n\r\n").span) == .end(consumed: 5))
    }
}
