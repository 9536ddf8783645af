// What is said of words that stand in the wrong place, or nearly say something: where they belong, and what was
// probably meant.

import Rules
import Testing

@Suite("Hints") struct DiagnosticHintTests {
    static let misplaced: [Refusal] = [
        Refusal(
            "a directive of a route", "websocket on",
            #"""
            g.conf:3:1: error: expected a directive, found "websocket"; it belongs in a route
                websocket on
                ^~~~~~~~~
            """#),
        Refusal(
            "one that resembles another", "limit burst 5/1s by ip",
            #"""
            g.conf:3:1: error: expected a directive, found "limit"; it belongs in a route; did you mean "limits"?
                limit burst 5/1s by ip
                ^~~~~
            """#),
        Refusal(
            "one of routes and upstreams", "timeout idle=5s",
            #"""
            g.conf:3:1: error: expected a directive, found "timeout"; it belongs in a route or in an upstream
                timeout idle=5s
                ^~~~~~~
            """#),
        Refusal(
            "one of an upstream", "server http://127.0.0.1:80",
            #"""
            g.conf:3:1: error: expected a directive, found "server"; it belongs in an upstream
                server http://127.0.0.1:80
                ^~~~~~
            """#),
        Refusal(
            "one that resembles one of a route", "websockets",
            #"""
            g.conf:3:1: error: expected a directive, found "websockets"; did you mean "websocket", which belongs in a route?
                websockets
                ^~~~~~~~~~
            """#),
        Refusal(
            "a short word that resembles one", "POST",
            #"""
            g.conf:3:1: error: expected a directive, found "POST"; there are listen, admin, store, workers, trusted-proxies, upstream, credential, headers, api, tag, client-timeout, limits, shutdown-grace, access-log, include, route, ratelimit, credit-durability, credit-lease-max, recheck-interval, cors, failed-key-limit
                POST
                ^~~~
            """#),
        Refusal(
            "a word cut short", "recheck 5s",
            #"""
            g.conf:3:1: error: expected a directive, found "recheck"; did you mean "recheck-interval"?
                recheck 5s
                ^~~~~~~
            """#),
        Refusal(
            "a directive of the top level in a route", "route GET /a { public; workers 4 }",
            #"""
            g.conf:3:24: error: expected a directive of a route, found "workers"; it belongs at the top level
                route GET /a { public; workers 4 }
                                       ^~~~~~~
            """#),
        Refusal(
            "one of an upstream in a route", "route GET /a { public; host api }",
            #"""
            g.conf:3:24: error: expected a directive of a route, found "host"; it belongs in an upstream
                route GET /a { public; host api }
                                       ^~~~
            """#),
        Refusal(
            "a block of the top level in a route", "route GET /a { public; headers { X-A key.id } }",
            #"""
            g.conf:3:24: error: expected a directive of a route, found "headers"; it belongs at the top level; did you mean "header"?
                route GET /a { public; headers { X-A key.id } }
                                       ^~~~~~~
            """#),
        Refusal(
            "a quoted directive of a route", "route GET /a { \"public\" }",
            #"""
            g.conf:3:16: error: expected a directive of a route, found a quoted text
                route GET /a { "public" }
                               ^~~~~~~~
            """#),
        Refusal(
            "a directive of the top level in an upstream",
            "upstream b { server http://b; listen 127.0.0.1:1 }",
            #"""
            g.conf:3:31: error: expected a directive of an upstream, found "listen"; it belongs at the top level
                upstream b { server http://b; listen 127.0.0.1:1 }
                                              ^~~~~~
            """#),
        Refusal(
            "a quoted directive of an upstream", "upstream b { \"server\" http://b }",
            #"""
            g.conf:3:14: error: expected a directive of an upstream, found a quoted text
                upstream b { "server" http://b }
                             ^~~~~~~~
            """#),
    ]

    @Test("of directives name the place where they belong", arguments: misplaced)
    func places(_ row: Refusal) { row.verify() }

    /// What is allowed, and hardly meant.
    @Test(
        "may be warnings",
        arguments: [
            ("route GETT /a { authenticated }", "3:7 \"GETT\" is a method of its own; did you mean \"GET\"?"),
            ("route PURGE /a { authenticated }", nil),
            (
                "route GET /a/:id { authenticated }",
                "3:14 \":id\" matches only itself; any segment is written {id}"
            ),
            ("route GET /a:id { authenticated }", nil),
            (
                "route GET /a/{x} { require b }\nroute HEAD /a/{y} { authenticated }",
                "4:1 HEAD asks for less here than GET at g.conf:3, which would admit it as well"
            ),
            (
                "route HEAD,PUT /a { authenticated; shadow }\nroute * /a { authenticated }",
                "3:1 HEAD asks for less here than GET at g.conf:4, which would admit it as well"
            ),
            ("route GET /a { authenticated }\nroute HEAD /a { require b }", nil),
            ("route GET /a { require b }\nroute HEAD /a host h { authenticated }", nil),
            ("route GET /a { require b }\nroute HEAD /a/** { authenticated }", nil),
            ("route POST /a { require b }\nroute HEAD /a { authenticated }", nil),
        ])
    func warnings(_ text: String, _ expected: String?) throws {
        let warnings = try Conf.compile(Conf.frame + text + "\n").warnings
        let found = warnings.compactMap { warning in
            warning.excerpt.map { "\($0.location.line):\($0.location.column) \(warning.message)" }
        }
        #expect(found == (expected.map { [$0] } ?? []))
    }
}
