// What is said about text that is not even directives, about unknown names, and about several mistakes at once.

import Testing

@Suite("Diagnostics: text")
struct DiagnosticTextTests {
    static let words: [Refusal] = [
        Refusal(
            "an unterminated quote", "store \"keygate-data",
            #"""
            g.conf:3:7: error: expected a closing quote before the end of the line
                store "keygate-data
                      ^
            """#),
        Refusal(
            "an unknown escape", "store \"a\\qb\"",
            #"""
            g.conf:3:9: error: expected one of \" \\ \n \t, found "q" after "\"
                store "a\qb"
                        ^
            """#),
        Refusal(
            "a quote that is followed by more", "store \"a\"b",
            #"""
            g.conf:3:10: error: expected a space after the closing quote, found "b"
                store "a"b
                         ^
            """#),
        Refusal(
            "a quote in the middle of a word", "store a\"b\"",
            #"""
            g.conf:3:8: error: expected a space or "=" before a quote
                store a"b"
                       ^
            """#),
        Refusal(
            "a control character", "store a\u{1}b",
            #"""
            g.conf:3:8: error: control characters are not allowed, found byte 0x01
                store a\#u{1}b
                       ^
            """#),
        Refusal(
            "an unset variable", "listen ${ADDRESS}",
            #"""
            g.conf:3:8: error: the environment variable ADDRESS is not set; set it or write ${ADDRESS:-default}
                listen ${ADDRESS}
                       ^~~~~~~~~~
            """#),
        Refusal(
            "an unfinished variable", "listen ${ADDRESS:-127.0.0.1",
            #"""
            g.conf:3:8: error: expected ${NAME} or ${NAME:-default}
                listen ${ADDRESS:-127.0.0.1
                       ^~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a variable without a name", "listen ${:-x}",
            #"""
            g.conf:3:8: error: expected ${NAME} or ${NAME:-default}
                listen ${:-x}
                       ^~~~~~
            """#),
        Refusal(
            "a block that is not closed", "upstream api {\n    server http://h:1",
            #"""
            g.conf:3:14: error: expected "}" for this "{", found the end of the file
                upstream api {
                             ^
            """#),
        Refusal(
            "a block that is closed twice", "workers auto\n}",
            #"""
            g.conf:4:1: error: expected a directive, found "}" without its "{"
                }
                ^
            """#),
        Refusal(
            "a block without a directive", "{ listen 127.0.0.1:1 }",
            #"""
            g.conf:3:1: error: expected a directive, found "{"
                { listen 127.0.0.1:1 }
                ^
            """#),
        Refusal(
            "text behind a block", "upstream api { server http://h:1 } workers auto",
            #"""
            g.conf:3:36: error: expected the end of the line after "}", found "workers"
                upstream api { server http://h:1 } workers auto
                                                   ^~~~~~~
            """#),
        Refusal(
            "a brace that belongs to no capture", "route GET /v1/{org /x { public }",
            #"""
            g.conf:3:15: error: expected {name} inside of a word, or a space before a "{" that opens a block
                route GET /v1/{org /x { public }
                              ^
            """#),
        Refusal(
            "a quoted directive", "\"listen\" 127.0.0.1:1",
            #"""
            g.conf:3:1: error: expected a directive, found a quoted text
                "listen" 127.0.0.1:1
                ^~~~~~~~
            """#),
        Refusal(
            "an included file that is missing", "include routes.conf",
            #"""
            g.conf:3:9: error: routes.conf cannot be read: no such file or directory
                include routes.conf
                        ^~~~~~~~~~~
            """#),
        Refusal(
            "an include without a path", "include",
            #"""
            g.conf:3:8: error: expected include PATH, found the end of the directive
                include
                       ^
            """#),
    ]

    static let names: [Refusal] = [
        Refusal(
            "a misspelt directive", "lisen 127.0.0.1:8080",
            #"""
            g.conf:3:1: error: expected a directive, found "lisen"; did you mean "listen"?
                lisen 127.0.0.1:8080
                ^~~~~
            """#),
        Refusal(
            "a directive that resembles none", "gzip on",
            #"""
            g.conf:3:1: error: expected a directive, found "gzip"; there are listen, admin, store, workers, trusted-proxies, upstream, credential, headers, api, tag, client-timeout, limits, shutdown-grace, access-log, include, route, ratelimit, credit-durability, credit-lease-max, recheck-interval, cors, failed-key-limit
                gzip on
                ^~~~
            """#),
        Refusal(
            "a directive written twice", "workers auto\nworkers 2",
            #"""
            g.conf:4:1: error: "workers" may be written once here
                workers 2
                ^~~~~~~
            g.conf:3:1: note: first written here
                workers auto
                ^~~~~~~
            """#),
        Refusal(
            "a directive in the wrong letter case", "Listen 127.0.0.1:8080",
            #"""
            g.conf:3:1: error: expected a directive, found "Listen"; did you mean "listen"?
                Listen 127.0.0.1:8080
                ^~~~~~
            """#),
    ]

    static let several: [Refusal] = [
        Refusal(
            "three mistakes in one file", "wrokers 2\nstore\nroute GET /a { publik }",
            #"""
            g.conf:3:1: error: expected a directive, found "wrokers"; did you mean "workers"?
                wrokers 2
                ^~~~~~~
            g.conf:4:6: error: expected store DIRECTORY, found the end of the directive
                store
                     ^
            g.conf:5:16: error: expected a directive of a route, found "publik"; did you mean "public"?
                route GET /a { publik }
                               ^~~~~~
            """#)
    ]

    @Test("Words and blocks", arguments: Self.words) func wordsAreRefused(_ row: Refusal) { row.verify() }

    @Test("Names of directives", arguments: Self.names) func namesAreRefused(_ row: Refusal) { row.verify() }

    @Test("Several mistakes", arguments: Self.several) func severalAreRefused(_ row: Refusal) { row.verify() }
}
