// What a request has cost in the end: what was taken for it before is compared with what is owed now, and the
// difference goes back to the key or is taken from it.
//
// Mostly that is one atomic step. Where the store's thread has to be asked, nobody waits for it: the client has its
// answer, the connection goes on with another exchange, and this one is kept until its line can say what came of it.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules

extension Connection {
    /// Settles and records an exchange that is over.
    func settle(_ exchange: Exchange, _ payer: Reference<KeyRecord>) {
        guard let route = exchange.route else { preconditionFailure("an exchange was paid without a route") }
        let owed = AmountOwed.decide(route.cost, ending(of: exchange), exchange.status, exchange.statedCost)
        let taken = exchange.spentCredits
        exchange.settled = SettledCost(taken: taken, ground: owed.ground)
        if owed.credits == taken {
            return worker.settled(exchange, peerText, .done(.settled(spent: taken, uncollected: 0)))
        }
        let settlement = Settlement(
            key: payer, request: requestReference(exchange), reserved: taken, used: owed.credits)
        if let outcome = worker.reader.settle(settlement, worker.spending) {
            return worker.settled(exchange, peerText, .done(outcome))
        }
        let next = worker.acquireExchange()
        swap(&next.input, &exchange.input)
        swap(&next.output, &exchange.output)
        self.exchange = next
        worker.askToSettle(settlement, exchange, peerText)
    }

    /// Settles an exchange that becomes a tunnel: the 101 is its answer. What it cost is not held back for as long as
    /// the tunnel lasts, and its line says so in the end.
    func settleTunnel(_ exchange: Exchange, _ stated: StatedNumber) {
        guard let payer = exchange.payer, let route = exchange.route else { return }
        let owed = AmountOwed.decide(route.cost, .answered, exchange.status, stated)
        let taken = exchange.spentCredits
        exchange.payer = nil
        exchange.settled = SettledCost(taken: taken, ground: owed.ground)
        var outcome = SettlementOutcome.settled(spent: owed.credits, uncollected: 0)
        if owed.credits != taken {
            let settlement = Settlement(
                key: payer, request: requestReference(exchange), reserved: taken, used: owed.credits)
            if let now = worker.reader.settle(settlement, worker.spending) {
                outcome = now
            } else {
                worker.askToSettle(settlement, nil, [])
            }
        }
        worker.noteSettlement(exchange, .done(outcome))
    }

    private func ending(of exchange: Exchange) -> ExchangeEnding {
        if case .refused(let reason) = exchange.outcome { return ExchangeEnding(reason) }
        if exchange.isAbandoned { return .clientLeft }
        if exchange.isStopped { return .failed }
        if exchange.isBroken { return exchange.breakReason.map { ExchangeEnding($0) } ?? .failed }
        return .answered
    }
}

extension ExchangeEnding {
    /// How an exchange ended that was let through and then refused.
    init(_ reason: RefusalReason) {
        switch reason.description.fault {
        case .client: self = .clientLeft
        case .upstream, .gateway: self = .failed
        }
    }
}

/// How an exchange was settled, for the log.
struct SettledCost {
    /// Credits taken before the request went on.
    let taken: Int64
    let ground: AmountOwed.Ground
    /// Credits owed that were not there to be taken.
    var uncollected: Int64 = 0
    /// The store did not carry it out.
    var hasFailed = false
}

extension Worker {
    /// Writes down what a request has cost.
    func settled(_ exchange: Exchange, _ peerText: [UInt8], _ answer: SettlementAnswer) {
        noteSettlement(exchange, answer)
        record(exchange, role: .client, peerText: peerText)
    }

    fileprivate func noteSettlement(_ exchange: Exchange, _ answer: SettlementAnswer) {
        guard var settled = exchange.settled else { preconditionFailure("nothing was settled") }
        switch answer {
        case .done(.settled(let spent, let uncollected)):
            exchange.spentCredits = spent
            settled.uncollected = uncollected
        case .done(.alreadySettled), .noCredits:
            break
        case .unavailable, .failed:
            settled.hasFailed = true
        }
        exchange.settled = settled
        counters.credits.count(settled, spent: exchange.spentCredits)
        if let trouble = settled.trouble, let route = exchange.route {
            let path = String(decoding: route.pattern, as: UTF8.self)
            settlementTroubles[trouble.rawValue].say(
                "credits of \(path): \(settled.text(of: trouble))", nowNanos: loop.nowNanos)
        }
    }
}

/// What whoever runs the gateway should know of; each is said for itself, or one would hide the other.
enum SettlementTrouble: Int, CaseIterable {
    case failed, uncollected, malformed, aboveMaximum
}

extension SettledCost {
    fileprivate var trouble: SettlementTrouble? {
        if hasFailed { return .failed }
        if uncollected > 0 { return .uncollected }
        return switch ground {
        case .malformed: .malformed
        case .aboveMaximum: .aboveMaximum
        case .price, .billed, .unbilled, .refunded, .kept: nil
        }
    }

    fileprivate func text(of trouble: SettlementTrouble) -> String {
        switch trouble {
        case .failed: "the store could not settle a request, the \(taken) taken for it stay spent"
        case .uncollected: "a key could not pay \(uncollected) of what its request cost"
        case .malformed: "the backend's number is none, the \(taken) reserved stay spent"
        case .aboveMaximum: "the backend's number is above the maximum, which was charged"
        }
    }
}
