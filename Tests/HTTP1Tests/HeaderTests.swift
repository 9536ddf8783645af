// Header names, lookup, and what may be forwarded.

import Bytes
import HTTP1
import Testing

/// Parses a head that is known to be valid and hands it over with its bytes.
private func withHead(_ lines: String, _ body: (borrowing RequestHead, Span<UInt8>) -> Void) {
    let bytes = latin1("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n")
    var parser = RequestParser()
    var head = RequestHead()
    #expect(parser.advance(bytes.span, into: &head) == .head(length: bytes.count))
    body(head, bytes.span)
}

private let names: [(String, HeaderKind)] = [
    ("Accept", .accept), ("Authorization", .authorization), ("Connection", .connection),
    ("Content-Encoding", .contentEncoding), ("Content-Type", .contentType), ("Cookie", .cookie),
    ("Date", .date),
    ("Forwarded", .forwarded), ("HTTP2-Settings", .http2Settings), ("Keep-Alive", .keepAlive),
    ("Proxy-Authenticate", .proxyAuthenticate), ("Proxy-Authentication-Info", .proxyAuthenticationInfo),
    ("Proxy-Authorization", .proxyAuthorization), ("Proxy-Connection", .proxyConnection),
    ("Set-Cookie", .setCookie),
    ("TE", .te), ("Trailer", .trailer), ("Upgrade", .upgrade), ("Via", .via),
    ("WWW-Authenticate", .wwwAuthenticate),
    ("X-Forwarded-For", .xForwardedFor), ("X-Forwarded-Host", .xForwardedHost),
    ("X-Forwarded-Proto", .xForwardedProto), ("X-Request-Id", .xRequestID), ("X-Forwarded-Foo", .other),
    ("V", .other),
    ("Content-Typo", .other), ("Hose", .other),
]

@Suite("Headers")
struct HeaderTests {
    @Test("are recognised in any letter case", arguments: names)
    func kinds(_ name: String, _ kind: HeaderKind) {
        for spelling in [name, name.lowercased(), name.uppercased()] {
            withHead("\(spelling): x") { head, _ in #expect(head.headers[1].kind == kind) }
        }
        withHead("\(name)x: x") { head, _ in #expect(head.headers[1].kind == .other) }
    }

    @Test("are found by kind and by name")
    func lookup() {
        withHead("X-A: 1\r\nVia: v\r\nx-a: 2") { head, bytes in
            let headers = head.headers
            #expect(headers.count == 4 && headers.contains(.via) && !headers.contains(.cookie))
            #expect(headers.count(of: .via) == 1 && headers.count(of: .cookie) == 0)
            #expect(headers.value(of: .via).map { text(bytes, $0) } == "v")
            #expect(headers.value(of: .te) == nil && headers.index(of: .via, from: 3) == nil)
            #expect(headers.index(named: "x-a", in: bytes) == 1)
            #expect(headers.index(named: "x-a", in: bytes, from: 2) == 3)
            #expect(headers.index(named: latin1("X-a").span, in: bytes, from: 4) == nil)
            #expect(headers.index(named: latin1("X-B").span, in: bytes) == nil)
        }
    }

    @Test("of one hop are not forwarded, nor are those that Connection names")
    func hopByHop() {
        withHead(
            "Connection: X-Mine, upgrade\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nTE: trailers\r\nUpgrade: a\r\n"
                + "HTTP2-Settings: x\r\nProxy-Authorization: x\r\nTransfer-Encoding: chunked\r\nx-mine: 1\r\n"
                + "Trailer: X-Sum\r\nX-Mine-Too: 2"
        ) { head, bytes in
            var kept: [String] = []
            for field in head.headers.fields where !HopByHop.covers(field, head.connectionOptions, in: bytes)
            {
                kept.append(text(bytes, field.name))
            }
            #expect(kept == ["Host", "Trailer", "X-Mine-Too"])
            #expect(head.connectionOptions.contains("x-mine", in: bytes) == true)
            #expect(head.connectionOptions.contains("x-min", in: bytes) == false)
        }
    }

    @Test("are gone once the head is emptied")
    func reuse() {
        let bytes = latin1("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n")
        var parser = RequestParser()
        var head = RequestHead()
        #expect(parser.advance(bytes.span, into: &head) == .head(length: bytes.count))
        #expect(head.headers.contains(.host) == true)
        head.removeAll()
        let isEmpty = head.headers.isEmpty && !head.headers.contains(.host) && head.host.isEmpty
        #expect(isEmpty)
    }
}
