// Header lines that are one thing to the gateway and another to the backend: what hides in them is an identity
// the client gave itself, or a request of its own.

extension Corpus {
    static let syntax: [AttackCase] = {
        var table = CaseTable(.syntax)
        for (name, fields, why) in hidden {
            table.add(name, get("{open}/{mark}", fields), why: why, "RFC 9112 §2.2, §5; RFC 9110 §5.5")
        }
        for (name, template, why) in ends {
            table.add(name, template, why: why, "RFC 9112 §2.2; CWE-444")
        }
        for (name, target, why) in injections {
            table.add(name, get(target), why: why, "CWE-93, CWE-113")
        }
        return table.cases
    }()

    private static let hidden: [(String, String, String)] = [
        ("bare-lf", "X-A: a\n{id}: {evil}\r\n", "a line feed alone ends a line for many servers"),
        ("bare-cr", "X-A: a\r{id}: {evil}\r\n", "a carriage return alone ends a line for some"),
        ("cr-cr-lf", "X-A: a\r\r\n{id}: {evil}\r\n", "a CR too many before the line's end"),
        ("folded", "X-A: a\r\n {id}: {evil}\r\n", "a folded line is a line of its own to some"),
        ("folded-tab", "X-A: a\r\n\t{id}: {evil}\r\n", "the same with a tab"),
        ("space-colon", "{id} : {evil}\r\n", "a space before the colon makes another name to some"),
        ("tab-colon", "{id}\t: {evil}\r\n", "a tab before the colon"),
        ("name-nul", "{id}\u{0}: {evil}\r\n", "a NUL in the name"),
        ("name-vertical-tab", "{id}\u{B}: {evil}\r\n", "a control character in the name"),
        ("name-cr", "{id}\r: {evil}\r\n", "a carriage return in the name"),
        ("name-nbsp", "{id}\u{A0}: {evil}\r\n", "a byte behind the name that some trim"),
        ("name-quoted", "\"{id}\": {evil}\r\n", "a quoted name"),
        ("value-nul-lf", "X-A: a\u{0}\n{id}: {evil}\r\n", "a NUL and a line feed"),
        ("two-colons", "{id}:: {evil}\r\n", "an empty name after the name"),
        (
            "behind-long-value", "X-A: \(String(repeating: "a", count: 9000))\r\n{id}: {evil}\r\n",
            "behind what fills a buffer"
        ),
        (
            "behind-many", String(repeating: "X-A: a\r\n", count: 150) + "{id}: {evil}\r\n",
            "behind more headers than are looked at"
        ),
    ]

    private static let ends: [(String, String, String)] = [
        (
            "first-line-space", "GET {open}/{mark} HTTP/1.1\r\n {id}: {evil}\r\nHost: {host}\r\n\r\n",
            "white space before the first header hides it from some"
        ),
        (
            "lf-only", "GET {locked}/{mark} HTTP/1.1\nHost: {host}\n\n", "a whole head in bare line feeds"
        ),
        (
            "cr-only", "GET {locked}/{mark} HTTP/1.1\rHost: {host}\r\r",
            "a whole head in bare carriage returns"
        ),
        (
            "head-ends-lf-lf", get("{open}/{mark}", "X-A: a\n\n{inner}X-B: b\r\n"),
            "an empty line of bare line feeds ends the head for some"
        ),
        (
            "head-ends-lf-crlf", get("{open}/{mark}", "X-A: a\n\r\n{inner}X-B: b\r\n"),
            "a bare line feed before an empty line"
        ),
        (
            "head-ends-cr-cr", get("{open}/{mark}", "X-A: a\r\r{inner}X-B: b\r\n"),
            "an empty line of bare carriage returns"
        ),
        (
            "missing-colon", get("{open}/{mark}", "X-A\r\n\r\n{inner}"),
            "a line that is no header and ends nothing"
        ),
    ]

    private static let injections: [(String, String, String)] = [
        (
            "crlf-in-path", "{open}/{mark}%20HTTP/1.1%0d%0a{id}:%20{evil}%0d%0aX-A:%20a",
            "an escaped line end in the path, decoded into the forwarded head"
        ),
        (
            "lf-in-path", "{open}/{mark}%20HTTP/1.1%0a{id}:%20{evil}%0aX-A:%20a",
            "an escaped line feed in the path"
        ),
        (
            "request-in-path", "{open}/{mark}%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0aGET%20{locked}/{mark}",
            "a whole request in the path"
        ),
    ]
}
