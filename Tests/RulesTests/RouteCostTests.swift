// `cost`: what a configuration makes of it, and what is wrong with it, by full message.

import Rules
import Testing

@Suite("Costs of routes")
struct RouteCostTests {
    @Test(
        "are prices, or reserves with their bill; what is not written is spelled out",
        arguments: [
            ("", "1"), ("; cost 0", "0"), ("; cost 5", "5"), ("; cost 5 on-error=keep", "5"),
            ("; cost 5 on-error=refund", "5 on-error=refund"),
            (
                "; cost reserve=50 from-response-header=X-Credits-Used",
                "reserve=50 from-response-header=X-Credits-Used max=50 on-error=refund"
            ),
            (
                "; cost on-error=keep max=1000 from-response-header=x_used reserve=50",
                "reserve=50 from-response-header=x_used max=1000 on-error=keep"
            ),
            (
                "; cost reserve=50 from-response-header=X-Used max=50",
                "reserve=50 from-response-header=X-Used max=50 on-error=refund"
            ),
        ])
    func text(_ directive: String, _ text: String) throws {
        let configuration = try Conf.compile(Conf.frame + "route GET /a { authenticated\(directive) }\n")
        #expect(configuration.routes.map(\.cost.text) == [text])
        // Written as it is shown, it means the same.
        let again = try Conf.compile(Conf.frame + "route GET /a { authenticated; cost \(text) }\n")
        #expect(again.routes.map(\.cost) == configuration.routes.map(\.cost))
    }

    static let costs = [
        Refusal(
            "a cost nobody can be charged", "route GET /a { public; cost 5 }",
            #"""
            g.conf:3:24: error: a public route asks for no key, so there are no credits to charge
                route GET /a { public; cost 5 }
                                       ^~~~~~
            """#),
        Refusal(
            "a cost of nothing in particular", "route GET /a { authenticated; cost }",
            #"""
            g.conf:3:35: error: expected cost N [on-error=refund|keep] or cost reserve=N from-response-header=NAME [max=N] [on-error=refund|keep], found the end of the directive
                route GET /a { authenticated; cost }
                                                  ^
            """#),
        Refusal(
            "a cost below nothing", "route GET /a { authenticated; cost -1 }",
            #"""
            g.conf:3:36: error: expected a number from 0 to 1000000000, found "-1"
                route GET /a { authenticated; cost -1 }
                                                   ^~
            """#),
        Refusal(
            "a cost with two numbers", "route GET /a { authenticated; cost 1 2 }",
            #"""
            g.conf:3:38: error: expected on-error=…, found "2"
                route GET /a { authenticated; cost 1 2 }
                                                     ^
            """#),
        Refusal(
            "a price with a maximum", "route GET /a { authenticated; cost 5 max=10 }",
            #"""
            g.conf:3:38: error: expected on-error=…, found "max"
                route GET /a { authenticated; cost 5 max=10 }
                                                     ^~~
            """#),
        Refusal(
            "a policy that is none", "route GET /a { authenticated; cost 5 on-error=refunded }",
            #"""
            g.conf:3:47: error: expected refund or keep, found "refunded"; did you mean "refund"?
                route GET /a { authenticated; cost 5 on-error=refunded }
                                                              ^~~~~~~~
            """#),
        Refusal(
            "a policy for nothing", "route GET /a { authenticated; cost 0 on-error=refund }",
            #"""
            g.conf:3:47: error: a cost of 0 spends nothing, so there is nothing to refund or keep
                route GET /a { authenticated; cost 0 on-error=refund }
                                                              ^~~~~~
            """#),
        Refusal(
            "a reserve that nobody settles", "route GET /a { authenticated; cost reserve=50 max=100 }",
            #"""
            g.conf:3:54: error: expected from-response-header=… as well: a reserve is settled by what the backend says
                route GET /a { authenticated; cost reserve=50 max=100 }
                                                                     ^
            """#),
        Refusal(
            "a bill without a reserve", "route GET /a { authenticated; cost from-response-header=X-Used }",
            #"""
            g.conf:3:63: error: expected reserve=… as well: credits are held until the backend has said
                route GET /a { authenticated; cost from-response-header=X-Used }
                                                                              ^
            """#),
        Refusal(
            "a reserve of nothing",
            "route GET /a { authenticated; cost reserve=0 from-response-header=X-Used }",
            #"""
            g.conf:3:44: error: expected a number from 1 to 1000000000, found "0"
                route GET /a { authenticated; cost reserve=0 from-response-header=X-Used }
                                                           ^
            """#),
        Refusal(
            "a maximum below the reserve",
            "route GET /a { authenticated; cost reserve=50 from-response-header=X-Used max=49 }",
            #"""
            g.conf:3:79: error: expected the reserve or more, from 50 to 1000000000, found "49"
                route GET /a { authenticated; cost reserve=50 from-response-header=X-Used max=49 }
                                                                                              ^~
            """#),
        Refusal(
            "a word misspelt", "route GET /a { authenticated; cost reserve=50 from-response-heade=X-Used }",
            #"""
            g.conf:3:47: error: expected one of reserve, from-response-header, max, on-error, found "from-response-heade"; did you mean "from-response-header"?
                route GET /a { authenticated; cost reserve=50 from-response-heade=X-Used }
                                                              ^~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a word twice",
            "route GET /a { authenticated; cost reserve=5 from-response-header=X-Used reserve=6 }",
            #"""
            g.conf:3:74: error: "reserve" may be written once here
                route GET /a { authenticated; cost reserve=5 from-response-header=X-Used reserve=6 }
                                                                                         ^~~~~~~
            g.conf:3:36: note: first written here
                route GET /a { authenticated; cost reserve=5 from-response-header=X-Used reserve=6 }
                                                   ^~~~~~~
            """#),
        Refusal(
            "a header that is none",
            "route GET /a { authenticated; cost reserve=5 \"from-response-header=X Used\" }",
            #"""
            g.conf:3:68: error: expected a header name, found "X Used"
                route GET /a { authenticated; cost reserve=5 "from-response-header=X Used" }
                                                                                   ^~~~~~
            """#),
        Refusal(
            "a header that frames the answer",
            "route GET /a { authenticated; cost reserve=5 from-response-header=Content_Length }",
            #"""
            g.conf:3:67: error: clients need "Content_Length", and the header that names the cost is taken out of the answer
                route GET /a { authenticated; cost reserve=5 from-response-header=Content_Length }
                                                                                  ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header that clients need",
            "route GET /a { authenticated; cost reserve=5 from-response-header=set-cookie }",
            #"""
            g.conf:3:67: error: clients need "set-cookie", and the header that names the cost is taken out of the answer
                route GET /a { authenticated; cost reserve=5 from-response-header=set-cookie }
                                                                                  ^~~~~~~~~~
            """#),
        Refusal(
            "two costs", "route GET /a { authenticated; cost 5; cost 6 }",
            #"""
            g.conf:3:39: error: "cost" may be written once here
                route GET /a { authenticated; cost 5; cost 6 }
                                                      ^~~~
            g.conf:3:31: note: first written here
                route GET /a { authenticated; cost 5; cost 6 }
                                              ^~~~
            """#),
    ]

    @Test("Costs", arguments: Self.costs) func costsAreRefused(_ row: Refusal) { row.verify() }
}
