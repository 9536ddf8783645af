// The verdict: whether what the backend received, in whatever dialect it reads, is the one request that was
// authorised. Pure: bytes in, findings out.

/// What became of a case.
public enum Verdict: Sendable, Equatable {
    /// Nothing that is a request to anybody reached the backend.
    case refused
    /// The backend received it as the request it was allowed to be.
    case safe
    /// The backend received something that was not authorised. One sentence each.
    case found([String])
    /// Not tried: it needs a key, and none was given.
    case skipped
}

/// What an honest request of the same authority looks like at the backend.
public struct Baseline: Sendable, Equatable {
    /// Values of the identity header in every spelling.
    public let identities: [[UInt8]]
    /// Lower-case names of all headers.
    public let names: Set<[UInt8]>

    public init(identities: [[UInt8]], names: Set<[UInt8]>) {
        self.identities = identities
        self.names = names
    }
}

/// Judges recordings by the terms of a run.
public struct Judge: Sendable {
    let ground: Ground
    let anonymous: Baseline
    let keyed: Baseline?

    public init(ground: Ground, anonymous: Baseline, keyed: Baseline?) {
        self.ground = ground
        self.anonymous = anonymous
        self.keyed = keyed
    }

    /// The verdict on all bytes that reached the backend for one case, by connection.
    public func verdict(on attack: AttackCase, recordings: [[UInt8]]) -> Verdict {
        var findings: [String] = []
        var hasArrived = false
        var counts: [String: Int] = [:]
        for recording in recordings {
            for dialect in Dialect.all {
                let reading = DialectReader.read(recording, as: dialect)
                if !reading.requests.isEmpty { hasArrived = true }
                counts[dialect.name, default: 0] += reading.requests.count
                for complaint in complaints(about: reading, in: dialect, of: attack)
                where !findings.contains(where: { $0.hasPrefix(complaint) }) {
                    findings.append(complaint + (dialect.isStrict ? "" : " (to a backend \(dialect.name))"))
                }
            }
            if attack.demands.contains(.withoutKey), let key = ground.key,
                DialectReader.contains(key, in: recording)
            {
                findings.append("the key reached the backend")
            }
        }
        if let (name, count) = counts.max(by: { $0.value < $1.value }), count > attack.requestCount {
            findings.append("\(count) requests for \(attack.requestCount) (to a backend \(name))")
        }
        if !findings.isEmpty { return .found(findings) }
        return hasArrived ? .safe : .refused
    }

    // MARK: Complaints

    private func complaints(about reading: Reading, in dialect: Dialect, of attack: AttackCase) -> [String] {
        var found = reading.requests.flatMap { complaints(about: $0, of: attack) }
        if !reading.leftover.isEmpty {
            found.append("bytes are left over, with which the next request would begin")
        }
        return found
    }

    private func complaints(about request: ReadRequest, of attack: AttackCase) -> [String] {
        pathComplaints(request, attack) + hostComplaints(request) + identityComplaints(request, attack)
            + attack.demands.compactMap { complaint($0, request, attack) }
    }

    private func pathComplaints(_ request: ReadRequest, _ attack: AttackCase) -> [String] {
        let permitted = (attack.authority == .keyed ? [ground.open, ground.locked] : [ground.open])
            .map { Array(($0 + "/").utf8) }
        let outside = PathReadings.all(of: request.target).filter { path in
            !permitted.contains { path.starts(with: $0) }
        }
        guard let worst = outside.min(by: { left, right in rank(left) < rank(right) }) else { return [] }
        let method = Judge.printable(request.method, most: 20)
        let target = Judge.printable(request.target, most: 120)
        if PathReadings.withoutAuthority(request.target) == worst {
            return ["reached as \(method) \(target), which was not authorised"]
        }
        return ["reached as \(method) \(target), which some read as \(Judge.printable(worst, most: 120))"]
    }

    /// Readings in the locked prefix first: they say best what is wrong.
    private func rank(_ path: [UInt8]) -> (Int, String) {
        (path.starts(with: ground.locked.utf8) ? 0 : 1, String(decoding: path, as: UTF8.self))
    }

