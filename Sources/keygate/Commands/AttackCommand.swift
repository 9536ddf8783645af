// keygate attack: tries the corpus of raw requests on a gateway, ours or another, and says which of them reach
// the backend as something that was not authorised.

import Attack
import JSON
import Reactor

enum AttackCommand {
    static let commands: [Command] = [
        Command(
            "attack", "[URL]",
            summary:
                "Sends hostile requests through a gateway and says which reach the backend as something that was "
                + "not authorised. The gateway must forward PREFIX/open/** without a key and PREFIX/locked/** with "
                + "one to the backend address, and refuse everything else.",
            options: [
                .value("--key", as: "KEY", "a key for PREFIX/locked, sent as Authorization: Bearer"),
                .value(
                    "--backend", as: "ADDRESS",
                    "where the recording backend listens; default 127.0.0.1:9000"),
                .values("--group", as: "GROUP", groupNames),
                .value("--prefix", as: "PREFIX", "default /attack"),
                .value(
                    "--identity", as: "HEADER",
                    "the header that tells the backend who calls; default X-Tenant-Id"),
                .value(
                    "--cacert", as: "FILE",
                    "for https: PEM of whom to believe; default the system's authorities"),
                .flag("--insecure", "for https: believe any certificate"),
                .flag("--list", "print the corpus and try nothing"),
                .flag("--i-operate-this-host", "needed for a gateway that is not on this machine"),
                .flag("--json", "print JSON for programs"),
            ], run: run)
    ]

    private static let groupNames =
        "only these: " + CaseGroup.allCases.map(\.rawValue).joined(separator: ", ")

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let cases = Corpus.cases(in: try groups(arguments))
        if arguments.has("--list") {
            list(cases, arguments)
            return .done
        }
        guard let url = arguments.operand(0) else { throw .usage("URL is missing") }
        let target = try AttackTarget(url, arguments)
        if !target.gateway.address.isLoopback, !arguments.has("--i-operate-this-host") {
            throw .usage(
                "\(target.host) is not this machine; say --i-operate-this-host if you may attack it")
        }
        let backendText = arguments.value("--backend") ?? "127.0.0.1:9000"
        guard let backend = SocketAddress(written: backendText) else {
            throw .usage("\(backendText) is not HOST:PORT, [HOST]:PORT or unix:PATH")
        }
        let ground = Ground(
            host: target.host, prefix: try prefix(arguments),
            identityHeader: try identityHeader(arguments), key: try key(arguments))
        let campaign = try fire(cases, ground, target, backend, backendText)
        if ground.key == nil { Console.note("no --key: cases that need one are skipped") }
        if ground.key != nil, !campaign.hasIdentity {
            Console.note(
                "the gateway sends no \(ground.identityHeader) with the key: name the header it sends with --identity"
            )
        }
        arguments.output.print(json(campaign, url)) { _ in AttackText.text(campaign) }
        return campaign.foundCount == 0 ? .done : .failed
    }

    private static func fire(
        _ cases: [AttackCase], _ ground: Ground, _ target: AttackTarget, _ backend: SocketAddress,
        _ backendText: String
    ) throws(CommandFailure) -> Campaign {
        do throws(CampaignError) {
            return try Progress.showing("attacking \(target.host)") { (_) throws(CampaignError) in
                try Campaign.run(cases, on: ground, gateway: target.gateway, backend: backend)
            }
        } catch {
            switch error {
            case .listen(let errno): throw .notBegun("cannot listen on \(backendText): \(errno)")
            case .connect(let errno): throw .notBegun("cannot connect to \(target.host): \(errno)")
            case .handshake(let reason): throw .notBegun("no TLS with \(target.host): \(reason)")
            case .failed(let errno): throw .notBegun("\(errno)")
            case .setUp(let what):
                throw .usage(
                    "\(what)\n  the gateway must forward \(ground.prefix)/open/** without a key and "
                        + "\(ground.prefix)/locked/** with one to \(backendText), and refuse everything else")
            }
        }
    }

    // MARK: Options

    private static func groups(_ arguments: Arguments) throws(CommandFailure) -> [CaseGroup] {
        var groups: [CaseGroup] = []
        for name in arguments.all("--group") {
            guard let group = CaseGroup(rawValue: name) else {
                throw .usage(Arguments.unknown("group", name, known: CaseGroup.allCases.map(\.rawValue)))
            }
            groups.append(group)
        }
        return groups
    }

    private static func prefix(_ arguments: Arguments) throws(CommandFailure) -> String {
        let text = arguments.value("--prefix") ?? "/attack"
        let isPlain = text.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "/") || byte == UInt8(ascii: "-") || isWordByte(byte)
        }
        guard text.hasPrefix("/"), !text.hasSuffix("/"), !text.contains("//"), isPlain else {
            throw .usage("--prefix \(text) is not a path of letters, digits and hyphens, such as /attack")
        }
        return text
    }

    private static func identityHeader(_ arguments: Arguments) throws(CommandFailure) -> String {
        let text = arguments.value("--identity") ?? "X-Tenant-Id"
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || isWordByte($0) }) else {
            throw .usage("--identity \(text) is not a header name of letters, digits and hyphens")
        }
        return text
    }

    private static func key(_ arguments: Arguments) throws(CommandFailure) -> String? {
        guard let key = arguments.value("--key") else { return nil }
        guard !key.isEmpty, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .usage("--key is not one word of printable ASCII")
        }
        return key
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
    }

    // MARK: Output

    private static func list(_ cases: [AttackCase], _ arguments: Arguments) {
        let rows = cases.map { attack in
            var row = JSONObject()
            row.append("name", .string(attack.name))
            row.append("group", .string(attack.group.rawValue))
            row.append("why", .string(attack.why))
            row.append("reference", .string(attack.reference))
            row.append("safe", .string(attack.safe))
            row.append("bytes", .string(attack.template))
            return JSONValue.object(row)
        }
        let members = ["name", "why", "reference"]
        arguments.output.print(rows, heading: members.map { $0.uppercased() }) { row in
            members.map { row.cell($0) }
        }
    }

    private static func json(_ campaign: Campaign, _ url: String) -> JSONValue {
        var object = JSONObject()
        object.append("target", .string(url))
        object.append("cases", .number(campaign.results.count))
        object.append("found", .number(campaign.foundCount))
        object.append("results", .array(campaign.results.map { json($0) }))
        return .object(object)
    }

    private static func json(_ result: CaseResult) -> JSONValue {
        var object = JSONObject()
        object.append("name", .string(result.attack.name))
        object.append("group", .string(result.attack.group.rawValue))
        object.append("verdict", .string(AttackText.word(result.verdict)))
        object.append("status", ifPresent: result.status.map { .number($0) })
        if case .found(let findings) = result.verdict {
            object.append("findings", .array(findings.map { .string($0) }))
            object.append("why", .string(result.attack.why))
            object.append("reference", .string(result.attack.reference))
            object.append("safe", .string(result.attack.safe))
        }
        // Lossless: every byte that is not printable is an escape, and a case is far shorter than this.
        let reached = result.evidence.map { JSONValue.string(Judge.printable($0, most: 64 << 10)) }
        if !reached.isEmpty { object.append("reached", .array(reached)) }
        return .object(object)
    }
}

