// Where keys come from and what the backend is told about their owners: `credential` and `headers`. The two
// meet: a header cannot carry a key in and an identity out.

import Bytes

extension Checker {
    mutating func checkCredential(_ directive: Directive) {
        let usage = "credential bearer, header NAME or query NAME"
        guard let words = findings.arguments(directive, 1...2, usage) else { return }
        let source: CredentialSource
        switch (words[0].string, words.count) {
        case ("bearer", 1):
            source = .bearer
        case ("header", 2):
            guard let name = values.headerName(words[1]) else { return }
            if HeaderNames.isAuthorization(name) {
                findings.error(
                    "expected a header other than Authorization; write credential bearer", at: words[1].place)
                return
            }
            if let reserved = HeaderNames.reservedName(name) {
                findings.error("\(reserved) is set by the gateway and cannot carry a key", at: words[1].place)
                return
            }
            source = .header(name: name)
        case ("query", 2):
            guard !words[1].text.isEmpty else {
                findings.error("expected the name of a query parameter, found \"\"", at: words[1].place)
                return
            }
            source = .query(name: words[1].text)
        case ("bearer", _):
            findings.error(
                "expected the end of the directive after \"bearer\", found \(words[1].shown)",
                at: words[1].place)
            return
        case ("header", _), ("query", _):
            findings.error("expected a name after \"\(words[0].string)\"", at: directive.end)
            return
        case (let other, _):
            findings.error(
                "expected bearer, header NAME or query NAME, found \"\(other)\""
                    + NearestWord.hint(for: other, in: ["bearer", "header", "query"]), at: words[0].place)
            return
        }
        if let other = credentials.first(where: { Self.isSame($0.source, source) }) {
            findings.repetition("keys are taken from here already", at: directive.head, first: other.place)
            return
        }
        credentials.append((source, directive.head))
    }

    private static func isSame(_ left: CredentialSource, _ right: CredentialSource) -> Bool {
        if case .header(let one) = left, case .header(let other) = right {
            return HeaderNames.folded(one) == HeaderNames.folded(other)
        }
        return left == right
    }

    /// headers { NAME SOURCE … }
    mutating func checkHeaders(_ directive: Directive) {
        hasHeadersBlock = true
        let usage = "expected headers { NAME SOURCE … }, found"
        if let word = directive.arguments.first {
            return findings.error("\(usage) \(word.shown)", at: word.place)
        }
        guard let block = directive.block else {
            return findings.error("\(usage) no block", at: directive.end)
        }
        for inner in block.directives { checkInjected(inner) }
    }

    private mutating func checkInjected(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "NAME SOURCE"),
            let name = values.settableHeaderName(directive.name)
        else { return }
        if HeaderNames.isAuthorization(name) {
            findings.error(
                "Authorization carries the key and cannot tell the backend who is calling",
                at: directive.name.place)
            return
        }
        guard let source = CallerSource(words[0]) else {
            findings.error(OperandReader.unknownField(words[0].string), at: words[0].place)
            return
        }
        let folded = HeaderNames.folded(name)
        if let other = injected.first(where: { HeaderNames.folded($0.header.name) == folded }) {
            findings.repetition(
                "\(directive.name.shown) is set already; names are the same in any letter case and with \"_\", \".\" or \"-\"",
                at: directive.name.place, first: other.place)
            return
        }
        let header = InjectedHeader(
            name: name, field: source.field, metaPath: source.path,
            location: findings.location(of: directive.name.place))
        injected.append((header, directive.name.place))
    }

    /// What the backend is told when there is no `headers` block.
    static func defaultHeaders(path: String) -> [InjectedHeader] {
        let location = SourceLocation(file: path, line: 1, column: 1)
        return [
            InjectedHeader(
                name: Array("X-Tenant-Id".utf8), field: .identityExternalID, metaPath: [], location: location),
            InjectedHeader(name: Array("X-Key-Id".utf8), field: .keyID, metaPath: [], location: location),
        ]
    }

    func checkCredentialsAgainstHeaders() {
        for (source, place) in credentials {
            guard case .header(let name) = source else { continue }
            let folded = HeaderNames.folded(name)
            guard injected.contains(where: { HeaderNames.folded($0.header.name) == folded }) else { continue }
            findings.error(
                "\"\(String(decoding: name, as: UTF8.self))\" is set for the backend by headers and cannot carry a key",
                at: place)
        }
    }
}
