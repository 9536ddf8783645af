// What a request owes in the end, as a function of its route, of how it ended and of what the backend said it
// cost. Nothing here takes or gives anything; `ConnectionCredits` does.
//
// The rules, in the order in which they apply:
//
// * An answer that came through whole is paid as its backend says, whatever its status; up to the maximum.
// * What it says is no plain number: the reserve stays. Guessing at somebody's money is worse than an estimate.
// * It says nothing: the reserve, or the price, stays. An answer of 5xx that says nothing is an error.
// * An error that the backend or the gateway is to blame for (502, 503, 504 of our own, an answer cut short):
//   `refund` gives everything back; `keep` charges as if it had ended well.
// * A client that leaves, or breaks its own request off: whatever the backend has said by then is owed, or else
//   hanging up in front of the last byte would make everything free. If it has said nothing, the policy decides.

import HTTP1
import Rules

/// How a request that was let through ended.
enum ExchangeEnding: Sendable, CaseIterable {
    /// The answer is complete.
    case answered
    /// There is none, or half of one, and it is not the client's doing.
    case failed
    /// The client left, stalled, or sent something that could not be read to its end.
    case clientLeft
}

/// What is charged in the end, and why.
struct AmountOwed: Equatable {
    enum Ground: Int, Sendable, CaseIterable {
        /// What the route says.
        case price
        /// What the backend says.
        case billed
        /// The maximum: the backend says more.
        case aboveMaximum
        /// The reserve: the backend says something, and it is no number.
        case malformed
        /// The reserve: the backend says nothing.
        case unbilled
        /// Nothing: an error of a route that refunds.
        case refunded
        /// Price or reserve: an error of a route that keeps.
        case kept

        /// As the access log and the metrics call it.
        var word: StaticString {
            switch self {
            case .price: "price"
            case .billed: "billed"
            case .aboveMaximum: "above_max"
            case .malformed: "malformed"
            case .unbilled: "unbilled"
            case .refunded: "refunded"
            case .kept: "kept"
            }
        }
    }

    /// Of which the amount of the route has been taken already.
    let credits: Int64
    let ground: Ground

    /// `status` is that of the backend's answer and only looked at if it came through.
    static func decide(
        _ cost: RouteCost, _ ending: ExchangeEnding, _ status: Status, _ stated: StatedNumber
    ) -> AmountOwed {
        // What a header of that name says to a route that does not ask for it means nothing.
        let stated = cost.bill == nil ? .nothing : stated
        var isBilled = false
        if case .number = stated { isBilled = true }
        let isError =
            switch ending {
            // A number that cannot be read is a bill all the same: the backend did not mean it to be free.
            case .answered: status.code >= 500 && stated == .nothing
            case .failed: true
            case .clientLeft: !isBilled
            }
        if isError, cost.onError == .refund { return AmountOwed(credits: 0, ground: .refunded) }
        switch stated {
        case .number(let number):
            guard let bill = cost.bill, number > bill.maximum else {
                return AmountOwed(credits: number, ground: .billed)
            }
            return AmountOwed(credits: bill.maximum, ground: .aboveMaximum)
        case .malformed:
            return AmountOwed(credits: cost.amount, ground: .malformed)
        case .nothing:
            let ground: Ground = isError ? .kept : cost.bill == nil ? .price : .unbilled
            return AmountOwed(credits: cost.amount, ground: ground)
        }
    }
}
