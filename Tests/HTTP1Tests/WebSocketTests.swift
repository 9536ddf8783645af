import Bytes
import HTTP1
import Testing

/// Both halves of a handshake, and where frames end. What hostile bytes make of them is for the fuzz target.
@Suite("WebSocket") struct WebSocketTests {
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    /// What RFC 6455 §1.3 answers to it.
    static let accept = Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8)

    static let whole = [
        "Host: a", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: \(key)",
        "Sec-WebSocket-Version: 13",
    ]

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let line: String
        let fields: [String]
        let fault: WebSocketFault?

        init(
            _ label: String, _ fields: [String], _ fault: WebSocketFault? = nil,
            line: String = "GET / HTTP/1.1"
        ) {
            testDescription = label
            self.line = line
            self.fields = fields
            self.fault = fault
        }
    }

    /// The whole of it with every field of the same name replaced, and the others added.
    private static func with(_ fields: String...) -> [String] {
        func name(_ field: String) -> Substring { field.prefix { $0 != ":" } }
        return whole.filter { old in !fields.contains { name($0) == name(old) } }
            + fields.filter { !$0.hasSuffix(": -") }
    }

    static let requests: [Row] = [
        Row("as the RFC prints it", whole),
        Row("in other letter case", with("Upgrade: WebSocket", "Connection: keep-alive, upgrade")),
        Row(
            "with what it may offer",
            whole + ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: b; c=1"]),
        Row("a POST", whole, .method, line: "POST / HTTP/1.1"),
        Row("a HEAD", whole, .method, line: "HEAD / HTTP/1.1"),
        Row("HTTP/1.0", whole, .httpVersion, line: "GET / HTTP/1.0"),
        Row("among others", with("Upgrade: h2c, websocket"), .upgrade),
        Row("with a version", with("Upgrade: websocket/13"), .upgrade),
        Row("twice", whole + ["Upgrade: websocket"], .upgrade),
        Row("behind another", with("Upgrade: h2c", "Upgrade: websocket"), .upgrade),
        Row("not named by Connection", with("Connection: keep-alive"), .connection),
        Row("without Connection", with("Connection: -"), .connection),
        Row("with an empty body", whole + ["Content-Length: 0"], .body),
        Row("with a body", whole + ["Transfer-Encoding: chunked"], .body),
        Row("without a key", with("Sec-WebSocket-Key: -"), .key),
        Row("with two keys", whole + ["sec-websocket-key: \(key)"], .key),
        Row("a key of 15 bytes", with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), .key),
        Row("a key of 17 bytes", with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="), .key),
        Row("a key with a second spelling", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), .key),
        Row("a key that is none", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q=="), .key),
        Row("no version", with("Sec-WebSocket-Version: -"), .version),
        Row("an older version", with("Sec-WebSocket-Version: 8"), .version),
        Row("the greatest version", with("Sec-WebSocket-Version: 255"), .version),
        Row("versions to choose from", with("Sec-WebSocket-Version: 13, 8"), .versions),
        Row("two versions", whole + ["Sec-WebSocket-Version: 13"], .versions),
        Row("two other versions", with("Sec-WebSocket-Version: 8", "sec-websocket-version: 7"), .versions),
        Row("a version with a zero in front", with("Sec-WebSocket-Version: 013"), .versions),
        Row("a version of letters", with("Sec-WebSocket-Version: draft"), .versions),
        Row("a version beyond all", with("Sec-WebSocket-Version: 256"), .versions),
        Row("an empty version", with("Sec-WebSocket-Version:"), .versions),
        Row(
            "offers in two fields",
            whole + ["Sec-WebSocket-Protocol: a, B", "Sec-WebSocket-Protocol: b,,v1.c~d"]),
        Row("an offer twice", whole + ["Sec-WebSocket-Protocol: a, b, a"], .subprotocols),
        Row(
            "an offer in two fields",
            whole + ["Sec-WebSocket-Protocol: a", "sec-websocket-protocol: b, a"], .subprotocols),
        Row("an offer of two words", whole + ["Sec-WebSocket-Protocol: a b"], .subprotocols),
        Row("a quoted offer", whole + ["Sec-WebSocket-Protocol: \"a\", b"], .subprotocols),
        Row("an offer with a separator", whole + ["Sec-WebSocket-Protocol: a/b"], .subprotocols),
        Row("an offer of nothing", whole + ["Sec-WebSocket-Protocol:"], .subprotocols),
        Row("an offer of commas", whole + ["Sec-WebSocket-Protocol: , ,"], .subprotocols),
        Row(
            "nothing beside an offer",
            whole + ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: "], .subprotocols),
        Row("an answer to itself", whole + ["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], .accept),
        Row("a hidden key", with("Connection: Upgrade, Sec-WebSocket-Key"), .hiddenField),
        Row("a hidden offer", with("Connection: Upgrade, sec-websocket-protocol"), .hiddenField),
    ]

    @Test("a handshake is one to the letter", arguments: requests)
    func request(_ row: Row) throws {
        let found = try Self.judge(row.line, row.fields)
        #expect(found.isAsked)
        #expect(found.fault == row.fault)
    }

    private static func judge(_ line: String, _ fields: [String]) throws -> (
        isAsked: Bool, fault: WebSocketFault?
    ) {
        let bytes = Array(([line] + fields).map { $0 + "\r\n" }.joined().utf8) + [13, 10]
        var parser = RequestParser(limits: RequestLimits())
        var head = RequestHead()
        try #require(parser.advance(bytes.span, into: &head) == .head(length: bytes.count))
        return (
            WebSocketHandshake.isAsked(head, in: bytes.span), WebSocketHandshake.fault(head, in: bytes.span)
        )
    }

    @Test(
        "who asks for something else does not ask for it",
        arguments: [
            [], ["Upgrade: h2c"], ["Upgrade: websockets"], ["Upgrade: \"websocket\""],
            ["Sec-WebSocket-Key: a"],
        ])
    func notAsked(_ fields: [String]) throws {
        #expect(try !Self.judge("GET / HTTP/1.1", ["Host: a"] + fields).isAsked)
    }

    // MARK: The answer

    static let switched = [
        "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ]

    static let answers: [(String, [String], WebSocketAnswerFault?)] = [
        ("as the RFC prints it", switched, nil),
        ("in other letter case", replaced(1, "upgrade: WebSocket"), nil),
        ("with a length of nothing", switched + ["Content-Length: 0"], nil),
        ("with what was offered", switched + ["Sec-WebSocket-Protocol: chat"], nil),
        ("with what was offered second", switched + ["Sec-WebSocket-Protocol: superchat"], nil),
        (
            "with extensions that were offered",
            switched + ["Sec-WebSocket-Extensions: X-B;q=\"a,b\", permessage-deflate"], nil
        ),
        ("HTTP/1.0", replaced(0, "HTTP/1.0 101 Switching Protocols"), .httpVersion),
        ("without Upgrade", replaced(1, "X: y"), .upgrade),
        ("another protocol", replaced(1, "Upgrade: h2c"), .upgrade),
        ("two protocols", replaced(1, "Upgrade: websocket, h2c"), .upgrade),
        ("twice", switched + ["Upgrade: websocket"], .upgrade),
        ("without Connection", replaced(2, "X: y"), .connection),
        ("Connection without Upgrade", replaced(2, "Connection: keep-alive"), .connection),
        ("with a body", switched + ["Content-Length: 1"], .framing),
        ("with chunks", switched + ["Transfer-Encoding: chunked"], .framing),
        ("without Accept", replaced(3, "X: y"), .accept),
        ("another Accept", replaced(3, "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="), .accept),
        ("half an Accept", replaced(3, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo"), .accept),
        ("an empty Accept", replaced(3, "Sec-WebSocket-Accept:"), .accept),
        ("two of them", switched + [switched[3]], .accept),
        ("a subprotocol nobody offered", switched + ["Sec-WebSocket-Protocol: other"], .subprotocol),
        ("in other letter case than offered", switched + ["Sec-WebSocket-Protocol: Chat"], .subprotocol),
        ("all that was offered", switched + ["Sec-WebSocket-Protocol: chat, superchat"], .subprotocol),
        ("an empty subprotocol", switched + ["Sec-WebSocket-Protocol:"], .subprotocol),
        (
            "two subprotocols",
            switched + ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"],
            .subprotocol
        ),
        ("an extension nobody offered", switched + ["Sec-WebSocket-Extensions: x-c"], .webExtension),
        (
            "one of them nobody offered",
            switched + ["Sec-WebSocket-Extensions: x-b", "Sec-WebSocket-Extensions: x-b, x-c; d"],
            .webExtension
        ),
    ]

    private static func replaced(_ index: Int, _ line: String) -> [String] {
        var lines = switched
        lines[index] = line
        return lines
    }

    @Test("a 101 answers what was asked", arguments: answers)
    func answer(_ label: String, _ lines: [String], _ fault: WebSocketAnswerFault?) throws {
        var offer = WebSocketOffer(accept: Self.accept)
        for (name, value) in [
            ("sec-websocket-protocol", "chat"), ("Sec-WebSocket-Protocol", " superchat ,other2"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-b"),
            ("X-Other", "x-c"),
        ] { offer.add(name: Array(name.utf8).span, value: Array(value.utf8).span) }
        var response = ResponseLines()
        response.expectUpgrade()
        var event = ResponseEvent.more
        for line in lines + [""] {
            try #require(event == .more, "\(label)")
            event = response.line(Array((line + "\r\n").utf8).span)
        }
        // Some are refused before they could be compared.
        if event == .switched {
            #expect(offer.fault(of: response.head) == fault, "\(label)")
        } else {
            #expect(fault == .framing || fault == .httpVersion, "\(label): \(event)")
        }
    }

    @Test("an Accept that could not be computed is met by none")
    func noAccept() {
        var response = ResponseLines()
        response.expectUpgrade()
        var event = ResponseEvent.more
        for line in Self.replaced(3, "Sec-WebSocket-Accept:") + [""] {
            event = response.line(Array((line + "\r\n").utf8).span)
        }
        #expect(event == .switched)
        #expect(WebSocketOffer(accept: []).fault(of: response.head) == .accept)
    }

    // MARK: Frames

    /// A frame's header and how many bytes follow it.
    private static func frame(_ count: Int, isMasked: Bool) -> [UInt8] {
        let mask: UInt8 = isMasked ? 0x80 : 0
        let length: [UInt8] =
            switch count {
            case ..<126: [mask | UInt8(count)]
            case ..<65536: [mask | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
            default:
                [mask | 127, 0, 0, 0, 0]
                    + (0..<4).reversed().map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
            }
        return [0x82] + length + [UInt8](repeating: 0x7F, count: count + (isMasked ? 4 : 0))
    }

    @Test(
        "frames of all lengths end where they end, however they come", arguments: [1, 2, 3, 7, 64, 100_000])
    func boundaries(_ step: Int) {
        var generator = SeededGenerator(state: UInt64(step))
        var boundary = FrameBoundary()
        #expect(boundary.isBetweenFrames)
        var bytes: [UInt8] = []
        var ends: Set<Int> = []
        for count in [0, 1, 125, 126, 127, 65535, 65536, 5] {
            bytes += Self.frame(count, isMasked: Bool.random(using: &generator))
            ends.insert(bytes.count)
        }
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + step)
            let wholeCount = boundary.advance(bytes.span.extracting(start..<end))
            let last = ends.filter { $0 > start && $0 <= end }.max()
            #expect(wholeCount == last.map { $0 - start } ?? 0)
            #expect(boundary.isBetweenFrames == ends.contains(end))
            start = end
        }
    }

    @Test("where a length is none, no boundary is found any more")
    func lostBoundary() {
        var boundary = FrameBoundary()
        #expect(boundary.advance([0x81, 0, 0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0x81, 0].span) == 2)
        #expect(!boundary.isBetweenFrames)
        #expect(boundary.advance([0x81, 0].span) == 0)
    }
}

/// What `keygate echo` makes of frames.
@Suite("WebSocket echo") struct FrameEchoTests {
    /// A masked frame with this first byte.
    private static func frame(_ first: UInt8, _ payload: String) -> [UInt8] {
        let mask: [UInt8] = [9, 8, 7, 6]
        return [first, 0x80 | UInt8(payload.utf8.count)] + mask
            + payload.utf8.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let input: [UInt8]
        let output: [UInt8]
        let isOver: Bool
    }

    private static let long = String(repeating: "0123456789", count: 12)

    static let rows: [Row] = [
        Row(
            testDescription: "a message", input: frame(0x81, "hello"),
            output: [0x81, 5] + Array("hello".utf8),
            isOver: false),
        Row(testDescription: "nothing", input: frame(0x82, ""), output: [0x82, 0], isOver: false),
        Row(
            testDescription: "a message in parts with a ping between them",
            input: frame(0x01, "a") + frame(0x89, "p") + frame(0x80, "b"),
            output: [0x01, 1, 0x61, 0x8A, 1, 0x70, 0x80, 1, 0x62], isOver: false),
        Row(
            testDescription: "a pong", input: frame(0x8A, long) + frame(0x81, "x"), output: [0x81, 1, 0x78],
            isOver: false),
        Row(
            testDescription: "a long one",
            input: [0x82, 0x80 | 126, 0, 130, 0, 0, 0, 0] + Array((long + "0123456789").utf8),
            output: [0x82, 126, 0, 130] + Array((long + "0123456789").utf8), isOver: false),
        Row(
            testDescription: "the closing handshake", input: frame(0x88, "\u{3}x") + frame(0x81, "late"),
            output: [0x88, 2, 3, 0x78], isOver: true),
        Row(testDescription: "no mask", input: [0x81, 1, 0x61], output: [0x88, 2, 3, 0xEA], isOver: true),
        Row(
            testDescription: "a reserved bit", input: frame(0xC1, "a"), output: [0x88, 2, 3, 0xEA],
            isOver: true),
        Row(testDescription: "no opcode", input: frame(0x83, "a"), output: [0x88, 2, 3, 0xEA], isOver: true),
        Row(
            testDescription: "a ping in parts", input: frame(0x09, "a"), output: [0x88, 2, 3, 0xEA],
            isOver: true),
        Row(
            testDescription: "a ping that is too long", input: [0x89, 0x80 | 126, 0, 126],
            output: [0x88, 2, 3, 0xEA], isOver: true),
        Row(
            testDescription: "a length that is none",
            input: [0x82, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], output: [0x88, 2, 3, 0xEA],
            isOver: true),
    ]

    @Test("frames come back as those of a server, however they arrive", arguments: rows)
    func frames(_ row: Row) {
        for lengths in cuttings(of: row.input.count) {
            var echo = FrameEcho()
            var input = ByteBuffer()
            var output = ByteBuffer()
            var start = 0
            for end in lengths {
                input.append(row.input.span.extracting(start..<end))
                start = end
                while echo.advance(&input, into: &output) {}
            }
            #expect(Array(copying: output.bytes) == row.output)
            #expect(echo.isOver == row.isOver)
        }
    }
}
