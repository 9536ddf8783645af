// Heads that are refused, each with the reason, in every cutting of its bytes.

import Bytes
import HTTP1
import Testing

struct RefusedHead: CustomTestStringConvertible, Sendable {
    let label: String
    let text: String
    let reason: Malformed
    let status: Int

    init(_ label: String, _ text: String, _ reason: Malformed, _ status: Int = 400) {
        self.label = label
        self.text = text
        self.reason = reason
        self.status = status
    }

    var testDescription: String { label }
}

/// A GET with literal field lines between the request line and the end of the head.
private func get(_ lines: String, host: String = "Host: kg.test\r\n", version: String = "1.1") -> String {
    "GET /a HTTP/\(version)\r\n\(host)\(lines)\r\n\r\n"
}

private let refusedRequestLines: [RefusedHead] = [
    .init("a control byte is no method", "\u{01}GET / HTTP/1.1\r\n", .invalidMethod),
    .init("a TLS ClientHello is no request", "\u{16}\u{03}\u{01}\u{00}\u{A5}\u{01}\u{00}", .invalidMethod),
    .init("a colon is not allowed in a method", "G:T / HTTP/1.1\r\n", .invalidMethod),
    .init("a tab does not end a method", "GET\t/ HTTP/1.1\r\n", .invalidMethod),
    .init("a line cannot begin with a space", " GET / HTTP/1.1\r\n", .invalidMethod),
    .init("a method without a target is refused", "GET\r\n", .invalidRequestLine),
    .init("a method of 33 bytes is refused", String(repeating: "A", count: 33), .methodTooLong, 501),
    .init("CONNECT is not supported", "CONNECT kg.test:443 HTTP/1.1\r\n", .connectUnsupported, 501),
    .init("a bare LF before the request is refused", "\nGET / HTTP/1.1\r\n", .field(.bareLineFeed)),
    .init("a second empty line before the request is refused", "\r\n\r\nGET / HTTP/1.1\r\n", .invalidMethod),
    .init("a CR before the request needs its LF", "\rGET / HTTP/1.1\r\n", .field(.bareCarriageReturn)),
    .init("a request of HTTP/0.9 is refused", "GET /\r\n", .invalidRequestLine),
    .init("the version 0.9 is refused", "GET / HTTP/0.9\r\n", .invalidVersion),
    .init("two spaces before the target are refused", "GET  / HTTP/1.1\r\n", .invalidRequestLine),
    .init("two spaces before the version are refused", "GET /  HTTP/1.1\r\n", .invalidVersion),
    .init("a space in the target is refused", "GET /a b HTTP/1.1\r\n", .invalidVersion),
    .init("a space behind the version is refused", "GET / HTTP/1.1 \r\n", .invalidVersion),
    .init("an empty target is refused", "GET  HTTP/1.1\r\n", .invalidRequestLine),
    .init("another protocol's version is refused", "GET / FTP/1.1\r\n", .invalidVersion),
    .init("the protocol's name is case-sensitive", "GET / http/1.1\r\n", .invalidVersion),
    .init("a minor version of two digits is refused", "GET / HTTP/1.10\r\n", .invalidVersion),
    .init("a version without minor is refused", "GET / HTTP/1\r\n", .invalidVersion),
    .init("HTTP/1.2 is not supported", "GET / HTTP/1.2\r\n", .unsupportedVersion, 505),
    .init("HTTP/2.0 is not supported", "GET / HTTP/2.0\r\n", .unsupportedVersion, 505),
    .init("HTTP/3.0 is not supported", "GET / HTTP/3.0\r\n", .unsupportedVersion, 505),
    .init("the preface of HTTP/2 is refused", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2Preface),
    .init("a bare LF behind the version is refused", "GET / HTTP/1.1\nHost: a\n\n", .field(.bareLineFeed)),
    .init("a bare LF behind the target is refused", "GET /\n", .field(.bareLineFeed)),
    .init("a bare CR behind the version is refused", "GET / HTTP/1.1\rHost", .field(.bareCarriageReturn)),
    .init("a target without leading slash is refused", "GET a/b HTTP/1.1\r\n", .invalidTarget),
    .init("the asterisk is only for OPTIONS", "GET * HTTP/1.1\r\n", .invalidTarget),
    .init("an asterisk with a path is refused", "OPTIONS */a HTTP/1.1\r\n", .invalidTarget),
    .init("authority form is only for CONNECT", "GET kg.test:80 HTTP/1.1\r\n", .invalidTarget),
    .init("a scheme other than http is refused", "GET ftp://kg.test/ HTTP/1.1\r\n", .invalidTarget),
    .init("an absolute target needs a host", "GET http:///a HTTP/1.1\r\n", .invalidTarget),
    .init("user information in a target is refused", "GET http://a@kg.test/ HTTP/1.1\r\n", .invalidTarget),
]

