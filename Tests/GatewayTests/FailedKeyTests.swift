// Addresses that present bad keys: counted, told to wait, and never in the way of anybody else.

import Access
import Limits
import Rules
import Testing

@testable import Gateway

@Suite struct FailedKeyCounts {
    private static let limit = FailedKeyLimit(count: 3, durationMillis: 60_000)
    private static let time = LimitTime(unixMillis: Desk.nowMillis)
    private static let bad = ["Authorization: Bearer key_bad"]
    private static let configuration = "route GET /any { authenticated }\nroute GET /more { require x.y }\n"

    private let counters = RateCounters(capacity: 1024)
    private let desk: Desk
    private let failedKeys: FailedKeys

    init() throws {
        desk = try Desk(
            Self.configuration, keys: [KeyPlan(), KeyPlan(secret: "key_off", api: "b", isEnabled: false)])
        failedKeys = FailedKeys(counters)
    }

    /// The reason that the client is told.
    private func told(
        _ lines: [String] = bad, from peer: String? = "192.0.2.9", _ target: String = "/any",
        limit: FailedKeyLimit? = limit
    ) throws -> RefusalReason? {
        let (exchange, refusal) = try desk.judge("GET \(target) HTTP/1.1", lines, from: peer)
        guard let refusal else { return nil }
        return
            (failedKeys.note(refusal, exchange, limit, at: Self.time, nowMillis: Desk.nowMillis) ?? refusal)
            .reason
    }

    @Test func afterTheLimitFailuresAreAnsweredAlike() throws {
        for _ in 0..<3 { #expect(try told() == .keyNotFound) }
        #expect(try told() == .rateLimited)
        #expect(try told(["Authorization: Bearer key_off"]) == .rateLimited)
        #expect(try told(["Authorization: Basic eA=="]) == .rateLimited)
        #expect(try told(Self.bad + Self.bad) == .rateLimited)
    }

    @Test func everythingThatIsWrongWithAKeyCounts() throws {
        #expect(try told(["Authorization: Bearer key_off"]) == .keyDisabled)
        #expect(try told(["Authorization: Basic eA=="]) == .missingKey)
        #expect(try told(Self.bad + Self.bad) == .ambiguousKey)
        #expect(try told() == .rateLimited)
    }

    @Test func whatIsNotAboutAKeyDoesNotCount() throws {
        for _ in 0..<10 {
            #expect(try told([]) == .missingKey)
            #expect(try told(["Authorization: Bearer key_good"], "/more") == .insufficientPermissions)
        }
        #expect(counters.count == 0)
        #expect(try told() == .keyNotFound)
    }

    @Test func goodKeysPassWhateverTheirNeighboursDo() throws {
        for _ in 0..<10 { _ = try told() }
        #expect(try told(["Authorization: Bearer key_good"]) == nil)
        #expect(try told(["Authorization: Bearer key_good"], "/more") == .insufficientPermissions)
    }

    @Test func withoutTheDirectiveNothingIsCounted() throws {
        for _ in 0..<10 { #expect(try told(limit: nil) == .keyNotFound) }
        #expect(counters.count == 0)
    }

    @Test func addressesAreCountedApartAndNetworksOfIPv6Together() throws {
        for _ in 0..<3 { #expect(try told() == .keyNotFound) }
        #expect(try told(from: "192.0.2.10") == .keyNotFound)
        for host in 1...3 { #expect(try told(from: "2001:db8:1:2::\(host)") == .keyNotFound) }
        #expect(try told(from: "2001:db8:1:2:ffff::9") == .rateLimited)
        #expect(try told(from: "2001:db8:1:3::1") == .keyNotFound)
        #expect(try told(from: nil) == .keyNotFound)
        // An IPv4 address in the clothes of IPv6 is the address.
        #expect(try told(from: "::ffff:192.0.2.9") == .rateLimited)
    }

    @Test func theClientIsToldWhenToComeBack() throws {
        for _ in 0..<3 { _ = try told() }
        let (exchange, refusal) = try desk.judge("GET /any HTTP/1.1", Self.bad)
        let limited = failedKeys.note(
            try #require(refusal), exchange, Self.limit, at: Self.time, nowMillis: Desk.nowMillis)
        let untilReset = 60 - Desk.nowMillis / 1000 % 60
        #expect(limited?.retryAfterSeconds == Int(untilReset))
        #expect(limited?.detail == "Too many requests with a key that is not valid.")
    }

    @Test func anyNumberOfAddressesTakesBoundedMemoryAndTheLastAreTurnedAway() throws {
        let (exchange, refusal) = try desk.judge("GET /any HTTP/1.1", Self.bad)
        let failure = try #require(refusal)
        var turnedAway = 0
        for number in 0..<20_000 {
            exchange.clientAddress = IPAddress(v4: UInt32(number))
            let answer = failedKeys.note(
                failure, exchange, Self.limit, at: Self.time, nowMillis: Desk.nowMillis)
            if answer != nil { turnedAway += 1 }
        }
        #expect(counters.count <= 1024)
        #expect(turnedAway == 20_000 - counters.count)
        #expect(try told(["Authorization: Bearer key_good"]) == nil)
    }
}
