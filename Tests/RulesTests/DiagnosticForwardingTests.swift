// What is said about how routes forward, and about directives that are not yet available.

import Testing

@Suite("Diagnostics: forwarding")
struct DiagnosticForwardingTests {
    static let forwarding: [Refusal] = [
        Refusal(
            "an upstream that does not exist", "route GET /a { public; to apj }",
            #"""
            g.conf:3:27: error: expected api, found "apj"; did you mean "api"?
                route GET /a { public; to apj }
                                          ^~~
            """#),
        Refusal(
            "strip-prefix beyond the literals", "route GET /a/{b}/** { public; strip-prefix /a/b }",
            #"""
            g.conf:3:44: error: expected literal segments that the route's pattern starts with, found "/a/b"
                route GET /a/{b}/** { public; strip-prefix /a/b }
                                                           ^~~~
            """#),
        Refusal(
            "strip-prefix within a segment", "route GET /abc/** { public; strip-prefix /ab }",
            #"""
            g.conf:3:42: error: expected literal segments that the route's pattern starts with, found "/ab"
                route GET /abc/** { public; strip-prefix /ab }
                                                         ^~~
            """#),
        Refusal(
            "strip-prefix and rewrite", "route GET /a/** { public; strip-prefix /a; rewrite /b }",
            #"""
            g.conf:3:44: error: expected at most one of strip-prefix and rewrite in a route
                route GET /a/** { public; strip-prefix /a; rewrite /b }
                                                           ^~~~~~~~~~
            g.conf:3:27: note: first written here
                route GET /a/** { public; strip-prefix /a; rewrite /b }
                                          ^~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a rewrite to what ** never matched", "route GET /a { public; rewrite /b/** }",
            #"""
            g.conf:3:32: error: "**" is what the pattern's "**" matched, but the pattern has none
                route GET /a { public; rewrite /b/** }
                                               ^~~~~
            """#),
        Refusal(
            "a rewrite to a path that is refused from clients", "route GET /a { public; rewrite /b/../c }",
            #"""
            g.conf:3:35: error: expected a path that a client could send as well, found "/b/../c"
                route GET /a { public; rewrite /b/../c }
                                                  ^~
            """#),
        Refusal(
            "a rewrite with ** in the middle", "route GET /a/** { public; rewrite /**/b }",
            #"""
            g.conf:3:36: error: expected a path that a client could send as well, found "/**/b"
                route GET /a/** { public; rewrite /**/b }
                                                   ^~
            """#),
        Refusal(
            "a rewrite with ** behind a name", "route GET /{a}/** { public; rewrite /{a}** }",
            #"""
            g.conf:3:37: error: "**" must be a whole segment
                route GET /{a}/** { public; rewrite /{a}** }
                                                    ^~~~~~
            """#),
        Refusal(
            "a rewrite with a query", "route GET /a { public; rewrite /b?c=d }",
            #"""
            g.conf:3:32: error: expected a path without blanks, "?", "#", "\" and bytes beyond ASCII, found "/b?c=d"
                route GET /a { public; rewrite /b?c=d }
                                               ^~~~~~
            """#),
        Refusal(
            "a rewrite without a slash", "route GET /a { public; rewrite b }",
            #"""
            g.conf:3:32: error: expected a path that starts with "/", found "b"
                route GET /a { public; rewrite b }
                                               ^
            """#),
        Refusal(
            "a rewrite with an unknown name", "route GET /a { public; rewrite /b/{c} }",
            #"""
            g.conf:3:35: error: expected no {name} here, found "{c}"
                route GET /a { public; rewrite /b/{c} }
                                                  ^~~
            """#),
        Refusal(
            "a header that a route may not set", "route GET /a { public; header X-Tenant-Id x }",
            #"""
            g.conf:3:24: error: "X-Tenant-Id" tells the backend about the caller and cannot be set by a route
                route GET /a { public; header X-Tenant-Id x }
                                       ^~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header that is set twice", "route GET /a { public; header X-A b; header x.a c }",
            #"""
            g.conf:3:38: error: "x.a" is set already
                route GET /a { public; header X-A b; header x.a c }
                                                     ^~~~~~~~~~~~
            g.conf:3:24: note: first written here
                route GET /a { public; header X-A b; header x.a c }
                                       ^~~~~~~~~~~~
            """#),
        Refusal(
            "a header that the gateway sets", "route GET /a { public; header Via b }",
            #"""
            g.conf:3:31: error: Via is set by the gateway and cannot be changed
                route GET /a { public; header Via b }
                                              ^~~
            """#),
        Refusal(
            "Authorization set and forwarded",
            "route GET /a { public; header Authorization b; forward-credential }",
            #"""
            g.conf:3:24: error: Authorization cannot be set here: forward-credential leaves the client's in place
                route GET /a { public; header Authorization b; forward-credential }
                                       ^~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an injected header removed", "route GET /a { public; remove-header x_tenant_id }",
            #"""
            g.conf:3:24: error: "x_tenant_id" tells the backend about the caller and cannot be removed by a route
                route GET /a { public; remove-header x_tenant_id }
                                       ^~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header that is set and removed", "route GET /a { public; header X-A b; remove-header x_a }",
            #"""
            g.conf:3:24: error: "X-A" is both set and removed
                route GET /a { public; header X-A b; remove-header x_a }
                                       ^~~~~~~~~~~~
            g.conf:3:38: note: removed here
                route GET /a { public; header X-A b; remove-header x_a }
                                                     ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header value with a line end", "route GET /a { public; header X-A \"a\\nb\" }",
            #"""
            g.conf:3:35: error: expected a value of printable ASCII without blanks at its ends
                route GET /a { public; header X-A "a\nb" }
                                                  ^~~~~~
            """#),
        Refusal(
            "an api in a public route", "route GET /a { public; api a }",
            #"""
            g.conf:3:1: error: a public route asks for no key, so api has no meaning in it
                route GET /a { public; api a }
                ^~~~~~~~~~~~
            """#),
        Refusal(
            "an api named twice", "route GET /a { authenticated; api a a }",
            #"""
            g.conf:3:37: error: "a" is listed already
                route GET /a { authenticated; api a a }
                                                    ^
            """#),
        Refusal(
            "several upstreams and no to", "upstream b { server http://h:1 }\nroute GET /a { public }",
            #"""
            g.conf:4:1: error: expected "to api or b" in this route, there are several upstreams
                route GET /a { public }
                ^~~~~~~~~~~~
            """#),
        Refusal(
            "a route without an upstream", alone: "listen 1.2.3.4:5\nroute GET /a { public }",
            #"""
            g.conf:2:1: error: expected an upstream block in the configuration, there is none to forward to
                route GET /a { public }
                ^~~~~~~~~~~~
            """#),
        Refusal(
            "shadow with a value", "route GET /a { public; shadow on }",
            #"""
            g.conf:3:31: error: expected nothing after "shadow", found "on"
                route GET /a { public; shadow on }
                                              ^~
            """#),
    ]

    static let further: [Refusal] = [
        Refusal(
            "the proxy protocol", "listen 127.0.0.1:1 proxy-protocol",
            #"""
            g.conf:3:20: error: proxy-protocol without trusted-proxies lets nobody in: only a trusted proxy may send the header
                listen 127.0.0.1:1 proxy-protocol
                                   ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "an unknown credit durability", "credit-durability sometimes",
            #"""
            g.conf:3:19: error: expected lease or exact, found "sometimes"
                credit-durability sometimes
                                  ^~~~~~~~~
            """#),
        Refusal(
            "a lease of nothing", "credit-lease-max 0",
            #"""
            g.conf:3:18: error: expected a number of credits from 1 to 1000000000, found "0"
                credit-lease-max 0
                                 ^
            """#),
        Refusal(
            "two largest leases", "credit-lease-max 10\ncredit-lease-max 20",
            #"""
            g.conf:4:1: error: "credit-lease-max" may be written once here
                credit-lease-max 20
                ^~~~~~~~~~~~~~~~
            g.conf:3:1: note: first written here
                credit-lease-max 10
                ^~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a recheck interval that is no duration", "recheck-interval often",
            #"""
            g.conf:3:18: error: expected a duration such as 250ms, 5s, 1m, 2h or 1d, found "often"
                recheck-interval often
                                 ^~~~~
            """#),
        Refusal(
            "a recheck interval that is too short", "recheck-interval 99ms",
            #"""
            g.conf:3:18: error: expected an interval from 100ms to 1d, found "99ms"
                recheck-interval 99ms
                                 ^~~~
            """#),
        Refusal(
            "a recheck interval that is too long", "recheck-interval 2d",
            #"""
            g.conf:3:18: error: expected an interval from 100ms to 1d, found "2d"
                recheck-interval 2d
                                 ^~
            """#),
        Refusal(
            "two recheck intervals", "recheck-interval 1s\nrecheck-interval 2s",
            #"""
            g.conf:4:1: error: "recheck-interval" may be written once here
                recheck-interval 2s
                ^~~~~~~~~~~~~~~~
            g.conf:3:1: note: first written here
                recheck-interval 1s
                ^~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a failed key limit without a period", "failed-key-limit 10",
            #"""
            g.conf:3:18: error: expected a rate such as 100/1m, found "10"
                failed-key-limit 10
                                 ^~
            """#),
        Refusal(
            "a failed key limit over less than a second", "failed-key-limit 10/500ms",
            #"""
            g.conf:3:18: error: expected a rate over at least 1s, found "10/500ms"
                failed-key-limit 10/500ms
                                 ^~~~~~~~
            """#),
        Refusal(
            "a failed key limit by something", "failed-key-limit 10/1m by ip",
            #"""
            g.conf:3:24: error: expected failed-key-limit RATE and nothing more, found "by"
                failed-key-limit 10/1m by ip
                                       ^~
            """#),
        Refusal(
            "two failed key limits", "failed-key-limit 10/1m\nfailed-key-limit 20/1m",
            #"""
            g.conf:4:1: error: "failed-key-limit" may be written once here
                failed-key-limit 20/1m
                ^~~~~~~~~~~~~~~~
            g.conf:3:1: note: first written here
                failed-key-limit 10/1m
                ^~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a websocket with a value", "route GET /a { public; websocket on }",
            #"""
            g.conf:3:34: error: expected nothing after "websocket", found "on"
                route GET /a { public; websocket on }
                                                 ^~
            """#),
        Refusal(
            "two websockets", "route GET /a { public; websocket; websocket }",
            #"""
            g.conf:3:35: error: "websocket" may be written once here
                route GET /a { public; websocket; websocket }
                                                  ^~~~~~~~~
            g.conf:3:24: note: first written here
                route GET /a { public; websocket; websocket }
                                       ^~~~~~~~~
            """#),
        Refusal(
            "a websocket that no GET reaches", "route POST,PUT /a { public; websocket }",
            #"""
            g.conf:3:29: error: a WebSocket begins with a GET: expected GET among the methods of this route, found POST,PUT
                route POST,PUT /a { public; websocket }
                                            ^~~~~~~~~
            """#),
        Refusal(
            "a websocket without its key",
            "route GET /a { public; websocket; remove-header sec_websocket_key }",
            #"""
            g.conf:3:35: error: "Sec-WebSocket-Key" makes a WebSocket and cannot be changed by its route
                route GET /a { public; websocket; remove-header sec_websocket_key }
                                                  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a websocket of another version",
            "route GET /a { public; websocket; header Sec-WebSocket-Version 8 }",
            #"""
            g.conf:3:35: error: "Sec-WebSocket-Version" makes a WebSocket and cannot be changed by its route
                route GET /a { public; websocket; header Sec-WebSocket-Version 8 }
                                                  ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a websocket whose key tells who calls",
            "headers { Sec-WebSocket-Key key.id }\nroute GET /a { public; websocket }",
            #"""
            g.conf:4:24: error: "Sec-WebSocket-Key" makes a WebSocket and cannot tell the backend about the caller
                route GET /a { public; websocket }
                                       ^~~~~~~~~
            """#),
    ]

    @Test("Forwarding", arguments: Self.forwarding) func forwardingAreRefused(_ row: Refusal) { row.verify() }

    @Test("Further directives", arguments: Self.further) func furtherAreRefused(_ row: Refusal) {
        row.verify()
    }
}
