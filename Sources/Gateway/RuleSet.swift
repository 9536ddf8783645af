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
    let readsBearer: Bool

    /// Upstreams in the order of the configuration.
    var groups: [Group]

    struct Group {
        /// For `CurlMulti.acquire`, by server.
        let serverKeys: [Int]
        let authorities: [[UInt8]]
        let sendsClientHost: Bool
        var balancer: Balancer
    }

    static let requestIDName: StaticString = "X-Request-Id"
    private static let ownNames = [
        "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
    ]

    /// The rules alone, for explanations: nothing is forwarded by them.
    convenience init(explaining configuration: Configuration) {
        self.init(configuration, generation: 0) { _ in 0 }
    }

    convenience init(_ configuration: Configuration, generation: Int, multi: CurlMulti) {
        self.init(configuration, generation: generation) { multi.register($0) }
    }

    private init(_ configuration: Configuration, generation: Int, register: (UpstreamOrigin) -> Int) {
        self.configuration = configuration
        self.generation = generation
        var reserved = NameFilter()
        for header in configuration.injectedHeaders { reserved.insert(header.name) }
        for name in RuleSet.ownNames { reserved.insert(Array(name.utf8)) }
        reservedNames = reserved

        var credentials = NameFilter()
        var readsBearer = false
        for source in configuration.settings.credentials {
            switch source {
            case .bearer: readsBearer = true
            case .header(let name): credentials.insert(name)
            case .query: break
            }
        }
        credentialHeaders = credentials
        self.readsBearer = readsBearer

        groups = configuration.upstreams.map { group in
            Group(
                serverKeys: group.servers.map { register(UpstreamOrigin($0, of: group)) },
                authorities: group.servers.map { Array($0.authority.utf8) },
                sendsClientHost: group.hostHeader == .client,
                balancer: Balancer(weights: group.servers.map(\.weight)))
        }
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
                connectTimeoutMillis: connectMillis, weight: server.weight)
        case .http, .https:
            self.init(
                origin: server.description, authority: server.authority,
                certificateAuthorityFile: group.caFile,
                connectTimeoutMillis: connectMillis, weight: server.weight)
        }
    }
}
