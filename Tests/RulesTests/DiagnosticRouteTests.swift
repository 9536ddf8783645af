// What is said about routes: their heads and who may pass.

import Testing

@Suite("Diagnostics: routes")
struct DiagnosticRouteTests {
    static let routes: [Refusal] = [
        Refusal(
            "a route without access", "route GET /a { tag a=b }",
            #"""
            g.conf:3:1: error: expected exactly one of public, authenticated or require in this route, found none
                route GET /a { tag a=b }
                ^~~~~~~~~~~~
            """#),
        Refusal(
            "a route with two kinds of access", "route GET /a { public; authenticated }",
            #"""
            g.conf:3:24: error: expected exactly one of public, authenticated or require in a route
                route GET /a { public; authenticated }
                                       ^~~~~~~~~~~~~
            g.conf:3:16: note: first written here
                route GET /a { public; authenticated }
                               ^~~~~~
            """#),
        Refusal(
            "a route without a block", "route GET /a",
            #"""
            g.conf:3:13: error: expected route METHODS PATTERN { … }, found no block
                route GET /a
                            ^
            """#),
        Refusal(
            "a route without a pattern", "route GET { public }",
            #"""
            g.conf:3:10: error: expected route METHODS PATTERN { … }, found the end of the head
                route GET { public }
                         ^
            """#),
        Refusal(
            "a route with a word too many", "route GET /a hots example.com { public }",
            #"""
            g.conf:3:14: error: expected host NAME or "{", found "hots"; did you mean "host"?
                route GET /a hots example.com { public }
                             ^~~~
            """#),
        Refusal(
            "a method in lower case", "route get /a { public }",
            #"""
            g.conf:3:7: error: expected * or methods such as GET,POST, found "get"; did you mean "GET"?
                route get /a { public }
                      ^~~
            """#),
        Refusal(
            "a method listed twice", "route GET,GET /a { public }",
            #"""
            g.conf:3:11: error: "GET" is listed already
                route GET,GET /a { public }
                          ^~~
            """#),
        Refusal(
            "a pattern without a slash", "route GET v1 { public }",
            #"""
            g.conf:3:11: error: expected a path that starts with "/", found "v1"
                route GET v1 { public }
                          ^~
            """#),
        Refusal(
            "a pattern with a dot segment", "route GET /a/../b { public }",
            #"""
            g.conf:3:14: error: a dot segment never matches: such paths are refused
                route GET /a/../b { public }
                             ^~
            """#),
        Refusal(
            "a pattern with an encoded letter", "route GET /%61 { public }",
            #"""
            g.conf:3:12: error: "a" must be written as it is: paths are decoded before they are matched
                route GET /%61 { public }
                           ^~~
            """#),
        Refusal(
            "a pattern with a lower-case escape", "route GET /a%2fb { public }",
            #"""
            g.conf:3:12: error: the digits after "%" must be upper-case: paths are written so before they are matched
                route GET /a%2fb { public }
                           ^~~~~
            """#),
        Refusal(
            "a pattern with an encoded control", "route GET /a%00 { public }",
            #"""
            g.conf:3:12: error: encoded controls and backslashes never match: such paths are refused
                route GET /a%00 { public }
                           ^~~~
            """#),
        Refusal(
            "a pattern with a cut escape", "route GET /a%2 { public }",
            #"""
            g.conf:3:12: error: expected two hexadecimal digits after "%"
                route GET /a%2 { public }
                           ^~~
            """#),
        Refusal(
            "a pattern with bytes beyond ASCII", "route GET /é { public }",
            #"""
            g.conf:3:12: error: bytes beyond ASCII never match: write them percent-encoded
                route GET /é { public }
                           ^
            """#),
        Refusal(
            "a pattern with a query", "route GET /a?b { public }",
            #"""
            g.conf:3:12: error: blanks, "\", "#" and "?" never match in a path
                route GET /a?b { public }
                           ^~~
            """#),
        Refusal(
            "a pattern with an encoded slash", "route GET /a%2Fb { public }",
            #"""
            g.conf:3:12: error: an encoded slash never matches without allow-encoded-slash in the route
                route GET /a%2Fb { public }
                           ^~~~~
            """#),
        Refusal(
            "a pattern with an empty segment", "route GET /a//b { public }",
            #"""
            g.conf:3:11: error: an empty segment never matches without allow-empty-segments in the route
                route GET /a//b { public }
                          ^~~~~
            """#),
        Refusal(
            "a pattern with ** in the middle", "route GET /**/a { public }",
            #"""
            g.conf:3:12: error: "**" must be the last segment
                route GET /**/a { public }
                           ^~
            """#),
        Refusal(
            "a pattern with a star in a segment", "route GET /a* { public }",
            #"""
            g.conf:3:12: error: "*" must be written as the whole last segment "**"
                route GET /a* { public }
                           ^~
            """#),
        Refusal(
            "a pattern with a capture in a segment", "route GET /a{b} { public }",
            #"""
            g.conf:3:12: error: expected a whole segment {name} of letters, digits, "_" and "-", found "a{b}"
                route GET /a{b} { public }
                           ^~~~
            """#),
        Refusal(
            "a pattern with one name twice", "route GET /{a}/{a} { public }",
            #"""
            g.conf:3:16: error: {a} is already a name in this pattern
                route GET /{a}/{a} { public }
                               ^~~
            """#),
        Refusal(
            "a host with a port", "route GET /a host example.com:80 { public }",
            #"""
            g.conf:3:19: error: expected a host name without scheme, port or wildcard, found "example.com:80"
                route GET /a host example.com:80 { public }
                                  ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "two routes of one shape", "route GET /a/{x} { public }\nroute GET,POST /a/{y} { authenticated }",
            #"""
            g.conf:4:1: error: this route and the one at g.conf:3 match the same requests and neither is more specific
                route GET,POST /a/{y} { authenticated }
                ^~~~~~~~~~~~~~~~~~~~~
            g.conf:3:1: note: the other one
                route GET /a/{x} { public }
                ^~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a permission query that ends early", "route GET /a { require \"a AND\" }",
            #"""
            g.conf:3:30: error: expected a permission or "(", found the end of the query
                route GET /a { require "a AND" }
                                             ^
            """#),
        Refusal(
            "a permission query with a bad character",
            "route GET /a { require invoices.read,invoices.write }",
            #"""
            g.conf:3:37: error: expected letters, digits or one of . _ - : * /, found ","; several permissions are joined by AND or OR
                route GET /a { require invoices.read,invoices.write }
                                                    ^
            """#),
        Refusal(
            "a permission query with two names", "route GET /a { require a b }",
            #"""
            g.conf:3:26: error: expected AND or OR, found "b"
                route GET /a { require a b }
                                         ^
            """#),
        Refusal(
            "an unknown directive of a route", "route GET /a { public; requires a }",
            #"""
            g.conf:3:24: error: expected a directive of a route, found "requires"; did you mean "require"?
                route GET /a { public; requires a }
                                       ^~~~~~~~
            """#),
        Refusal(
            "a tag with an unknown capture", "route GET /{org} { public; tag o={ogr} }",
            #"""
            g.conf:3:34: error: expected {org}, found "{ogr}"; did you mean "org"?
                route GET /{org} { public; tag o={ogr} }
                                                 ^~~~~
            """#),
        Refusal(
            "a caller check in a public route", "route GET /a { public; check key.id == a }",
            #"""
            g.conf:3:1: error: a public route asks for no key: "key.id == a" would never find one
                route GET /a { public; check key.id == a }
                ^~~~~~~~~~~~
            """#),
        Refusal(
            "a tag named twice", "route GET /a { authenticated; tag a=b; tag a=c }",
            #"""
            g.conf:3:44: error: there is a tag "a" already
                route GET /a { authenticated; tag a=b; tag a=c }
                                                           ^~~
            g.conf:3:35: note: first written here
                route GET /a { authenticated; tag a=b; tag a=c }
                                                  ^~~
            """#),
        Refusal(
            "a message of two lines", "route GET /a { authenticated; check key.id == a \"m\\n\" }",
            #"""
            g.conf:3:49: error: expected a message of one line
                route GET /a { authenticated; check key.id == a "m\n" }
                                                                ^~~~~
            """#),
        Refusal(
            "CONNECT", "route CONNECT /a { public }",
            #"""
            g.conf:3:7: error: CONNECT is never forwarded
                route CONNECT /a { public }
                      ^~~~~~~
            """#),
        Refusal(
            "a method that is no token", "route GET,(A) /a { public }",
            #"""
            g.conf:3:11: error: expected * or methods such as GET,POST, found "(A)"
                route GET,(A) /a { public }
                          ^~~
            """#),
        Refusal(
            "a host without a name", "route GET /a host { public }",
            #"""
            g.conf:3:18: error: expected a name after "host"
                route GET /a host { public }
                                 ^
            """#),
        Refusal(
            "no permission at all", "route GET /a { require }",
            #"""
            g.conf:3:23: error: expected require PERMISSIONS, found the end of the directive
                route GET /a { require }
                                      ^
            """#),
    ]

    @Test("Routes", arguments: Self.routes) func routesAreRefused(_ row: Refusal) { row.verify() }
}
