import Testing

@testable import Attack

/// I1. Paths put together from everything that servers have ever read differently: whatever gets through is, byte
/// for byte, the path the log says was authorised, comes out the same when sent again, and lies under the open
/// prefix however a backend reads it.
@Suite("I1: the path authorised is the path forwarded, byte for byte")
struct PathInvariant {
    static let pieces = [
        "open", "locked", "open", "a", "b.c", "..", ".", "...", "%2e", "%2E", "%2e%2e", ".%2e", "/", "/", "/",
        "//",
        "%2f", "%2F", "\\", "%5c", ";", ";a=b", "%3b", "%00", "%0a", "%09", "%20", "%7f", "%25", "%252e",
        "%252f",
        "%%32%65", "%c0%ae", "%c0%af", "%ef%bc%8f", "%ef%bc%8e", "%e2%80%a5", "%c2%85", "%u002f", "%", "%2",
        "%zz",
        "%41", "%61", "%7e", "~", "!", "$", "&", "'", "(", ")", "*", "+", ",", "=", ":", "@", "?",
        "?x=/../locked",
        "#", "[", "]", "|", "^", "\"", "<", "{", "caf%c3%a9", "%f0%9f%98%80", "\u{7F}",
    ]

    static let routes = """
        route * /open/**   { public }
        route * /open/free/** { public; allow-empty-segments; allow-encoded-slash }
        route * /locked/** { authenticated }
        """

    @Test(arguments: ["/open/", "/open/free/", "/%6fpen/", "http://gate.test/open/"])
    func generatedPaths(_ start: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        var chance = Chance(0x0171)
        var client = try gateway.connect()
        var forwarded: [(id: String, target: String)] = []
        for _ in 0..<700 {
            let target = start + (0...chance.below(6)).map { _ in chance.pick(Self.pieces) }.joined()
            let answer = try client.request("GET", target)
            if answer.fields["connection"]?.lowercased() == "close" { client = try gateway.connect() }
            guard answer.status == 200 else {
                #expect([400, 401, 404].contains(answer.status), "\(target), seed \(chance.seed)")
                #expect(
                    upstream.received.pendingCount == 0,
                    "\(target) was refused and forwarded, seed \(chance.seed)")
                continue
            }
            let seen = try upstream.next()
            forwarded.append((try #require(seen.fields["x-request-id"]), seen.target))
            let readings = PathReadings.all(of: Array(seen.target.utf8))
            #expect(
                readings.allSatisfy { ($0 + [0x2F]).starts(with: Array("/open/".utf8)) },
                "\(target) came as \(seen.target), seed \(chance.seed)")
            #expect(seen.method == "GET")
        }
        #expect(forwarded.count > 10, "nothing was tried")
        let logged = try loggedPaths(gateway, until: forwarded)
        for (id, target) in forwarded {
            let path = target.prefix { $0 != "?" }
            #expect(logged[id] == String(path), "authorised \(logged[id] ?? "-"), forwarded \(target)")
        }
        // Canonical: what was forwarded is forwarded as it is.
        for (_, target) in forwarded.prefix(50) {
            #expect(try client.request("GET", target).status == 200)
            #expect(try upstream.next().target == target)
        }
    }

    private func loggedPaths(
        _ gateway: Gateway, until forwarded: [(id: String, target: String)]
    ) throws -> [String: String] {
        var paths: [String: String] = [:]
        let isThere = eventually(within: 30_000) {
            for line in (try? gateway.accessLog()) ?? [] {
                if let id = line[LogField.requestID]?.string { paths[id] = line[LogField.path]?.string }
            }
            return forwarded.allSatisfy { paths[$0.id] != nil }
        }
        #expect(isThere, "the log lacks requests")
        return paths
    }

    /// Rewriting is the one way to another path, and it is the operator's.
    @Test func aRewrittenPathIsMadeOfTheAuthorisedOne() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "route GET /v1/{a}/{b} { public; rewrite /in/{b}/{a} }\nroute GET /v2/** { public; strip-prefix /v2 }",
            upstream: upstream)
        let client = try gateway.connect()
        for segment in ["x", "a%20b", "a%3Bb", "%E2%82%AC", "a;b", "a:b@c", "100%25", "a+b"] {
            #expect(try client.request("GET", "/v1/\(segment)/y?q=%2e%2e/").status == 200)
            #expect(try upstream.next().target == "/in/y/\(segment)?q=%2e%2e/")
            #expect(try client.request("GET", "/v2/\(segment)/y").status == 200)
            #expect(try upstream.next().target == "/\(segment)/y")
        }
        for segment in ["%2e%2e", "..", "a%2fb", "..;x"] {
            #expect(try gateway.get("/v1/\(segment)/y").status == 400)
        }
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func whatARouteOpensIsForwardedAsItIs() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        for path in ["/open/free//a", "/open/free/a%2Fb", "/open/free/a//%2Fb//"] {
            #expect(try gateway.get(path).status == 200)
            #expect(try upstream.next().target == path)
        }
        for path in ["/open//free/a", "/open/a%2Fb", "/open/free/..%2fa", "/open/free//../a"] {
            #expect(try gateway.get(path).status == 400)
        }
        #expect(upstream.received.pendingCount == 0)
    }
}
