// What is wrong with `ratelimit` and `limit`, by full message.

import Testing

struct DiagnosticLimitTests {
    static let limits = [
        Refusal(
            "a limit with a bad rate", "route GET /a { public; limit burst 100 by ip }",
            #"""
            g.conf:3:36: error: expected a rate such as 100/1m, found "100"
                route GET /a { public; limit burst 100 by ip }
                                                   ^~~
            """#),
        Refusal(
            "a limit over less than a second", "route GET /a { public; limit burst 9/250ms by ip }",
            #"""
            g.conf:3:36: error: expected a rate over at least 1s, found "9/250ms"
                route GET /a { public; limit burst 9/250ms by ip }
                                                   ^~~~~~~
            """#),
        Refusal(
            "a limit by something unknown", "route GET /a { public; limit burst 100/1m by ipp }",
            #"""
            g.conf:3:46: error: expected key, identity, ip, route or header:NAME, found "ipp"; did you mean "ip"?
                route GET /a { public; limit burst 100/1m by ipp }
                                                             ^~~
            """#),
        Refusal(
            "a limit by the same thing twice", "route GET /a { public; limit burst 100/1m by ip ip }",
            #"""
            g.conf:3:49: error: "ip" is listed already
                route GET /a { public; limit burst 100/1m by ip ip }
                                                                ^~
            """#),
        Refusal(
            "a limit by nothing", "route GET /a { public; limit burst 100/1m by }",
            #"""
            g.conf:3:45: error: expected key, identity, ip, route or header:NAME after "by"
                route GET /a { public; limit burst 100/1m by }
                                                            ^
            """#),
        Refusal(
            "a limit without by", "route GET /a { public; limit burst 100/1m for ip }",
            #"""
            g.conf:3:43: error: expected by, found "for"
                route GET /a { public; limit burst 100/1m for ip }
                                                          ^~~
            """#),
        Refusal(
            "two limits of one name",
            "route GET /a { public; limit burst 9/1s by ip; limit burst 9/1m by route }",
            #"""
            g.conf:3:48: error: there is a limit of that name already
                route GET /a { public; limit burst 9/1s by ip; limit burst 9/1m by route }
                                                               ^~~~~~~~~~~~~~~~~~~~~~~~~
            g.conf:3:24: note: first written here
                route GET /a { public; limit burst 9/1s by ip; limit burst 9/1m by route }
                                       ^~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a limit by key where none is asked for", "route GET /a { public; limit burst 9/1s by ip key }",
            #"""
            g.conf:3:24: error: a public route asks for no key, so nothing can be limited by it
                route GET /a { public; limit burst 9/1s by ip key }
                                       ^~~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a named limit where no key is asked for", "route GET /a { public; ratelimit requests }",
            #"""
            g.conf:3:24: error: a public route asks for no key, so ratelimit has no meaning in it
                route GET /a { public; ratelimit requests }
                                       ^~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a named limit without a name", "ratelimit",
            #"""
            g.conf:3:10: error: expected ratelimit NAME [cost N], found the end of the directive
                ratelimit
                         ^
            """#),
        Refusal(
            "a named limit with an empty name", "ratelimit \"\"",
            #"""
            g.conf:3:11: error: expected the name of a limit, 1 to 128 bytes, found ""
                ratelimit ""
                          ^~
            """#),
        Refusal(
            "a named limit with something behind it", "ratelimit requests 2",
            #"""
            g.conf:3:20: error: expected cost N, found "2"
                ratelimit requests 2
                                   ^
            """#),
        Refusal(
            "a named limit with half a cost", "route GET /a { authenticated; ratelimit requests cost }",
            #"""
            g.conf:3:54: error: expected a number after "cost"
                route GET /a { authenticated; ratelimit requests cost }
                                                                     ^
            """#),
        Refusal(
            "a named limit with a cost that is none", "ratelimit requests cost -1",
            #"""
            g.conf:3:25: error: expected a number from 0 to 1000000000, found "-1"
                ratelimit requests cost -1
                                        ^~
            """#),
        Refusal(
            "a named limit twice", "ratelimit requests\nratelimit requests cost 2",
            #"""
            g.conf:4:1: error: this rate limit is charged already
                ratelimit requests cost 2
                ^~~~~~~~~~~~~~~~~~~~~~~~~
            g.conf:3:1: note: first written here
                ratelimit requests
                ^~~~~~~~~~~~~~~~~~
            """#),
    ]

    @Test("Limits", arguments: Self.limits) func limitsAreRefused(_ row: Refusal) { row.verify() }
}