/// A run for people: what was found, then a line for each group and the sum.
enum AttackText {
    static func word(_ verdict: Verdict) -> String {
        switch verdict {
        case .refused: "refused"
        case .safe: "safe"
        case .found: "FOUND"
        case .skipped: "skipped"
        }
    }

    static func text(_ campaign: Campaign) -> String {
        var lines: [String] = []
        for result in campaign.results {
            guard case .found(let findings) = result.verdict else { continue }
            lines.append("FOUND \(result.attack.name): \(result.attack.why)")
            for finding in findings.prefix(3) { lines.append("    \(finding)") }
            if findings.count > 3 { lines.append("    and \(findings.count - 3) more") }
            lines.append("    backend received: \(Judge.printable(result.evidence.first ?? [], most: 160))")
            lines.append("    \(result.attack.reference)")
        }
        if !lines.isEmpty { lines.append("") }
        var rows: [[String]] = []
        for group in CaseGroup.allCases {
            let counts = counts(campaign.results.filter { $0.attack.group == group })
            if counts.reduce(0, +) > 0 { rows.append([group.rawValue] + counts.map { "\($0)" }) }
        }
        rows.append(["all"] + counts(campaign.results).map { "\($0)" })
        return (lines + [Table.text(["GROUP", "refused", "safe", "FOUND", "skipped"], rows)]).joined(
            separator: "\n")
    }

    private static func counts(_ results: [CaseResult]) -> [Int] {
        ["refused", "safe", "FOUND", "skipped"].map { wanted in
            results.filter { word($0.verdict) == wanted }.count
        }
    }
}
