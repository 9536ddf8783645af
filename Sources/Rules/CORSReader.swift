// Reads `cors`. What could be understood in two ways, or never be equal to what a browser sends, is refused: whoever
// writes an origin believes that pages of it get in, and of no other.

import Bytes

/// A policy with what is judged by the routes it is for.
struct WrittenCORS {
    let policy: CORSPolicy
    /// The methods of `methods=`; empty without it.
    let methods: [Word]
}

/// Reads the directive.
struct CORSReader {
    private static let usage = "cors origins=… [headers=…] [methods=…] [max-age=…]"
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    let values: ValueReader
    let findings: Findings
    /// Whether `cors off` is the other form here: what is written for all routes can be left out instead.
    let canBeOff: Bool

    /// Nil after a report.
    func read(_ directive: Directive) -> WrittenCORS? {
        let names = ["origins", "headers", "methods", "max-age"]
        let usage = canBeOff ? "cors off or \(Self.usage)" : Self.usage
        guard let words = findings.arguments(directive, 1...names.count, usage) else { return nil }
        if let word = words.first(where: { !$0.text.contains(UInt8(ascii: "=")) }) {
            findings.error("expected \(usage), found \(word.shown)\(hint(for: word))", at: word.place)
            return nil
        }
        guard let given = findings.assignments(words, names: names) else { return nil }
        guard let written = given["origins"] else {
            findings.error("expected origins=… as well: who may call is never guessed", at: directive.end)
            return nil
        }
        var origins: [[UInt8]]?
        if !written.isBare("*") {
            guard let list = list(written, of: origin) else { return nil }
            origins = list
        }
        var headers = CORSPolicy.standardHeaders
        if let word = given["headers"] {
            guard let list = list(word, of: header) else { return nil }
            headers = list
        }
        var methods: [[UInt8]]?
        if let word = given["methods"] {
            guard let list = list(word, of: method) else { return nil }
            methods = list
        }
        var maxAgeSeconds = CORSPolicy.standardMaxAgeSeconds
        if let word = given["max-age"] {
            guard let nanos = values.duration(word, allowingZero: true) else { return nil }
            if nanos % Nanos.second != 0 {
                findings.error(
                    "expected whole seconds, in which browsers count, or 0, found \(word.shown)",
                    at: word.place)
                return nil
            }
            maxAgeSeconds = nanos / Nanos.second
        }
        return WrittenCORS(
            policy: CORSPolicy(
                origins: origins, methods: methods, headers: headers, maxAgeSeconds: maxAgeSeconds),
            methods: given["methods"]?.split(at: UInt8(ascii: ",")) ?? [])
    }

    /// For a word that is no part of the directive.
    private func hint(for word: Word) -> String {
        if word.isBare("*") { return "; did you mean \"origins=*\"?" }
        if Self.isOrigin(word.text) { return "; origins are written in one word, origins=A,B" }
        if word.isBare("off") {
            return canBeOff ? "; it stands alone" : "; it is off where nothing is written"
        }
        return canBeOff ? NearestWord.hint(for: word.string, in: ["off"]) : ""
    }

    private static func isOrigin(_ text: [UInt8]) -> Bool {
        text.indices.contains { has(text, "://", at: $0) }
    }

    private func list(_ word: Word, of read: (Word) -> [UInt8]?) -> [[UInt8]]? {
        var list: [[UInt8]] = []
        for part in word.split(at: UInt8(ascii: ",")) {
            guard let value = read(part) else { return nil }
            if list.contains(value) {
                findings.error("\(part.shown) is in the list already", at: part.place)
                return nil
            }
            list.append(value)
        }
        return list
    }

    private func header(_ word: Word) -> [UInt8]? {
        if word.isBare("*") {
            findings.error(
                "expected the names of headers: what pages may set with a key is said one by one, found *",
                at: word.place)
            return nil
        }
        return values.headerName(word).map { $0.map(ASCII.lower) }
    }

    private func method(_ word: Word) -> [UInt8]? {
        if Self.methods.contains(word.string) { return word.text }
        let hint =
            word.isBare("*")
            ? "; without methods= they are those of the routes"
            : NearestWord.hint(for: word.string, in: Self.methods)
        findings.error("expected a method that browsers send, found \(word.shown)\(hint)", at: word.place)
        return nil
    }

    /// An origin is written as a browser sends it (RFC 6454 §6.2), or it would never be equal to one: lower case,
    /// no path, no default port.
    private func origin(_ word: Word) -> [UInt8]? {
        func refuse(_ why: String) -> [UInt8]? {
            findings.error("expected \(why), found \(word.shown)", at: word.place)
            return nil
        }
        let text = word.text
        guard let colon = text.indices.first(where: { Self.has(text, "://", at: $0) }), colon > 0 else {
            return refuse("an origin such as https://app.example.com, or origins=* alone")
        }
        let rest = text[(colon + 3)...]
        if rest.isEmpty { return refuse("a host behind the scheme") }
        if rest.contains(UInt8(ascii: "/")) { return refuse("an origin without a path") }
        if text.contains(UInt8(ascii: "*")) { return refuse("an origin without a wildcard") }
        if text.contains(where: { ASCII.lower($0) != $0 }) {
            return refuse("an origin in lower case, as browsers send it")
        }
        if text.contains(where: {
            !ASCII.isPrintable($0) || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "@")
        }) {
            return refuse("an origin of scheme, host and port")
        }
        guard let (host, port) = values.hostAndPort(word.part((colon + 3)..<text.count)),
            values.isHost(host.text), port.map({ values.port($0, allowingZero: false) != nil }) ?? true
        else { return refuse("an origin of scheme, host and port") }
        if Self.ends(text, ":443") && Self.has(text, "https", at: 0) || Self.ends(text, ":80") && colon == 4 {
            return refuse("an origin without its scheme's default port, which browsers leave out")
        }
        return text
    }

    private static func has(_ text: [UInt8], _ part: String, at index: Int) -> Bool {
        text[index...].starts(with: part.utf8)
    }

    private static func ends(_ text: [UInt8], _ part: String) -> Bool {
        text.suffix(part.utf8.count) == Array(part.utf8)[...]
    }
}

extension RouteBody {
    /// cors off | cors origins=… …
    mutating func readCORS(_ directive: Directive) {
        if directive.block == nil, directive.arguments.count == 1, directive.arguments[0].isBare("off") {
            cors = nil
            return
        }
        guard let read = CORSReader(values: values, findings: findings, canBeOff: true).read(directive)
        else { return }
        cors = read.policy
        let foreign = read.methods.filter { !methods.admits($0.text) }
        if let first = foreign.first, foreign.count == read.methods.count {
            findings.error(
                "expected methods that this route has, \(methods.text), or cors off, found \(first.shown)",
                at: first.place)
            return
        }
        for word in foreign {
            findings.warning(
                "this route has no \(word.string), so cors allows it in vain: its methods are \(methods.text)",
                at: word.place)
        }
    }
}

extension RouteChecker {
    /// The policy of all routes, once they are known: a method that none of those under it has. Routes that have none
    /// of its methods are how some are kept from pages.
    func check(_ written: WrittenCORS) {
        let others = routes.filter { $0.cors == written.policy }
        for word in written.methods where !others.contains(where: { $0.methods.admits(word.text) }) {
            findings.warning(
                "no route under this cors has \(word.string), so it is allowed in vain", at: word.place)
        }
    }
}
