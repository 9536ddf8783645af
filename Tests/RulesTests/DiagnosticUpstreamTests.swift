// What is said about the servers of an upstream and how they are used.

import Rules
import Testing

@Suite("Diagnostics: servers") struct DiagnosticUpstreamTests {
    static let servers: [Refusal] = [
        Refusal(
            "a server with a limit of zero", "upstream b { server http://h:1 max-connections=0 }",
            #"""
            g.conf:3:48: error: expected a number of connections from 1 to 1000000, found "0"
                upstream b { server http://h:1 max-connections=0 }
                                                               ^
            """#),
        Refusal(
            "a server with a limit without a number", "upstream b { server http://h:1 max-connections }",
            #"""
            g.conf:3:47: error: expected a number after "max-connections"
                upstream b { server http://h:1 max-connections }
                                                              ^
            """#),
        Refusal(
            "a server with two weights", "upstream b { server http://h:1 weight 2 weight=3 }",
            #"""
            g.conf:3:41: error: "weight" may be written once here
                upstream b { server http://h:1 weight 2 weight=3 }
                                                        ^~~~~~
            """#),
        Refusal(
            "a server with an unknown attribute", "upstream b { server http://h:1 max-connection=3 }",
            #"""
            g.conf:3:32: error: expected weight or max-connections, found "max-connection"; did you mean "max-connections"?
                upstream b { server http://h:1 max-connection=3 }
                                               ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "an ejection without a word", "upstream b { server http://h:1; eject }",
            #"""
            g.conf:3:38: error: expected eject after=… for=… max=…, or eject off, found the end of the directive
                upstream b { server http://h:1; eject }
                                                     ^
            """#),
        Refusal(
            "an ejection that is on", "upstream b { server http://h:1; eject on }",
            #"""
            g.conf:3:39: error: expected eject after=… for=… max=…, or eject off, found "on"
                upstream b { server http://h:1; eject on }
                                                      ^~
            """#),
        Refusal(
            "an ejection after no failure", "upstream b { server http://h:1; eject after=0 }",
            #"""
            g.conf:3:45: error: expected a number of failures from 1 to 1000, found "0"
                upstream b { server http://h:1; eject after=0 }
                                                            ^
            """#),
        Refusal(
            "an ejection that shrinks", "upstream b { server http://h:1; eject for=5s max=1s }",
            #"""
            g.conf:3:50: error: expected a duration that is not below that of the first ejection, found "1s"
                upstream b { server http://h:1; eject for=5s max=1s }
                                                                 ^~
            """#),
        Refusal(
            "a check of a name", "upstream b { server http://h:1; health healthz every 5s }",
            #"""
            g.conf:3:40: error: expected a path that begins with "/", as it is sent, found "healthz"
                upstream b { server http://h:1; health healthz every 5s }
                                                       ^~~~~~~
            """#),
        Refusal(
            "a check of a path with a space", #"upstream b { server http://h:1; health "/a b" every 5s }"#,
            #"""
            g.conf:3:40: error: expected a path that begins with "/", as it is sent, found "/a b"
                upstream b { server http://h:1; health "/a b" every 5s }
                                                       ^~~~~~
            """#),
        Refusal(
            "a check at every moment", "upstream b { server http://h:1; health /h every 10ms }",
            #"""
            g.conf:3:49: error: expected a duration of at least 100ms, found "10ms"
                upstream b { server http://h:1; health /h every 10ms }
                                                                ^~~~
            """#),
        Refusal(
            "a check with an interval of the wrong form",
            "upstream b { server http://h:1; health /h each 5s }",
            #"""
            g.conf:3:43: error: expected health PATH [every DURATION] [timeout=…] [rise=…] [fall=…], found "each"
                upstream b { server http://h:1; health /h each 5s }
                                                          ^~~~
            """#),
        Refusal(
            "a check that never rises", "upstream b { server http://h:1; health /h every 5s rise=0 }",
            #"""
            g.conf:3:57: error: expected a number of checks from 1 to 1000, found "0"
                upstream b { server http://h:1; health /h every 5s rise=0 }
                                                                        ^
            """#),
        Refusal(
            "two checks", "upstream b { server http://h:1; health /h; health /i }",
            #"""
            g.conf:3:44: error: "health" may be written once here
                upstream b { server http://h:1; health /h; health /i }
                                                           ^~~~~~
            g.conf:3:33: note: first written here
                upstream b { server http://h:1; health /h; health /i }
                                                ^~~~~~
            """#),
        Refusal(
            "a slow start of no time", "upstream b { server http://h:1; slow-start 0s }",
            #"""
            g.conf:3:44: error: expected a duration above zero, found "0s"
                upstream b { server http://h:1; slow-start 0s }
                                                           ^~
            """#),
        Refusal(
            "a queue before nothing", "upstream b { server http://h:1; queue 10 }",
            #"""
            g.conf:3:33: error: queue without max-connections of a server never holds anything
                upstream b { server http://h:1; queue 10 }
                                                ^~~~~~~~
            """#),
        Refusal(
            "a queue of nobody", "upstream b { server http://h:1 max-connections 1; queue 0 }",
            #"""
            g.conf:3:57: error: expected a number of requests from 1 to 1000000, found "0"
                upstream b { server http://h:1 max-connections 1; queue 0 }
                                                                        ^
            """#),
        Refusal(
            "a queue with a misspelt word",
            "upstream b { server http://h:1 max-connections 1; queue 5 timout=1s }",
            #"""
            g.conf:3:59: error: expected timeout=…, found "timout"; did you mean "timeout"?
                upstream b { server http://h:1 max-connections 1; queue 5 timout=1s }
                                                                          ^~~~~~
            """#),
        Refusal(
            "a certificate without its key", "upstream b { server https://h:1; client-certificate a.pem }",
            #"""
            g.conf:3:58: error: expected client-certificate CERT KEY, found the end of the directive
                upstream b { server https://h:1; client-certificate a.pem }
                                                                         ^
            """#),
        Refusal(
            "a certificate for nobody", "upstream b { server http://h:1; client-certificate a.pem a.key }",
            #"""
            g.conf:3:33: error: client-certificate without an https:// server is shown to nobody
                upstream b { server http://h:1; client-certificate a.pem a.key }
                                                ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a name that is looked up twice a second", "upstream b { server http://h:1; resolve 500ms }",
            #"""
            g.conf:3:41: error: expected whole seconds, found "500ms"
                upstream b { server http://h:1; resolve 500ms }
                                                        ^~~~~
            """#),
        Refusal(
            "an address that is looked up", "upstream b { server http://10.0.0.1:1; resolve 5s }",
            #"""
            g.conf:3:40: error: resolve without a server that has a name looks nothing up
                upstream b { server http://10.0.0.1:1; resolve 5s }
                                                       ^~~~~~~~~~
            """#),
        Refusal(
            "a server that is written twice", "upstream b { server http://h:1; server http://h:1 weight 2 }",
            #"""
            g.conf:3:40: error: there is a server http://h:1 already; a larger share is written with weight
                upstream b { server http://h:1; server http://h:1 weight 2 }
                                                       ^~~~~~~~~~
            g.conf:3:21: note: first written here
                upstream b { server http://h:1; server http://h:1 weight 2 }
                                    ^~~~~~~~~~
            """#),
    ]

    @Test("Servers", arguments: Self.servers) func serversAreRefused(_ row: Refusal) { row.verify() }

    @Test("a slow start of the only server is warned of") func slowStart() throws {
        let configuration = try Conf.compile(
            "listen 127.0.0.1:1\nupstream a { server http://h; slow-start 30s }\nroute GET /a { authenticated }"
        )
        #expect(
            configuration.warnings.map(\.message) == [
                "slow-start changes nothing: there is one server, which gets every request"
            ])
    }

    @Test("sixty-five servers are one too many") func tooMany() {
        let servers = (1...65).map { "    server http://h:\($0)\n" }.joined()
        let refusal = Conf.refusal(
            "listen 127.0.0.1:1\nupstream a {\n\(servers)}\nroute GET /a { authenticated }")
        #expect(refusal.contains("g.conf:67:12: error: expected at most 64 servers in an upstream"))
    }
}
