// `upstream NAME { … }`: the servers behind the gateway.

import Access
import Bytes

extension Checker {
    mutating func checkUpstream(_ directive: Directive) {
        let errorsBefore = findings.errorCount
        defer { if findings.errorCount > errorsBefore { hasRejectedUpstream = true } }
        let words = directive.arguments
        guard words.count == 1, let block = directive.block else {
            let usage = "expected upstream NAME { … }, found"
            if words.count > 1 { return findings.error("\(usage) \(words[1].shown)", at: words[1].place) }
            return findings.error("\(usage) no \(words.isEmpty ? "name" : "block")", at: directive.end)
        }
        let word = words[0]
        guard let name = values.identifier(word, what: "a name") else { return }
        if let other = upstreams.first(where: { $0.group.name == name }) {
            findings.repetition(
                "there is an upstream \"\(name)\" already", at: word.place, first: other.name.place)
            return
        }
        var body = UpstreamBody(findings: findings)
        for inner in block.directives { body.read(inner) }
        if findings.errorCount > errorsBefore { return }
        if let group = body.group(name, directive) { upstreams.append((group, word)) }
    }
}

/// The directives of one upstream, read one after the other.
struct UpstreamBody {
    static let names = [
        "server", "timeout", "host", "tls-ca", "client-certificate", "eject", "health", "slow-start", "queue",
        "resolve",
    ]

    let findings: Findings
    let values: ValueReader
    private var seen = SeenDirectives()
    private var servers: [(server: UpstreamServer, word: Word)] = []
    private var timeouts = UpstreamTimeouts()
    private var hostHeader = UpstreamGroup.HostHeader.client
    private var caFile: String?
    private var clientCertificate: UpstreamCertificate?
    var ejection: UpstreamEjection? = UpstreamEjection()
    var check: UpstreamCheck?
    private var slowStartNanos = 0
    var queue: UpstreamQueue?
    /// Where directives stand that need a server of a kind.
    private var tlsPlaces: [(name: String, place: Place)] = []
    var queuePlace: Place?
    private var slowStartPlace: Place?
    private var resolvePlace: Place?
    private var nameLifetimeNanos = 30 * Nanos.second

    init(findings: Findings) {
        self.findings = findings
        values = ValueReader(findings: findings)
    }

    mutating func read(_ inner: Directive) {
        let name = inner.name.isQuoted ? "" : inner.name.string
        if name != "server", Self.names.contains(name), !seen.note(inner, findings) { return }
        switch name {
        case "server":
            if let server = readServer(inner) { servers.append((server, inner.arguments[0])) }
        case "timeout": values.timeouts(inner, into: &timeouts)
        case "host": readHost(inner)
        case "tls-ca":
            guard let words = findings.arguments(inner, 1...1, "tls-ca FILE") else { return }
            caFile = values.filePath(words[0])
            tlsPlaces.append(("tls-ca", inner.head))
        case "client-certificate":
            guard let words = findings.arguments(inner, 2...2, "client-certificate CERT KEY"),
                let certificate = values.filePath(words[0]), let key = values.filePath(words[1])
            else { return }
            clientCertificate = UpstreamCertificate(certificateFile: certificate, keyFile: key)
            tlsPlaces.append(("client-certificate", inner.head))
        case "eject": readEjection(inner)
        case "health": readCheck(inner)
        case "slow-start":
            guard let words = findings.arguments(inner, 1...1, "slow-start DURATION"),
                let nanos = values.duration(words[0])
            else { return }
            slowStartNanos = nanos
            slowStartPlace = inner.head
        case "queue": readQueue(inner)
        case "resolve":
            guard let words = findings.arguments(inner, 1...1, "resolve DURATION"),
                let nanos = values.duration(words[0])
            else { return }
            if nanos % Nanos.second != 0 {
                findings.error("expected whole seconds, found \(words[0].shown)", at: words[0].place)
                return
            }
            nameLifetimeNanos = nanos
            resolvePlace = inner.head
        default:
            findings.unknown(inner, in: .upstream)
        }
    }

