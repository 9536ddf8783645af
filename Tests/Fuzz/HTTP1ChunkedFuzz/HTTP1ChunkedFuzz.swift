// Fuzzes the chunked decoder. For any bytes: cutting them differently never changes the data, the end or the
// refusal, and a body that is accepted comes out the same when it is framed again by us.

import Bytes
import HTTP1

private struct Outcome: Equatable {
    var data: [UInt8] = []
    var trailers: [UInt8] = []
    var length: Int?
    var reason: Malformed?
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let limits = ChunkLimits(maxLineBytes: 32, maxExtensionBytes: 64, maxTrailerBytes: 64, maxTrailerCount: 4)
    let whole = decode(bytes, step: max(1, size), limits)
    for step in [1, Int(bytes.first ?? 0) % 7 + 2] {
        precondition(decode(bytes, step: step, limits) == whole, "the outcome depends on the cutting")
    }
    guard whole.length != nil else { return 0 }
    var wire = ByteBuffer()
    ResponseWriter.appendChunk(whole.data.span, to: &wire)
    wire.append("0\r\n")
    wire.append(whole.trailers)
    wire.append("\r\n")
    // With the default limits: `A:1` is written as `A: 1`, which may be just too long for the small ones.
    var again = decode(Array(copying: wire.bytes), step: 3, ChunkLimits())
    precondition(again.length == wire.count, "our framing ends elsewhere")
    again.length = whole.length
    precondition(again == whole, "our framing holds something else")
    return 0
}

private func decode(_ bytes: [UInt8], step: Int, _ limits: ChunkLimits) -> Outcome {
    var decoder = ChunkedDecoder(limits: limits)
    var outcome = Outcome()
    var start = 0
    for end in stride(from: step, to: bytes.count + step, by: step) {
        pieces: while true {
            let arrived = bytes.span.extracting(start..<min(end, bytes.count))
            switch decoder.advance(arrived) {
            case .data(let range, let consumed):
                outcome.data += Array(copying: arrived.extracting(range))
                start += consumed
            case .needMore(let consumed):
                start += consumed
                break pieces
            case .end(let consumed):
                outcome.length = start + consumed
                outcome.trailers = Array(copying: decoder.trailers.buffer.bytes)
                return outcome
            case .malformed(let reason):
                outcome.reason = reason
                return outcome
            }
        }
    }
    return outcome
}
