// Fuzzes the collector of the upstream's lines. For any lines: a head that is accepted, written down and read
// again, is the same head; and its fields hold nothing that could end a line early.

import Bytes
import HTTP1

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    var lines = ResponseLines(
        limits: ResponseLimits(maxHeadBytes: 512, maxHeaderCount: 8, maxInterimHeads: 2))
    // The size chooses what the request asked for, so that both are reached without a byte of the format.
    lines.reset(expecting: size % 2 == 0 ? .response : .upgrade)
    let withheld = size % 3 == 0 ? [] : Array("a".utf8)
    lines.withhold(withheld)
    var wasRefused = false
    var hasHead = false
    var start = 0
    while start < size {
        var end = start
        while end < size, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        end = min(end + 1, size)
        let event = lines.line(bytes.span.extracting(start..<end))
        start = end
        if wasRefused {
            guard case .malformed = event else { preconditionFailure("a refusal was taken back") }
        }
        switch event {
        case .more: break
        case .interim(let status):
            precondition(status.isInterim && !hasHead, "an interim head comes late")
            check(lines.head, without: withheld)
        case .switched, .head:
            precondition(!hasHead, "there are two heads")
            hasHead = true
            check(lines.head, without: withheld)
        case .trailer:
            precondition(hasHead, "a trailer comes early")
            check(lines.trailers, without: withheld)
        case .malformed: wasRefused = true
        }
    }
    return 0
}

private func check(_ head: borrowing ResponseHead, without withheld: [UInt8]) {
    precondition(!(head.isChunked && head.contentLength != nil), "there are two framings")
    check(head.section, without: withheld)
    var wire = ByteBuffer()
    ResponseWriter.appendStatusLine(
        head.status, reason: head.section.buffer.bytes.extracting(head.reason), to: &wire)
    for field in head.section.fields.fields {
        let bytes = head.section.buffer.bytes
        ResponseWriter.appendHeader(bytes.extracting(field.name), bytes.extracting(field.value), to: &wire)
    }
    ResponseWriter.endHead(&wire)
    var lines = ResponseLines()
    lines.reset(expecting: .upgrade)
    var line: [UInt8] = []
    var isComplete = false
    for byte in Array(copying: wire.bytes) {
        line.append(byte)
        if byte != UInt8(ascii: "\n") { continue }
        precondition(!isComplete, "the head ends early")
        isComplete = lines.line(line.span) != .more
        line = []
    }
    precondition(isComplete, "the head does not end")
    precondition(lines.head.status == head.status && lines.head.contentLength == head.contentLength)
    precondition(lines.head.isChunked == head.isChunked || head.minorVersion == 0)
    precondition(lines.head.section.fields.fields == head.section.fields.fields, "the fields differ")
    precondition(lines.head.connectionOptions.ranges == head.connectionOptions.ranges, "the options differ")
}

private func check(_ section: borrowing FieldSection, without withheld: [UInt8]) {
    let bytes = section.buffer.bytes
    for field in section.fields.fields {
        let name = bytes.extracting(field.name)
        precondition(ASCII.isToken(name), "a name is no token")
        precondition(
            withheld.isEmpty || !ASCII.equalsIgnoringCase(name, withheld.span), "a field was not withheld")
        for index in field.value {
            precondition(
                bytes[index] == 9 || (bytes[index] >= 0x20 && bytes[index] != 0x7F), "a value breaks its line"
            )
        }
    }
}
