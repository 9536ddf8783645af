// Values of directives: durations, sizes, rates, addresses, names. Each reader either returns the value or
// reports, at the word, what was expected.

import Access
import Bytes

struct ValueReader {
    let findings: Findings

    static let durationUnits: [(name: String, nanos: Int)] = [
        ("ms", Nanos.millisecond), ("s", Nanos.second), ("m", Nanos.minute), ("h", Nanos.hour),
        ("d", Nanos.day),
    ]

    /// `250ms 5s 1m 2h 1d`, in nanoseconds. At most a year; zero only where it means something.
    func duration(_ word: Word, allowingZero: Bool = false) -> Int? {
        // Nothing is the same in all units.
        if allowingZero, word.text.elementsEqual("0".utf8) { return 0 }
        guard let (count, unit) = countAndUnit(word),
            let nanosPerUnit = Self.durationUnits.first(where: { $0.name == unit })?.nanos
        else {
            findings.error(
                "expected a duration such as 250ms, 5s, 1m, 2h or 1d, found \(word.shown)", at: word.place)
            return nil
        }
        let (nanos, overflowed) = count.multipliedReportingOverflow(by: nanosPerUnit)
        if overflowed || nanos > 365 * Nanos.day {
            findings.error("expected a duration of at most 365d, found \(word.shown)", at: word.place)
            return nil
        }
        if nanos == 0, !allowingZero {
            findings.error("expected a duration above zero, found \(word.shown)", at: word.place)
            return nil
        }
        return nanos
    }

    /// `512 64k 10m 1g`, in bytes.
    func size(_ word: Word, in bounds: ClosedRange<Int>) -> Int? {
        let factors = ["": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30]
        guard let (count, unit) = countAndUnit(word), let factor = factors[unit] else {
            findings.error("expected a size such as 512, 64k, 10m or 1g, found \(word.shown)", at: word.place)
            return nil
        }
        let (bytes, overflowed) = count.multipliedReportingOverflow(by: factor)
        if overflowed || !bounds.contains(bytes) {
            findings.error(
                "expected a size from \(Self.shown(bounds.lowerBound)) to \(Self.shown(bounds.upperBound)), found \(word.shown)",
                at: word.place)
            return nil
        }
        return bytes
    }

    /// A size with the largest unit that divides it.
    static func shown(_ bytes: Int) -> String {
        if bytes > 0, bytes.isMultiple(of: 1 << 30) { return "\(bytes >> 30)g" }
        if bytes > 0, bytes.isMultiple(of: 1 << 20) { return "\(bytes >> 20)m" }
        if bytes > 0, bytes.isMultiple(of: 1 << 10) { return "\(bytes >> 10)k" }
        return String(bytes)
    }

    func number(_ word: Word, in bounds: ClosedRange<Int>, what: String) -> Int? {
        if let value = ASCII.decimal(word.text.span), bounds.contains(value) { return value }
        findings.error(
            "expected \(what) from \(bounds.lowerBound) to \(bounds.upperBound), found \(word.shown)",
            at: word.place)
        return nil
    }

    /// `100/1m`: so many in so long.
    func rate(_ word: Word) -> (count: Int, durationMillis: Int)? {
        guard let (count, period) = word.cut(at: UInt8(ascii: "/")),
            let limit = ASCII.decimal(count.text.span)
        else {
            findings.error("expected a rate such as 100/1m, found \(word.shown)", at: word.place)
            return nil
        }
        if limit == 0 {
            findings.error("expected a rate of at least 1 request, found \(word.shown)", at: word.place)
            return nil
        }
        if Self.durationUnits.contains(where: { $0.name == period.string }) {
            findings.error(
                "expected a rate such as 100/1m, found \(word.shown); did you mean \"\(limit)/1\(period.string)\"?",
                at: word.place)
            return nil
        }
        return duration(period).map { (limit, $0 / Nanos.millisecond) }
    }

    private func countAndUnit(_ word: Word) -> (count: Int, unit: String)? {
        let digits = word.text.prefix { ASCII.isDigit($0) }.count
        guard let count = ASCII.decimal(word.text.span.extracting(0..<digits)) else { return nil }
        return (count, String(decoding: word.text[digits...], as: UTF8.self))
    }

    /// A path on this machine.
    func filePath(_ word: Word) -> String? {
        if !word.text.isEmpty, !word.text.contains(0) { return word.string }
        findings.error("expected a path, found \(word.shown)", at: word.place)
        return nil
    }

