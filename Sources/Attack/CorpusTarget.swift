// The request line and Host: which resource, of which authority, in which form (RFC 9112 §3).

extension Corpus {
    static let target: [AttackCase] = {
        var table = CaseTable(.target)
        for (name, target, why) in forms {
            table.add(name, get(target), why: why, "RFC 9112 §3.2; RFC 9110 §7.1")
        }
        for (name, template, why) in lines {
            table.add(name, template, why: why, "RFC 9112 §2.3, §3")
        }
        for (name, host, why) in hosts {
            let head = "GET {open}/{mark} HTTP/1.1\r\n\(host)X-Attack: {mark}\r\n\r\n"
            table.add(name, head, .anonymous, [.withoutValue("kgevil.test")], why: why, "RFC 9112 §3.2")
        }
        for method in ["CONNECT", "TRACE"] {
            table.add(
                method.lowercased() + "-open", get("{open}/{mark}", "{auth}", method: method), .keyed,
                [.withoutMethod(method)],
                why: "\(method) makes a proxy open a tunnel, or say back what must not be seen",
                "RFC 9110 §9.3.6, §9.3.8")
        }
        return table.cases
    }()

    private static let forms: [(String, String, String)] = [
        (
            "absolute-other-host", "http://kgevil.test{open}/{mark}",
            "a target for one authority, a Host for another"
        ),
        (
            "absolute-userinfo", "http://{host}@kgevil.test{open}/{mark}",
            "the real authority where a user name stands"
        ),
        (
            "absolute-locked", "http://{host}{locked}/{mark}",
            "absolute form, of which only the path is judged"
        ),
        ("absolute-https-locked", "https://{host}{locked}/{mark}", "the same with another scheme"),
        ("absolute-climb", "http://{host}{open}/../locked/{mark}", "a dot segment inside an absolute form"),
        (
            "absolute-no-authority", "http://{locked}/{mark}",
            "no authority: the path's first segment becomes one"
        ),
        ("absolute-no-slashes", "http:{locked}/{mark}", "a scheme without authority"),
        ("absolute-query", "http://{host}?{locked}/{mark}", "no path at all"),
        ("absolute-file", "file://{locked}/{mark}", "a scheme of another world"),
        ("no-leading-slash", "{bare}/locked/{mark}", "a path without its slash, which some backends add"),
        ("at-sign", "@kgevil.test{locked}/{mark}", "what is glued behind `http://backend` becomes user name"),
        ("colon-port", ":80{locked}/{mark}", "what is glued behind `http://backend` becomes its port"),
        ("asterisk-get", "*", "the server as a whole, asked for with GET"),
        ("authority-form", "kgevil.test:80", "authority form for a method other than CONNECT"),
    ]

    private static let lines: [(String, String, String)] = [
        (
            "asterisk-options", get("*", method: "OPTIONS"),
            "the options of the backend as a whole, which no rule covers"
        ),
        (
            "connect-authority", get("kgevil.test:443", method: "CONNECT"),
            "a tunnel through the gateway to anywhere"
        ),
        (
            "second-target", "GET {open}/{mark} /../../locked/{mark} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "two targets in one line: up to the first space, or up to the last"
        ),
        (
            "http-0.9", "GET {locked}/{mark}\r\n",
            "a request without version and headers passes where rules are about headers"
        ),
        (
            "http-0.9-version", "GET {locked}/{mark} HTTP/0.9\r\nHost: {host}\r\n\r\n",
            "a version whose answers have no head"
        ),
        (
            "version-2.0", "GET {locked}/{mark} HTTP/2.0\r\nHost: {host}\r\n\r\n",
            "a version of another framing in the words of this one"
        ),
        (
            "version-lower-case", "GET {locked}/{mark} http/1.1\r\nHost: {host}\r\n\r\n",
            "the version is case-sensitive; what does not match may not be judged at all"
        ),
        (
            "version-junk", "GET {locked}/{mark} HTTP/1.1x\r\nHost: {host}\r\n\r\n",
            "what stands behind the version is read by some and ignored by others"
        ),
        (
            "tabs", "GET\t{locked}/{mark}\tHTTP/1.1\r\nHost: {host}\r\n\r\n",
            "tabs for spaces: another word is taken for the target"
        ),
        (
            "leading-space", " GET {locked}/{mark} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "an empty word in front shifts the others"
        ),
        (
            "double-space", "GET  {locked}/{mark} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "an empty word between method and target"
        ),
        (
            "leading-lines", "\r\n\r\n\r\nGET {locked}/{mark} HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "empty lines in front of the request line"
        ),
        (
            "lower-case-method", get("{locked}/{mark}", method: "get"),
            "a method that rules by method do not know"
        ),
        (
            "unknown-method", get("{locked}/{mark}", method: "KGEVIL"),
            "a method nobody has heard of: refuse, not let pass"
        ),
    ]

    private static let hosts: [(String, String, String)] = [
        ("host-missing", "", "no Host: the backend chooses one"),
        (
            "host-twice", "Host: {host}\r\nHost: kgevil.test\r\n",
            "the gateway takes one, the backend the other"
        ),
        ("host-twice-reversed", "Host: kgevil.test\r\nHost: {host}\r\n", "the same the other way round"),
        ("host-list", "Host: {host}, kgevil.test\r\n", "two names in one Host"),
        ("host-userinfo", "Host: {host}@kgevil.test\r\n", "a user name in Host"),
        ("host-path", "Host: {host}/../kgevil.test\r\n", "a path in Host, for whoever builds URLs from it"),
        ("host-space", "Host: {host} kgevil.test\r\n", "a space in Host"),
        ("host-space-colon", "Host : kgevil.test\r\nHost: {host}\r\n", "a second Host, its colon set off"),
        ("host-folded", "Host: {host}\r\n kgevil.test\r\n", "a folded line that lengthens Host"),
    ]
}
