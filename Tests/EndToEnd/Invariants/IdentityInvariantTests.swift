import Testing

@testable import Attack

/// I2. Heads full of what a client may try on the headers that the gateway writes: the backend sees each of them
/// exactly as without it, under every spelling.
@Suite("I2: nothing a client sends can set, remove, duplicate or alias an injected header")
struct IdentityInvariant {
    static let injected = ["X-Tenant-Id", "X-Key-Id", "X-Plan", "X-Permissions"]
    static let written = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id"]

    /// The name with each mark replaced, letters in any case.
    private func spelling(_ name: String, _ chance: inout Chance) -> String {
        String(
            name.map { character -> Character in
                if character == "-" {
                    return chance.pick(["-", "-", "_", ".", "~", "!", "+", "*", "'", "|", "^", "`"])
                }
                return chance.oneIn(2)
                    ? Character(character.lowercased()) : Character(character.uppercased())
            })
    }

    private func line(_ chance: inout Chance) -> String {
        let name = chance.pick(Self.injected + Self.written)
        let value = chance.pick(["kgevil", "", "kgevil, acme", "acme", "a\tb", "\u{FF}kgevil"])
        switch chance.below(10) {
        case 0: return "Connection: \(chance.pick(["close", "keep-alive"])), \(spelling(name, &chance))"
        case 1: return "Trailer: \(spelling(name, &chance))"
        case 2: return "TE: \(name)"
        case 3: return "X-Harmless: \(name): kgevil"
        case 4: return "X-\(name): kgevil-elsewhere"
        default: return "\(spelling(name, &chance)): \(value)"
        }
    }

    @Test(arguments: [Cast.Who.reader, .bare, nil])
    func generatedHeads(_ who: Cast.Who?) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let caller = who.map { gateway.cast[$0] }
        let target = caller == nil ? "/open/1" : "/any/1"
        var client = try gateway.connect()
        #expect(try client.request("GET", target, key: caller?.secret).status == 200)
        let honest = told(try upstream.next())
        var chance = Chance(0x0172)
        var forwardedCount = 0
        for _ in 0..<500 {
            let lines = (0...chance.below(4)).map { _ in line(&chance) }
            let answer = try client.request("GET", target, key: caller?.secret, lines)
            if answer.fields["connection"]?.lowercased() == "close" { client = try gateway.connect() }
            guard answer.status == 200 else {
                #expect(answer.status == 400, "\(lines), seed \(chance.seed)")
                #expect(upstream.received.pendingCount == 0)
                continue
            }
            forwardedCount += 1
            #expect(told(try upstream.next()) == honest, "\(lines), seed \(chance.seed)")
        }
        #expect(forwardedCount > 50, "nothing was tried")
    }

    /// What the request says about its caller, under any spelling; the request id differs by request and counts
    /// as told once.
    private func told(_ request: Received) -> [String] {
        let names = (Self.injected + Self.written).map { Judge.folded(Array($0.utf8)) }
        return (request.fields + request.trailers).compactMap { field in
            let folded = Judge.folded(Array(field.name.utf8))
            guard names.contains(folded) else { return nil }
            let isID = folded == Judge.folded(Array("X-Request-Id".utf8))
            return "\(field.name): \(isID && field.value.hasPrefix("req_") ? "req_" : field.value)"
        }.sorted()
    }

    @Test(arguments: [
        "X-Tenant-Id", "x_tenant_id", "X.Tenant.Id", "X!Tenant~Id", "X-Forwarded-For", "X-Request-Id",
    ])
    func trailersCannotEither(_ name: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        try client.send(
            Client.head(
                "POST", "/any/1", key: gateway.cast.reader.secret,
                ["Transfer-Encoding: chunked", "Trailer: \(name), X-Sum"]))
        try client.send("3\r\nabc\r\n0\r\n\(name): kgevil\r\nX-Sum: 42\r\n\r\n")
        #expect(try client.response(to: "POST").status == 200)
        let seen = try upstream.next()
        #expect(seen.trailers == [Field(name: "X-Sum", value: "42")])
        #expect(!seen.fields.contains { $0.value.contains("kgevil") })
        #expect(seen.fields["x-tenant-id"] == "acme")
    }

    @Test(arguments: [
        "Transfer_Encoding: chunked", "Transfer.Encoding: chunked", "Content_Length: 0", "content~length: 9",
    ])
    func norCanItAliasTheFraming(_ line: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.request(
            "POST", "/any/1", key: gateway.cast.bare, [line], body: Array("abc".utf8))
        #expect(answer.status == 200)
        let seen = try upstream.next()
        #expect(seen.body == Array("abc".utf8))
        let name = line.prefix { $0 != ":" }
        #expect(!seen.fields.contains { $0.name == name })
    }
}