private let refusedFields: [RefusedHead] = [
    .init("a folded line is refused", get("X-A: 1\r\n 2"), .field(.foldedLine)),
    .init("a line folded with a tab is refused", get("X-A: 1\r\n\t2"), .field(.foldedLine)),
    .init(
        "white space before the first header is refused", get("", host: " Host: kg.test\r\n"),
        .field(.foldedLine)),
    .init("a space before the colon is refused", get("X-A : 1"), .field(.spaceBeforeColon)),
    .init("a tab before the colon is refused", get("X-A\t: 1"), .field(.spaceBeforeColon)),
    .init("a header without a colon is refused", get("X-A"), .field(.missingColon)),
    .init("an empty name is refused", get(": 1"), .field(.emptyName)),
    .init("a slash in a name is refused", get("X/A: 1"), .field(.invalidName)),
    .init("a byte above 0x7F in a name is refused", get("X\u{E9}A: 1"), .field(.invalidName)),
    .init(
        "NEL at the end of a name is refused", get("Transfer-Encoding\u{85}: chunked"), .field(.invalidName)),
    .init("NUL in a name is refused", get("X\u{00}A: 1"), .field(.invalidName)),
    .init("NUL in a value is refused", get("X-A: 1\u{00}2"), .field(.invalidValue)),
    .init("DEL in a value is refused", get("X-A: 1\u{7F}2"), .field(.invalidValue)),
    .init("a vertical tab in a value is refused", get("X-A:\u{0B}1"), .field(.invalidValue)),
    .init("a bare LF behind a value is refused", get("X-A: 1\nX-B: 2"), .field(.bareLineFeed)),
    .init("a bare CR in a value is refused", get("X-A: 1\rX-B: 2"), .field(.bareCarriageReturn)),
    .init("CR CR LF is refused", get("X-A: 1\r"), .field(.bareCarriageReturn)),
    .init(
        "a bare LF in place of the empty line is refused", "GET / HTTP/1.1\r\nHost: a\r\n\n",
        .field(.bareLineFeed)),
    .init(
        "a bare CR in place of the empty line is refused", "GET / HTTP/1.1\r\nHost: a\r\n\rx",
        .field(.bareCarriageReturn)),

    .init("HTTP/1.1 needs a Host", get("X-A: 1", host: ""), .missingHost),
    .init("a second Host is refused", get("Host: kg.test"), .duplicateHost),
    .init("a second Host is refused in HTTP/1.0", get("Host: kg.test", version: "1.0"), .duplicateHost),
    .init("an empty Host is refused", get("", host: "Host:\r\n"), .invalidHost),
    .init("user information in Host is refused", get("", host: "Host: a@kg.test\r\n"), .invalidHost),
    .init("a list in Host is refused", get("", host: "Host: kg.test,evil.test\r\n"), .invalidHost),
    .init("a space in Host is refused", get("", host: "Host: kg.test evil.test\r\n"), .invalidHost),
    .init("a path in Host is refused", get("", host: "Host: kg.test/a\r\n"), .invalidHost),
    .init("an escape in Host is refused", get("", host: "Host: kg%2etest\r\n"), .invalidHost),
    .init("a port must be a number", get("", host: "Host: kg.test:http\r\n"), .invalidHost),
    .init("a port must not be empty", get("", host: "Host: kg.test:\r\n"), .invalidHost),
    .init("a port has 16 bits", get("", host: "Host: kg.test:65536\r\n"), .invalidHost),
    .init("a port is not 0", get("", host: "Host: kg.test:0\r\n"), .invalidHost),
    .init("a port alone is no host", get("", host: "Host: :80\r\n"), .invalidHost),
    .init("an IPv6 address needs its bracket", get("", host: "Host: [::1\r\n"), .invalidHost),
    .init("an IPv6 zone is refused", get("", host: "Host: [fe80::1%25eth0]\r\n"), .invalidHost),
    .init("nothing but a port follows an IPv6 address", get("", host: "Host: [::1]a\r\n"), .invalidHost),
    .init(
        "an absolute target must name the Host", "GET http://evil.test/ HTTP/1.1\r\nHost: kg.test\r\n\r\n",
        .hostMismatch),
    .init(
        "a default port is not added in comparing",
        "GET http://kg.test:80/ HTTP/1.1\r\nHost: kg.test\r\n\r\n", .hostMismatch),

    .init("a sign in Content-Length is refused", get("Content-Length: +5"), .invalidContentLength),
    .init("a negative Content-Length is refused", get("Content-Length: -0"), .invalidContentLength),
    .init("an empty Content-Length is refused", get("Content-Length:"), .invalidContentLength),
    .init("a list in Content-Length is refused", get("Content-Length: 5, 5"), .invalidContentLength),
    .init("hexadecimal Content-Length is refused", get("Content-Length: 0x5"), .invalidContentLength),
    .init("a quoted Content-Length is refused", get("Content-Length: \"5\""), .invalidContentLength),
    .init("junk behind Content-Length is refused", get("Content-Length: 5 junk"), .invalidContentLength),
    .init(
        "a Content-Length of 2^63 is refused", get("Content-Length: 9223372036854775808"),
        .invalidContentLength),
    .init(
        "equal Content-Lengths are refused", get("Content-Length: 5\r\nContent-Length: 5"),
        .duplicateContentLength),
    .init(
        "differing Content-Lengths are refused", get("Content-Length: 5\r\nContent-Length: 6"),
        .duplicateContentLength),
    .init(
        "Transfer-Encoding behind Content-Length is refused",
        get("Content-Length: 5\r\nTransfer-Encoding: chunked"), .conflictingFraming),
    .init(
        "Content-Length behind Transfer-Encoding is refused",
        get("Transfer-Encoding: chunked\r\nContent-Length: 5"), .conflictingFraming),
    .init(
        "Transfer-Encoding in HTTP/1.0 is refused", get("Transfer-Encoding: chunked", version: "1.0"),
        .transferEncodingInHTTP10),
    .init(
        "two Transfer-Encodings are refused", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        .invalidTransferEncoding),
    .init("identity is refused", get("Transfer-Encoding: identity"), .invalidTransferEncoding),
    .init("a list of codings is refused", get("Transfer-Encoding: gzip, chunked"), .invalidTransferEncoding),
    .init(
        "chunked with a parameter is refused", get("Transfer-Encoding: chunked;q=1"), .invalidTransferEncoding
    ),
    .init("quoted chunked is refused", get("Transfer-Encoding: \"chunked\""), .invalidTransferEncoding),
    .init(
        "a second colon is part of the value", get("Transfer-Encoding:: chunked"), .invalidTransferEncoding),
    .init("an empty Transfer-Encoding is refused", get("Transfer-Encoding:"), .invalidTransferEncoding),

    .init(
        "Connection must not name Content-Length", get("Connection: Content-Length"),
        .forbiddenConnectionOption),
    .init(
        "Connection must not name Transfer-Encoding", get("Connection: close, transfer-encoding"),
        .forbiddenConnectionOption),
    .init("Connection must not name Host", get("Connection: Host"), .forbiddenConnectionOption),
    .init(
        "Connection must not name Authorization", get("Connection: AUTHORIZATION"), .forbiddenConnectionOption
    ),
    .init("Connection lists tokens", get("Connection: a b"), .invalidConnection),
    .init(
        "Connection has few options", get("Connection: " + String(repeating: "a,", count: 33)),
        .invalidConnection),

    .init("an unknown expectation is refused", get("Expect: 200-ok"), .unsupportedExpectation, 417),
    .init(
        "an expectation beside 100-continue is refused", get("Expect: 100-continue, x"),
        .unsupportedExpectation, 417),
    .init(
        "a second expectation is refused", get("Expect: 100-Continue\r\nExpect: x"), .unsupportedExpectation,
        417),
]

