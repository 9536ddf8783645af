// Credentials: where none is valid in the one place the gateway looks, nothing may reach the locked prefix; where
// one is, it stays with the gateway.

extension Corpus {
    static let credential: [AttackCase] = {
        var table = CaseTable(.credential)
        for (name, fields, why) in invalid {
            table.add(name, get("{locked}/{mark}", fields), why: why, "RFC 6750 §2.1, §3.1; CWE-287")
        }
        for (name, query) in [
            ("query-key", "key"), ("query-token", "access_token"), ("query-api-key", "api_key"),
        ] {
            table.add(
                name, get("{locked}/{mark}?\(query)={key}"),
                why: "a key in the query is written into every log; it counts only where that was asked for",
                "RFC 6750 §2.3, §5.3; CWE-598")
        }
        for method in ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PROPFIND"] {
            table.add(
                "no-key-\(method.lowercased())",
                get("{locked}/{mark}", "Origin: https://{evil}\r\n", method: method),
                why: "a method for which the rule does not ask for a key", "RFC 9110 §9; CWE-863")
        }
        table.add(
            "trailer",
            "POST {locked}/{mark} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n"
                + "Trailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer {key}\r\n\r\n",
            why: "a credential that comes behind the body", "RFC 9110 §6.5.1; CWE-287")
        let two = "the gateway verifies one credential, the backend reads the other"
        table.add(
            "two-headers", get("{locked}/{mark}", "{auth}Authorization: Bearer {evil}\r\n"), .keyed,
            [.withoutValue(Ground.evil)], why: two, "RFC 9110 §11.6.2, §5.3; CWE-287")
        table.add(
            "two-headers-reversed", get("{locked}/{mark}", "Authorization: Bearer {evil}\r\n{auth}"), .keyed,
            [.withoutValue(Ground.evil)], why: two, "RFC 9110 §11.6.2, §5.3; CWE-287")
        table.add(
            "two-schemes", get("{locked}/{mark}", "{auth}Authorization: Basic {evil}\r\n"), .keyed,
            [.withoutValue(Ground.evil)], why: two, "RFC 9110 §11.6.2; CWE-287")
        table.add(
            "reaches-backend", get("{locked}/{mark}", "{auth}"), .keyed, [.withoutKey],
            why: "a key the backend sees is a key in its logs, and whoever reads them is the caller",
            "CWE-522")
        table.add(
            "reaches-open-backend", get("{open}/{mark}", "{auth}"), .keyed, [.withoutKey],
            why: "the same on a route that asks for none", "CWE-522")
        return table.cases
    }()

    private static let invalid: [(String, String, String)] = [
        ("none", "", "no credential at all"),
        ("unknown", "Authorization: Bearer kgevil0123456789abcdef\r\n", "a key nobody issued"),
        ("empty", "Authorization:\r\n", "an empty credential"),
        ("scheme-only", "Authorization: Bearer\r\n", "a scheme and no key"),
        ("empty-token", "Authorization: Bearer \r\n", "an empty key"),
        ("null", "Authorization: Bearer null\r\n", "what a broken client sends, found by a broken look-up"),
        ("wildcard", "Authorization: Bearer *\r\n", "a pattern for a key"),
        ("quote", "Authorization: Bearer ' OR '1'='1\r\n", "a query for a key"),
        (
            "oversized", "Authorization: Bearer \(String(repeating: "a", count: 6000))\r\n",
            "a key longer than any"
        ),
        ("other-scheme", "Authorization: Basic {key}\r\n", "the key under another scheme"),
        ("no-scheme", "Authorization: {key}\r\n", "the key without a scheme"),
        ("key-and-more", "Authorization: Bearer {key}x\r\n", "a key that only begins like a valid one"),
        ("key-prefixed", "Authorization: Bearer x{key}\r\n", "a key that only ends like a valid one"),
        ("key-and-word", "Authorization: Bearer {key} {evil}\r\n", "a key and another word"),
        ("key-in-list", "Authorization: Bearer {evil}, Bearer {key}\r\n", "a list of credentials"),
        ("key-nul", "Authorization: Bearer {key}\u{0}{evil}\r\n", "a NUL behind the key"),
        ("name-underscore", "Authorization_: Bearer {key}\r\n", "a name that resembles Authorization"),
        ("x-authorization", "X-Authorization: Bearer {key}\r\n", "a header of another system"),
        ("proxy-authorization", "Proxy-Authorization: Bearer {key}\r\n", "a credential for a proxy"),
        ("cookie", "Cookie: Authorization=Bearer%20{key}\r\n", "a key that a browser sends by itself"),
        ("space-colon", "Authorization : Bearer {key}\r\n", "a credential whose colon is set off"),
        ("identity-instead", "{id}: {evil}\r\n", "an identity in place of a credential"),
        (
            "from-loopback", "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n",
            "a client that claims to be inside"
        ),
    ]
}