    /// The upstream, or nil after a report about what does not go together.
    func group(_ name: String, _ directive: Directive) -> UpstreamGroup? {
        if servers.isEmpty {
            findings.error("expected at least one server in this upstream", at: directive.head)
            return nil
        }
        if servers.count > Self.mostServers {
            findings.error(
                "expected at most \(Self.mostServers) servers in an upstream",
                at: servers[Self.mostServers].word.place)
            return nil
        }
        for (index, entry) in servers.enumerated() {
            guard let first = servers[..<index].first(where: { $0.server.address == entry.server.address })
            else { continue }
            findings.repetition(
                "there is a server \(entry.server) already; a larger share is written with weight",
                at: entry.word.place, first: first.word.place)
            return nil
        }
        if let first = tlsPlaces.first, !servers.contains(where: \.server.isTLS) {
            let use = first.name == "tls-ca" ? "verifies nothing" : "is shown to nobody"
            findings.error("\(first.name) without an https:// server \(use)", at: first.place)
            return nil
        }
        if let queuePlace, !servers.contains(where: { $0.server.maxConnections != nil }) {
            findings.error("queue without max-connections of a server never holds anything", at: queuePlace)
            return nil
        }
        if let resolvePlace, !servers.contains(where: \.server.isNamed) {
            findings.error("resolve without a server that has a name looks nothing up", at: resolvePlace)
            return nil
        }
        if let slowStartPlace, servers.count == 1 {
            findings.warning(
                "slow-start changes nothing: there is one server, which gets every request",
                at: slowStartPlace
            )
        }
        return UpstreamGroup(
            name: name, servers: servers.map(\.server), timeouts: timeouts, hostHeader: hostHeader,
            caFile: caFile, clientCertificate: clientCertificate, ejection: ejection, check: check,
            slowStartNanos: slowStartNanos, nameLifetimeNanos: nameLifetimeNanos, queue: queue,
            location: findings.location(of: directive.name.place))
    }

    /// The loops keep the servers a request was sent to as bits of a word.
    private static let mostServers = 64

    /// server ADDRESS [ weight N ] [ max-connections N ], also written name=N.
    private func readServer(_ directive: Directive) -> UpstreamServer? {
        guard
            let words = findings.arguments(
                directive, 1...5, "server ADDRESS [weight N] [max-connections N]"),
            let address = values.serverAddress(words[0])
        else { return nil }
        var weight: Int?
        var maxConnections: Int?
        var rest = words[1...]
        while let word = rest.popFirst() {
            let assigned = word.cut(at: UInt8(ascii: "="))
            let name = assigned?.0 ?? word
            guard name.string == "weight" || name.string == "max-connections" else {
                findings.error(
                    "expected weight or max-connections, found \(name.shown)"
                        + NearestWord.hint(for: name.string, in: ["weight", "max-connections"]),
                    at: name.place)
                return nil
            }
            guard let value = assigned?.1 ?? rest.popFirst() else {
                findings.error("expected a number after \(name.shown)", at: directive.end)
                return nil
            }
            if (name.string == "weight" ? weight : maxConnections) != nil {
                findings.error("\(name.shown) may be written once here", at: name.place)
                return nil
            }
            if name.string == "weight" {
                weight = values.number(value, in: 1...1000, what: "a weight")
                if weight == nil { return nil }
            } else {
                maxConnections = values.number(value, in: 1...1_000_000, what: "a number of connections")
                if maxConnections == nil { return nil }
            }
        }
        return UpstreamServer(address: address, weight: weight ?? 1, maxConnections: maxConnections)
    }

    private mutating func readHost(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...1, "host client|upstream") else { return }
        switch words[0].string {
        case "client": hostHeader = .client
        case "upstream": hostHeader = .upstream
        default:
            findings.error(
                "expected client or upstream, found \(words[0].shown)"
                    + NearestWord.hint(for: words[0].string, in: ["client", "upstream"]), at: words[0].place)
        }
    }
}

extension UpstreamServer {
    fileprivate var isTLS: Bool {
        if case .https = address { return true }
        return false
    }

    /// Its host is a name and no address.
    fileprivate var isNamed: Bool {
        switch address {
        case .http(let host, _), .https(let host, _):
            !host.hasPrefix("[") && IPAddress(parsing: Array(host.utf8).span) == nil
        case .unix: false
        }
    }
}

extension ValueReader {
    /// timeout connect=… first-byte=… idle=…, in an upstream or in a route.
    func timeouts(_ directive: Directive, into timeouts: inout UpstreamTimeouts) {
        guard let words = findings.arguments(directive, 1...3, "timeout connect=… first-byte=… idle=…"),
            let given = findings.assignments(words, names: ["connect", "first-byte", "idle"])
        else { return }
        if let word = given["connect"], let nanos = duration(word) { timeouts.connectNanos = nanos }
        if let word = given["first-byte"], let nanos = duration(word) { timeouts.firstByteNanos = nanos }
        if let word = given["idle"], let nanos = duration(word) { timeouts.idleNanos = nanos }
    }
}
