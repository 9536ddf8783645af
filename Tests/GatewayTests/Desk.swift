// A gateway without sockets: a real store in a directory that goes away, rules from a text, and requests that
// take the same steps as those of a connection.

import Access
import Bytes
import Glibc
import HTTP1
import Keys
import Limits
import Rules
import Testing
import Upstream

@testable import Gateway

/// What a test wants its key to be.
struct KeyPlan {
    var secret = "key_good"
    var api = "billing"
    var name: String?
    var identity: String?
    var identityMeta: String?
    var meta: String?
    var permissions: [String] = []
    var roles: [String] = []
    var isEnabled = true
    var expiresAtMillis: Int64?
    var networks: [String] = []
    var apiNetworks: [String] = []
    var limits: [RateLimitRule] = []
    var identityLimits: [RateLimitRule] = []
    var credits: Credits?

    /// Lets nothing pass.
    static let spentLimit = RateLimitRule(
        name: "spent", limit: 0, durationMillis: 1000, appliesAutomatically: true)
}

final class Desk {
    /// The time of every decision.
    static let nowMillis: Int64 = 1_750_000_000_000
    static let frame = "listen 127.0.0.1:0\nupstream api { server http://127.0.0.1:9000 }\n"

    let rules: RuleSet
    let reader: StoreReader
    let limiter = RateLimiter(RateCounters(), .charges)
    private let store: KeyStore
    private let directory: String

    /// The configuration with the frame before it.
    static func compile(_ configuration: String) throws -> Configuration {
        let text = Array((frame + configuration).utf8)
        return try Configuration.compile(
            path: "g.conf",
            reader: SourceReader(
                read: { _ throws(SourceError) in text }, glob: { _ in [] }, environment: { _ in nil }))
    }

    init(_ configuration: String, keys: [KeyPlan] = []) throws {
        rules = RuleSet(explaining: try Desk.compile(configuration))
        var template = Array("/tmp/keygate-desk-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { preconditionFailure("no directory under /tmp") }
        directory = unsafe String(cString: made)
        store = try KeyStore.open(directory)
        for key in keys { try Desk.create(key, in: store) }
        reader = store.makeReader()
        reader.wake()
        limiter.time = LimitTime(unixMillis: Desk.nowMillis)
    }

    deinit {
        guard let listing = unsafe opendir(directory) else { return }
        while let entry = unsafe readdir(listing) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            _ = unsafe unlink("\(directory)/\(name)")
        }
        _ = unsafe closedir(listing)
        _ = unsafe rmdir(directory)
    }

    private static func create(_ plan: KeyPlan, in store: KeyStore) throws {
        let secret = Array(plan.secret.utf8)
        let digest = KeyDigest(hashing: secret.span)
        let networks = try plan.networks.map { try network($0) }
        let apiNetworks = try plan.apiNetworks.map { try network($0) }
        try store.transact { (transaction) throws(StoreError) in
            let api = try transaction.createAPI(name: plan.api, allowedNetworks: apiNetworks)
            var key = KeyRecord(digest: digest, api: api.reference, start: "key_", byteLength: 16)
            key.name = plan.name
            key.meta = plan.meta.map { Array($0.utf8) }
            key.isEnabled = plan.isEnabled
            key.expiresAtMillis = plan.expiresAtMillis
            key.allowedNetworks = networks
            key.limits = plan.limits
            key.credits = plan.credits
            if let identity = plan.identity {
                key.identity = try transaction.createIdentity(
                    externalID: identity, meta: plan.identityMeta.map { Array($0.utf8) },
                    limits: plan.identityLimits
                ).reference
            }
            for slug in plan.permissions {
                key.permissions.append(try transaction.findOrCreatePermission(slug: slug).reference)
            }
            for name in plan.roles { key.roles.append(try transaction.createRole(name: name).reference) }
            _ = try transaction.createKey(key)
        }
    }

    private static func network(_ text: String) throws -> IPNetwork {
        let bytes = Array(text.utf8)
        return try IPNetwork(parsing: bytes.span)
    }

    // MARK: Requests

    static func address(_ text: String) -> IPAddress? {
        let bytes = Array(text.utf8)
        return IPAddress(parsing: bytes.span)
    }

    /// An exchange whose head is this one. `lines` are header lines behind a Host.
    static func exchange(
        _ requestLine: String = "GET / HTTP/1.1", _ lines: [String] = [], host: String = "api.example"
    ) throws -> Exchange {
        let exchange = Exchange(limits: RequestLimits())
        exchange.requestID = Array("req_test".utf8)
        exchange.headBytes.append(
            ([requestLine, "Host: \(host)"] + lines).joined(separator: "\r\n") + "\r\n\r\n")
        let event = exchange.headBytes.with { exchange.parser.advance($0, into: &exchange.head) }
        guard case .head = event else {
            Issue.record("not a head: \(event)")
            throw Unexpected()
        }
        return exchange
    }

    struct Unexpected: Error {}

    /// Takes a request through the decision.
    func judge(
        _ requestLine: String, _ lines: [String] = [], from peer: String? = "192.0.2.9"
    ) throws -> (exchange: Exchange, refusal: Refusal?) {
        let exchange = try Desk.exchange(requestLine, lines)
        if let peer = peer.flatMap(Desk.address) {
            exchange.clientAddress = exchange.headBytes.with {
                ClientAddress.find(peer: peer, exchange.head, $0, rules)
            }
        }
        if let refusal = Admission.route(exchange, rules) { return (exchange, refusal) }
        let route = try #require(exchange.route)
        return (exchange, Admission.judge(exchange, rules, route, reader, limiter, nowMillis: Desk.nowMillis))
    }

    /// The reason of the refusal; nil for a request that goes on.
    func reason(_ requestLine: String, _ lines: [String] = [], from peer: String? = "192.0.2.9") throws
        -> RefusalReason?
    {
        try judge(requestLine, lines, from: peer).refusal?.reason
    }

    /// The header lines and the target that the backend gets. The request must be let through.
    func forwarded(
        _ requestLine: String, _ lines: [String] = [], peer: String = "192.0.2.9", isTrusted: Bool = false,
        authority: String? = nil
    ) throws -> (lines: [String], target: String) {
        let (exchange, refusal) = try judge(requestLine, lines, from: peer)
        try #require(refusal == nil)
        let route = try #require(exchange.route)
        var headers = HeaderLines()
        let origin = ForwardedHeaders.Origin(
            peerText: Array(peer.utf8), peerIsTrusted: isTrusted, authority: authority.map { Array($0.utf8) })
        ForwardedHeaders.build(exchange, rules, route, key: exchange.key, origin, into: &headers)
        var shown: [String] = []
        headers.forEachLine { shown.append(String(forDisplay: $0)) }
        ForwardedTarget.build(exchange, rules, route)
        return (shown, exchange.scratch.with { String(forDisplay: $0) })
    }
}
