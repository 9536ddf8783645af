// Heads that are accepted, and what is read out of them, in every cutting of their bytes.

import Bytes
import HTTP1
import Testing

struct AcceptedHead: CustomTestStringConvertible, Sendable {
    let label: String
    let text: String
    let check: @Sendable (HeadSummary) -> Bool

    init(_ label: String, _ text: String, _ check: @escaping @Sendable (HeadSummary) -> Bool) {
        self.label = label
        self.text = text
        self.check = check
    }

    var testDescription: String { label }
}

private func get(_ lines: String, version: String = "1.1") -> String {
    "GET /a HTTP/\(version)\r\nHost: kg.test\r\n\(lines)\r\n\r\n"
}

private let acceptedHeads: [AcceptedHead] = [
    .init("the smallest request has no body and persists", "GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
        $0.method == "GET" && $0.target == "/" && $0.version == 1 && $0.framing == .none && $0.persists
            && $0.host == "a" && $0.fields == ["Host=a"] && !$0.waits && $0.upgrade == nil
    },
    .init("one empty line before the request is skipped", "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n") {
        $0.method == "GET" && $0.target == "/x" && $0.host == "a"
    },
    .init("an unknown method is kept as it is", "PROPFIND /a HTTP/1.1\r\nHost: a\r\n\r\n") {
        $0.method == "PROPFIND"
    },
    .init(
        "a method of 32 bytes is accepted",
        "\(String(repeating: "M", count: 32)) / HTTP/1.1\r\nHost: a\r\n\r\n"
    ) {
        $0.method.utf8.count == 32
    },
    .init("methods are case-sensitive", "get /a HTTP/1.1\r\nHost: a\r\n\r\n") { $0.method == "get" },
    .init("fields keep their order and duplicates", get("B: 1\r\na: 2\r\nB: 3")) {
        $0.fields == ["Host=kg.test", "B=1", "a=2", "B=3"]
    },
    .init("white space around a value is not part of it", get("A: \t x y \t ")) { $0.fields.last == "A=x y" },
    .init("a value may be empty or only white space", get("A:\r\nB:  ")) {
        $0.fields.suffix(2) == ["A=", "B="]
    },
    .init("a value may hold bytes above 0x7F and tabs", get("A: \u{C3}\u{A9}\tz")) {
        $0.fields.last == "A=é\tz"
    },
    .init("every token byte may stand in a name", get("!#$%&'*+-.^_`|~09azAZ: 1")) {
        $0.fields.last == "!#$%&'*+-.^_`|~09azAZ=1"
    },
    .init("a Content-Length is the framing", get("content-LENGTH: 0042")) { $0.framing == .length(42) },
    .init("a Content-Length of 0 is a framing of its own", get("Content-Length: 0")) {
        $0.framing == .length(0)
    },
    .init("the largest Content-Length is 2^63 - 1", get("Content-Length: 9223372036854775807")) {
        $0.framing == .length(.max)
    },
    .init("chunked is accepted in any letter case", get("Transfer-Encoding: CHUNKed")) {
        $0.framing == .chunked
    },
    .init("Connection: close ends the connection", get("Connection: x, Close")) {
        !$0.persists && $0.options == ["x", "Close"]
    },
    .init("empty members of Connection count for nothing", get("Connection: , a ,,b,")) {
        $0.options == ["a", "b"]
    },
    .init("several Connection headers are one list", get("Connection: a\r\nConnection: b")) {
        $0.options == ["a", "b"]
    },
    .init("HTTP/1.0 does not persist by itself", get("A: 1", version: "1.0")) {
        $0.version == 0 && !$0.persists
    },
    .init("HTTP/1.0 persists when it asks for it", get("Connection: Keep-Alive", version: "1.0")) {
        $0.persists
    },
    .init("close wins over keep-alive", get("Connection: keep-alive, close")) { !$0.persists },
    .init("HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n") { $0.host == "" },
    .init("an absolute target names the host of HTTP/1.0", "GET http://a:1/ HTTP/1.0\r\n\r\n") {
        $0.host == "a:1"
    },
    .init(
        "an absolute target may equal Host in another case",
        "GET HTTP://KG.test:8080/x?y HTTP/1.1\r\nHost: kg.TEST:8080\r\n\r\n"
    ) {
        $0.host == "KG.test:8080" && $0.target == "HTTP://KG.test:8080/x?y"
    },
    .init("Host may be an IPv4 address", "GET / HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n\r\n") {
        $0.host == "127.0.0.1:65535"
    },
    .init("Host may be an IPv6 address", "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:80\r\n\r\n") {
        $0.host == "[::ffff:1.2.3.4]:80"
    },
    .init("OPTIONS may ask the server as a whole", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") {
        $0.target == "*"
    },
    .init("100-continue is waited for when there is a body", get("Expect: 100-Continue\r\nContent-Length: 5"))
    { $0.waits },
    .init("100-continue without a body is not waited for", get("Expect: 100-continue")) { !$0.waits },
    .init(
        "100-continue of HTTP/1.0 is ignored",
        get("Expect: 100-continue\r\nContent-Length: 5", version: "1.0")
    ) { !$0.waits },
    .init("an upgrade is one header named by Connection", get("Connection: Upgrade\r\nUpgrade: websocket")) {
        $0.upgrade == "websocket"
    },
    .init("an upgrade that Connection does not name is none", get("Upgrade: websocket")) {
        $0.upgrade == nil
    },
    .init("two Upgrade headers are no upgrade", get("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b")) {
        $0.upgrade == nil
    },
    .init("an upgrade of HTTP/1.0 is none", get("Connection: upgrade\r\nUpgrade: a", version: "1.0")) {
        $0.upgrade == nil
    },
    .init(
        "bytes of the target that end no line are left to be judged later",
        "GET /\u{00}\u{7F}\u{E9}#\t HTTP/1.1\r\nHost: a\r\n\r\n"
    ) {
        $0.target.unicodeScalars.count == 6
    },
]