@Suite("Requests that are refused")
struct RefusedRequestTests {
    @Test(
        "are refused for one reason, however their bytes arrive",
        arguments: refusedRequestLines + refusedFields)
    func refused(_ row: RefusedHead) {
        let bytes = latin1(row.text)
        #expect(row.reason.status.code == row.status)
        for lengths in cuttings(of: bytes.count) {
            #expect(parse(bytes, arriving: lengths).event == .malformed(row.reason))
        }
    }

    @Test(
        "are refused at the first byte that cannot be valid",
        arguments: [
            ("\u{16}", Malformed.invalidMethod), ("GET / X", .invalidVersion),
            ("GET /\r", .invalidRequestLine),
            ("GET / HTTP/1.1\r\n ", .field(.foldedLine)),
            ("GET / HTTP/1.1\r\nHost ", .field(.spaceBeforeColon)),
            ("GET / HTTP/1.1\r\nX: \u{00}", .field(.invalidValue)),
            ("GET / HTTP/1.1\r\nContent-Length: x\r\n", .invalidContentLength),
        ])
    func early(_ text: String, _ reason: Malformed) {
        let bytes = latin1(text)
        #expect(parse(bytes, arriving: [bytes.count - 1]).event == .needMore)
        #expect(parse(bytes, arriving: [bytes.count]).event == .malformed(reason))
    }

