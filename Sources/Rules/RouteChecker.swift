// `route METHODS PATTERN [host NAME] { … }`: reads one route after the other, builds the table, and finds what
// is wrong between routes.

import Access
import Bytes

/// What a route's directives refer to.
struct RouteContext {
    let upstreams: [UpstreamGroup]
    /// An upstream was written but refused: names that are not found may be its.
    let isMissingUpstreams: Bool
    let apis: [String]
    let tags: [Tag]
    let namedLimits: [NamedLimit]
    let injected: [InjectedHeader]
    let bodyLimitBytes: Int
    /// What holds for routes that do not say.
    let cors: CORSPolicy?
    let credentials: [CredentialSource]
}

struct RouteChecker {
    let findings: Findings
    let context: RouteContext
    let values: ValueReader
    private var builder = RouteTableBuilder()
    private var openness = OpennessOfHead()
    /// The heads of the routes that were understood, in the order of `routes`.
    private var heads: [Place] = []
    private(set) var routes: [Route] = []
    private(set) var permissionUses: [PermissionUse] = []
    private(set) var apiUses: [APIUse] = []
    private(set) var table: RouteTable

    init(findings: Findings, context: RouteContext) {
        self.findings = findings
        self.context = context
        values = ValueReader(findings: findings)
        table = builder.build()
    }

    mutating func check(_ directive: Directive) {
        let errorsBefore = findings.errorCount
        guard let block = directive.block else {
            findings.error("expected route METHODS PATTERN { … }, found no block", at: directive.end)
            return
        }
        let words = directive.arguments
        guard words.count == 2 || words.count == 4 && words[2].isBare("host") else {
            reportHead(directive)
            return
        }
        let methods = readMethods(words[0])
        let flags = RouteFlags(block)
        let pattern = RoutePattern(
            words[1], allowsEmptySegments: flags.allowsEmptySegments,
            allowsEncodedSlash: flags.allowsEncodedSlash,
            findings: findings)
        var host: [UInt8]?
        if words.count == 4 {
            host = readHost(words[3])
            if host == nil { return }
        }
        guard let methods, let pattern else { return }

        var body = RouteBody(
            findings: findings, values: values, context: context, methods: methods, pattern: pattern,
            head: directive.head)
        body.read(block)
        // After an error the route is not complete, but its place in the table is: clashes are still found.
        let clash = builder.add(
            RouteTableBuilder.Entry(
                methods: methods, host: host, segments: pattern.segments,
                allowsEmptySegments: flags.allowsEmptySegments))
        heads.append(directive.head)
        if let clash {
            let other = findings.location(of: heads[clash])
            findings.error(
                "this route and the one at \(other.file):\(other.line) match the same requests and neither is more specific",
                at: directive.head, note: "the other one", at: heads[clash])
        }
        guard findings.errorCount == errorsBefore, let access = body.access else { return }
        permissionUses += body.permissionUses
        apiUses += body.apiUses
        openness.add(methods, host, pattern.segments, access, isShadow: body.isShadow, at: directive.head)
        if case .open = access {
            findings.warning("this route is public: no key is asked for", at: directive.head)
        }
        routes.append(
            Route(
                methods: methods, pattern: pattern.text, captureNames: pattern.captureNames, host: host,
                access: access,
                checks: body.checks, apis: body.apis.isEmpty ? context.apis : body.apis,
                tags: body.mergedTags, namedLimits: body.mergedNamedLimits, limits: body.limits.map(\.limit),
                cost: body.cost,
                upstreamIndex: body.upstreamIndex, pathChange: body.pathChange, timeouts: body.timeouts,
                bodyLimitBytes: body.bodyLimitBytes, setHeaders: body.setHeaders.map(\.header),
                removedHeaders: body.removedHeaders.map(\.name), forwardsCredential: body.forwardsCredential,
                cors: body.cors,
                isShadow: body.isShadow, allowsWebSocket: body.webSocketPlace != nil,
                allowsEmptySegments: flags.allowsEmptySegments,
                allowsEncodedSlash: flags.allowsEncodedSlash,
                location: findings.location(of: directive.name.place)))
    }

