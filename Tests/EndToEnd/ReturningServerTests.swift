import Synchronization
import Testing

/// Requests that wait are served as soon as another server may have them, though none of the requests that
/// they wait for has ended.
@Suite struct ReturningServers {
    /// Holds every request except checks, which it passes.
    private static func holding(_ began: Channel<String>) -> Upstream.Script {
        { connection in
            while let request = try connection.request() {
                if !request.target.hasPrefix("/up?") {
                    began.push(request.target)
                    _ = connection.waitForClose(milliseconds: 60_000)
                    return
                }
                try connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
    }

    /// A gateway whose first server has the one request it may have; its second is `other`.
    private struct Busy {
        let began = Channel<String>()
        let holding: Upstream
        let gateway: Gateway
        let first: Client

        init(
            _ other: String, _ more: String, workers: Int = 1,
            beforeFirst: (Gateway) throws -> Void = { _ in }
        ) throws {
            holding = try Upstream(ReturningServers.holding(began))
            gateway = try Gateway(
                "upstream api { server \(holding.endpoint.url) max-connections 1; \(other)\n\(more)\n"
                    + "queue 9 timeout=1m }\n" + Gateway.routes, workers: workers)
            try beforeFirst(gateway)
            first = try gateway.connect()
            try first.send(Client.head("GET", "/open/first"))
            _ = try began.next("the first at its server")
        }

        func waiting(_ target: String, asNumber number: Int) throws -> Client {
            let client = try gateway.connect()
            try client.send(Client.head("GET", target))
            #expect(try eventually(within: 30_000) { try ServerLimits.queueLength(gateway) == number })
            return client
        }

        /// Nobody was served because the first was.
        func isStillHeld() throws -> Bool { try !first.hasMore(milliseconds: 0) }
    }

    @Test(arguments: [1, 2])
    func aServerWhoseChecksPassAgainIsGivenWhatWaits(_ workers: Int) throws {
        let patient = HealthChecking.Patient()
        patient.say("503 Service Unavailable")
        let returning = try Upstream(patient.script)
        let url = returning.endpoint.url
        let busy = try Busy(
            "server \(url)", "health /up?deep=1 every 100ms timeout=30s rise=1 fall=1; eject off",
            workers: workers
        ) { gateway in
            let isDown = try eventually(within: 30_000) {
                try SeveralServers.metric(gateway, "up", url) == 0
            }
            #expect(isDown)
        }
        // The server that holds requests passes its checks in any case.
        let clients = try (1...4).map { try busy.waiting("/open/\($0)", asNumber: $0) }
        patient.say("200 OK")
        for client in clients { #expect(try client.response().text == "ok") }
        #expect(try busy.isStillHeld())
        #expect(patient.requestCount == 4)
        #expect(try ServerLimits.queueLength(busy.gateway) == 0)
    }

    /// A server that cuts its first request, keeps its second waiting, and answers from then on.
    private static func moody(_ began: Channel<String>) -> Upstream.Script {
        let count = Atomic<Int>(0)
        return { connection in
            while let request = try connection.request() {
                let number = count.add(1, ordering: .relaxed).newValue
                if number == 1 { return }
                began.push(request.target)
                if number == 2 {
                    _ = connection.waitForClose(milliseconds: 60_000)
                    return
                }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
    }

    @Test func aServerWhoseTimeIsOverIsTriedByOneThatWaits() throws {
        let began = Channel<String>()
        let returning = try Upstream(Self.moody(began))
        let busy = try Busy("server \(returning.endpoint.url)", "eject after=1 for=4s max=4s")
        #expect(try busy.gateway.get("/open/cut").status == 502, "and there is no other server for it")
        let probing = try busy.gateway.connect()
        try probing.send(Client.head("GET", "/open/probing"))
        let next = try busy.gateway.connect()
        #expect(try began.next("the one that tries it", milliseconds: 60_000) == "/open/probing")
        // One at a time tries a server that has been left alone. Its place is free when its client leaves.
        try next.send(Client.head("GET", "/open/next"))
        #expect(try eventually(within: 30_000) { try ServerLimits.queueLength(busy.gateway) == 1 })
        probing.socket.disconnect()
        #expect(try began.next("the next that tries it") == "/open/next")
        #expect(try next.response().text == "ok")
        #expect(try busy.isStillHeld())
    }

    @Test func aServerThatFailsItsTrialIsTriedAgainLater() throws {
        let count = Atomic<Int>(0)
        let returning = try Upstream { connection in
            while try connection.request() != nil {
                // The first, and the first that tries it.
                if count.add(1, ordering: .relaxed).newValue <= 2 { return }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let busy = try Busy("server \(returning.endpoint.url)", "eject after=1 for=2s max=2s")
        #expect(try busy.gateway.get("/open/cut").status == 502)
        let clients = try (1...3).map { number in
            let client = try busy.gateway.connect()
            try client.send(Client.head("GET", "/open/\(number)"))
            return client
        }
        let statuses = try clients.map { try $0.response().status }
        #expect(statuses.sorted() == [200, 200, 502], "one found out that it was too early")
        #expect(try busy.isStillHeld())
    }

    @Test func aReloadThatBringsRoomServesWhatWaits() throws {
        let busy = try Busy("eject off", "")
        let clients = try (1...2).map { try busy.waiting("/open/\($0)", asNumber: $0) }
        let url = busy.holding.endpoint.url
        try busy.gateway.reload(
            "upstream api { server \(url) max-connections 2; queue 9 timeout=1m }\n" + Gateway.routes)
        #expect(try busy.began.next("the second at the same server") == "/open/1")
        #expect(try ServerLimits.queueLength(busy.gateway) == 1)
        let added = try Upstream()
        try busy.gateway.reload(
            "upstream api { server \(url) max-connections 2; server \(added.endpoint.url); queue 9 timeout=1m }\n"
                + Gateway.routes)
        #expect(try clients[1].response().text == "ok")
        #expect(try added.next().target == "/open/2")
        #expect(try busy.isStillHeld())
    }
}