    /// A name that the configuration itself introduces: an upstream, a limit.
    func identifier(_ word: Word, what: String) -> String? {
        let isValid =
            !word.text.isEmpty
            && word.text.allSatisfy {
                ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: ".")
            }
        if isValid { return word.string }
        findings.error(
            "expected \(what) of letters, digits, \"_\", \"-\" and \".\", found \(word.shown)", at: word.place
        )
        return nil
    }

    /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `unix:/run/keygate.sock`.
    func endpoint(_ word: Word) -> Endpoint? {
        if word.text.starts(with: "unix:".utf8) {
            return socketPath(word.part(5..<word.text.count)).map { .unix(path: $0) }
        }
        guard let (host, port) = hostAndPort(word), let port else {
            let hint = port(word, allowingZero: true).map { "; did you mean \"127.0.0.1:\($0)\"?" } ?? ""
            findings.error(
                "expected ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH, found \(word.shown)\(hint)",
                at: word.place)
            return nil
        }
        guard let number = self.port(port, allowingZero: true) else {
            findings.error("expected a port from 0 to 65535, found \(port.shown)", at: port.place)
            return nil
        }
        var address = host.text
        if address.first == UInt8(ascii: "[") { address = Array(address.dropFirst().dropLast()) }
        if host.string == "localhost" { return .tcp(IPAddress(v4: 0x7F00_0001), port: number) }
        guard let ip = IPAddress(parsing: address.span) else {
            let isAny = host.text.isEmpty || host.isBare("*")
            findings.error(
                "expected an IP address or localhost, found \(host.shown)"
                    + (isAny ? "; all addresses are 0.0.0.0, or [::]" : ""), at: host.place)
            return nil
        }
        return .tcp(ip, port: number)
    }

    /// An address of a socket in the file system; the kernel's limit is 107 bytes (unix(7)).
    func socketPath(_ word: Word) -> String? {
        if word.text.first == UInt8(ascii: "/"), word.text.count <= 107, !word.text.contains(0) {
            return word.string
        }
        findings.error(
            "expected an absolute path of at most 107 bytes after \"unix:\", found \(word.shown)",
            at: word.place)
        return nil
    }

    /// `http://host:port`, `https://host[:port]`, `unix:/path`.
    func serverAddress(_ word: Word) -> UpstreamServer.Address? {
        if word.text.starts(with: "unix:".utf8) {
            return socketPath(word.part(5..<word.text.count)).map { .unix(path: $0) }
        }
        let isTLS = word.text.starts(with: "https://".utf8)
        guard isTLS || word.text.starts(with: "http://".utf8) else {
            findings.error(
                "expected http://HOST:PORT, https://HOST or unix:/PATH, found \(word.shown)", at: word.place)
            return nil
        }
        let authority = word.part((isTLS ? 8 : 7)..<word.text.count)
        if let (_, path) = authority.cut(at: UInt8(ascii: "/")) {
            findings.error(
                "expected the end of the address, found \"/\(path.string)\"; a path is set with rewrite in a route",
                at: authority.place(of: (authority.text.count - path.text.count - 1)..<authority.text.count))
            return nil
        }
        guard let (host, port) = hostAndPort(authority), isHost(host.text) else {
            findings.error("expected a host name or address, found \(authority.shown)", at: authority.place)
            return nil
        }
        var number: UInt16 = isTLS ? 443 : 80
        if let port {
            guard let given = self.port(port, allowingZero: false) else {
                findings.error("expected a port from 1 to 65535, found \(port.shown)", at: port.place)
                return nil
            }
            number = given
        }
        return isTLS ? .https(host: host.string, port: number) : .http(host: host.string, port: number)
    }

    /// Cuts at the last colon outside of brackets; nil if the brackets are not in order.
    func hostAndPort(_ word: Word) -> (host: Word, port: Word?)? {
        if word.text.first == UInt8(ascii: "[") {
            guard let close = word.text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let host = word.part(0..<(close + 1))
            if close + 1 == word.text.count { return (host, nil) }
            guard word.text[close + 1] == UInt8(ascii: ":") else { return nil }
            return (host, word.part((close + 2)..<word.text.count))
        }
        guard let (host, port) = word.cut(at: UInt8(ascii: ":")) else { return (word, nil) }
        return port.text.contains(UInt8(ascii: ":")) ? nil : (host, port)
    }

    func port(_ word: Word, allowingZero: Bool) -> UInt16? {
        guard let value = ASCII.decimal(word.text.span), value <= 65535, value > 0 || allowingZero else {
            return nil
        }
        return UInt16(value)
    }

    /// A host name (RFC 1123 §2.1, with `_`, which real names contain), an IPv4 address, or IPv6 in brackets.
    func isHost(_ text: [UInt8]) -> Bool {
        if text.first == UInt8(ascii: "["), text.last == UInt8(ascii: "]") {
            guard let address = IPAddress(parsing: text.span.extracting(1..<(text.count - 1))) else {
                return false
            }
            // Only what is IPv6 needs brackets; a wrapped IPv4 address inside of them is still written so.
            return address.family == .v6 || text.contains(UInt8(ascii: ":"))
        }
        return !text.isEmpty && text.count <= 253 && text.first != UInt8(ascii: ".")
            && text.allSatisfy {
                ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "_")
            }
    }
}
