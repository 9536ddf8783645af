// A configuration as one loop uses it: compiled for this loop alone, with everything worked out that does
// not depend on the request. Replaced whole at a reload; an exchange keeps the one it began with.

import Access
import Rules
import Upstream

/// The rules of one event loop. Never shared between loops, so its reference count is never fought over.
final class RuleSet {
    let configuration: Configuration
    /// Counts reloads, for the log and /metrics.
    let generation: Int

    /// Names no client header may have: the injected ones and those Keygate writes about the request.
    let reservedNames: NameFilter
    /// Headers that carry a credential, by folded name; `Authorization` is judged by its scheme.
    let credentialHeaders: NameFilter
    /// Query parameters that carry a credential.
    let credentialParameters: [[UInt8]]
    /// By route: the names of the headers that it sets or removes.
    let changedNames: [NameFilter]
    /// By route: the names of the headers that it sets.
    let setNames: [NameFilter]
    let readsBearer: Bool
    /// Some route, or all of them, has something to say to pages of other origins.
    let mindsOrigins: Bool

    /// What each route charges, in the order of the configuration.
    let charges: [RouteCharges]

    /// Upstreams in the order of the configuration; none where nothing is forwarded.
    let pools: [UpstreamPool]

    static let requestIDName: StaticString = "X-Request-Id"
    /// Headers by which some frameworks take another path, method or client for the request's own. They are
    /// taken from a trusted proxy only: otherwise a client could have one thing decided and another done.
    private static let overridingNames = [
        "Forwarded", "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Rewrite-URL",
        "X-Forwarded-Port",
        "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Ssl",
        "X-Forwarded-Uri",
        "X-Forwarded-Method", "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-HTTP-Method",
        "X-HTTP-Method-Override", "X-Method-Override", "Proxy", "X-Original-Host", "X-Host",
        "X-HTTP-Host-Override", "X-Cluster-Client-IP", "CF-Connecting-IP", "Client-IP",
    ]
    static let overriding = NameFilter(overridingNames)

    /// A header that is not one of these, but that some servers take for it (`Transfer_Encoding`), is nobody's
    /// to send: the message would have two framings again.
    static let framing = NameFilter(["Transfer-Encoding", "Content-Length"])

    private static let ownNames = [
        "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
    ]

    /// The rules alone, for explanations: nothing is forwarded by them.
    convenience init(explaining configuration: Configuration) {
        self.init(configuration, generation: 0, pools: [])
    }

    /// `pools` are those of the configuration's upstreams, in their order.
    init(_ configuration: Configuration, generation: Int, pools: [UpstreamPool]) {
        self.configuration = configuration
        self.pools = pools
        self.generation = generation
        var reserved = NameFilter()
        for header in configuration.injectedHeaders { reserved.insert(header.name) }
        for name in RuleSet.ownNames { reserved.insert(Array(name.utf8)) }
        reservedNames = reserved

        setNames = configuration.routes.map { route in
            var names = NameFilter()
            for header in route.setHeaders { names.insert(header.name) }
            return names
        }
        changedNames = zip(configuration.routes, setNames).map { route, set in
            var names = set
            for name in route.removedHeaders { names.insert(name) }
            return names
        }

        mindsOrigins =
            configuration.settings.cors != nil || configuration.routes.contains { $0.cors != nil }

        var credentials = NameFilter()
        var parameters: [[UInt8]] = []
        var readsBearer = false
        for source in configuration.settings.credentials {
            switch source {
            case .bearer: readsBearer = true
            case .header(let name): credentials.insert(name)
            case .query(let name): parameters.append(name)
            }
        }
        credentialHeaders = credentials
        credentialParameters = parameters
        self.readsBearer = readsBearer

        charges = configuration.routes.map { RouteCharges($0) }
    }

    func isTrustedProxy(_ address: IPAddress) -> Bool {
        for network in configuration.settings.trustedProxies where network.contains(address) { return true }
        return false
    }
}

extension UpstreamOrigin {
    init(_ server: UpstreamServer, of group: UpstreamGroup) {
        let connectMillis = max(1, group.timeouts.connectNanos / Nanos.millisecond)
        switch server.address {
        case .unix(let path):
            self.init(
                origin: "http://localhost", authority: server.authority, unixPath: path,
                connectTimeoutMillis: connectMillis)
        case .http, .https:
            self.init(
                origin: server.description, authority: server.authority,
                certificateAuthorityFile: group.caFile,
                clientCertificate: group.clientCertificate.map {
                    ClientCertificate(certificateFile: $0.certificateFile, keyFile: $0.keyFile)
                }, nameLifetimeSeconds: group.nameLifetimeNanos / Nanos.second,
                connectTimeoutMillis: connectMillis)
        }
    }
}
