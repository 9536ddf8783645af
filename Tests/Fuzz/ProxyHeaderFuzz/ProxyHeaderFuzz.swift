// Fuzzes the PROXY header. For any bytes: what has arrived is never judged otherwise once more has arrived, and
// what lies behind a header has no say in it.

import Bytes
import Reactor

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let outcome = ProxyHeader.read(bytes.span)
    if case .complete(let length, _) = outcome {
        precondition(length <= bytes.count && length <= ProxyHeader.maxLength, "the header is longer than the bytes")
        precondition(ProxyHeader.read(bytes.span.extracting(0..<length)) == outcome, "bytes behind it matter")
    }
    for count in 0..<min(bytes.count, 256) {
        switch ProxyHeader.read(bytes.span.extracting(0..<count)) {
        case .needMore: break
        case .complete(let length, let source):
            precondition(outcome == .complete(length: length, source: source), "more bytes changed a header")
        case .malformed(let problem):
            precondition(outcome == .malformed(problem), "more bytes made a header of what was none")
        }
    }
    return 0
}
