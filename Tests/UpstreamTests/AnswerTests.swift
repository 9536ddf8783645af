// What a backend may say, and what becomes of it.

import Bytes
import Testing

@testable import Upstream

@Suite struct Answers {
    /// The outcome of one GET that is answered with these bytes, after which the backend closes.
    private func answer(_ reply: String, method: String = "GET") throws -> TestAnswer {
        let server = try ScriptedServer { connection, _ in
            try connection.readHead()
            try connection.send(reply)
        }
        let loop = try TestLoop()
        return try loop.send(TestRequest(method: method, headers: [("Host", "h")]), to: loop.register(server))
    }

    struct Case: CustomTestStringConvertible {
        let label, reply: String
        var method = "GET"
        let status: Int
        let body: String
        var fields: [String] = []
        var trailers: [String] = []
        var interim = ""
        var testDescription: String { label }
    }

    @Test(arguments: [
        Case(
            label: "a body of known length",
            reply: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello",
            status: 200, body: "hello", fields: ["Content-Length: 5", "X-A: 1", "X-A: 2"]),
        Case(
            label: "chunks and trailers",
            reply:
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n",
            status: 200, body: "abcde", fields: ["Transfer-Encoding: chunked"], trailers: ["X-Sum: 9"]),
        Case(
            label: "a body that ends with the connection", reply: "HTTP/1.1 200 OK\r\n\r\nuntil the end",
            status: 200,
            body: "until the end"),
        Case(
            label: "HTTP/1.0", reply: "HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold", status: 200, body: "old",
            fields: ["X-A: 1"]),
        Case(
            label: "a HEAD has no body whatever its length says",
            reply: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            method: "HEAD", status: 200, body: "", fields: ["Content-Length: 500"]),
        Case(
            label: "a 304 has no body", reply: "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
            status: 304, body: "",
            fields: ["ETag: \"x\""]),
        Case(
            label: "an error status is an answer",
            reply: "HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown", status: 503,
            body: "down", fields: ["Content-Length: 4"]),
        Case(
            label: "a redirect is not followed",
            reply: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            status: 302, body: "", fields: ["Location: http://127.0.0.1:1/", "Content-Length: 0"]),
        Case(
            label: "a compressed body is not unpacked",
            reply: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nnot", status: 200,
            body: "not",
            fields: ["Content-Encoding: gzip", "Content-Length: 3"]),
        Case(
            label: "early hints are passed on, a 100 is not",
            reply:
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            status: 200, body: "ok", fields: ["Content-Length: 2"],
            interim: "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"),
    ])
    func anAnswerComesBackAsItIs(_ test: Case) throws {
        let answer = try answer(test.reply, method: test.method)
        #expect(answer.error == nil)
        #expect(answer.status == test.status)
        #expect(answer.text == test.body)
        #expect(answer.fields == test.fields)
        #expect(answer.trailers == test.trailers)
        #expect(answer.interim == test.interim)
    }

    struct Broken: CustomTestStringConvertible {
        let label, reply: String
        var hasHead = false
        var testDescription: String { label }
    }

    @Test(arguments: [
        Broken(label: "nothing at all", reply: ""),
        Broken(label: "no HTTP", reply: "hello\r\n\r\n"),
        Broken(label: "another protocol", reply: "SSH-2.0-OpenSSH_9.2\r\n"),
        Broken(label: "the end inside of the status line", reply: "HTTP/1.1 20"),
        Broken(label: "the end inside of a header", reply: "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B"),
        Broken(label: "the end before the empty line", reply: "HTTP/1.1 200 OK\r\nX-A: 1\r\n"),
        Broken(label: "the end after a 1xx", reply: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        Broken(
            label: "a head over 64 KiB",
            reply: "HTTP/1.1 200 OK\r\n"
                + String(repeating: "X-A: " + String(repeating: "a", count: 995) + "\r\n", count: 80) + "\r\n"
        ),
        Broken(
            label: "more than 500 headers",
            reply: "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 600) + "\r\n"),
        Broken(
            label: "interim answers without end",
            reply: String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 100)),
        Broken(
            label: "two different lengths",
            reply: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        Broken(
            label: "a length that is no number", reply: "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabcd"),
        Broken(label: "a negative length", reply: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabcd"),
        Broken(
            label: "a folded header", reply: "HTTP/1.1 200 OK\r\nX-A: 1\r\n  2\r\nContent-Length: 0\r\n\r\n"),
        Broken(
            label: "a space before the colon",
            reply: "HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n"),
        Broken(
            label: "a header without colon", reply: "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"
        ),
        Broken(
            label: "a NUL in a header", reply: "HTTP/1.1 200 OK\r\nX-A: a\u{0}b\r\nContent-Length: 0\r\n\r\n"),
        Broken(
            label: "a switch of protocols nobody asked for",
            reply: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        Broken(
            label: "a body shorter than its length",
            reply: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", hasHead: true),
        Broken(
            label: "chunks without a last one",
            reply: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", hasHead: true),
        Broken(
            label: "a chunk size that is none",
            reply: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n", hasHead: true),
    ])
    func aBrokenAnswerIsInvalid(_ test: Broken) throws {
        let answer = try answer(test.reply)
        #expect(answer.hasHead == test.hasHead)
        switch answer.error {
        case .invalid, .cut: break
        case .unreachable, .connectTimeout, nil:
            Issue.record("\(String(describing: answer.error)) with status \(answer.status)")
        }
    }

    @Test func nobodyListensThere() throws {
        let loop = try TestLoop()
        // A port that nobody is given who asks for any.
        let key = loop.multi.register(
            UpstreamOrigin(origin: "http://127.0.0.1:1", authority: "h", connectTimeoutMillis: 60_000))
        let answer = try loop.send(TestRequest(), to: key)
        guard case .unreachable = answer.error else {
            Issue.record("\(String(describing: answer.error))")
            return
        }
    }

    @Test func aSocketFileThatIsNotThere() throws {
        let loop = try TestLoop()
        let key = loop.multi.register(
            UpstreamOrigin(
                origin: "http://localhost", authority: "h", unixPath: "/nonexistent/keygate.sock",
                connectTimeoutMillis: 5000))
        guard case .unreachable = try loop.send(TestRequest(), to: key).error else {
            Issue.record("the backend was reached")
            return
        }
    }

    @Test func theSameServerHasTheSameNumber() throws {
        let loop = try TestLoop()
        let origin = UpstreamOrigin(origin: "http://127.0.0.1:1", authority: "h", connectTimeoutMillis: 5000)
        var other = origin
        other.connectTimeoutMillis = 1
        let first = loop.multi.register(origin)
        #expect(loop.multi.register(other) != first)
        #expect(loop.multi.register(origin) == first)
    }
}
