// The request that the backend gets: whole header lists, and targets.

import Bytes
import Testing

@testable import Gateway

@Suite struct ForwardedHeaderLists {
    static let configuration = """
        trusted-proxies 10.0.0.0/8
        credential bearer
        credential header X-API-Key
        headers {
            X-Tenant-Id identity.externalId
            X-Plan identity.meta.plan
        }
        route GET /any { authenticated }
        route POST /any { authenticated }
        route GET /open { public }
        route POST /open { public }
        route GET /keeps { authenticated; forward-credential }
        route GET /sets { public; header X-Fixed yes; header X-Other "a b"; remove-header Cookie; remove-header X-Gone }

        """
    static let plan = KeyPlan(identity: "acme", identityMeta: "{\"plan\":\"pro\"}")
    static let tail = [
        "X-Request-Id: req_test", "X-Forwarded-For: 192.0.2.9", "X-Forwarded-Proto: http",
        "X-Forwarded-Host: api.example",
        "Via: 1.1 keygate",
    ]

    struct Case: CustomTestStringConvertible {
        let label: String
        var request = "GET /open HTTP/1.1"
        var lines: [String] = []
        var peer = "192.0.2.9"
        var isTrusted = false
        var authority: String?
        /// Lines between Host and what is said about the forwarding.
        let expected: [String]
        var host = "api.example"
        var tail = ForwardedHeaderLists.tail
        var testDescription: String { label }
    }

    private static let tenant = ["X-Tenant-Id: acme", "X-Plan: pro"]
    private static let good = "Authorization: Bearer key_good"

    @Test(arguments: [
        Case(label: "nothing is invented", expected: []),
        Case(
            label: "order, spelling, duplicates and empty values stay",
            lines: ["x-B: 2", "Accept: */*", "X-a: 1", "x-B: 3", "X-Empty:", "Cookie: a=b"],
            expected: ["x-B: 2", "Accept: */*", "X-a: 1", "x-B: 3", "X-Empty;", "Cookie: a=b"]),
        Case(
            label: "hop-by-hop headers and what Connection names go",
            lines: [
                "Connection: close, X-Hop", "X-Hop: 1", "x-hop: 2", "Keep-Alive: 5", "TE: trailers",
                "Proxy-Connection: x",
                "Upgrade: h2c", "Proxy-Authorization: Basic x", "X-Stays: 1",
            ],
            expected: ["X-Stays: 1"]),
        Case(
            label: "trailers are passed on, and so is their announcement", lines: ["Trailer: X-Sum"],
            expected: ["Trailer: X-Sum"]),
        Case(
            label: "a caller is described and its key removed", request: "GET /any HTTP/1.1", lines: [good],
            expected: tenant),
        Case(
            label: "copies of the identity go, whatever their spelling", request: "GET /any HTTP/1.1",
            lines: [
                "X-Tenant-Id: evil", good, "x_tenant_id: evil", "X.Plan: evil", "X-PLAN: evil",
                "X-Tenant-Ids: fine",
            ],
            expected: ["X-Tenant-Ids: fine"] + tenant),
        Case(
            label: "they go on a public route as well", lines: ["X-Tenant-Id: evil", "x_plan: evil"],
            expected: []),
        Case(
            label: "a public route takes the key away all the same", lines: [good, "X-API-Key: key_good"],
            expected: []),
        Case(
            label: "Basic credentials are the backend's business", lines: ["Authorization: Basic eA=="],
            expected: ["Authorization: Basic eA=="]),
        Case(
            label: "a malformed bearer goes", lines: ["Authorization: bearer"], expected: []),
        Case(
            label: "the other spelling of a credential header", request: "GET /any HTTP/1.1",
            lines: [good, "X_API_KEY: key_good"],
            expected: tenant),
        Case(
            label: "a route that forwards the credential", request: "GET /keeps HTTP/1.1",
            lines: [good, "X-API-Key: key_good"],
            expected: [good, "X-API-Key: key_good"] + tenant),
        Case(
            label: "a route that sets and removes headers", request: "GET /sets HTTP/1.1",
            lines: ["x-fixed: no", "X-Gone: 1", "COOKIE: a", "X-Stays: 1"],
            expected: ["X-Stays: 1", "X-Fixed: yes", "X-Other: a b"]),
        Case(
            label: "a body brings no framing and no Expect", request: "POST /open HTTP/1.1",
            lines: ["Content-Length: 3", "Content-Type: text/plain"],
            expected: ["Content-Type: text/plain", "Expect:"]),
        Case(
            label: "a chunked body", request: "POST /open HTTP/1.1", lines: ["Transfer-Encoding: chunked"],
            expected: ["Expect:"]),
        Case(
            label: "an expectation is passed on", request: "POST /open HTTP/1.1",
            lines: ["Content-Length: 3", "Expect: 100-Continue"],
            expected: ["Expect: 100-continue"]),
        Case(
            label: "an expectation without a body means nothing", lines: ["Expect: 100-continue"],
            expected: []),
        Case(
            label: "the server's own name", authority: "backend:9000", expected: [],
            host: "backend:9000"),
        Case(
            label: "a stranger says nothing about the forwarding",
            lines: [
                "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil",
                "X-Request-Id: mine", "Forwarded: for=6.6.6.6",
                "X_Forwarded_For: 6.6.6.6",
            ],
            expected: []),
        Case(
            label: "a proxy of ours is added to",
            lines: [
                "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.9.9.9", "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.example",
                "Forwarded: for=1.2.3.4",
            ],
            peer: "10.0.0.1", isTrusted: true, expected: ["Forwarded: for=1.2.3.4"],
            tail: [
                "X-Request-Id: req_test", "X-Forwarded-For: 1.2.3.4, 10.9.9.9, 10.0.0.1",
                "X-Forwarded-Proto: https",
                "X-Forwarded-Host: shop.example", "Via: 1.1 keygate",
            ]),
        Case(
            label: "the version of the client", request: "GET /open HTTP/1.0", expected: [],
            tail: tail.dropLast() + ["Via: 1.0 keygate"]),
    ])
    func theListIsExactlyThis(_ test: Case) throws {
        let desk = try Desk(Self.configuration, keys: [Self.plan])
        let lines = try desk.forwarded(
            test.request, test.lines, peer: test.peer, isTrusted: test.isTrusted, authority: test.authority
        ).lines
        #expect(lines == ["Host: \(test.host)"] + test.expected + test.tail)
    }

