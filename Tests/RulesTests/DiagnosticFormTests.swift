// What is said of directives in a form that they do not have: which forms there are, and which of them was probably
// meant.

import Rules
import Testing

@Suite("Forms") struct DiagnosticFormTests {
    static let refused: [Refusal] = [
        Refusal(
            "cors that is on", "route GET /a { public; cors on }",
            #"""
            g.conf:3:29: error: expected cors off or cors origins=… [headers=…] [methods=…] [max-age=…], found "on"
                route GET /a { public; cors on }
                                            ^~
            """#),
        Refusal(
            "cors that is almost off", "route GET /a { public; cors of }",
            #"""
            g.conf:3:29: error: expected cors off or cors origins=… [headers=…] [methods=…] [max-age=…], found "of"; did you mean "off"?
                route GET /a { public; cors of }
                                            ^~
            """#),
        Refusal(
            "cors that is off twice", "route GET /a { public; cors off off }",
            #"""
            g.conf:3:29: error: expected cors off or cors origins=… [headers=…] [methods=…] [max-age=…], found "off"; it stands alone
                route GET /a { public; cors off off }
                                            ^~~
            """#),
        Refusal(
            "cors that is off for all", "cors off",
            #"""
            g.conf:3:6: error: expected cors origins=… [headers=…] [methods=…] [max-age=…], found "off"; it is off where nothing is written
                cors off
                     ^~~
            """#),
        Refusal(
            "cors for all", "cors *",
            #"""
            g.conf:3:6: error: expected cors origins=… [headers=…] [methods=…] [max-age=…], found "*"; did you mean "origins=*"?
                cors *
                     ^
            """#),
        Refusal(
            "origins in two words", "cors origins=https://a.example https://b.example",
            #"""
            g.conf:3:32: error: expected cors origins=… [headers=…] [methods=…] [max-age=…], found "https://b.example"; origins are written in one word, origins=A,B
                cors origins=https://a.example https://b.example
                                               ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an origin with a port that is none", "cors origins=https://a.example:99999",
            #"""
            g.conf:3:14: error: expected an origin of scheme, host and port, found "https://a.example:99999"
                cors origins=https://a.example:99999
                             ^~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "all methods", "cors origins=* methods=*",
            #"""
            g.conf:3:24: error: expected a method that browsers send, found "*"; without methods= they are those of the routes
                cors origins=* methods=*
                                       ^
            """#),
        Refusal(
            "a rate of nothing", "route GET /a { public; limit burst 0/1s by ip }",
            #"""
            g.conf:3:36: error: expected a rate of at least 1 request, found "0/1s"
                route GET /a { public; limit burst 0/1s by ip }
                                                   ^~~~
            """#),
        Refusal(
            "a rate by a unit", "failed-key-limit 20/m",
            #"""
            g.conf:3:18: error: expected a rate such as 100/1m, found "20/m"; did you mean "20/1m"?
                failed-key-limit 20/m
                                 ^~~~
            """#),
        Refusal(
            "a limit without by", "route GET /a { public; limit burst 5/1s ip }",
            #"""
            g.conf:3:41: error: expected by, found "ip"
                route GET /a { public; limit burst 5/1s ip }
                                                        ^~
            """#),
        Refusal(
            "a header behind a blank", "route GET /a { public; limit burst 5/1s by header X-A }",
            #"""
            g.conf:3:44: error: expected key, identity, ip, route or header:NAME, found "header"; did you mean "header:X-A"?
                route GET /a { public; limit burst 5/1s by header X-A }
                                                           ^~~~~~
            """#),
        Refusal(
            "a header behind another sign", "route GET /a { public; limit burst 5/1s by headr=X-A }",
            #"""
            g.conf:3:44: error: expected key, identity, ip, route or header:NAME, found "headr=X-A"; did you mean "header:X-A"?
                route GET /a { public; limit burst 5/1s by headr=X-A }
                                                           ^~~~~~~~~
            """#),
        Refusal(
            "a header without a name", "route GET /a { public; limit burst 5/1s by header }",
            #"""
            g.conf:3:44: error: expected key, identity, ip, route or header:NAME, found "header"; did you mean "header:NAME"?
                route GET /a { public; limit burst 5/1s by header }
                                                           ^~~~~~
            """#),
        Refusal(
            "subjects with a comma", "route GET /a { public; limit burst 5/1s by ip,route }",
            #"""
            g.conf:3:44: error: expected key, identity, ip, route or header:NAME, found "ip,route"; several are separated by blanks
                route GET /a { public; limit burst 5/1s by ip,route }
                                                           ^~~~~~~~
            """#),
        Refusal(
            "a route without methods", "route /a { public }",
            #"""
            g.conf:3:7: error: expected * or methods such as GET,POST in front of the pattern, found "/a"
                route /a { public }
                      ^~
            """#),
        Refusal(
            "methods in two words", "route GET, POST /a { public }",
            #"""
            g.conf:3:12: error: expected a path that starts with "/", found "POST"; methods are one word, such as GET,POST
                route GET, POST /a { public }
                           ^~~~
            """#),
        Refusal(
            "methods with a bar", "route GET|POST /a { public }",
            #"""
            g.conf:3:7: error: expected * or methods such as GET,POST, found "GET|POST"
                route GET|POST /a { public }
                      ^~~~~~~~
            """#),
        Refusal(
            "a header removed twice", "route GET /a { public; remove-header X-A; remove-header x_a }",
            #"""
            g.conf:3:43: error: "x_a" is removed already
                route GET /a { public; remove-header X-A; remove-header x_a }
                                                          ^~~~~~~~~~~~~~~~~
            g.conf:3:24: note: first written here
                route GET /a { public; remove-header X-A; remove-header x_a }
                                       ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "permissions with the sign of another language", "route GET /a { require a && b }",
            #"""
            g.conf:3:26: error: expected letters, digits or one of . _ - : * /, found "&"; did you mean "AND"?
                route GET /a { require a && b }
                                         ^
            """#),
        Refusal(
            "an operand that is none", "route GET /a { public; check metod == GET }",
            #"""
            g.conf:3:36: error: expected an operand on one side, both are values; did you mean "method"?
                route GET /a { public; check metod == GET }
                                                   ^~
            """#),
        Refusal(
            "an operand without its name", "route GET /a { public; check query == 5 }",
            #"""
            g.conf:3:36: error: expected an operand on one side, both are values; did you mean "query.…"?
                route GET /a { public; check query == 5 }
                                                   ^~
            """#),
        Refusal(
            "all addresses", "listen :8081",
            #"""
            g.conf:3:8: error: expected an IP address or localhost, found ""; all addresses are 0.0.0.0, or [::]
                listen :8081
                       ^
            """#),
        Refusal(
            "networks with a comma", "trusted-proxies 10.0.0.0/8,127.0.0.1",
            #"""
            g.conf:3:17: error: expected a prefix length of at most 32, found "10.0.0.0/8,127.0.0.1"; several networks are separated by blanks
                trusted-proxies 10.0.0.0/8,127.0.0.1
                                ^~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a log that is on", "access-log on",
            #"""
            g.conf:3:12: error: expected stdout, off or a FILE, found "on"; a file of that name is written ./on
                access-log on
                           ^~
            """#),
        Refusal(
            "a log that is off in capitals", "access-log OFF",
            #"""
            g.conf:3:12: error: expected stdout, off or a FILE, found "OFF"; did you mean "off"?; a file of that name is written ./OFF
                access-log OFF
                           ^~~
            """#),
        Refusal(
            "a durability that is almost one", "credit-durability leased",
            #"""
            g.conf:3:19: error: expected lease or exact, found "leased"; did you mean "lease"?
                credit-durability leased
                                  ^~~~~~
            """#),
        Refusal(
            "a header without a block", "headers X-A key.id",
            #"""
            g.conf:3:9: error: expected headers { NAME SOURCE … }, found "X-A"
                headers X-A key.id
                        ^~~
            """#),
        Refusal(
            "an upstream without a name", "upstream { server http://b }",
            #"""
            g.conf:3:9: error: expected upstream NAME { … }, found no name
                upstream { server http://b }
                        ^
            """#),
        Refusal(
            "an upstream with two names", "upstream b c { server http://b }",
            #"""
            g.conf:3:12: error: expected upstream NAME { … }, found "c"
                upstream b c { server http://b }
                           ^
            """#),
        Refusal(
            "an interval with a sign", "upstream b { server http://b; health /h every=5s }",
            #"""
            g.conf:3:41: error: expected "every" and a duration in words of their own, found "every=5s"
                upstream b { server http://b; health /h every=5s }
                                                        ^~~~~~~~
            """#),
    ]

    @Test("are named, with the one that was probably meant", arguments: refused)
    func forms(_ row: Refusal) { row.verify() }
}
