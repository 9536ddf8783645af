// The part of a route that says how requests are forwarded: to which upstream, under which path, with which
// headers.

import Bytes

extension RouteBody {
    /// to UPSTREAM
    mutating func readUpstream(_ directive: Directive) {
        guard seen.note(directive, findings), let words = findings.arguments(directive, 1...1, "to UPSTREAM")
        else {
            return
        }
        if let index = context.upstreams.firstIndex(where: { $0.name == words[0].string }) {
            upstreamIndex = index
        } else if !context.isMissingUpstreams {
            let known = context.upstreams.map(\.name)
            let choice = known.isEmpty ? "an upstream block" : known.joined(separator: " or ")
            findings.error(
                "expected \(choice), found \(words[0].shown)"
                    + NearestWord.hint(for: words[0].string, in: known),
                at: words[0].place)
        }
    }

    func useOnlyUpstream() {
        if context.upstreams.count == 1 || context.isMissingUpstreams { return }
        if context.upstreams.isEmpty {
            findings.error(
                "expected an upstream block in the configuration, there is none to forward to", at: head)
        } else {
            let known = context.upstreams.map(\.name).joined(separator: " or ")
            findings.error("expected \"to \(known)\" in this route, there are several upstreams", at: head)
        }
    }

    mutating func readPathChange(_ directive: Directive) {
        let name = directive.name.string
        let one = "expected at most one of strip-prefix and rewrite in a route"
        guard findings.note(directive.head, in: &pathChangePlace, one) else { return }
        guard let words = findings.arguments(directive, 1...1, "\(name) PATH") else { return }
        let word = words[0]
        guard word.text.first == UInt8(ascii: "/") else {
            findings.error("expected a path that starts with \"/\", found \(word.shown)", at: word.place)
            return
        }
        if name == "strip-prefix" { readStripPrefix(word) } else { readRewrite(word) }
    }

    private mutating func readStripPrefix(_ word: Word) {
        var prefix = word.text
        while prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
        let parts = word.split(at: UInt8(ascii: "/")).dropFirst().map(\.text).filter { !$0.isEmpty }
        let starts =
            pattern.segments.count >= parts.count
            && zip(pattern.segments, parts).allSatisfy { $0 == .literal($1) }
        if parts.isEmpty || !starts || prefix.count != parts.reduce(0, { $0 + $1.count + 1 }) {
            findings.error(
                "expected literal segments that the route's pattern starts with, found \(word.shown)",
                at: word.place)
            return
        }
        pathChange = .strip(prefix: prefix)
    }

    private mutating func readRewrite(_ word: Word) {
        let plain = word.text.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
                && $0 != UInt8(ascii: "\\")
        }
        guard plain else {
            findings.error(
                "expected a path without blanks, \"?\", \"#\", \"\\\" and bytes beyond ASCII, found \(word.shown)",
                at: word.place)
            return
        }
        let segments = word.split(at: UInt8(ascii: "/")).dropFirst()
        for (index, segment) in segments.enumerated() where !segment.text.contains(UInt8(ascii: "{")) {
            let isLast = index == segments.count - 1
            if isLast, segment.text.elementsEqual("**".utf8) { continue }
            if RoutePattern.objection(
                to: segment.text, isLast: isLast, allowsEmptySegments: false, allowsEncodedSlash: false)
                != nil
            {
                findings.error(
                    "expected a path that a client could send as well, found \(word.shown)", at: segment.place
                )
                return
            }
        }
        guard let pieces = Template.pieces(path: word, captures: pattern.captureNames, findings: findings)
        else { return }
        // `/a**`, or `{name}**`: more than stars in the last segment.
        if pieces.last == .rest, segments.last?.text.count != 2 {
            findings.error("\"**\" must be a whole segment", at: word.place)
        } else if pieces.last == .rest, !pattern.endsWithRest {
            findings.error(
                "\"**\" is what the pattern's \"**\" matched, but the pattern has none", at: word.place)
        } else {
            pathChange = .rewrite(pieces)
        }
    }

    /// header NAME VALUE
    mutating func readHeader(_ directive: Directive) {
        guard let words = findings.arguments(directive, 2...2, "header NAME VALUE"),
            let name = values.settableHeaderName(words[0])
        else { return }
        guard HeaderNames.isValue(words[1].text) else {
            findings.error(
                "expected a value of printable ASCII without blanks at its ends", at: words[1].place)
            return
        }
        let folded = HeaderNames.folded(name)
        if let other = setHeaders.first(where: { HeaderNames.folded($0.header.name) == folded }) {
            findings.repetition("\(words[0].shown) is set already", at: directive.head, first: other.place)
            return
        }
        setHeaders.append((FixedHeader(name: name, value: words[1].text), directive.head))
    }
}
