import Testing

/// A resolver that does not answer holds up the requests that need it, for the time that they have for a connection,
/// and nothing else: not the loop, not other requests, not the end.
@Suite struct SilentNames {
    private static let routes = """
        route GET  /open/**    { public; to api }
        route *    /unknown/** { public; to elsewhere }
        """

    /// A gateway with one loop, one server that is there, and one whose name nobody answers for.
    private static func gateway(
        _ upstream: Upstream, _ port: UInt16 = 9, timeout: String, in directory: Directory
    ) throws -> Gateway {
        let server = "server http://backend.silent.test:\(port); timeout connect=\(timeout)"
        return try Gateway(
            "upstream elsewhere { \(server) }\n" + routes, upstream: upstream,
            environment: [
                "LD_PRELOAD": preloadedLibrary("SilentNames"), "KG_SILENT_NAMES": ".silent.test",
                "KG_NAMES_ASKED": directory.file("asked"), "KG_NAMES_ANSWER": directory.file("answer"),
            ], directory: directory)
    }

    private static func questionCount(_ directory: Directory) -> Int {
        (try? directory.read("asked").utf8.count) ?? 0
    }

    @Test func othersAreServedMeanwhile() throws {
        let directory = try Directory()
        let upstream = try Upstream()
        let gateway = try Self.gateway(upstream, timeout: "3s", in: directory)
        let waiting = try (0..<8).map { number in
            let client = try gateway.connect()
            try client.send(
                number % 2 == 0
                    ? Client.head("GET", "/unknown/\(number)")
                    : Client.head("POST", "/unknown/\(number)", length: 3) + "abc")
            return client
        }
        #expect(eventually(within: 30_000) { Self.questionCount(directory) > 0 })
        let client = try gateway.connect()
        for number in 0..<50 { #expect(try client.request("GET", "/open/\(number)").status == 200) }
        for client in waiting {
            let answer = try client.response()
            #expect(answer.status == 504 && answer.code == "UPSTREAM_TIMEOUT")
            #expect(!answer.text.contains("silent"))
        }
        #expect(try client.request("GET", "/open/after").status == 200)
        // Threads that still wait for the resolver keep nobody from ending.
        #expect(try gateway.stop() == .code(0))
    }

    @Test func aClientThatLeavesDoesNotWaitForTheResolver() throws {
        let directory = try Directory()
        let gateway = try Self.gateway(try Upstream(), timeout: "10m", in: directory)
        let leaving = try gateway.connect()
        try leaving.send(Client.head("GET", "/unknown/1"))
        #expect(eventually(within: 30_000) { Self.questionCount(directory) > 0 })
        leaving.socket.closeWillReset()
        leaving.socket.disconnect()
        #expect(try gateway.get("/open/1").status == 200)
        #expect(try gateway.stop() == .code(0))
    }

    @Test func anAnswerThatComesInTimeIsUsed() throws {
        let directory = try Directory()
        let upstream = try Upstream()
        guard case .loopback(let port) = upstream.endpoint else { return }
        let gateway = try Self.gateway(upstream, port, timeout: "10m", in: directory)
        let waiting = try gateway.connect()
        try waiting.send(Client.head("GET", "/unknown/1"))
        #expect(eventually(within: 30_000) { Self.questionCount(directory) > 0 })
        #expect(try gateway.get("/open/1").status == 200)
        try directory.write("", to: "answer")
        #expect(try waiting.response().status == 200)
        #expect(try gateway.get("/unknown/2").status == 200)
        #expect(Self.questionCount(directory) == 1, "what is known is not asked again")
    }
}
