// Which pages of which origins may call this API from a browser (the CORS protocol of the Fetch standard, §3.2).
// A browser asks before it sends a key: that preflight has none, and is answered from the policy alone. What the
// policy says protects the users of browsers; the key is asked for all the same.

import Bytes

/// `cors …`, of one route or of all.
public struct CORSPolicy: Sendable, Hashable {
    /// In the form a browser sends them, `scheme://host[:port]`; nil admits every origin.
    public let origins: [[UInt8]]?
    /// Methods that pages may use, of those the routes have; nil admits all of them.
    public let methods: [[UInt8]]?
    /// Request headers that pages may set beyond those the standard always allows; in lower case.
    public let headers: [[UInt8]]
    /// How long a browser may remember the answer to a preflight.
    public let maxAgeSeconds: Int

    /// Without `headers=`: what an API with keys is called with.
    static let standardHeaders = ["authorization", "content-type"].map { Array($0.utf8) }
    static let standardMaxAgeSeconds = 600

    /// Whether a page of this origin, as its browser names it, may call. Origins compare byte for byte.
    public func admits(origin: Span<UInt8>) -> Bool {
        guard let origins else { return true }
        for known in origins where ASCII.equals(known.span, origin) { return true }
        return false
    }

    public func admits(method: Span<UInt8>) -> Bool {
        guard let methods else { return true }
        for known in methods where ASCII.equals(known.span, method) { return true }
        return false
    }

    public func admits(header name: Span<UInt8>) -> Bool {
        for known in headers where ASCII.equalsIgnoringCase(known.span, name) { return true }
        return false
    }
}

/// Reads the directive.
struct CORSReader {
    static let usage = "cors origins=… [headers=…] [methods=…] [max-age=…]"
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    let values: ValueReader
    let findings: Findings

    /// Nil after a report.
    func read(_ directive: Directive) -> CORSPolicy? {
        let names = ["origins", "headers", "methods", "max-age"]
        guard let words = findings.arguments(directive, 1...names.count, Self.usage),
            let given = findings.assignments(words, names: names)
        else { return nil }
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
            maxAgeSeconds = nanos / Nanos.second
        }
        return CORSPolicy(origins: origins, methods: methods, headers: headers, maxAgeSeconds: maxAgeSeconds)
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
        findings.error(
            "expected a method that browsers send, found \(word.shown)"
                + NearestWord.hint(for: word.string, in: Self.methods), at: word.place)
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
