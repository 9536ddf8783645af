import HTTP1
import Rules
import Testing

@testable import Gateway

/// What is owed in the end, row by row: the policy, how the request ended, and what the backend said.
@Suite struct AmountsOwed {
    private static func cost(_ directive: String) throws -> RouteCost {
        let text = """
            listen 127.0.0.1:8080
            upstream api { server http://127.0.0.1:9000 }
            route GET /a { authenticated; cost \(directive) }
            """
        let reader = SourceReader(
            read: { _ throws(SourceError) in Array(text.utf8) }, glob: { _ in [] }, environment: { _ in nil })
        return try #require(try Configuration.compile(path: "g.conf", reader: reader).routes.first).cost
    }

    struct Row: Sendable, CustomTestStringConvertible {
        typealias Owed = (credits: Int64, ground: AmountOwed.Ground)

        let testDescription: String
        let ending: ExchangeEnding
        let status: Int
        let stated: StatedNumber
        /// What is owed with `refund`, and with `keep`.
        let refund: Owed
        let keep: Owed

        init(
            _ label: String, _ ending: ExchangeEnding, _ status: Int, _ stated: StatedNumber, refund: Owed,
            keep: Owed
        ) {
            testDescription = label
            self.ending = ending
            self.status = status
            self.stated = stated
            self.refund = refund
            self.keep = keep
        }

        /// The policy makes no difference.
        init(_ label: String, _ ending: ExchangeEnding, _ status: Int, _ stated: StatedNumber, _ owed: Owed) {
            self.init(label, ending, status, stated, refund: owed, keep: owed)
        }
    }

    static let reserves = [
        Row("less than the reserve", .answered, 200, .number(7), (7, .billed)),
        Row("nothing at all", .answered, 200, .number(0), (0, .billed)),
        Row("exactly the reserve", .answered, 200, .number(50), (50, .billed)),
        Row("more than the reserve", .answered, 200, .number(51), (51, .billed)),
        Row("the maximum", .answered, 200, .number(1000), (1000, .billed)),
        Row("more than the maximum", .answered, 200, .number(1001), (1000, .aboveMaximum)),
        Row("a number beyond all", .answered, 200, .number(.max), (1000, .aboveMaximum)),
        Row("no word of it", .answered, 200, .nothing, (50, .unbilled)),
        Row("no number", .answered, 200, .malformed, (50, .malformed)),
        Row("a client's error without a word", .answered, 404, .nothing, (50, .unbilled)),
        Row("a client's error with a bill", .answered, 422, .number(3), (3, .billed)),
        Row("an error without a word", .answered, 500, .nothing, refund: (0, .refunded), keep: (50, .kept)),
        Row("the backend's 503", .answered, 503, .nothing, refund: (0, .refunded), keep: (50, .kept)),
        Row("an error with a bill", .answered, 500, .number(4), (4, .billed)),
        Row("an error with no number", .answered, 500, .malformed, (50, .malformed)),
        Row("no answer", .failed, 200, .nothing, refund: (0, .refunded), keep: (50, .kept)),
        Row("cut behind a bill", .failed, 200, .number(7), refund: (0, .refunded), keep: (7, .billed)),
        Row(
            "cut behind too high a bill", .failed, 200, .number(1001), refund: (0, .refunded),
            keep: (1000, .aboveMaximum)),
        Row("cut behind no number", .failed, 200, .malformed, refund: (0, .refunded), keep: (50, .malformed)),
        Row("left before a word", .clientLeft, 200, .nothing, refund: (0, .refunded), keep: (50, .kept)),
        Row("left behind a bill", .clientLeft, 200, .number(7), (7, .billed)),
        Row("left behind a bill above the reserve", .clientLeft, 200, .number(70), (70, .billed)),
        Row("left behind too high a bill", .clientLeft, 200, .number(1001), (1000, .aboveMaximum)),
        Row(
            "left behind no number", .clientLeft, 200, .malformed, refund: (0, .refunded),
            keep: (50, .malformed)),
    ]

    @Test(arguments: reserves) func ofAReserve(_ row: Row) throws {
        for (policy, owed) in [(ErrorPolicy.refund, row.refund), (.keep, row.keep)] {
            let cost = try Self.cost(
                "reserve=50 from-response-header=X-Used max=1000 on-error=\(policy.rawValue)")
            #expect(
                AmountOwed.decide(cost, row.ending, Status(row.status), row.stated)
                    == AmountOwed(credits: owed.credits, ground: owed.ground), "\(policy)")
        }
    }

    @Test(arguments: [
        (ExchangeEnding.answered, 200, false), (.answered, 404, false), (.answered, 499, false),
        (.answered, 500, true), (.answered, 503, true), (.failed, 200, true), (.clientLeft, 200, true),
    ])
    func ofAPrice(_ ending: ExchangeEnding, _ status: Int, _ isError: Bool) throws {
        for (directive, refunds) in [("5", false), ("5 on-error=keep", false), ("5 on-error=refund", true)] {
            let owed =
                isError
                ? refunds
                    ? AmountOwed(credits: 0, ground: .refunded) : AmountOwed(credits: 5, ground: .kept)
                : AmountOwed(credits: 5, ground: .price)
            // A number in some header means nothing to a route that does not ask for one.
            for stated in [StatedNumber.nothing, .number(2), .malformed] {
                #expect(
                    AmountOwed.decide(try Self.cost(directive), ending, Status(status), stated) == owed)
            }
        }
    }
}
