// `cors`: what is understood, and what is said about the rest.

import Rules
import Testing

@Suite("cors")
struct CORSTests {
    private func policies(_ text: String) throws -> (settings: CORSPolicy?, routes: [CORSPolicy?]) {
        let configuration = try Conf.compile(Conf.frame + text + "\n")
        return (configuration.settings.cors, configuration.routes.map(\.cors))
    }

    private func texts(_ list: [[UInt8]]?) -> [String]? {
        list.map { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    @Test("has defaults for everything but the origins") func defaults() throws {
        let policy = try #require(try policies("cors origins=https://a.example").settings)
        #expect(texts(policy.origins) == ["https://a.example"])
        #expect(texts(policy.headers) == ["authorization", "content-type"])
        #expect(policy.methods == nil)
        #expect(policy.maxAgeSeconds == 600)
    }

    @Test("takes lists, and any origin") func lists() throws {
        let policy = try #require(
            try policies(
                "cors origins=https://a.example,http://[::1]:8080 headers=X-One,X-TWO methods=GET,PUT max-age=1h"
            ).settings)
        #expect(texts(policy.origins) == ["https://a.example", "http://[::1]:8080"])
        #expect(texts(policy.headers) == ["x-one", "x-two"])
        #expect(texts(policy.methods) == ["GET", "PUT"])
        #expect(policy.maxAgeSeconds == 3600)
        #expect(try #require(try policies("cors origins=*").settings).origins == nil)
        for zero in ["0", "0s"] {
            #expect(try policies("cors origins=* max-age=\(zero)").settings?.maxAgeSeconds == 0)
        }
    }

    @Test("of a route replaces the global one, or turns it off") func routes() throws {
        let found = try policies(
            """
            cors origins=https://a.example
            route GET /a { public }
            route GET /b { public; cors origins=https://b.example }
            route GET /c { public; cors off }
            """)
        #expect(
            found.routes.map { texts($0?.origins) } == [["https://a.example"], ["https://b.example"], nil])
    }

    @Test(
        "of methods that nothing has is warned of, where it may not be meant",
        arguments: [
            ("cors origins=* methods=GET,HEAD,PUT\nroute GET /a { public }\nroute PUT /b { public }", []),
            ("cors origins=* methods=GET,DELETE\nroute * /a { public }", []),
            ("cors origins=* methods=GET\nroute GET /a { public }\nroute DELETE /b { public }", []),
            ("route GET /a { public; cors origins=* methods=GET,HEAD }", []),
            (
                "cors origins=* methods=GET,PATCH\nroute GET /a { public }",
                ["3:28 no route under this cors has PATCH, so it is allowed in vain"]
            ),
            (
                "cors origins=* methods=GET,PATCH\nroute GET /a { public }\nroute * /b { public; cors off }",
                ["3:28 no route under this cors has PATCH, so it is allowed in vain"]
            ),
            (
                "route GET,PUT /a { public; cors origins=* methods=PUT,POST,OPTIONS }",
                [
                    "3:55 this route has no POST, so cors allows it in vain: its methods are GET,PUT",
                    "3:60 this route has no OPTIONS, so cors allows it in vain: its methods are GET,PUT",
                ]
            ),
        ])
    func vain(_ text: String, _ expected: [String]) throws {
        let warnings = try Conf.compile(Conf.frame + text + "\n").warnings
        let found = warnings.compactMap { warning in
            warning.excerpt.map { "\($0.location.line):\($0.location.column) \(warning.message)" }
        }
        #expect(found.filter { $0.contains("in vain") } == expected)
    }

    static let refused: [Refusal] = [
        Refusal(
            "methods that the route does not have",
            "route GET /a { public; cors origins=* methods=PUT,POST }",
            #"""
            g.conf:3:47: error: expected methods that this route has, GET, or cors off, found "PUT"
                route GET /a { public; cors origins=* methods=PUT,POST }
                                                              ^~~
            """#),
        Refusal(
            "a memory shorter than browsers count", "cors origins=* max-age=500ms",
            #"""
            g.conf:3:24: error: expected whole seconds, in which browsers count, or 0, found "500ms"
                cors origins=* max-age=500ms
                                       ^~~~~
            """#),
        Refusal(
            "a memory of seconds and a half", "cors origins=* max-age=1500ms",
            #"""
            g.conf:3:24: error: expected whole seconds, in which browsers count, or 0, found "1500ms"
                cors origins=* max-age=1500ms
                                       ^~~~~~
            """#),
        Refusal(
            "cors without origins", "cors methods=GET",
            #"""
            g.conf:3:17: error: expected origins=… as well: who may call is never guessed
                cors methods=GET
                                ^
            """#),
        Refusal(
            "cors with nothing", "cors",
            #"""
            g.conf:3:5: error: expected cors origins=… [headers=…] [methods=…] [max-age=…], found the end of the directive
                cors
                    ^
            """#),
        Refusal(
            "an origin without a scheme", "cors origins=app.example.com",
            #"""
            g.conf:3:14: error: expected an origin such as https://app.example.com, or origins=* alone, found "app.example.com"
                cors origins=app.example.com
                             ^~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin with a path", "cors origins=https://a.example/",
            #"""
            g.conf:3:14: error: expected an origin without a path, found "https://a.example/"
                cors origins=https://a.example/
                             ^~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin with a wildcard", "cors origins=https://*.example.com",
            #"""
            g.conf:3:14: error: expected an origin without a wildcard, found "https://*.example.com"
                cors origins=https://*.example.com
                             ^~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin in upper case", "cors origins=https://a.example,https://B.example",
            #"""
            g.conf:3:32: error: expected an origin in lower case, as browsers send it, found "https://B.example"
                cors origins=https://a.example,https://B.example
                                               ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin with its default port", "cors origins=https://a.example:443",
            #"""
            g.conf:3:14: error: expected an origin without its scheme's default port, which browsers leave out, found "https://a.example:443"
                cors origins=https://a.example:443
                             ^~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin twice", "cors origins=https://a.example,https://a.example",
            #"""
            g.conf:3:32: error: "https://a.example" is in the list already
                cors origins=https://a.example,https://a.example
                                               ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a method of another kind", "cors origins=* methods=get",
            #"""
            g.conf:3:24: error: expected a method that browsers send, found "get"; did you mean "GET"?
                cors origins=* methods=get
                                       ^~~
            """#),
        Refusal(
            "a header that is no name", "cors origins=* headers=X-A,,X-B",
            #"""
            g.conf:3:28: error: expected a header name, found ""
                cors origins=* headers=X-A,,X-B
                                           ^
            """#),
        Refusal(
            "all headers at once", "cors origins=* headers=*",
            #"""
            g.conf:3:24: error: expected the names of headers: what pages may set with a key is said one by one, found *
                cors origins=* headers=*
                                       ^
            """#),
        Refusal(
            "an unknown part", "cors origins=* header=X-A",
            #"""
            g.conf:3:16: error: expected one of origins, headers, methods, max-age, found "header"; did you mean "headers"?
                cors origins=* header=X-A
                               ^~~~~~
            """#),
        Refusal(
            "cors twice", "cors origins=*\ncors origins=https://a.example",
            #"""
            g.conf:4:1: error: "cors" may be written once here
                cors origins=https://a.example
                ^~~~
            g.conf:3:1: note: first written here
                cors origins=*
                ^~~~
            """#),
    ]

    @Test("is refused where it could be misunderstood", arguments: Self.refused)
    func refusals(_ row: Refusal) { row.verify() }
}
