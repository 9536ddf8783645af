// Fuzzes the request parser. For any bytes: cutting them differently never changes the outcome, and a head
// that is accepted holds nothing that could end a line early when it is written again.

import Bytes
import HTTP1

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let limits = RequestLimits(maxHeadBytes: 512, maxHeaderCount: 8, maxTargetBytes: 64)
    var head = RequestHead()
    let event = parse(bytes, step: max(1, size), limits, &head)
    var other = RequestHead()
    // The first byte chooses a third cutting, so that the fuzzer can steer it.
    for step in [1, Int(bytes.first ?? 0) % 7 + 2] {
        precondition(parse(bytes, step: step, limits, &other) == event, "the outcome depends on the cutting")
        precondition(same(head, other), "the head depends on the cutting")
    }
    if case .head(let length) = event { check(head, bytes.span.extracting(0..<length)) }
    return 0
}

private func parse(_ bytes: [UInt8], step: Int, _ limits: RequestLimits, _ head: inout RequestHead)
    -> ParseEvent
{
    var parser = RequestParser(limits: limits)
    for end in stride(from: step, to: bytes.count + step, by: step) {
        let event = parser.advance(bytes.span.extracting(0..<min(end, bytes.count)), into: &head)
        if event != .needMore { return event }
    }
    return .needMore
}

private func same(_ left: borrowing RequestHead, _ right: borrowing RequestHead) -> Bool {
    left.method == right.method && left.methodRange == right.methodRange && left.target == right.target
        && left.minorVersion == right.minorVersion && left.headers.fields == right.headers.fields
        && left.framing == right.framing && left.host == right.host && left.isPersistent == right.isPersistent
        && left.expectsContinue == right.expectsContinue && left.upgrade == right.upgrade
        && left.connectionOptions.ranges == right.connectionOptions.ranges
}

private func check(_ head: borrowing RequestHead, _ bytes: Span<UInt8>) {
    precondition(ASCII.isToken(bytes.extracting(head.methodRange)), "the method is no token")
    for field in head.headers.fields {
        precondition(ASCII.isToken(bytes.extracting(field.name)), "a name is no token")
        for index in field.value {
            let byte = bytes[index]
            precondition(byte == 9 || (byte >= 0x20 && byte != 0x7F), "a value holds a control character")
        }
    }
    let lengths = head.headers.count(of: .contentLength)
    let codings = head.headers.count(of: .transferEncoding)
    precondition(lengths + codings <= 1, "there are two framings")
    precondition(
        (head.framing == .none) == (lengths + codings == 0), "the framing is not what the fields say")
    precondition(head.headers.count(of: .host) == 1 || head.minorVersion == 0, "the host is in doubt")
    var path = ByteBuffer()
    if case .malformed = RequestTarget.canonicalise(
        bytes.extracting(head.target), method: head.method, into: &path)
    {
        preconditionFailure("the head let a target pass that has no form")
    }
}