    @Test("stay refused when more bytes arrive")
    func sticky() {
        var parser = RequestParser()
        var head = RequestHead()
        let bytes = latin1("@GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(parser.advance(bytes.span.extracting(0..<1), into: &head) == .malformed(.invalidMethod))
        #expect(parser.advance(bytes.span, into: &head) == .malformed(.invalidMethod))
    }
}

@Suite("Limits of a head")
struct HeadLimitTests {
    private let limits = RequestLimits(maxHeadBytes: 64, maxHeaderCount: 3, maxTargetBytes: 8)

    /// What becomes of a text with the limits above.
    private static let rows: [(String, String, ParseEvent)] = [
        (
            "a head of 64 bytes is accepted",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 32))\r\n\r\n", .head(length: 64)
        ),
        (
            "a head of 65 bytes is refused",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 33))\r\n\r\n",
            .malformed(.headTooLarge(limit: 64))
        ),
        (
            "a header that never ends is refused",
            "GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 200))", .malformed(.headTooLarge(limit: 64))
        ),
        ("a target of 8 bytes is accepted", "GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n", .head(length: 34)),
        (
            "a target of 9 bytes is refused", "GET /23456789 HTTP/1.1\r\nHost: a\r\n\r\n",
            .malformed(.targetTooLong(limit: 8))
        ),
        (
            "three headers are accepted", "GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\n\r\n",
            .head(length: 39)
        ),
        (
            "a fourth header is refused", "GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\nD: d\r\n\r\n",
            .malformed(.tooManyHeaders(limit: 3))
        ),
    ]

    @Test("are exact, however the bytes arrive", arguments: rows)
    func exact(_ label: String, _ text: String, _ expected: ParseEvent) {
        let bytes = latin1(text)
        for lengths in cuttings(of: bytes.count) {
            #expect(parse(bytes, arriving: lengths, limits: limits).event == expected, "\(label)")
        }
    }

    @Test("have statuses of their own")
    func statuses() {
        #expect(Malformed.headTooLarge(limit: 1).status.code == 431)
        #expect(Malformed.tooManyHeaders(limit: 1).status.code == 431)
        #expect(Malformed.targetTooLong(limit: 1).status.code == 414)
        #expect(Malformed.headTooLarge(limit: 8192).message == "the head is longer than 8192 bytes")
    }
}
