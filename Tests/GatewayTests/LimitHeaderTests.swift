// What the client reads about its limits, byte for byte.

import Bytes
import Limits
import Testing
import Verification

@testable import Gateway

@Suite struct LimitHeaderTests {
    private struct Limit {
        var name: String
        var limit: Int64
        var cost: Int64 = 1
        var durationMillis: Int64 = 60_000
    }

    /// 20.5 s into a minute.
    private static let now: Int64 = 1_750_000_020_500 / 60_000 * 60_000 + 20_500

    private func charged(_ limits: [Limit]) -> LimitCharges {
        let counters = RateCounters()
        var charges = LimitCharges()
        for limit in limits {
            let name = Array(limit.name.utf8)
            charges.append(
                .route, name: name.span, counted: name.span, identifier: name.span, limit: limit.limit,
                durationMillis: limit.durationMillis, cost: limit.cost, counters)
        }
        _ = charges.charge(counters, at: LimitTime(unixMillis: Self.now))
        return charges
    }

    private func lines(_ limits: [Limit]) -> [String] {
        var lines = ByteBuffer()
        LimitHeaders.append(charged(limits), nowMillis: Self.now, to: &lines)
        return String(decoding: Array(copying: lines.bytes), as: UTF8.self)
            .split(separator: "\r\n").map(String.init)
    }

    @Test func oneLimit() {
        #expect(
            lines([Limit(name: "requests", limit: 10)]) == [
                "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 9",
                "X-RateLimit-Reset: \(Self.now / 60_000 * 60 + 60)", #"RateLimit: "requests";r=9;t=40"#,
                #"RateLimit-Policy: "requests";q=10;w=60"#,
            ])
    }

    @Test func nothingIsSaidWhereNothingWasCharged() { #expect(lines([]).isEmpty) }

    @Test func theMostRestrictiveComesFirst() {
        let text = lines([
            Limit(name: "wide", limit: 100), Limit(name: "tight", limit: 3), Limit(name: "middle", limit: 50),
            Limit(name: "slow", limit: 3, durationMillis: 3_600_000),
        ])
        #expect(text[0] == "X-RateLimit-Limit: 3")
        #expect(
            text[4]
                == #"RateLimit-Policy: "slow";q=3;w=3600, "tight";q=3;w=60, "middle";q=50;w=60, "wide";q=100;w=60"#
        )
    }

    @Test func whatRefusedComesBeforeWhatIsMerelySpent() {
        let text = lines([
            Limit(name: "looked", limit: 0, cost: 0), Limit(name: "refusing", limit: 5, cost: 6),
        ])
        #expect(text[3].hasPrefix(#"RateLimit: "refusing";r=0;"#))
    }

    @Test func onlyTheEightMostRestrictiveAreListed() {
        let text = lines((1...30).map { Limit(name: "l\($0)", limit: Int64(100 - $0)) })
        #expect(
            text[3]
                == "RateLimit: "
                + (0..<8).map { "\"l\(30 - $0)\";r=\(69 + $0);t=40" }.joined(separator: ", "))
    }

    @Test(arguments: [
        ("requests per minute", #""requests per minute""#), (#"a"b\c"#, #""a\"b\\c""#),
        ("größe", #""gr%C3%B6%C3%9Fe""#),
        ("line\nbreak", #""line%0Abreak""#),
    ])
    func namesAreStringsOfStructuredFields(_ name: String, _ shown: String) {
        #expect(lines([Limit(name: name, limit: 9)])[4] == "RateLimit-Policy: \(shown);q=9;w=60")
    }

    @Test func numbersStayWhatAStructuredFieldCanHold() {
        let text = lines([Limit(name: "all", limit: .max, durationMillis: .max)])
        #expect(text[4] == #"RateLimit-Policy: "all";q=999999999999999;w=999999999999999"#)
    }

    @Test func retryIsWorthItWhenTheLastWindowInTheWayEnds() {
        let charges = charged([
            Limit(name: "short", limit: 0), Limit(name: "long", limit: 0, durationMillis: 3_600_000),
            Limit(name: "fits", limit: 9, durationMillis: 86_400_000),
        ])
        let longEnd = (Self.now / 3_600_000 + 1) * 3_600_000
        #expect(
            LimitHeaders.retryAfterSeconds(charges, nowMillis: Self.now)
                == Int((longEnd - Self.now + 999) / 1000))
    }
}
