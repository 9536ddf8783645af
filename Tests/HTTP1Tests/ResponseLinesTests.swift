// The upstream's lines as libcurl hands them over: which heads they make, and why some make none.

import Bytes
import HTTP1
import Testing

/// Feeds lines split behind each LF and lists what each but `more` reported.
private func events(
    _ text: String, limits: ResponseLimits = ResponseLimits(),
    expecting: ResponseLines.Expectation = .response
) -> [ResponseEvent] {
    var lines = ResponseLines(limits: limits)
    lines.reset(expecting: expecting)
    return feed(&lines, text)
}

@discardableResult
private func feed(_ lines: inout ResponseLines, _ text: String) -> [ResponseEvent] {
    var events: [ResponseEvent] = []
    var line: [UInt8] = []
    for byte in latin1(text) {
        line.append(byte)
        if byte != UInt8(ascii: "\n") { continue }
        let event = lines.line(line.span)
        if event != .more { events.append(event) }
        line = []
    }
    return events
}

private let refusedStatusLines: [(String, String)] = [
    ("a status of two digits", "HTTP/1.1 20 OK\r\n"), ("a status of four digits", "HTTP/1.1 2000 OK\r\n"),
    ("a status below 100", "HTTP/1.1 099 x\r\n"), ("a status with a sign", "HTTP/1.1 +20 x\r\n"),
    ("another version", "HTTP/2.0 200 OK\r\n"), ("a minor version above 1", "HTTP/1.2 200 OK\r\n"),
    ("a version without minor", "HTTP/2 200 \r\n"), ("another protocol", "ICY 200 OK xx\r\n"),
    ("two spaces", "HTTP/1.1  200 OK\r\n"), ("a tab", "HTTP/1.1\t200 OK\r\n"), ("an empty line", "\r\n"),
    ("a bare CR in the reason", "HTTP/1.1 200 O\rK\r\n"), ("NUL in the reason", "HTTP/1.1 200 \u{00}\r\n"),
    ("a field in its place", "Content-Length: 5\r\n"),
]

private let refusedFields: [(String, String, MalformedResponse)] = [
    ("a folded line", "A: 1\r\n b\r\n", .field(.foldedLine)),
    ("a space before the colon", "A : 1\r\n", .field(.spaceBeforeColon)),
    ("a line without a colon", "A\r\n", .field(.missingColon)),
    ("an empty name", ": 1\r\n", .field(.emptyName)),
    ("an invalid name", "A(b): 1\r\n", .field(.invalidName)),
    ("a bare CR in a value", "A: 1\r2\r\n", .field(.bareCarriageReturn)),
    ("NUL in a value", "A: \u{00}\r\n", .field(.invalidValue)),
    ("a Content-Length with a sign", "Content-Length: +5\r\n", .invalidContentLength),
    ("an empty Content-Length", "Content-Length:\r\n", .invalidContentLength),
    ("a list in Content-Length", "Content-Length: 5, 5\r\n", .invalidContentLength),
    ("two different Content-Lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", .differingContentLengths),
    ("a coding other than chunked", "Transfer-Encoding: gzip\r\n", .invalidTransferEncoding),
    (
        "chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        .invalidTransferEncoding
    ),
    (
        "Transfer-Encoding behind Content-Length", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        .conflictingFraming
    ),
    (
        "Content-Length behind Transfer-Encoding", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        .conflictingFraming
    ),
    ("a Connection that is no list of tokens", "Connection: a b\r\n", .invalidConnection),
]

