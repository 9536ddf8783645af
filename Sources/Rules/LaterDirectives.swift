// Directives of a route that belong to the language but are not carried out yet. Their grammar is checked, so
// that a file written for them is known to be right, and then they are refused: a limit that is silently not
// enforced is worse than none.

import Bytes

enum LaterDirectives {
    static func check(_ directive: Directive, _ values: ValueReader, _ findings: Findings) {
        let isRight =
            switch directive.name.string {
            case "cost": isCost(directive, values, findings)
            case "ratelimit": isRateLimit(directive, values, findings)
            case "limit": isLimit(directive, values, findings)
            default: findings.arguments(directive, 0...0, "nothing after \(directive.name.shown)") != nil
            }
        if isRight { findings.notYetAvailable(directive.name) }
    }

    /// cost N
    private static func isCost(_ directive: Directive, _ values: ValueReader, _ findings: Findings) -> Bool {
        guard let words = findings.arguments(directive, 1...1, "cost N") else { return false }
        return values.number(words[0], in: 0...1_000_000_000, what: "a number") != nil
    }

    /// ratelimit NAME [ cost N ]
    private static func isRateLimit(_ directive: Directive, _ values: ValueReader, _ findings: Findings)
        -> Bool
    {
        guard let words = findings.arguments(directive, 1...3, "ratelimit NAME [cost N]"),
            values.identifier(words[0], what: "a name") != nil
        else { return false }
        if words.count == 1 { return true }
        guard words[1].isBare("cost") else {
            findings.error("expected cost, found \(words[1].shown)", at: words[1].place)
            return false
        }
        guard words.count == 3 else {
            findings.error("expected a number after \"cost\"", at: directive.end)
            return false
        }
        return values.number(words[2], in: 0...1_000_000_000, what: "a number") != nil
    }

    /// limit NAME RATE by key|identity|ip|route|header:NAME…
    private static func isLimit(_ directive: Directive, _ values: ValueReader, _ findings: Findings) -> Bool {
        let usage = "limit NAME RATE by key|identity|ip|route|header:NAME…"
        guard let words = findings.arguments(directive, 4...20, usage),
            values.identifier(words[0], what: "a name") != nil, values.isRate(words[1])
        else { return false }
        guard words[2].isBare("by") else {
            findings.error("expected by, found \(words[2].shown)", at: words[2].place)
            return false
        }
        let subjects = ["key", "identity", "ip", "route"]
        for word in words[3...] where !subjects.contains(word.string) {
            if let (kind, name) = word.cut(at: UInt8(ascii: ":")), kind.string == "header",
                ASCII.isToken(name.text.span)
            {
                continue
            }
            findings.error(
                "expected key, identity, ip, route or header:NAME, found \(word.shown)"
                    + NearestWord.hint(for: word.string, in: subjects), at: word.place)
            return false
        }
        return true
    }
}
