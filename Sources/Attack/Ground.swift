// What the operator prepared: where the gateway is, which prefix is open and which needs the key. Templates
// become bytes here.

/// The terms of one run, agreed with the operator.
public struct Ground: Sendable {
    /// As `Host` says it: the authority of the gateway.
    public let host: String
    /// `PREFIX/open` needs no key, `PREFIX/locked` needs it, everything else is to be refused.
    public let prefix: String
    /// The header by which the gateway tells the backend who is calling.
    public let identityHeader: String
    /// A key for the locked prefix; without one, cases that need it are left out.
    public let key: String?

    public init(
        host: String, prefix: String = "/attack", identityHeader: String = "X-Tenant-Id", key: String?
    ) {
        self.host = host
        self.prefix = prefix
        self.identityHeader = identityHeader
        self.key = key
    }

    var open: String { prefix + "/open" }
    var locked: String { prefix + "/locked" }

    /// A value no honest gateway writes.
    static let evil = "kgevil"
    /// An address no client of a loopback test has (RFC 5737).
    static let evilAddress = "198.51.100.66"

    /// What the request hidden in a body, or behind a head, says.
    private static let inner = "GET {locked}/{mark} HTTP/1.1\r\nHost: {host}\r\n\r\n"

    /// The bytes of a template. `{length}` is the length of what follows the first empty line, `{inner}` a
    /// request for the locked prefix, `{inner#}` its length in hexadecimal, `{tail}` a last chunk and that
    /// request, `{tail#}` the length of both.
    public func bytes(of template: String, mark: String) -> [UInt8] {
        let inner = fill(Self.inner, mark: mark)
        let tail = "0\r\n\r\n" + inner
        var text = template
        text = replace("{inner#}", in: text, with: String(inner.unicodeScalars.count, radix: 16))
        text = replace("{inner}", in: text, with: inner)
        text = replace("{tail#}", in: text, with: String(tail.unicodeScalars.count, radix: 16))
        text = replace("{tail}", in: text, with: tail)
        text = fill(text, mark: mark)
        let scalars = Array(text.unicodeScalars)
        if let body = Self.endOfHead(scalars) {
            text = replace("{length}", in: text, with: "\(scalars.count - body)")
        }
        return text.unicodeScalars.map { scalar in
            precondition(scalar.value < 256, "a template's scalars are bytes")
            return UInt8(scalar.value)
        }
    }

    private func fill(_ template: String, mark: String) -> String {
        let capital = identityHeader.uppercased()
        let lower = identityHeader.lowercased()
        var text = template
        for (name, value) in [
            ("{open}", open), ("{locked}", locked), ("{prefix}", prefix), ("{mark}", mark), ("{host}", host),
            ("{bare}", String(prefix.drop { $0 == "/" })), ("{evil}", Self.evil),
            ("{address}", Self.evilAddress),
            ("{auth}", "Authorization: Bearer {key}\r\n"), ("{key}", key ?? ""), ("{id}", identityHeader),
            ("{ID}", capital), ("{iD}", lower), ("{id_}", respelt("_")), ("{id.}", respelt(".")),
            ("{id~}", respelt("~")), ("{id!}", respelt("!")), ("{id_-}", mixed("_", "-")),
            ("{id.-}", mixed(".", "-")), ("{id-_}", mixed("-", "_")), ("{id_.}", mixed("_", ".")),
        ] where text.contains(name) {
            text = replace(name, in: text, with: value)
        }
        return text
    }

    /// The identity header with its hyphens written as `mark`.
    private func respelt(_ mark: Character) -> String { String(identityHeader.map { $0 == "-" ? mark : $0 }) }

    /// The same with the first hyphen and the others written differently.
    private func mixed(_ first: Character, _ others: Character) -> String {
        var isFirst = true
        return String(
            identityHeader.map { character in
                guard character == "-" else { return character }
                defer { isFirst = false }
                return isFirst ? first : others
            })
    }

    /// By scalar: to `Character`, CR and LF together are one thing, and a template is bytes.
    private func replace(_ name: String, in text: String, with value: String) -> String {
        let pattern = Array(name.unicodeScalars)
        let scalars = Array(text.unicodeScalars)
        var result = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            if scalars[index] == "{", scalars[index...].starts(with: pattern) {
                result.append(contentsOf: value.unicodeScalars)
                index += pattern.count
            } else {
                result.append(scalars[index])
                index += 1
            }
        }
        return String(result)
    }

    private static func endOfHead(_ scalars: [Unicode.Scalar]) -> Int? {
        let end: [Unicode.Scalar] = ["\r", "\n", "\r", "\n"]
        var index = 0
        while index + 4 <= scalars.count {
            if scalars[index..<index + 4].elementsEqual(end) { return index + 4 }
            index += 1
        }
        return nil
    }
}
