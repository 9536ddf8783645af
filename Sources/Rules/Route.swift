// One route as the gateway runs it, everything resolved: defaults merged, expressions compiled, names turned
// into indices.

public import Access

/// Which methods a route admits.
public enum MethodRule: Sendable, Hashable {
    /// `*`
    case any
    /// As written; `GET` also admits `HEAD`.
    case listed([[UInt8]])

    /// Whether requests with this method may come to such a route.
    func admits(_ method: [UInt8]) -> Bool {
        switch self {
        case .any: true
        case .listed(let methods):
            methods.contains {
                $0 == method || $0.elementsEqual("GET".utf8) && method.elementsEqual("HEAD".utf8)
            }
        }
    }

    /// As written in the configuration.
    public var text: String {
        switch self {
        case .any: "*"
        case .listed(let methods): methods.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
        }
    }
}

public enum RouteAccess: Sendable {
    /// No key is asked for.
    case open
    /// Any valid key.
    case authenticated
    /// A valid key with these permissions.
    case requires(PermissionQuery)

    /// As `keygate routes` shows it.
    public var text: String {
        switch self {
        case .open: "public"
        case .authenticated: "authenticated"
        case .requires(let query): "require \(query)"
        }
    }
}

/// A condition beyond permissions.
public struct RouteCheck: Sendable {
    public let program: CheckProgram
    /// What the client is told when it does not hold; nil for the gateway's own words.
    public let message: [UInt8]?
    /// The expression as written.
    public let text: String
    public let location: SourceLocation
}

/// A header that a route sets to a fixed value.
public struct FixedHeader: Sendable, Hashable {
    public let name: [UInt8]
    public let value: [UInt8]
}

/// How the path changes on its way to the upstream.
public enum PathChange: Sendable, Hashable {
    case none
    /// The prefix is a run of whole literal segments that every path of this route starts with. If nothing
    /// remains, `/` is sent.
    case strip(prefix: [UInt8])
    case rewrite([TemplatePiece])
}

/// Immutable, and an object: a request hands its route from step to step, and a copy of a value with this many
/// arrays in it would count a reference up and down for each of them.
public final class Route: Sendable {
    public let methods: MethodRule
    /// The pattern as written.
    public let pattern: [UInt8]
    /// The names of `{…}` in the order of the pattern, without two alike.
    public let captureNames: [[UInt8]]
    /// In lower case, without a port; nil for any.
    public let host: [UInt8]?
    public let access: RouteAccess
    /// All must hold, in this order.
    public let checks: [RouteCheck]
    /// Names or ids of the APIs whose keys are accepted, the global ones or the route's; empty for any.
    public let apis: [String]
    /// Global tags and the route's own, which replace global ones of the same name.
    public let tags: [Tag]
    /// Charged beside what keys and identities are charged anyway; empty for a public route.
    public let namedLimits: [NamedLimit]
    /// Limits of the route itself.
    public let limits: [RouteLimit]
    /// What a request costs a key that has credits.
    public let cost: RouteCost
    /// Index into `Configuration.upstreams`.
    public let upstreamIndex: Int
    public let pathChange: PathChange
    /// Those of the upstream with the route's changes.
    public let timeouts: UpstreamTimeouts
    public let bodyLimitBytes: Int
    public let setHeaders: [FixedHeader]
    /// Names in lower case.
    public let removedHeaders: [[UInt8]]
    public let forwardsCredential: Bool
    /// Nil if pages of other origins get no leave to call.
    public let cors: CORSPolicy?
    /// Decide, log, count, never refuse.
    public let isShadow: Bool
    /// A request may become a WebSocket.
    public let allowsWebSocket: Bool
    public let allowsEmptySegments: Bool
    public let allowsEncodedSlash: Bool
    public let location: SourceLocation

    init(
        methods: MethodRule, pattern: [UInt8], captureNames: [[UInt8]], host: [UInt8]?, access: RouteAccess,
        checks: [RouteCheck], apis: [String], tags: [Tag], namedLimits: [NamedLimit], limits: [RouteLimit],
        cost: RouteCost, upstreamIndex: Int, pathChange: PathChange, timeouts: UpstreamTimeouts,
        bodyLimitBytes: Int, setHeaders: [FixedHeader], removedHeaders: [[UInt8]], forwardsCredential: Bool,
        cors: CORSPolicy?,
        isShadow: Bool, allowsWebSocket: Bool, allowsEmptySegments: Bool, allowsEncodedSlash: Bool,
        location: SourceLocation
    ) {
        self.methods = methods
        self.pattern = pattern
        self.captureNames = captureNames
        self.host = host
        self.access = access
        self.checks = checks
        self.apis = apis
        self.tags = tags
        self.namedLimits = namedLimits
        self.limits = limits
        self.cost = cost
        self.upstreamIndex = upstreamIndex
        self.pathChange = pathChange
        self.timeouts = timeouts
        self.bodyLimitBytes = bodyLimitBytes
        self.setHeaders = setHeaders
        self.removedHeaders = removedHeaders
        self.forwardsCredential = forwardsCredential
        self.cors = cors
        self.isShadow = isShadow
        self.allowsWebSocket = allowsWebSocket
        self.allowsEmptySegments = allowsEmptySegments
        self.allowsEncodedSlash = allowsEncodedSlash
        self.location = location
    }

    /// The tags as written, separated by spaces.
    public var tagsText: String { tags.map(\.text).joined(separator: " ") }
}

/// An API whose keys are accepted, by the name or id that is written, and where.
public struct APIUse: Sendable {
    public let reference: String
    public let excerpt: SourceExcerpt
}

/// A permission that a route asks for, and where.
public struct PermissionUse: Sendable {
    public let name: PermissionName
    /// For a warning that no role grants it: `Diagnostic(.warning, at: use.excerpt, …)`.
    public let excerpt: SourceExcerpt
}