@Suite("Requests that are accepted")
struct AcceptedRequestTests {
    @Test("say the same, however their bytes arrive", arguments: acceptedHeads)
    func accepted(_ row: AcceptedHead) throws {
        let head = latin1(row.text)
        // What follows the head is the body's or the next request's and must not matter.
        for bytes in [head, head + latin1("\r\nGET /next HTTP/1.1\r\n\u{00}")] {
            let whole = parse(bytes, arriving: [bytes.count])
            #expect(whole.event == .head(length: head.count))
            let summary = try #require(whole.head)
            #expect(row.check(summary), "\(summary)")
            for lengths in cuttings(of: bytes.count) { #expect(parse(bytes, arriving: lengths) == whole) }
        }
    }

    @Test("follow one another on a connection")
    func pipelined() {
        let request = latin1("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: x\r\n\r\n")
        let second = latin1("GET /b HTTP/1.1\r\nHost: b\r\n\r\n")
        let bytes = request + second
        var parser = RequestParser()
        var head = RequestHead()
        #expect(!parser.isInsideHead)
        #expect(parser.advance(bytes.span, into: &head) == .head(length: request.count))
        #expect(!parser.isInsideHead)
        let rest = bytes.span.extracting(request.count..<bytes.count)
        #expect(parser.advance(rest.extracting(0..<7), into: &head) == .needMore)
        #expect(parser.isInsideHead)
        #expect(parser.advance(rest, into: &head) == .head(length: second.count))
        #expect(head.framing == .none && head.connectionOptions.ranges.isEmpty && head.headers.count == 1)
        #expect(head.method == .get && text(rest, head.host) == "b")
    }

    @Test("have their methods recognised", arguments: Method.allCases)
    func methods(_ method: HTTP1.Method) {
        guard method != .other else { return }
        #expect(Method.recognise(Array("\(method.name)".utf8).span) == method)
        #expect(Method.recognise(Array("\(method.name)X".utf8).span) == .other)
        #expect(Method.recognise(Array("\(method.name)".utf8.dropLast()).span) == .other)
    }
}
