// The order of the steps, and which limits a request is charged, asked of keys in a real store.

import Access
import Bytes
import Glibc
import Keys
import Limits
import Testing

@testable import Verification

/// A store with one API, and a reader of it.
private final class Keyring {
    private let directory: String
    private let store: KeyStore
    private let reader: StoreReader
    private let api: APIRecord
    let counters = RateCounters()
    let now: Int64 = 1_800_000_000_000

    init() throws {
        var template = Array("/tmp/keygate-verification-XXXXXX".utf8CString)
        precondition(unsafe mkdtemp(&template) != nil, "no directory under /tmp")
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        store = try KeyStore.open(directory + "/store")
        reader = store.makeReader()
        api = try store.transact { (store) throws(StoreError) in
            try store.createAPI(name: "api", allowedNetworks: [])
        }
    }

    deinit {
        for name in ["lock", "journal-1"] { _ = unsafe unlink("\(directory)/store/\(name)") }
        _ = unsafe rmdir(directory + "/store")
        _ = unsafe rmdir(directory)
    }

    static func digest(_ text: String) -> KeyDigest {
        let bytes = Array(text.utf8)
        return KeyDigest(hashing: bytes.span)
    }

    /// Stores a key named `text`, linked to an identity if it has limits of its own.
    func add(
        _ text: String, limits: [RateLimitRule] = [],
        identity: (name: String, limits: [RateLimitRule])? = nil,
        _ change: @Sendable @escaping (inout KeyRecord) -> Void = { _ in }
    ) throws {
        let api = api.reference
        try store.transact { (store) throws(StoreError) in
            var record = KeyRecord(digest: Self.digest(text), api: api)
            record.limits = limits
            if let identity {
                let found = try store.findOrCreateIdentity(externalID: identity.name)
                try store.updateIdentity(found.reference) { $0.limits = identity.limits }
                record.identity = found.reference
            }
            let permission = try store.findOrCreatePermission(slug: "things.read")
            record.permissions = [permission.reference]
            change(&record)
            _ = try store.createKey(record)
        }
    }

    /// What a verification comes to, and the names of the limits it was charged, with what is left.
    func verify(_ text: String, _ request: VerificationRequest = VerificationRequest()) throws -> (
        verdict: Verdict, charged: [String]
    ) {
        var charges = LimitCharges()
        let key = try #require(reader.find(Self.digest(text)))
        let verdict = Verification.decide(
            key, request, counters, charges: &charges, nowMillis: now,
            at: LimitTime(unixMillis: now))
        let charged = (0..<charges.count).map { index in
            charges.withName(index) { String(decoding: Array(copying: $0), as: UTF8.self) }
                + " \(charges[index].remaining)/\(charges[index].limit)"
        }
        return (verdict, charged)
    }

    static func rule(_ name: String, _ limit: Int64, auto: Bool = true) -> RateLimitRule {
        RateLimitRule(
            name: name, limit: limit, durationMillis: 1 << 40, appliesAutomatically: auto)
    }
}

private func want(_ name: String, cost: Int64 = 1, inline limit: Int64? = nil) -> LimitRequest {
    LimitRequest(
        name: Array(name.utf8), cost: cost,
        inline: limit.map { LimitRequest.Inline(limit: $0, durationMillis: 1 << 40) })
}

private func asking(_ permission: String) throws -> PermissionQuery {
    try PermissionQuery(parsing: Array(permission.utf8).span)
}

