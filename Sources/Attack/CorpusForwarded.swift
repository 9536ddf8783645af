// Headers by which a proxy tells its backend where a request came from and what it was: believed, because only
// proxies write them.

extension Corpus {
    static let forwarded: [AttackCase] = {
        var table = CaseTable(.forwarded)
        for (name, lines) in [
            ("for", "X-Forwarded-For: {address}\r\n"),
            ("for-twice", "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: {address}\r\n"),
            ("for-trailing-comma", "X-Forwarded-For: {address},\r\n"),
            ("for-underscore", "X_Forwarded_For: {address}\r\n"),
            ("for-dot", "X.Forwarded.For: {address}\r\n"),
        ] {
            table.add(
                name, get("{open}/{mark}", lines), .anonymous, [.ownLastHop],
                why: "the backend allows, limits or logs by an address the client chose",
                "RFC 7239 §8.1; CWE-348")
        }
        let origin = "an address, host or scheme of the client's choice"
        for (name, header, value) in [
            ("forwarded", "Forwarded", "for={address};host={evil}"), ("real-ip", "X-Real-IP", "{evil}"),
            ("client-ip", "X-Client-IP", "{evil}"), ("true-client-ip", "True-Client-IP", "{evil}"),
            ("host", "X-Forwarded-Host", "{evil}"), ("proto", "X-Forwarded-Proto", "{evil}"),
            ("port", "X-Forwarded-Port", "{evil}"), ("prefix", "X-Forwarded-Prefix", "/{evil}"),
            ("server", "X-Forwarded-Server", "{evil}"), ("scheme", "X-Forwarded-Scheme", "{evil}"),
            ("host-underscore", "X_Forwarded_Host", "{evil}"), ("proxy", "Proxy", "http://{evil}"),
        ] {
            table.add(
                name, get("{open}/{mark}", "\(header): \(value)\r\n"), .anonymous,
                [.withoutValue(Ground.evil)],
                why: origin, "RFC 7239 §8.1; CWE-348")
        }
        let other = "a framework takes this path or method for the request's own, behind the rule"
        for (name, header, value) in [
            ("original-url", "X-Original-URL", "{locked}/{evil}"),
            ("rewrite-url", "X-Rewrite-URL", "{locked}/{evil}"),
            ("original-uri", "X-Original-URI", "{locked}/{evil}"),
            ("uri", "X-Forwarded-Uri", "{locked}/{evil}"),
            ("method-override", "X-HTTP-Method-Override", "{evil}"), ("method", "X-HTTP-Method", "{evil}"),
            ("method-short", "X-Method-Override", "{evil}"),
            ("forwarded-method", "X-Forwarded-Method", "{evil}"),
            ("original-method", "X-Original-Method", "{evil}"),
            ("original-host", "X-Original-Host", "{evil}"),
            ("original-url-underscore", "X_Original_URL", "{locked}/{evil}"),
        ] {
            table.add(
                name, get("{open}/{mark}", "\(header): \(value)\r\n"), .anonymous,
                [.withoutValue(Ground.evil)],
                why: other, "CWE-436, CWE-863")
        }
        return table.cases
    }()
}
