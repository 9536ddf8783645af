import Testing

/// `slow-start`: the share of a server that comes back grows until it is whole.
@Suite struct SlowStart {
    @Test func theShareOfAServerThatComesBackGrows() throws {
        let slowStartMillis = 6000
        let count = 40
        let patients = [HealthChecking.Patient(), HealthChecking.Patient()]
        let upstreams = try patients.map { try Upstream($0.script) }
        let url = upstreams[1].endpoint.url
        patients[1].say("503 Service Unavailable")
        let servers = upstreams.map { "server \($0.endpoint.url)" }.joined(separator: "; ")
        let gateway = try Gateway(
            "upstream api { \(servers); slow-start \(slowStartMillis)ms\n"
                + "health /up?deep=1 every 100ms timeout=30s rise=1 fall=1 }\n" + Gateway.routes)
        #expect(try eventually(within: 30_000) { try SeveralServers.metric(gateway, "up", url) == 0 })
        let client = try gateway.connect()

        let earliest = monotonicMilliseconds()
        patients[1].say("200 OK")
        _ = try gateway.child.line("its return", milliseconds: 60_000) { $0.contains("\(url) is up again") }
        let latest = monotonicMilliseconds()

        var shares: [Int] = []
        while monotonicMilliseconds() < latest + slowStartMillis {
            let before = patients[1].requestCount
            let begun = monotonicMilliseconds()
            for number in 0..<count { #expect(try client.request("GET", "/open/\(number)").status == 200) }
            let share = patients[1].requestCount - before
            shares.append(share)
            // Bounds that hold whatever the machine takes: its weight against a whole one, at begin and end.
            let most = Self.share(of: count, monotonicMilliseconds() - earliest, slowStartMillis)
            let least = Self.share(of: count, begun - latest, slowStartMillis)
            #expect(Double(share) <= most + 2 && Double(share) >= least - 2, "\(least)...\(most)")
            // Until the next check: the servers are asked all the time.
            _ = try patients[1].nextCheck()
        }
        let before = patients[1].requestCount
        for number in 0..<count { #expect(try client.request("GET", "/open/\(number)").status == 200) }
        #expect(patients[1].requestCount - before == count / 2, "at last it has the same as the other")
        #expect(shares.isEmpty || shares[0] <= count / 2)
    }

    private static func share(of count: Int, _ elapsedMillis: Int, _ slowStartMillis: Int) -> Double {
        let weight = min(1, max(0, Double(elapsedMillis) / Double(slowStartMillis)))
        return Double(count) * weight / (1 + weight)
    }
}
