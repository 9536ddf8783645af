import Testing

/// I4. Requests broken in random places, several to a connection: the backend never receives more requests than
/// the client gets answers, and each of them framed once, by us.
@Suite("I4: one request in gives at most one request out, framed by us")
struct FramingInvariant {
    static let bases = [
        "POST /any/N HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer KEY\r\nContent-Length: 5\r\n\r\nhello",
        "POST /any/N HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer KEY\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
        "GET /open/N HTTP/1.1\r\nHost: gate.test\r\n\r\n",
        "POST /open/N HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 51\r\n\r\n"
            + "GET /open/hidden HTTP/1.1\r\nHost: gate.test\r\n\r\n0000",
        "PUT /any/N HTTP/1.0\r\nHost: gate.test\r\nAuthorization: Bearer KEY\r\nContent-Length: 3\r\n\r\nabc",
    ]

    static let inserted = [
        "\r\n", "\n", "\r", " ", "\t", "\0", ":", ",", "0", "1", "f", ";", "0\r\n\r\n", "\r\n\r\n",
        "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: x\r\n",
        "\r\nContent-Length: 0",
        "Expect: 100-continue\r\n", "Connection: close\r\n", "\r\n ", "chunked", "\u{B}", "ffffffffffffffff",
    ]

    private func broken(_ text: String, _ chance: inout Chance) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0...chance.below(2) {
            let place = chance.below(bytes.count)
            switch chance.below(4) {
            case 0: bytes.remove(at: place)
            case 1: bytes[place] = UInt8(chance.below(256))
            default: bytes.insert(contentsOf: Array(chance.pick(Self.inserted).utf8), at: place)
            }
        }
        return bytes
    }

    @Test func generatedStreams() throws {
        // A script throws, and its connection ends, when a request has two framings or none that is HTTP.
        let faults = Channel<String>()
        let upstream = try Upstream { connection in
            do { try Upstream.sayOK(connection) } catch let error as WireError { faults.push("\(error)") }
        }
        let gateway = try Gateway(
            "route * /open/** { public }\nroute * /any/** { authenticated }", upstream: upstream)
        var chance = Chance(0x0174)
        var answered = 0
        for number in 0..<400 {
            let client = try gateway.connect()
            var stream: [UInt8] = []
            for _ in 0...chance.below(3) {
                let text = chance.pick(Self.bases).replacing("KEY", with: gateway.cast.bare.secret)
                    .replacing("/N", with: "/\(number)")
                stream += chance.oneIn(3) ? Array(text.utf8) : broken(text, &chance)
            }
            try client.send(stream)
            client.finishSending()
            let answers = finalAnswers(try client.readToEnd())
            answered += answers
            let seen = drained(upstream.received)
            // A request whose end never came reaches the backend as one that never ends.
            #expect(
                seen.count <= answers,
                "\(seen.map(\.requestLine)) for \(answers) answers: \(String(decoding: stream, as: UTF8.self)), seed \(chance.seed)"
            )
            #expect(seen.allSatisfy { $0.version == "HTTP/1.1" })
        }
        #expect(faults.pendingCount == 0, "\((try? faults.next("fault")) ?? "")")
        #expect(answered > 200, "nothing was tried")
    }

    private func drained(_ received: Channel<Received>) -> [Received] {
        var all: [Received] = []
        while received.pendingCount > 0, let next = try? received.next("request") { all.append(next) }
        return all
    }

    /// Status lines of final answers at the start of what the client received; bodies here are short and hold none.
    private func finalAnswers(_ bytes: [UInt8]) -> Int {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.count { line in
            guard let found = line.range(of: "HTTP/1.1 ") else { return false }
            return line[found.upperBound] != "1"
        }
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? { firstRange(of: text) }
}
