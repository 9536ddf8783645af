// The directives inside of a route.

import Access
import Bytes

struct RouteBody {
    static let names = [
        "public", "authenticated", "require", "check", "api", "tag", "to", "strip-prefix", "rewrite",
        "timeout",
        "body-limit", "header", "remove-header", "forward-credential", "shadow", "allow-empty-segments",
        "allow-encoded-slash", "include", "cost", "ratelimit", "limit", "websocket", "cors",
    ]

    let findings: Findings
    let values: ValueReader
    let context: RouteContext
    let methods: MethodRule
    let pattern: RoutePattern
    /// The head of the route, for what is missing in the block.
    let head: Place

    var access: RouteAccess?
    var checks: [RouteCheck] = []
    var permissionUses: [PermissionUse] = []
    var apis: [String] = []
    var apiUses: [APIUse] = []
    var upstreamIndex = 0
    var pathChange = PathChange.none
    var timeouts = UpstreamTimeouts()
    var bodyLimitBytes: Int
    var setHeaders: [(header: FixedHeader, place: Place)] = []
    var removedHeaders: [(name: [UInt8], place: Place)] = []
    var forwardsCredential = false
    var cors: CORSPolicy?
    var isShadow = false
    /// Where it says that requests may become WebSockets.
    var webSocketPlace: Place?
    /// Those the route names itself.
    var namedLimits = NamedLimitList()
    var limits: [(limit: RouteLimit, place: Place)] = []
    var cost = RouteCost.standard
    private var costPlace: Place?
    private var ownTags: [(tag: Tag, place: Place)] = []
    private var hasUnknownDirective = false
    var accessPlace: Place?
    var pathChangePlace: Place?
    var seen = SeenDirectives()

    init(
        findings: Findings, values: ValueReader, context: RouteContext, methods: MethodRule,
        pattern: RoutePattern, head: Place
    ) {
        self.findings = findings
        self.values = values
        self.context = context
        self.methods = methods
        self.pattern = pattern
        self.head = head
        bodyLimitBytes = context.bodyLimitBytes
        cors = context.cors
    }

    /// The global tags that the route does not set itself, and its own.
    var mergedTags: [Tag] {
        let own = ownTags.map(\.tag)
        return context.tags.filter { global in !own.contains { $0.name == global.name } } + own
    }

    mutating func read(_ block: Block) {
        // Time-outs are changes to those of the upstream, which `to` chooses.
        let isChosen = block.directives.contains { $0.name.isBare("to") }
        for directive in block.directives where directive.name.isBare("to") { readUpstream(directive) }
        if !isChosen { useOnlyUpstream() }
        if context.upstreams.indices.contains(upstreamIndex) {
            timeouts = context.upstreams[upstreamIndex].timeouts
        }
        for directive in block.directives where !directive.name.isBare("to") { readDirective(directive) }
        // A misspelt directive may have been meant to be it.
        if accessPlace == nil, !hasUnknownDirective {
            findings.error(
                "expected exactly one of public, authenticated or require in this route, found none", at: head
            )
        }
        checkContradictions()
        if case .open? = access, let costPlace {
            findings.error("a public route asks for no key, so there are no credits to charge", at: costPlace)
        }
    }

    private mutating func readDirective(_ directive: Directive) {
        let name = directive.name.string
        switch directive.name.isQuoted ? "" : name {
        case "public", "authenticated", "require": readAccess(directive)
        case "check": readCheck(directive)
        case "api":
            guard let words = findings.arguments(directive, 1...100, "api NAME…") else { return }
            for word in words { APIList.add(word, to: &apis, &apiUses, values) }
        case "tag":
            guard let words = findings.arguments(directive, 1...100, "tag NAME=VALUE…") else { return }
            for word in words { TagList.add(word, to: &ownTags, captures: pattern.captureNames, findings) }
        case "header": readHeader(directive)
        case "remove-header":
            guard let words = findings.arguments(directive, 1...1, "remove-header NAME"),
                let headerName = values.settableHeaderName(words[0])
            else { return }
            let folded = HeaderNames.folded(headerName)
            if let other = removedHeaders.first(where: { HeaderNames.folded($0.name) == folded }) {
                return findings.repetition(
                    "\(words[0].shown) is removed already", at: directive.head, first: other.place)
            }
            removedHeaders.append((headerName.map(ASCII.lower), directive.head))
        case "strip-prefix", "rewrite": readPathChange(directive)
        case "timeout":
            if seen.note(directive, findings) { values.timeouts(directive, into: &timeouts) }
        case "body-limit":
            guard seen.note(directive, findings),
                let words = findings.arguments(directive, 1...1, "body-limit SIZE"),
                let bytes = values.size(words[0], in: 0...1 << 40)
            else { return }
            bodyLimitBytes = bytes
        case "forward-credential", "shadow", "allow-empty-segments", "allow-encoded-slash":
            guard seen.note(directive, findings),
                findings.arguments(directive, 0...0, "nothing after \"\(name)\"") != nil
            else { return }
            if name == "forward-credential" { forwardsCredential = true }
            if name == "shadow" { isShadow = true }
        case "ratelimit": namedLimits.read(directive, values, findings)
        case "limit": readLimit(directive)
        case "cost":
            guard seen.note(directive, findings), let read = RouteCostReader.read(directive, values, findings)
            else { return }
            cost = read
            costPlace = directive.head
        case "cors":
            if seen.note(directive, findings) { readCORS(directive) }
        case "websocket":
            guard seen.note(directive, findings),
                findings.arguments(directive, 0...0, "nothing after \"websocket\"") != nil
            else { return }
            webSocketPlace = directive.head
        default:
            hasUnknownDirective = true
            findings.unknown(directive, in: .route)
        }
    }

    /// The global named limits that the route does not name itself, and its own.
    var mergedNamedLimits: [NamedLimit] {
        if case .open? = access { return [] }
        let own = namedLimits.limits
        return context.namedLimits.filter { global in !own.contains { $0.name == global.name } } + own
    }

    private mutating func readLimit(_ directive: Directive) {
        guard let limit = RouteLimitReader.own(directive, values, findings) else { return }
        if let other = limits.first(where: { $0.limit.name == limit.name }) {
            findings.repetition(
                "there is a limit of that name already", at: directive.head, first: other.place)
            return
        }
        limits.append((limit, directive.head))
    }

    private mutating func readCheck(_ directive: Directive) {
        if let block = directive.block {
            findings.error("expected the end of the line after an expression, found \"{\"", at: block.open)
            return
        }
        guard
            let (tree, message, place) = CheckParser.parse(
                directive, captures: pattern.captureNames, findings: findings)
        else { return }
        if let message, message.text.isEmpty || message.text.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            findings.error("expected a message of one line", at: message.place)
            return
        }
        checks.append(
            RouteCheck(
                program: CheckCompiler.compile(tree), message: message?.text, text: findings.text(of: place),
                location: findings.location(of: directive.name.place)))
    }
}
