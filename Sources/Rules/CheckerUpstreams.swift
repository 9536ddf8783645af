// `upstream NAME { … }`: the servers behind the gateway.

import Bytes

extension Checker {
    static let upstreamNames = ["server", "timeout", "host", "tls-ca"]

    mutating func checkUpstream(_ directive: Directive) {
        let errorsBefore = findings.errorCount
        defer { if findings.errorCount > errorsBefore { hasRejectedUpstream = true } }
        guard directive.arguments.count == 1, let block = directive.block else {
            findings.error("expected upstream NAME { … }", at: directive.head)
            return
        }
        let word = directive.arguments[0]
        guard let name = values.identifier(word, what: "a name") else { return }
        if let other = upstreams.first(where: { $0.group.name == name }) {
            findings.error(
                "there is an upstream \"\(name)\" already", at: word.place, note: "first written here",
                at: other.name.place)
            return
        }

        var seen = SeenDirectives()
        var servers: [UpstreamServer] = []
        var timeouts = UpstreamTimeouts()
        var hostHeader = UpstreamGroup.HostHeader.client
        var caFile: String?
        var caPlace: Place?
        for inner in block.directives {
            switch inner.name.string {
            case "server":
                if let server = readServer(inner) { servers.append(server) }
            case "timeout":
                if seen.note(inner, findings) { values.timeouts(inner, into: &timeouts) }
            case "host":
                guard seen.note(inner, findings),
                    let words = findings.arguments(inner, 1...1, "host client|upstream")
                else { continue }
                switch words[0].string {
                case "client": hostHeader = .client
                case "upstream": hostHeader = .upstream
                default:
                    findings.error("expected client or upstream, found \(words[0].shown)", at: words[0].place)
                }
            case "tls-ca":
                guard seen.note(inner, findings), let words = findings.arguments(inner, 1...1, "tls-ca FILE")
                else {
                    continue
                }
                caFile = values.filePath(words[0])
                caPlace = inner.head
            default:
                findings.unknown(
                    inner, expected: "one of \(Self.upstreamNames.joined(separator: ", "))",
                    known: Self.upstreamNames)
            }
        }
        if findings.errorCount > errorsBefore { return }
        if servers.isEmpty {
            findings.error("expected at least one server in this upstream", at: directive.head)
            return
        }
        if let caPlace, !servers.contains(where: \.isTLS) {
            findings.error("tls-ca without an https:// server verifies nothing", at: caPlace)
            return
        }
        let group = UpstreamGroup(
            name: name, servers: servers, timeouts: timeouts, hostHeader: hostHeader, caFile: caFile,
            location: findings.location(of: directive.name.place))
        upstreams.append((group, word))
    }

    /// server ADDRESS [ weight N ]
    private func readServer(_ directive: Directive) -> UpstreamServer? {
        guard let words = findings.arguments(directive, 1...3, "server ADDRESS [weight N]"),
            let address = values.serverAddress(words[0])
        else { return nil }
        if words.count == 1 { return UpstreamServer(address: address, weight: 1) }
        guard words[1].isBare("weight") else {
            findings.error(
                "expected weight, found \(words[1].shown)"
                    + NearestWord.hint(for: words[1].string, in: ["weight"]),
                at: words[1].place)
            return nil
        }
        guard words.count == 3 else {
            findings.error("expected a number after \"weight\"", at: directive.end)
            return nil
        }
        guard let weight = values.number(words[2], in: 1...1000, what: "a weight") else { return nil }
        return UpstreamServer(address: address, weight: weight)
    }
}

extension UpstreamServer {
    fileprivate var isTLS: Bool {
        if case .https = address { return true }
        return false
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