    /// To be called once, after the last route.
    mutating func finish() {
        for index in builder.unreachable() {
            findings.warning(
                "no request reaches this route: more specific ones take all of its paths", at: heads[index])
        }
        openness.warn(findings)
        table = builder.build()
    }

    // MARK: The head

    private func reportHead(_ directive: Directive) {
        let words = directive.arguments
        if words.count == 1, words[0].text.first == UInt8(ascii: "/") {
            findings.error(
                "expected * or methods such as GET,POST in front of the pattern, found \(words[0].shown)",
                at: words[0].place)
        } else if words.count < 2 {
            findings.error(
                "expected route METHODS PATTERN { … }, found the end of the head", at: directive.end)
        } else if words[1].text.first != UInt8(ascii: "/") {
            findings.error(
                "expected a path that starts with \"/\", found \(words[1].shown); methods are one word, such as GET,POST",
                at: words[1].place)
        } else if words[2].isBare("host") {
            if words.count == 3 {
                findings.error("expected a name after \"host\"", at: directive.end)
            } else {
                findings.error(
                    "expected \"{\" after the name of the host, found \(words[4].shown)", at: words[4].place)
            }
        } else {
            findings.error(
                "expected host NAME or \"{\", found \(words[2].shown)"
                    + NearestWord.hint(for: words[2].string, in: ["host"]), at: words[2].place)
        }
    }

    /// METHODS := "*" | METHOD { "," METHOD }
    private func readMethods(_ word: Word) -> MethodRule? {
        if word.isBare("*") { return .any }
        let common = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
        var methods: [[UInt8]] = []
        for part in word.split(at: UInt8(ascii: ",")) {
            // RFC 9110 §9.1 allows more, of which no method makes use: `GET|POST` is two of them.
            let isMethod =
                !part.text.isEmpty
                && part.text.allSatisfy {
                    ASCII.isLetter($0) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-")
                        || $0 == UInt8(ascii: "_")
                }
            // Methods are case-sensitive (RFC 9110 §9.1): `get` would match nothing anybody sends.
            guard isMethod, !part.text.contains(where: { ASCII.isLetter($0) && $0 == ASCII.lower($0) }) else {
                findings.error(
                    "expected * or methods such as GET,POST, found \(part.shown)"
                        + NearestWord.hint(for: part.string, in: common), at: part.place)
                return nil
            }
            let near = common.contains(part.string) ? nil : NearestWord.nearest(to: part.string, in: common)
            if let near {
                findings.warning(
                    "\(part.shown) is a method of its own; did you mean \"\(near)\"?", at: part.place)
            }
            if part.string == "CONNECT" {
                findings.error("CONNECT is never forwarded", at: part.place)
                return nil
            }
            if methods.contains(part.text) {
                findings.error("\(part.shown) is listed already", at: part.place)
                return nil
            }
            methods.append(part.text)
        }
        let rule = MethodRule.listed(methods)
        if builder.hasRoom(for: rule) { return rule }
        findings.error(
            "expected at most \(RouteTableBuilder.maxMethods) different methods in all routes", at: word.place
        )
        return nil
    }

    private func readHost(_ word: Word) -> [UInt8]? {
        if values.isHost(word.text) {
            let name = word.text.map(ASCII.lower)
            return name.count > 1 && name.last == UInt8(ascii: ".") ? name.dropLast() : name
        }
        findings.error(
            "expected a host name without scheme, port or wildcard, found \(word.shown)", at: word.place)
        return nil
    }
}

/// The flags that decide which patterns make sense; read before the pattern.
private struct RouteFlags {
    let allowsEmptySegments: Bool
    let allowsEncodedSlash: Bool

    init(_ block: Block) {
        allowsEmptySegments = block.directives.contains { $0.name.isBare("allow-empty-segments") }
        allowsEncodedSlash = block.directives.contains { $0.name.isBare("allow-encoded-slash") }
    }
}
