import Testing

/// `failed-key-limit` on real traffic.
@Suite struct FailedKeyLimits {
    private static let configuration = """
        trusted-proxies 127.0.0.1
        failed-key-limit 4/365d
        route GET /any/**    { authenticated }
        route GET /shadow/** { authenticated; shadow }
        """

    private func from(_ address: String) -> [String] { ["X-Forwarded-For: \(address)"] }

    @Test func anAddressThatKeepsFailingIsToldToWaitOnAllLoops() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.configuration, upstream: upstream, workers: 4)
        let cast = gateway.cast
        let address = gateway.address
        let secret = cast.unissued.secret
        let statuses = try concurrently(8) { _ in
            Result {
                let client = try Client(address)
                return try (0..<5).map { _ in
                    try client.request("GET", "/any/x", key: secret, ["X-Forwarded-For: 203.0.113.7"]).status
                }
            }
        }.flatMap { try $0.get() }
        #expect(statuses.count { $0 == 401 } == 4)
        #expect(statuses.count { $0 == 429 } == 36)

        let refused = try gateway.get("/any/x", key: cast.disabled, from("203.0.113.7"))
        #expect(refused.status == 429 && refused.code == "RATE_LIMITED")
        #expect(refused.fields["retry-after"].flatMap { Int($0) } ?? 0 > 0)
        // Customers behind the same address, and everybody elsewhere.
        #expect(try gateway.get("/any/x", key: cast.bare, from("203.0.113.7")).status == 200)
        #expect(try gateway.get("/any/x", from("203.0.113.7")).code == "MISSING_KEY")
        #expect(try gateway.get("/any/x", key: cast.expired, from("203.0.113.8")).code == "EXPIRED")
        #expect(upstream.received.pendingCount == 1)
    }

    @Test func aShadowRouteSaysWhatItWouldHaveAnswered() throws {
        let gateway = try Gateway(Self.configuration, upstream: try Upstream())
        let answers = try (0..<5).map { _ in try gateway.get("/shadow/x", key: gateway.cast.disabled) }
        #expect(answers.map(\.status) == [200, 200, 200, 200, 200])
        let codes = try answers.map {
            try gateway.accessLogLine(requestID: $0.fields["x-request-id"] ?? "")["shadow"]?.string
        }
        #expect(codes == ["DISABLED", "DISABLED", "DISABLED", "DISABLED", "RATE_LIMITED"])
    }
}