    private func hostComplaints(_ request: ReadRequest) -> [String] {
        if request.version.isEmpty { return [] }
        let hosts = request.fields.filter { DialectReader.lower($0.name) == Array("host".utf8) }.map(\.value)
        if hosts.count > 1 { return ["reached with \(hosts.count) Host headers"] }
        guard let host = hosts.first else {
            return request.version == Array("HTTP/1.1".utf8) ? ["reached without Host"] : []
        }
        if host.contains(where: { " /?#@,\\".utf8.contains($0) || $0 < 0x20 }) {
            return ["reached with a Host that is none: \(Judge.printable(host, most: 60))"]
        }
        if let authority = PathReadings.authority(of: request.target), authority.text != host {
            return ["reached with a target and a Host of different authorities"]
        }
        return []
    }

    private func identityComplaints(_ request: ReadRequest, _ attack: AttackCase) -> [String] {
        if request.version.isEmpty { return [] }
        // On an open route a gateway may tell who calls, or may not look.
        let isLocked = request.target.starts(with: ground.locked.utf8)
        var expected = attack.authority == .keyed && isLocked ? [] : [anonymous]
        if attack.authority == .keyed, let keyed { expected.append(keyed) }
        let found = Judge.identities(request, ground)
        if expected.contains(where: { $0.identities == found }) { return [] }
        let lines =
            found.isEmpty ? "nothing" : found.map { Judge.printable($0, most: 40) }.joined(separator: " and ")
        return ["reached with \(lines) for \(ground.identityHeader), in one spelling or another"]
    }

    private func complaint(_ demand: Demand, _ request: ReadRequest, _ attack: AttackCase) -> String? {
        switch demand {
        case .withoutValue(let text):
            return request.fields.first { DialectReader.contains(text, in: $0.value) }
                .map { "reached with the client's \(Judge.printable($0.name, most: 40))" }
        case .withoutHeader(let name):
            return has(request, name) ? "reached with \(name)" : nil
        case .withoutMethod(let method):
            return request.method == Array(method.utf8) ? "reached as \(method)" : nil
        case .keepsHeader(let name):
            let isUsual = anonymous.names.contains(Array(name.lowercased().utf8))
            return isUsual && !has(request, name) ? "reached without \(name)" : nil
        case .ownLastHop:
            let last = request.fields.filter {
                Judge.folded($0.name) == Judge.folded(Array("x-forwarded-for".utf8))
            }
            .last.flatMap { $0.value.split(separator: 0x2C).last }
            return last.map { DialectReader.contains(Ground.evilAddress, in: Array($0)) } == true
                ? "reached with the client's word as the last hop of X-Forwarded-For" : nil
        case .withoutKey:
            return nil
        }
    }

    private func has(_ request: ReadRequest, _ name: String) -> Bool {
        request.fields.contains { DialectReader.lower($0.name) == Array(name.lowercased().utf8) }
    }

    // MARK: Names and text

    /// Values of the identity header in any spelling that some backend takes for it.
    static func identities(_ request: ReadRequest, _ ground: Ground) -> [[UInt8]] {
        let wanted = folded(Array(ground.identityHeader.utf8))
        return request.fields.filter { folded($0.name) == wanted }.map(\.value)
    }

    /// As CGI and its heirs see a name: letters and digits, everything else an underscore, none at the ends.
    static func folded(_ name: [UInt8]) -> [UInt8] {
        var result = DialectReader.lower(name).map { byte in
            (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) ? byte : 0x5F
        }[...]
        while result.first == 0x5F { result.removeFirst() }
        while result.last == 0x5F { result.removeLast() }
        return Array(result)
    }

    /// Bytes for people, on one line and without what a terminal obeys.
    public static func printable(_ bytes: [UInt8], most: Int) -> String {
        var text = ""
        for byte in bytes.prefix(most) {
            switch byte {
            case 0x0D: text += "\\r"
            case 0x0A: text += "\\n"
            case 0x09: text += "\\t"
            case 0x5C: text += "\\\\"
            case 0x20...0x7E: text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return bytes.count > most ? text + "…" : text
    }
}