    @Test(
        arguments: [
            (["X-Request-Id: abc-123"], "abc-123"), (["X-Request-Id: a b"], nil), (["X-Request-Id:"], nil),
            (["X-Request-Id: a", "X-Request-Id: a"], nil), ([], nil),
            (["X-Request-Id: " + String(repeating: "a", count: 128)], String(repeating: "a", count: 128)),
            (["X-Request-Id: " + String(repeating: "a", count: 129)], nil), (["X-Request-Id: é"], nil),
        ] as [([String], String?)])
    func aRequestIdIsTakenIfItIsOneToken(_ lines: [String], _ expected: String?) throws {
        let exchange = try Desk.exchange("GET / HTTP/1.1", lines)
        var id = Array("before".utf8)
        let isTaken = exchange.headBytes.with { ForwardedHeaders.takeRequestID(exchange.head, $0, into: &id) }
        #expect(isTaken == (expected != nil))
        #expect(String(decoding: id, as: UTF8.self) == expected ?? "before")
    }
}

@Suite struct ForwardedTargetTests {
    static let configuration = """
        credential query api_key
        credential query k
        route GET /plain/** { public }
        route GET /keeps/** { public; forward-credential }
        route GET /v1/** { public; strip-prefix /v1 }
        route GET /users/{id}/items/{item} { public; rewrite /internal/{item}/of/{id} }
        route GET /rw/{a}/{b}/** { public; rewrite /x/{b}/{a}/** }
        route GET /all/** { public; rewrite /** }

        """

    @Test(arguments: [
        ("/plain/a", "/plain/a"), ("/plain", "/plain"), ("/plain/", "/plain/"),
        ("/plain/%41%7e", "/plain/A~"), ("/plain/%c3%a9", "/plain/%C3%A9"),
        ("/plain/a?x=1&y=%2F..", "/plain/a?x=1&y=%2F.."), ("/plain/a?", "/plain/a?"),
        ("/plain/a?b?c", "/plain/a?b?c"),
        ("/plain/a?api_key=1", "/plain/a"), ("/plain/a?api_key=1&x=2", "/plain/a?x=2"),
        ("/plain/a?x=2&api_key=1", "/plain/a?x=2"),
        ("/plain/a?x=2&api_key=1&y&k=5&&z=", "/plain/a?x=2&y&z="),
        ("/plain/a?api_keys=1", "/plain/a?api_keys=1"),
        ("/plain/a?k", "/plain/a"), ("/plain/a?&x&&y=", "/plain/a?&x&&y="),
        ("/keeps/a?api_key=1&x=2", "/keeps/a?api_key=1&x=2"),
        ("/v1/a/b?x", "/a/b?x"), ("/v1", "/"), ("/v1/", "/"), ("/v1?x=1", "/?x=1"),
        ("/users/7/items/9?x=1", "/internal/9/of/7?x=1"),
        ("/users/a%20b/items/%2b", "/internal/%2B/of/a%20b"),
        // The name of a credential may be written otherwise; its removal does not depend on that.
        ("/plain/a?api%5Fkey=1&x=2", "/plain/a?x=2"), ("/plain/a?x=2&%61pi%5fke%79", "/plain/a?x=2"),
        ("/plain/a?api%255Fkey=1&api%5=2&%=3", "/plain/a?api%255Fkey=1&api%5=2&%=3"),
        // A `**` that matched nothing brought a slash that nobody had sent.
        ("/rw/1/2", "/x/2/1"), ("/rw/1/2/", "/x/2/1/"), ("/rw/1/2/3", "/x/2/1/3"),
        ("/rw/1/2/3/", "/x/2/1/3/"), ("/rw/1/2?a=/", "/x/2/1?a=/"), ("/all", "/"), ("/all/", "/"),
        ("http://api.example/plain/a?x", "/plain/a?x"),
    ])
    func theTargetIsTheCanonicalPathAndTheUntouchedQuery(_ target: String, _ expected: String) throws {
        let desk = try Desk(Self.configuration)
        #expect(try desk.forwarded("GET \(target) HTTP/1.1").target == expected)
    }
}
