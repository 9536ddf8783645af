// What a request costs, and who finds out: `cost N`, a price known beforehand, or `cost reserve=N
// from-response-header=NAME`, an amount that is held until the backend has said what the work really came to.
// The two differ in what happens when nothing comes of a request: a price stays spent unless the route says
// otherwise, as it always did; a reserve is somebody's money held against a bill, and without a bill it goes back.

import Bytes

/// What becomes of the credits of a request that its backend failed, or its client left.
public enum ErrorPolicy: String, Sendable, Hashable, CaseIterable {
    case refund, keep
}

/// What a route charges a key that has credits.
public struct RouteCost: Sendable, Hashable {
    /// Where the backend says what a request has really cost, and how much of that it is believed.
    public struct Bill: Sendable, Hashable {
        /// The name of the header or trailer, as written.
        public let header: [UInt8]
        /// The most that is charged whatever it says; at least what is reserved.
        public let maximum: Int64
    }

    /// Credits taken before a request goes on: its price, or the reserve.
    public let amount: Int64
    public let onError: ErrorPolicy
    /// Nil if `amount` is the price.
    public let bill: Bill?

    /// Whether what is owed in the end may be another amount, for whatever reason.
    public var maySettle: Bool { bill != nil || onError == .refund }

    /// What a route charges that does not say.
    public static let standard = RouteCost(amount: 1, onError: .keep, bill: nil)

    /// For people, every default spelled out where there is more to it than a number.
    public var text: String {
        guard let bill else { return onError == .keep ? "\(amount)" : "\(amount) on-error=refund" }
        let header = String(decoding: bill.header, as: UTF8.self)
        return
            "reserve=\(amount) from-response-header=\(header) max=\(bill.maximum) on-error=\(onError.rawValue)"
    }
}

/// Reads the directive.
enum RouteCostReader {
    private static let largest = 1_000_000_000
    private static let usage =
        "cost N [on-error=refund|keep] or cost reserve=N from-response-header=NAME [max=N] [on-error=refund|keep]"

    /// Nil after a report.
    static func read(_ directive: Directive, _ values: ValueReader, _ findings: Findings) -> RouteCost? {
        guard let words = findings.arguments(directive, 1...4, usage) else { return nil }
        if words[0].text.contains(UInt8(ascii: "=")) { return reserve(words, directive, values, findings) }
        guard let amount = values.number(words[0], in: 0...largest, what: "a number"),
            let settings = findings.assignments(Array(words.dropFirst()), names: ["on-error"])
        else { return nil }
        guard let word = settings["on-error"] else {
            return RouteCost(amount: Int64(amount), onError: RouteCost.standard.onError, bill: nil)
        }
        guard let policy = policy(word, findings) else { return nil }
        if amount == 0 {
            findings.error(
                "a cost of 0 spends nothing, so there is nothing to refund or keep", at: word.place)
            return nil
        }
        return RouteCost(amount: Int64(amount), onError: policy, bill: nil)
    }

    private static func reserve(
        _ words: [Word], _ directive: Directive, _ values: ValueReader, _ findings: Findings
    ) -> RouteCost? {
        let names = ["reserve", "from-response-header", "max", "on-error"]
        guard let settings = findings.assignments(words, names: names) else { return nil }
        let reasons = [
            "credits are held until the backend has said", "a reserve is settled by what the backend says",
        ]
        for (name, reason) in zip(names, reasons) where settings[name] == nil {
            findings.error("expected \(name)=… as well: \(reason)", at: directive.end)
            return nil
        }
        // A reserve of nothing would let everybody in and send the bill to empty accounts.
        guard let reserve = settings["reserve"],
            let amount = values.number(reserve, in: 1...largest, what: "a number"),
            let header = settings["from-response-header"], let name = billName(header, values, findings)
        else { return nil }
        var maximum = amount
        if let word = settings["max"] {
            guard let number = values.number(word, in: amount...largest, what: "the reserve or more,") else {
                return nil
            }
            maximum = number
        }
        var onError = ErrorPolicy.refund
        if let word = settings["on-error"] {
            guard let given = policy(word, findings) else { return nil }
            onError = given
        }
        return RouteCost(
            amount: Int64(amount), onError: onError,
            bill: RouteCost.Bill(header: name, maximum: Int64(maximum)))
    }

    private static func policy(_ word: Word, _ findings: Findings) -> ErrorPolicy? {
        if let policy = ErrorPolicy(rawValue: word.string) { return policy }
        findings.error(
            "expected refund or keep, found \(word.shown)"
                + NearestWord.hint(for: word.string, in: ErrorPolicy.allCases.map(\.rawValue)), at: word.place
        )
        return nil
    }

    /// A header that the client can do without: it never gets to see it.
    private static func billName(_ word: Word, _ values: ValueReader, _ findings: Findings) -> [UInt8]? {
        guard let name = values.headerName(word) else { return nil }
        if HeaderNames.isNeededByClients(name) {
            findings.error(
                "clients need \(word.shown), and the header that names the cost is taken out of the answer",
                at: word.place)
            return nil
        }
        return name
    }
}