@Suite struct VerificationTests {
    @Test func theFirstFailureDecidesAndNothingAfterItHappens() throws {
        let keyring = try Keyring()
        let spent = [Keyring.rule("requests", 0)]
        let past = keyring.now - 1
        let elsewhere = IPNetwork(containing: IPAddress(v4: 0x0A00_0000), prefixLength: 8)
        try keyring.add("all", limits: spent) { key in
            key.isEnabled = false
            key.expiresAtMillis = past
            key.allowedNetworks = [elsewhere]
        }
        try keyring.add("expired", limits: spent) { key in
            key.expiresAtMillis = past
            key.allowedNetworks = [elsewhere]
        }
        try keyring.add("elsewhere", limits: spent) { $0.allowedNetworks = [elsewhere] }
        try keyring.add("spent", limits: spent)
        var request = VerificationRequest(permissions: try asking("things.write"), limits: [want("ghost")])
        #expect(try keyring.verify("all", request).verdict == .disabled)
        #expect(try keyring.verify("expired", request).verdict == .expired)
        #expect(try keyring.verify("elsewhere", request).verdict == .forbidden)
        #expect(try keyring.verify("spent", request).verdict == .insufficientPermissions)
        request.permissions = try asking("things.read OR things.write")
        #expect(try keyring.verify("spent", request).verdict == .unknownLimit(0))
        request.limits = []
        let last = try keyring.verify("spent", request)
        #expect(last.verdict == .rateLimited && last.charged == ["requests 0/0"])
    }

    @Test func aKeyIsValidUpToAndIncludingTheInstantItExpires() throws {
        let keyring = try Keyring()
        let now = keyring.now
        try keyring.add("k") { $0.expiresAtMillis = now }
        #expect(try keyring.verify("k").verdict == .passed)
    }

    @Test func anAddressThatIsNotKnownIsOnNoAllowList() throws {
        let keyring = try Keyring()
        let home = IPNetwork(containing: IPAddress(v4: 0x0A00_0000), prefixLength: 8)
        try keyring.add("k") { $0.allowedNetworks = [home] }
        #expect(try keyring.verify("k").verdict == .forbidden)
        #expect(
            try keyring.verify("k", VerificationRequest(address: IPAddress(v4: 0x0A01_0203))).verdict
                == .passed
        )
        #expect(
            try keyring.verify("k", VerificationRequest(address: IPAddress(v4: 0x0B01_0203))).verdict
                == .forbidden)
    }

    @Test func automaticLimitsAreChargedAndTheKeysHideTheIdentitys() throws {
        let keyring = try Keyring()
        try keyring.add(
            "k", limits: [Keyring.rule("requests", 10), Keyring.rule("named", 10, auto: false)],
            identity: (
                "acme",
                [Keyring.rule("requests", 1), Keyring.rule("named", 1), Keyring.rule("shared", 5)]
            ))
        #expect(try keyring.verify("k").charged == ["requests 9/10", "shared 4/5"])
        let request = VerificationRequest(limits: [want("named", cost: 3), want("shared", cost: 2)])
        #expect(try keyring.verify("k", request).charged == ["named 7/10", "shared 2/5", "requests 8/10"])
    }

    @Test func theLastOfSeveralRequestsForOneLimitCounts() throws {
        let keyring = try Keyring()
        try keyring.add("k", limits: [Keyring.rule("requests", 10)])
        let request = VerificationRequest(limits: [
            want("requests", cost: 9), want("burst", inline: 1), want("requests", cost: 2),
            want("burst", inline: 5),
        ])
        #expect(try keyring.verify("k", request).charged == ["requests 8/10", "burst 4/5"])
    }

    @Test func keysOfAnIdentityShareItsLimitsAndNoOthers() throws {
        let keyring = try Keyring()
        let shared = ("acme", [Keyring.rule("shared", 2)])
        try keyring.add("a", limits: [Keyring.rule("own", 9)], identity: shared)
        try keyring.add("b", limits: [Keyring.rule("own", 9)], identity: shared)
        #expect(try keyring.verify("a").charged == ["own 8/9", "shared 1/2"])
        #expect(try keyring.verify("b").charged == ["own 8/9", "shared 0/2"])
        #expect(try keyring.verify("a").charged == ["own 8/9", "shared 0/2"])
    }

    @Test func aLimitThatNobodyHasIsRefusedOrPassedAsTheCallerWants() throws {
        let keyring = try Keyring()
        try keyring.add("k", limits: [Keyring.rule("requests", 10)])
        let request = VerificationRequest(limits: [want("requests"), want("ghost")])
        let refused = try keyring.verify("k", request)
        #expect(refused.verdict == .unknownLimit(1))
        #expect(try keyring.verify("k").charged == ["requests 9/10"])
    }
}
