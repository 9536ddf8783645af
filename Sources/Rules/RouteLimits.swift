// The limits that a route charges: `ratelimit NAME [cost N]`, a limit that keys and identities bring along, and
// `limit NAME RATE by …`, one of the route's own.

import Bytes

/// A limit of the key or of its identity, named by the configuration. A key that has none of that name is not
/// limited by it.
public struct NamedLimit: Sendable, Hashable {
    public let name: [UInt8]
    /// 0 looks without consuming.
    public let cost: Int64
}

/// What a limit of a route counts by.
public enum LimitSubject: Sendable, Hashable {
    case key
    /// The identity, or the key where it has none.
    case identity
    case clientAddress
    /// One count for the whole route.
    case route
    /// The value of a header, with its name in lower case.
    case header([UInt8])
}

/// A limit of a route itself.
public struct RouteLimit: Sendable, Hashable {
    public let name: [UInt8]
    /// How many requests pass in a window.
    public let limit: Int64
    public let durationMillis: Int64
    /// One or more; several count each combination.
    public let subjects: [LimitSubject]
    /// As written, without the directive's name.
    public let text: String
}

/// Reads both directives.
enum RouteLimitReader {
    static let maxCost = 1_000_000_000
    private static let maxNameBytes = 128
    /// What keys and identities may have as well.
    private static let shortestMillis = 1000

    /// ratelimit NAME [ cost N ]
    static func named(_ directive: Directive, _ values: ValueReader, _ findings: Findings) -> NamedLimit? {
        guard let words = findings.arguments(directive, 1...3, "ratelimit NAME [cost N]") else { return nil }
        guard !words[0].text.isEmpty, words[0].text.count <= maxNameBytes else {
            findings.error(
                "expected the name of a limit, 1 to \(maxNameBytes) bytes, found \(words[0].shown)",
                at: words[0].place)
            return nil
        }
        if words.count == 1 { return NamedLimit(name: words[0].text, cost: 1) }
        guard words[1].isBare("cost") else {
            findings.error("expected cost N, found \(words[1].shown)", at: words[1].place)
            return nil
        }
        guard words.count == 3 else {
            findings.error("expected a number after \"cost\"", at: directive.end)
            return nil
        }
        return values.number(words[2], in: 0...maxCost, what: "a number").map {
            NamedLimit(name: words[0].text, cost: Int64($0))
        }
    }

    /// limit NAME RATE by ( key | identity | ip | route | header:NAME )…
    static func own(_ directive: Directive, _ values: ValueReader, _ findings: Findings) -> RouteLimit? {
        let usage = "limit NAME RATE by key|identity|ip|route|header:NAME…"
        guard let words = findings.arguments(directive, 1...20, usage),
            let name = values.identifier(words[0], what: "a name")
        else { return nil }
        guard words.count > 2 else {
            findings.error("expected \(usage), found the end of the directive", at: directive.end)
            return nil
        }
        guard let rate = Self.rate(words[1], values, findings) else { return nil }
        guard words[2].isBare("by") else {
            findings.error("expected by, found \(words[2].shown)", at: words[2].place)
            return nil
        }
        guard words.count > 3 else {
            findings.error("expected \(subjectForms) after \"by\"", at: directive.end)
            return nil
        }
        var subjects: [LimitSubject] = []
        for (index, word) in words.enumerated().dropFirst(3) {
            let next = index + 1 < words.count ? words[index + 1] : nil
            guard let subject = subject(word, before: next, findings) else { return nil }
            if subjects.contains(subject) {
                findings.error("\(word.shown) is listed already", at: word.place)
                return nil
            }
            subjects.append(subject)
        }
        return RouteLimit(
            name: Array(name.utf8), limit: rate.limit, durationMillis: rate.durationMillis,
            subjects: subjects, text: words.map(\.string).joined(separator: " "))
    }

    /// A rate whose window is long enough to count in.
    static func rate(
        _ word: Word, _ values: ValueReader, _ findings: Findings
    ) -> (limit: Int64, durationMillis: Int64)? {
        guard let rate = values.rate(word) else { return nil }
        guard rate.durationMillis >= shortestMillis else {
            findings.error("expected a rate over at least 1s, found \(word.shown)", at: word.place)
            return nil
        }
        return (Int64(rate.count), Int64(rate.durationMillis))
    }

    private static let subjectForms = "key, identity, ip, route or header:NAME"

    private static func subject(_ word: Word, before next: Word?, _ findings: Findings) -> LimitSubject? {
        switch word.string {
        case "key": return .key
        case "identity": return .identity
        case "ip": return .clientAddress
        case "route": return .route
        default:
            if let (kind, name) = word.cut(at: UInt8(ascii: ":")), kind.string == "header",
                ASCII.isToken(name.text.span)
            {
                return .header(name.text.map(ASCII.lower))
            }
            findings.error(
                "expected \(subjectForms), found \(word.shown)\(hint(for: word, before: next))",
                at: word.place)
            return nil
        }
    }

    private static func hint(for word: Word, before next: Word?) -> String {
        if word.text.contains(UInt8(ascii: ",")) { return "; several are separated by blanks" }
        // `header X`, `header=X`, `headr:X`: the name is there, in another place or behind another sign.
        let signs = [UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ".")]
        let kind = word.text.prefix { !signs.contains($0) }
        guard NearestWord.nearest(to: String(decoding: kind, as: UTF8.self), in: ["header"]) != nil else {
            return NearestWord.hint(for: word.string, in: ["key", "identity", "ip", "route"])
        }
        let name = word.text.dropFirst(kind.count + 1)
        let meant = name.isEmpty ? next?.text ?? [] : Array(name)
        return
            "; did you mean \"header:\(ASCII.isToken(meant.span) ? String(decoding: meant, as: UTF8.self) : "NAME")\"?"
    }
}

/// A list of named limits, each written once.
struct NamedLimitList {
    private var entries: [(limit: NamedLimit, place: Place)] = []

    var limits: [NamedLimit] { entries.map(\.limit) }
    var firstPlace: Place? { entries.first?.place }

    mutating func read(_ directive: Directive, _ values: ValueReader, _ findings: Findings) {
        guard let limit = RouteLimitReader.named(directive, values, findings) else { return }
        if let other = entries.first(where: { $0.limit.name == limit.name }) {
            findings.repetition("this rate limit is charged already", at: directive.head, first: other.place)
            return
        }
        entries.append((limit, directive.head))
    }
}
