// From directives to a configuration: what each one means, whether it may stand here, and whether all of them
// can be true together. Goes on after an error, so that one run shows what there is to mend.

import Access
import Bytes

struct Checker {
    static let topLevelNames = [
        "listen", "admin", "store", "workers", "trusted-proxies", "upstream", "credential", "headers", "api",
        "tag",
        "client-timeout", "limits", "shutdown-grace", "access-log", "include", "route", "ratelimit",
        "credit-durability", "credit-lease-max", "recheck-interval", "cors", "failed-key-limit",
    ]

    struct Result {
        let settings: Settings
        let upstreams: [UpstreamGroup]
        let routes: [Route]
        let table: RouteTable
        let injectedHeaders: [InjectedHeader]
        let permissionUses: [PermissionUse]
        let apiUses: [APIUse]
    }

    let findings: Findings
    let values: ValueReader
    private let path: String
    var seen = SeenDirectives()
    var settings = Settings()
    var listenPlaces: [(endpoint: Endpoint, place: Place)] = []
    var proxyProtocolPlaces: [Place] = []
    var adminPlace: Place?
    var upstreams: [(group: UpstreamGroup, name: Word)] = []
    var hasRejectedUpstream = false
    var credentials: [(source: CredentialSource, place: Place)] = []
    var injected: [(header: InjectedHeader, place: Place)] = []
    var hasHeadersBlock = false
    var apis: [String] = []
    private var apiUses: [APIUse] = []
    var tags: [(tag: Tag, place: Place)] = []
    private var namedLimits = NamedLimitList()
    private var cors: WrittenCORS?

    init(findings: Findings, path: String) {
        self.findings = findings
        self.path = path
        values = ValueReader(findings: findings)
    }

    /// Nil if there are errors.
    mutating func check(_ directives: [Directive]) -> Result? {
        // Routes last: they refer to upstreams, tags and headers that may be written behind them.
        for directive in directives where !directive.name.isBare("route") { checkTopLevel(directive) }
        finishSettings()
        var routes = RouteChecker(
            findings: findings,
            context: RouteContext(
                upstreams: upstreams.map(\.group), isMissingUpstreams: hasRejectedUpstream, apis: apis,
                tags: tags.map(\.tag), namedLimits: namedLimits.limits, injected: injected.map(\.header),
                bodyLimitBytes: settings.limits.bodyBytes, cors: settings.cors,
                credentials: settings.credentials))
        for directive in directives where directive.name.isBare("route") { routes.check(directive) }
        routes.finish()
        if let cors { routes.check(cors) }
        if findings.hasErrors { return nil }
        return Result(
            settings: settings, upstreams: upstreams.map(\.group), routes: routes.routes, table: routes.table,
            injectedHeaders: injected.map(\.header), permissionUses: routes.permissionUses,
            apiUses: apiUses + routes.apiUses)
    }

    private mutating func checkTopLevel(_ directive: Directive) {
        guard !directive.name.isQuoted else {
            return findings.unknown(directive, in: .topLevel)
        }
        switch directive.name.string {
        case "listen": checkListen(directive)
        case "upstream": checkUpstream(directive)
        case "credential": checkCredential(directive)
        case "trusted-proxies": checkTrustedProxies(directive)
        case "api":
            if let words = findings.arguments(directive, 1...100, "api NAME…") {
                for word in words { APIList.add(word, to: &apis, &apiUses, values) }
            }
        case "tag":
            if let words = findings.arguments(directive, 1...100, "tag NAME=VALUE…") {
                for word in words { TagList.add(word, to: &tags, captures: [], findings) }
            }
        case "ratelimit":
            namedLimits.read(directive, values, findings)
        case "credit-durability":
            guard seen.note(directive, findings),
                let words = findings.arguments(directive, 1...1, "credit-durability lease|exact")
            else { return }
            if words[0].isBare("lease") {
                settings.creditDurability = .lease
            } else if words[0].isBare("exact") {
                settings.creditDurability = .exact
            } else {
                findings.error(
                    "expected lease or exact, found \(words[0].shown)"
                        + NearestWord.hint(for: words[0].string, in: ["lease", "exact"]), at: words[0].place)
            }
        case "credit-lease-max":
            if seen.note(directive, findings) { checkCreditLeaseMaximum(directive) }
        case "recheck-interval":
            if seen.note(directive, findings) { checkRecheckInterval(directive) }
        case "failed-key-limit":
            if seen.note(directive, findings) { checkFailedKeyLimit(directive) }
        case "cors":
            if seen.note(directive, findings) {
                cors = CORSReader(values: values, findings: findings, canBeOff: false).read(directive)
                settings.cors = cors?.policy
            }
        case "admin", "store", "workers", "headers", "client-timeout", "limits", "shutdown-grace",
            "access-log":
            if seen.note(directive, findings) { checkSingle(directive) }
        default:
            findings.unknown(directive, in: .topLevel)
        }
    }

    /// Directives that may be written once.
    private mutating func checkSingle(_ directive: Directive) {
        switch directive.name.string {
        case "admin":
            guard let words = findings.arguments(directive, 1...1, "admin ADDRESS:PORT"),
                let endpoint = values.endpoint(words[0])
            else { return }
            settings.admin = endpoint
            adminPlace = words[0].place
        case "store":
            guard let words = findings.arguments(directive, 1...1, "store DIRECTORY"),
                let path = values.filePath(words[0])
            else { return }
            settings.storePath = path
        case "workers": checkWorkers(directive)
        case "headers": checkHeaders(directive)
        case "client-timeout": checkClientTimeout(directive)
        case "limits": checkLimits(directive)
        case "shutdown-grace":
            guard let words = findings.arguments(directive, 1...1, "shutdown-grace DURATION"),
                let nanos = values.duration(words[0], allowingZero: true)
            else { return }
            settings.shutdownGraceNanos = nanos
        case "access-log": checkAccessLog(directive)
        default: preconditionFailure("\(directive.name.string) is not a directive that may be written once")
        }
    }

    private mutating func finishSettings() {
        finishListeners()
        if listenPlaces.isEmpty { findings.error("expected a listen directive, found none", inFile: path) }
        if let admin = settings.admin, let adminPlace, !Self.isAnyPort(admin),
            let other = listenPlaces.first(where: { $0.endpoint == admin })
        {
            // Management on the public listener would be one routing mistake away from everybody.
            findings.error(
                "admin must have an address of its own", at: adminPlace, note: "listened on here",
                at: other.place)
        }
        if credentials.isEmpty {
            settings.credentials = [.bearer]
        } else {
            settings.credentials = credentials.map(\.source)
        }
        if !hasHeadersBlock {
            injected = Self.defaultHeaders(path: path).map { ($0, Place(file: 0, range: 0..<0)) }
        }
        checkCredentialsAgainstHeaders()
    }
}
