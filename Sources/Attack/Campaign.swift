// A whole run: first the honest requests, which show that the gateway is set up as agreed and what it adds to
// a request, then the corpus, judged by what the backend recorded.

public import Reactor

/// Why nothing could be tried.
public enum CampaignError: Error, Sendable {
    /// The recording backend could not listen.
    case listen(Errno)
    /// The gateway cannot be reached.
    case connect(Errno)
    /// There is no TLS with the gateway: the reason.
    case handshake(String)
    /// The gateway is not set up as agreed: one sentence.
    case setUp(String)
    /// epoll failed.
    case failed(Errno)
}

/// A case and what came of it.
public struct CaseResult: Sendable {
    public let attack: AttackCase
    public let verdict: Verdict
    /// The status of the gateway's first answer.
    public let status: Int?
    /// What reached the backend, by connection, the key taken out.
    public let evidence: [[UInt8]]
}

/// What a run came to.
public struct Campaign: Sendable {
    public let results: [CaseResult]
    /// Whether the gateway told the backend who calls: without, the alias cases prove less.
    public let hasIdentity: Bool

    public var foundCount: Int {
        results.filter { if case .found = $0.verdict { true } else { false } }.count
    }

    /// Tries `cases` on the gateway at `gateway`, which forwards to `backend`.
    public static func run(
        _ cases: [AttackCase], on ground: Ground, gateway: TargetGateway, backend: SocketAddress,
        progress: (Int) -> Void = { _ in }
    ) throws(CampaignError) -> Campaign {
        let range: ShootingRange
        do { range = try ShootingRange(gateway: gateway, backend: backend) } catch { throw .listen(error) }
        let judge = try judge(ground, range)
        var shots: [Shot] = []
        var tried: [AttackCase] = []
        var results: [CaseResult] = []
        for (number, attack) in cases.enumerated() {
            if attack.needsKey, ground.key == nil {
                results.append(CaseResult(attack: attack, verdict: .skipped, status: nil, evidence: []))
                continue
            }
            let mark = mark(number)
            shots.append(Shot(mark: mark, bytes: ground.bytes(of: attack.template, mark: mark)))
            tried.append(attack)
        }
        let impacts: [Impact]
        do { impacts = try range.fire(shots, progress: progress) } catch { throw .failed(error) }
        for (attack, impact) in zip(tried, impacts) {
            try checkReached(impact)
            results.append(
                CaseResult(
                    attack: attack, verdict: judge.verdict(on: attack, recordings: impact.recordings),
                    status: impact.status,
                    evidence: impact.recordings.map { ground.withoutKey($0) }))
        }
        return Campaign(results: results, hasIdentity: judge.keyed.map { !$0.identities.isEmpty } ?? false)
    }

    /// `kgc` and three digits; the numbers from 900 are those of the honest requests.
    static func mark(_ number: Int) -> String {
        let digits = "\(number)"
        return "kgc" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }

    private static func checkReached(_ impact: Impact) throws(CampaignError) {
        if let error = impact.connectError { throw .connect(error) }
        if let reason = impact.handshakeFailure { throw .handshake(reason) }
    }

    // MARK: Honest requests

    private static func judge(_ ground: Ground, _ range: ShootingRange) throws(CampaignError) -> Judge {
        let templates = [
            get("{open}/{mark}"), get("{locked}/{mark}"), get("{prefix}/elsewhere/{mark}"),
            get("{locked}/{mark}", "{auth}"),
        ]
        let shots = templates.prefix(ground.key == nil ? 3 : 4).enumerated().map { number, template in
            let mark = mark(900 + number)
            return Shot(mark: mark, bytes: ground.bytes(of: template, mark: mark))
        }
        let impacts: [Impact]
        do { impacts = try range.fire(shots) } catch { throw .failed(error) }
        for impact in impacts { try checkReached(impact) }
        if impacts.allSatisfy({ $0.answer.isEmpty && $0.recordings.isEmpty }) {
            throw .setUp("the gateway does not answer")
        }
        let anonymous = try baseline(impacts[0], "\(ground.open)/… without a key", ground)
        for (impact, path) in [(impacts[1], ground.locked), (impacts[2], ground.prefix + "/elsewhere")]
        where !impact.recordings.isEmpty {
            throw .setUp("\(path)/… reached the backend without a key; it must be refused")
        }
        let keyed =
            impacts.count > 3 ? try baseline(impacts[3], "\(ground.locked)/… with the key", ground) : nil
        return Judge(ground: ground, anonymous: anonymous, keyed: keyed)
    }

    private static func baseline(_ impact: Impact, _ what: String, _ ground: Ground) throws(CampaignError)
        -> Baseline
    {
        let answer = impact.status.map { "the gateway answered \($0)" } ?? "the gateway did not answer"
        guard let recording = impact.recordings.first,
            let request = DialectReader.read(recording, as: Dialect.all[0]).requests.first
        else { throw .setUp("GET \(what) did not reach the backend; \(answer)") }
        return Baseline(request, ground)
    }
}

extension Baseline {
    init(_ request: ReadRequest, _ ground: Ground) {
        self.init(
            identities: Judge.identities(request, ground),
            names: Set(request.fields.map { DialectReader.lower($0.name) }))
    }
}

extension Ground {
    /// `bytes` with the key replaced: evidence is shown, and kept in logs.
    func withoutKey(_ bytes: [UInt8]) -> [UInt8] {
        guard let key, !key.isEmpty else { return bytes }
        let wanted = Array(key.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == wanted[0], bytes[index...].starts(with: wanted) {
                result += "<key>".utf8
                index += wanted.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
