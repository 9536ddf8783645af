// Whether a running exchange may go on, asked of the function that everything long uses.

import Access
import Keys
import Testing

@testable import Gateway

@Suite struct RecheckJudgement {
    private static let later = Desk.nowMillis + 3_600_000
    private static let configuration = """
        route GET /things/{id} { require things.read; check path.id == "7" AND now < 1750000001000; limit l 1/1d by key }
        route GET /other { require things.write }

        """

    private func desk(_ change: (inout KeyPlan) -> Void = { _ in }) throws -> Desk {
        var plan = KeyPlan(permissions: ["things.read"])
        change(&plan)
        return try Desk(Self.configuration, keys: [plan])
    }

    /// An exchange that was let through.
    private func running(_ desk: Desk) throws -> Exchange {
        let (exchange, refusal) = try desk.judge("GET /things/7 HTTP/1.1", AdmissionOrder.key)
        #expect(refusal == nil)
        exchange.key = nil
        return exchange
    }

    private func judge(_ exchange: Exchange, _ reader: StoreReader, nowMillis: Int64) throws -> Refusal? {
        Recheck.judge(exchange, try #require(exchange.route), reader, nowMillis: nowMillis)
    }

    @Test func whatIsGoodGoesOnAndIsNotCharged() throws {
        let desk = try desk()
        let exchange = try running(desk)
        for _ in 0..<3 {
            #expect(try judge(exchange, desk.reader, nowMillis: Desk.nowMillis) == nil)
            #expect(exchange.key != nil)
        }
    }

    @Test func anExpiredKeyAndACheckThatNoLongerHoldsEndIt() throws {
        let desk = try desk { $0.expiresAtMillis = Desk.nowMillis + 10 }
        let exchange = try running(desk)
        #expect(try judge(exchange, desk.reader, nowMillis: Desk.nowMillis + 11)?.reason == .keyExpired)
        #expect(exchange.key == nil)
        let unexpiring = try self.desk()
        let other = try running(unexpiring)
        #expect(try judge(other, unexpiring.reader, nowMillis: Self.later)?.reason == .forbidden)
        #expect(other.key == nil)
    }

    @Test func anAddressThatIsNoLongerOnTheListEndsIt() throws {
        let desk = try desk { $0.networks = ["192.0.2.0/24"] }
        let exchange = try running(desk)
        exchange.clientAddress = Desk.address("198.51.100.1")
        #expect(try judge(exchange, desk.reader, nowMillis: Desk.nowMillis)?.reason == .forbidden)
    }

    @Test func anotherRoutesPermissionIsAskedForAnew() throws {
        let desk = try desk()
        let exchange = try running(desk)
        let (other, refusal) = try desk.judge("GET /other HTTP/1.1", AdmissionOrder.key)
        #expect(refusal?.reason == .insufficientPermissions)
        exchange.routeIndex = other.routeIndex
        #expect(
            try judge(exchange, desk.reader, nowMillis: Desk.nowMillis)?.reason
                == .insufficientPermissions)
    }

    @Test func anExchangeWithoutACredentialDoesNotGoOn() throws {
        let desk = try desk()
        let keyless = try running(desk)
        keyless.credential = nil
        #expect(try judge(keyless, desk.reader, nowMillis: Desk.nowMillis)?.reason == .keyNotFound)
    }

    @Test func aRouteThatOnlyWatchesGoesOnWithoutAKeyThatIsNoGood() throws {
        let desk = try Desk(
            "route GET /shadow { require x.y; shadow }\n",
            keys: [KeyPlan(expiresAtMillis: Desk.nowMillis + 10)])
        let (exchange, _) = try desk.judge("GET /shadow HTTP/1.1", AdmissionOrder.key)
        #expect(try judge(exchange, desk.reader, nowMillis: Desk.nowMillis) == nil)
        #expect(exchange.key != nil)
        #expect(try judge(exchange, desk.reader, nowMillis: Desk.nowMillis + 11) == nil)
        #expect(exchange.key == nil)
    }
}