@Suite("Lines of the upstream")
struct ResponseLinesTests {
    @Test("make a head")
    func head() {
        var lines = ResponseLines()
        #expect(
            feed(
                &lines,
                "HTTP/1.1 404 Not Here\r\nX-A:  1 \r\nConnection: X-A, close\r\nContent-Length: 5\r\nX-A: 2\r\n\r\n"
            ) == [.head])
        let bytes = lines.head.section.buffer.bytes
        #expect(lines.head.status == .notFound && lines.head.minorVersion == 1)
        #expect(text(bytes, lines.head.reason) == "Not Here")
        #expect(lines.head.contentLength == 5 && !lines.head.isChunked)
        #expect(lines.head.connectionOptions.hasClose)
        var kept: [String] = []
        for field in lines.head.section.fields.fields
        where !HopByHop.covers(field, lines.head.connectionOptions, in: bytes) {
            kept.append(text(bytes, field.name))
        }
        #expect(kept.isEmpty, "X-A is named by Connection, the others belong to this hop")
        #expect(lines.head.section.fields.count == 4)
        #expect(text(bytes, lines.head.section.fields[0].value) == "1")
    }

    @Test("may end in a bare LF, which libcurl lets pass")
    func bareLineFeed() {
        #expect(events("HTTP/1.0 200\nA: b\n\n") == [.head])
    }

    @Test(
        "may leave the reason out, with or without its space", arguments: ["HTTP/1.1 299", "HTTP/1.1 299 "])
    func noReason(_ statusLine: String) {
        var lines = ResponseLines()
        #expect(feed(&lines, statusLine + "\r\n\r\n") == [.head])
        #expect(lines.head.status.code == 299 && lines.head.reason.isEmpty)
    }

    @Test("make interim heads before the final one")
    func interim() {
        var lines = ResponseLines()
        #expect(feed(&lines, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") == [.interim(.earlyHints)])
        #expect(lines.head.section.fields.count == 1)
        #expect(feed(&lines, "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n") == [.head])
        #expect(lines.head.section.fields.count == 1 && lines.head.isChunked)
        #expect(
            feed(&lines, "X-Sum: 1\r\nContent-Length: 3\r\nSet-Cookie: a\r\n\r\n") == [
                .trailer, .trailer, .trailer,
            ])
        #expect(lines.trailers.fields.count == 1)
        #expect(text(lines.trailers.buffer.bytes, 0..<lines.trailers.buffer.count) == "X-Sum: 1\r\n")
        lines.reset()
        #expect(lines.trailers.fields.isEmpty && lines.head.section.fields.isEmpty)
        #expect(feed(&lines, "HTTP/1.1 204 No Content\r\n\r\n") == [.head])
    }

    @Test("switch protocols only when that was asked for")
    func switching() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
        #expect(events(answer, expecting: .upgrade) == [.switched])
        #expect(events(answer) == [.malformed(.unexpectedSwitch)])
    }

    @Test("make no head without a status line", arguments: refusedStatusLines)
    func statusLine(_ label: String, _ line: String) {
        #expect(events(line) == [.malformed(.invalidStatusLine)], "\(label)")
    }

    @Test("make no head with a field in doubt", arguments: refusedFields)
    func field(_ label: String, _ fields: String, _ reason: MalformedResponse) {
        #expect(events("HTTP/1.1 200 OK\r\n" + fields) == [.malformed(reason)], "\(label)")
        #expect(
            events("HTTP/1.1 200 OK\r\n" + fields + "\r\n").allSatisfy { $0 == .malformed(reason) },
            "\(label) stays refused")
    }

    @Test("may repeat a Content-Length")
    func sameLengths() {
        var lines = ResponseLines()
        #expect(feed(&lines, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 05\r\n\r\n") == [.head])
        #expect(lines.head.contentLength == 5)
    }

    @Test("of HTTP/1.0 cannot be chunked")
    func chunkedHTTP10() {
        #expect(
            events("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n") == [
                .malformed(.invalidTransferEncoding)
            ])
    }

    @Test(
        "are bounded",
        arguments: [
            (
                "HTTP/1.1 200 OK\r\nA: \(String(repeating: "x", count: 50))\r\n",
                MalformedResponse.headTooLarge(limit: 60)
            ),
            ("HTTP/1.1 200 \(String(repeating: "x", count: 50))\r\n", .headTooLarge(limit: 60)),
            ("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n", .tooManyHeaders(limit: 2)),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
                .tooManyInterimHeads(limit: 2)
            ),
            ("HTTP/1.1 200 OK\r\n\r\nA: 1\r\nB: 2\r\nC: 3\r\n", .trailersTooLarge(limit: 60)),
            (
                "HTTP/1.1 200 OK\r\n\r\nA: \(String(repeating: "x", count: 60))\r\n",
                .trailersTooLarge(limit: 60)
            ),
        ])
    func bounded(_ text: String, _ reason: MalformedResponse) {
        let limits = ResponseLimits(maxHeadBytes: 60, maxHeaderCount: 2, maxInterimHeads: 2)
        #expect(events(text, limits: limits).last == .malformed(reason))
    }

    @Test("are refused when they have no end", arguments: ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r", ""])
    func truncated(_ line: String) {
        var lines = ResponseLines()
        #expect(lines.line(latin1(line).span) == .malformed(.truncatedLine))
    }

    @Test("behind the head are trailers, never another head")
    func secondHead() {
        #expect(
            events("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n") == [.head, .malformed(.field(.invalidName))])
    }
}
