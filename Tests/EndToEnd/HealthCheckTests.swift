import Synchronization
import Testing

/// `health`: servers that are asked whether they are well, and left alone while they say no.
@Suite struct HealthChecking {
    /// A server whose health is what the test says, and which counts what it was asked.
    final class Patient: Sendable {
        private let status = Mutex("204 No Content")
        private let asked = Atomic<Int>(0)
        private let served = Atomic<Int>(0)
        private let heads = Channel<Received>()

        var checkCount: Int { asked.load(ordering: .relaxed) }
        var requestCount: Int { served.load(ordering: .relaxed) }

        func say(_ line: String) { status.withLock { $0 = line } }
        func nextCheck() throws -> Received { try heads.next("a check") }

        var script: Upstream.Script {
            { [self] connection in
                while let request = try connection.request() {
                    guard request.target == "/up?deep=1" else {
                        served.add(1, ordering: .relaxed)
                        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        continue
                    }
                    asked.add(1, ordering: .relaxed)
                    heads.push(request)
                    let line = status.withLock { $0 }
                    // Silence is an answer too.
                    if line.isEmpty {
                        _ = connection.waitForClose()
                        return
                    }
                    try connection.send("HTTP/1.1 \(line)\r\nContent-Length: 0\r\n\r\n")
                }
            }
        }
    }

    private static func block(_ upstreams: [Upstream], _ check: String) -> String {
        let servers = upstreams.map { "server \($0.endpoint.url)" }.joined(separator: "; ")
        return "upstream api { \(servers); \(check) }\n"
    }

    /// Only where silence is the answer a check has to run out of time; that it has little makes a well server ill
    /// on a machine that stands still for so long twice in a row.
    @Test(arguments: [("503 Service Unavailable", "30s"), ("302 Found", "30s"), ("", "4s")])
    func aServerThatIsNotWellIsLeftAloneUntilItIs(_ illness: String, _ timeout: String) throws {
        let patients = [Patient(), Patient()]
        let upstreams = try patients.map { try Upstream($0.script) }
        let url = upstreams[0].endpoint.url
        let gateway = try Gateway(
            Self.block(upstreams, "health /up?deep=1 every 100ms timeout=\(timeout) rise=2 fall=2")
                + Gateway.routes)
        let check = try patients[0].nextCheck()
        #expect(check.requestLine == "GET /up?deep=1 HTTP/1.1")
        #expect(
            check.fields.map(\.name).sorted() == ["Connection", "Host", "User-Agent"],
            "nothing of any client is in it")
        #expect(check.fields["host"]! == url.dropFirst("http://".count))
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(patients.map(\.requestCount) == [5, 5])

        patients[0].say(illness)
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", url) == 0 })
        #expect(try SeveralServers.metric(gateway, "ejected", url) == 0, "down, not ejected")
        let before = patients[0].requestCount
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(patients[0].requestCount == before)
        #expect(gateway.says("server \(url) is down after 2 failed checks: "))

        patients[0].say("200 OK")
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", url) == 1 })
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(patients[0].requestCount == before + 5)
        #expect(gateway.says("server \(url) is up again"))
    }

    @Test func whenNoneIsWellOneIsAskedAllTheSame() throws {
        let patient = Patient()
        patient.say("500 Internal Server Error")
        let upstream = try Upstream(patient.script)
        let gateway = try Gateway(
            Self.block([upstream], "health /up?deep=1 every 100ms timeout=30s fall=1") + Gateway.routes)
        let url = upstream.endpoint.url
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", url) == 0 })
        #expect(try gateway.get("/open/1").status == 200)
        #expect(gateway.says("status 500; it is the only one and still asked"))
    }

    @Test func checksBeginAndEndWithAReload() throws {
        let patients = [Patient(), Patient()]
        let upstreams = try patients.map { try Upstream($0.script) }
        let url = upstreams[0].endpoint.url
        let gateway = try Gateway(Self.block(upstreams, "") + Gateway.routes)
        #expect(try gateway.get("/open/1").status == 200)
        patients[0].say("500 Internal Server Error")
        try gateway.reload(
            Self.block(upstreams, "health /up?deep=1 every 100ms timeout=30s fall=1") + Gateway.routes)
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", url) == 0 })
        // Without checks nobody would ever find out that it is well again.
        try gateway.reload(Self.block(upstreams, "") + "route GET /new { public }")
        #expect(try eventually { try gateway.get("/new").status == 200 })
        #expect(try SeveralServers.metric(gateway, "up", url) == 1)
        let count = patients[0].checkCount
        for _ in 0..<20 { #expect(try gateway.get("/new").status == 200) }
        #expect(patients[0].checkCount <= count + 1, "one may have been under way")
    }

    @Test func aServerWithoutAListenerFailsItsChecks() throws {
        let patient = Patient()
        let upstream = try Upstream(patient.script)
        let closed = try Socket.closed()
        let down = "http://127.0.0.1:\(closed.localPort)"
        let gateway = try Gateway(
            "upstream api { server \(down); server \(upstream.endpoint.url); health /up?deep=1 every 100ms timeout=30s; eject off }\n"
                + Gateway.routes)
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", down) == 0 })
        let retries = try SeveralServers.metric(gateway, "retries_total", down)
        for number in 0..<10 { #expect(try gateway.get("/open/\(number)").status == 200) }
        #expect(try SeveralServers.metric(gateway, "retries_total", down) == retries)
        #expect(try gateway.stop() == .code(0), "the checks end with the gateway")
        withExtendedLifetime(closed) {}
    }
}
