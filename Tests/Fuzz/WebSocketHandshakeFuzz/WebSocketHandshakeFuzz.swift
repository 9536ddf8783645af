// Fuzzes both halves of a WebSocket handshake, and the frames behind it. The input is a request, a byte 0xFF, an answer, another
// 0xFF, and frames. What is let through is read again here by simpler means: a handshake that is accepted has what
// makes one, exactly once; a 101 that is accepted has it too; frames end in the same places however they are cut.

import Bytes
import HTTP1

/// RFC 6455 §1.3.
private let accept = Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8)

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    let parts = bytes.split(separator: 0xFF, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
    var offer = WebSocketOffer(accept: accept)
    judge(request: parts[0], &offer)
    if parts.count > 1 { judge(answer: parts[1], offer) }
    if parts.count > 2 {
        follow(parts[2])
        echo(parts[2])
    }
    return 0
}

private func judge(request: [UInt8], _ offer: inout WebSocketOffer) {
    var parser = RequestParser(
        limits: RequestLimits(maxHeadBytes: 1024, maxHeaderCount: 16, maxTargetBytes: 64))
    var head = RequestHead()
    guard case .head = parser.advance(request.span, into: &head) else { return }
    var fields: [(name: String, value: String)] = []
    for field in head.headers.fields {
        let name = request.span.extracting(field.name)
        let value = request.span.extracting(field.value)
        offer.add(name: name, value: value)
        fields.append((lowered(name), lowered(value)))
    }
    let isAsked = WebSocketHandshake.isAsked(head, in: request.span)
    if fields.contains(where: { $0 == ("upgrade", "websocket") }) {
        precondition(isAsked, "an ask is overlooked")
    }
    guard WebSocketHandshake.fault(head, in: request.span) == nil else { return }
    precondition(isAsked, "a handshake asks for nothing")
    precondition(request.starts(with: Array("GET ".utf8)), "another method")
    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
    precondition(values("upgrade") == ["websocket"] && values("sec-websocket-version") == ["13"])
    precondition(values("sec-websocket-key").count == 1 && values("sec-websocket-key")[0].utf8.count == 24)
    precondition(values("sec-websocket-accept").isEmpty, "a client says what the server is to say")
    let offered = values("sec-websocket-protocol").flatMap { $0.split(separator: ",") }
    precondition(!offered.contains { $0.contains("\"") || $0.contains("/") }, "what is offered is no token")
    precondition(values("content-length").isEmpty && values("transfer-encoding").isEmpty, "there is a body")
    let hidden = values("connection").flatMap { $0.split(separator: ",") }
        .map { String($0.filter { $0 != " " && $0 != "\t" }) }
    precondition(!hidden.contains { values($0).count > 0 && isOwn($0) }, "a part of it is hidden")
    guard let key = WebSocketHandshake.key(of: head, in: request.span) else { preconditionFailure("no key") }
    precondition(Base64.decode(request.span.extracting(key))?.count == 16)
}

private func judge(answer: [UInt8], _ offer: WebSocketOffer) {
    var lines = ResponseLines(
        limits: ResponseLimits(maxHeadBytes: 1024, maxHeaderCount: 16, maxInterimHeads: 2))
    lines.expectUpgrade()
    var start = 0
    while start < answer.count {
        let end = answer[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? answer.count
        let event = lines.line(answer.span.extracting(start..<end))
        start = end
        if event == .switched { break }
        if case .malformed = event { return }
        if start == answer.count { return }
    }
    guard lines.head.status == .switchingProtocols, offer.fault(of: lines.head) == nil else { return }
    let section = lines.head.section.buffer.bytes
    var accepts = 0
    for field in lines.head.section.fields.fields
    where lowered(section.extracting(field.name)) == "sec-websocket-accept" {
        accepts += 1
        precondition(ASCII.equals(section.extracting(field.value), accept.span), "another Accept")
    }
    precondition(accepts == 1 && lines.head.minorVersion == 1 && !lines.head.isChunked)
}

/// A field of the handshake, and not just a name that has its words somewhere.
private func isOwn(_ name: String) -> Bool { name.hasPrefix("sec-websocket-") && name != "sec-websocket-" }

private func lowered(_ bytes: Span<UInt8>) -> String {
    String(decoding: Array(copying: bytes).map(ASCII.lower), as: UTF8.self)
}

/// At once, and byte by byte.
private func follow(_ frames: [UInt8]) {
    var whole = FrameBoundary()
    let wholeCount = whole.advance(frames.span)
    var single = FrameBoundary()
    var lastEnd = 0
    for index in frames.indices where single.advance(frames.span.extracting(index..<index + 1)) == 1 {
        lastEnd = index + 1
    }
    precondition(
        wholeCount == lastEnd && whole.isBetweenFrames == single.isBetweenFrames, "cuts move boundaries")
}

/// What is sent back does not depend on how it came, and is whole frames wherever a whole frame was taken.
private func echo(_ frames: [UInt8]) {
    func run(step: Int) -> (output: [UInt8], isOver: Bool) {
        var echo = FrameEcho()
        var input = ByteBuffer()
        var output = ByteBuffer()
        var start = 0
        while start < frames.count {
            let end = min(frames.count, start + step)
            input.append(frames.span.extracting(start..<end))
            while echo.advance(&input, into: &output) {}
            start = end
        }
        return (Array(copying: output.bytes), echo.isOver)
    }
    let whole = run(step: max(1, frames.count))
    let single = run(step: 1)
    precondition(whole.output == single.output && whole.isOver == single.isOver, "cuts change the echo")
    var boundary = FrameBoundary()
    boundary.advance(whole.output.span)
    if whole.isOver { precondition(boundary.isBetweenFrames, "the last word is half a frame") }
}
