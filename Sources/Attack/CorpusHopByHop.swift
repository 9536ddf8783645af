// Headers for one hop: what a client says about its own connection must not reach the backend's, and must not
// take away what the gateway adds.

extension Corpus {
    static let hopByHop: [AttackCase] = {
        var table = CaseTable(.hopByHop)
        let strips =
            "told to remove its own header, the gateway forwards a request without the caller's identity"
        for (name, lines) in [
            ("identity", "Connection: {id}\r\n"), ("identity-close", "Connection: close, {id}\r\n"),
            ("identity-lower-case", "Connection: keep-alive, {iD}\r\n"),
            ("identity-second-line", "Connection: keep-alive\r\nConnection: {id}\r\n"),
            ("identity-empty-members", "Connection: ,,{id},,\r\n"),
            ("identity-proxy-connection", "Proxy-Connection: {id}\r\nConnection: {id}, Proxy-Connection\r\n"),
        ] {
            table.add(
                name, get("{locked}/{mark}", "{auth}\(lines)"), .keyed, why: strips,
                "RFC 9110 §7.6.1; CWE-290")
        }
        for name in ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "Via"] {
            table.add(
                "removes-\(name.lowercased())", get("{open}/{mark}", "Connection: close, \(name)\r\n"),
                .anonymous,
                [.keepsHeader(name)],
                why: "what the gateway says about the client is removed at the client's word",
                "RFC 9110 §7.6.1; CWE-290")
        }
        table.add(
            "removes-host", get("{open}/{mark}", "Connection: close, Host\r\n"),
            why: "without Host the backend chooses another site", "RFC 9110 §7.6.1; RFC 9112 §3.2")
        for (name, lines, why) in oneHop {
            table.add(
                name, get("{open}/{mark}", lines), .anonymous, [.withoutValue(Ground.evil)], why: why,
                "RFC 9110 §7.6.1, §11.7")
        }
        return table.cases
    }()

    private static let oneHop: [(String, String, String)] = [
        (
            "named", "Connection: close, X-Hop\r\nX-Hop: {evil}\r\n",
            "a header named by Connection is for one hop"
        ),
        ("named-case", "Connection: close, x-hop\r\nX-HOP: {evil}\r\n", "the same in different letter case"),
        ("keep-alive", "Keep-Alive: timeout={evil}\r\n", "Keep-Alive is for one hop"),
        ("te", "Connection: TE\r\nTE: {evil}\r\n", "TE is for one hop"),
        ("proxy-connection", "Proxy-Connection: {evil}\r\n", "a relic some servers obey as Connection"),
        ("proxy-authorization", "Proxy-Authorization: Basic {evil}\r\n", "a credential for the proxy itself"),
        ("connection-value", "Connection: close, {evil}\r\n", "the client's Connection passed on"),
        ("connection-upgrade", "Connection: Upgrade\r\nUpgrade: {evil}\r\n", "an upgrade nobody agreed to"),
    ]
}
