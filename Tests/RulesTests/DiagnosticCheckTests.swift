// What is said about `check` expressions.

import Testing

@Suite("Diagnostics: checks")
struct DiagnosticCheckTests {
    static let checks: [Refusal] = [
        Refusal(
            "a check without an operator", "route GET /a { authenticated; check key.name }",
            #"""
            g.conf:3:45: error: expected one of == != < <= > >= in has exists, found the end of the expression
                route GET /a { authenticated; check key.name }
                                                            ^
            """#),
        Refusal(
            "a check with one equals sign", "route GET /a { authenticated; check key.name = a }",
            #"""
            g.conf:3:46: error: expected "==", found "="
                route GET /a { authenticated; check key.name = a }
                                                             ^
            """#),
        Refusal(
            "a check with an unknown field", "route GET /a { authenticated; check key.nmae == a }",
            #"""
            g.conf:3:37: error: expected one of key.id, key.name, key.permissions, key.roles, key.meta.NAME, identity.id, identity.externalId, identity.meta.NAME, found "key.nmae"; did you mean "key.name"?
                route GET /a { authenticated; check key.nmae == a }
                                                    ^~~~~~~~
            """#),
        Refusal(
            "a check with an unknown field of the client",
            "route GET /a { public; check client.name exists }",
            #"""
            g.conf:3:30: error: expected client.ip or client.subject, found "client.name"
                route GET /a { public; check client.name exists }
                                             ^~~~~~~~~~~
            """#),
        Refusal(
            "a check with a misspelt operand", "route GET /a { authenticated; check key.id == identiy.id }",
            #"""
            g.conf:3:47: error: "identiy.id" looks like an operand, expected "identity.…"; quote it if it is text
                route GET /a { authenticated; check key.id == identiy.id }
                                                              ^~~~~~~
            """#),
        Refusal(
            "a check with a capture that is not there",
            "route GET /a/{org} { authenticated; check path.orgs == a }",
            #"""
            g.conf:3:43: error: expected path.org, found "path.orgs"; did you mean "path.org"?
                route GET /a/{org} { authenticated; check path.orgs == a }
                                                          ^~~~~~~~~
            """#),
        Refusal(
            "a check of two values", "route GET /a { authenticated; check a == b }",
            #"""
            g.conf:3:39: error: expected an operand on one side, both are values
                route GET /a { authenticated; check a == b }
                                                      ^~
            """#),
        Refusal(
            "a check that ends early", "route GET /a { authenticated; check key.name == }",
            #"""
            g.conf:3:48: error: expected an operand or a value, found the end of the expression
                route GET /a { authenticated; check key.name == }
                                                               ^
            """#),
        Refusal(
            "a check with an open parenthesis", "route GET /a { authenticated; check (key.name == a }",
            #"""
            g.conf:3:37: error: expected ")" for this "(", found the end of the expression
                route GET /a { authenticated; check (key.name == a }
                                                    ^
            """#),
        Refusal(
            "a check with an open list", "route GET /a { authenticated; check key.name in (a, b }",
            #"""
            g.conf:3:49: error: expected ")" for this "(", found the end of the expression
                route GET /a { authenticated; check key.name in (a, b }
                                                                ^
            """#),
        Refusal(
            "a check with a value for a list", "route GET /a { authenticated; check key.name in a }",
            #"""
            g.conf:3:49: error: expected a list such as (a, b) or an operand after "in", found "a"
                route GET /a { authenticated; check key.name in a }
                                                                ^
            """#),
        Refusal(
            "a check that compares a list", "route GET /a { authenticated; check key.roles == admin }",
            #"""
            g.conf:3:47: error: "key.roles" is a list: expected "has" or "in"
                route GET /a { authenticated; check key.roles == admin }
                                                              ^~
            """#),
        Refusal(
            "a check for elements of a text", "route GET /a { authenticated; check key.name has a }",
            #"""
            g.conf:3:37: error: "key.name" has no elements: expected key.permissions, key.roles or a list in meta
                route GET /a { authenticated; check key.name has a }
                                                    ^~~~~~~~
            """#),
        Refusal(
            "a check for an address that is none",
            "route GET /a { authenticated; check client.ip in (10.0.0.0/8, local) }",
            #"""
            g.conf:3:63: error: expected an IP address or a network such as 10.0.0.0/8, found "local"
                route GET /a { authenticated; check client.ip in (10.0.0.0/8, local) }
                                                                              ^~~~~
            """#),
        Refusal(
            "a check that orders addresses", "route GET /a { authenticated; check client.ip < 10.0.0.1 }",
            #"""
            g.conf:3:47: error: addresses have no order: expected ==, != or in, found "<"
                route GET /a { authenticated; check client.ip < 10.0.0.1 }
                                                              ^
            """#),
        Refusal(
            "a check that orders booleans", "route GET /a { authenticated; check key.meta.beta > true }",
            #"""
            g.conf:3:51: error: true and false have no order: expected == or !=, found ">"
                route GET /a { authenticated; check key.meta.beta > true }
                                                                  ^
            """#),
        Refusal(
            "a check of now with no time", "route GET /a { authenticated; check now < tomorrow }",
            #"""
            g.conf:3:43: error: expected a time such as 2027-01-31, 2027-01-31T12:00:00Z or Unix milliseconds, found "tomorrow"
                route GET /a { authenticated; check now < tomorrow }
                                                          ^~~~~~~~
            """#),
        Refusal(
            "a check with text behind the message",
            "route GET /a { authenticated; check key.name == a \"m\" x }",
            #"""
            g.conf:3:55: error: expected the end of the line after the message, found "x"
                route GET /a { authenticated; check key.name == a "m" x }
                                                                      ^
            """#),
        Refusal(
            "a check without AND", "route GET /a { authenticated; check key.name == a key.id == b }",
            #"""
            g.conf:3:51: error: expected AND, OR, a quoted message or the end of the line, found "key.id"
                route GET /a { authenticated; check key.name == a key.id == b }
                                                                  ^~~~~~
            """#),
    ]

    @Test("Checks", arguments: Self.checks) func checksAreRefused(_ row: Refusal) { row.verify() }
}
