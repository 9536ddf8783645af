// Paying for a request. Most are paid out of what is leased to the key, in one atomic step; now and then the
// store's thread has to be asked, and the exchange waits for it while the loop goes on.

import Bytes
import HTTP1
import Keys
import Reactor
import Rules

extension Connection {
    /// The last step before a request goes on: takes its cost from the key. Everything else has let it pass.
    func pay(_ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ key: KeyView) {
        // A route that only watches takes nothing.
        let cost = route.cost.amount
        let outcome = route.isShadow ? key.affords(cost) : key.spend(cost, worker.spending)
        switch outcome {
        case .spent:
            if !route.isShadow { take(exchange, route, key.reference) }
            forward(exchange, rules, route)
        case .exceeded:
            if !route.isShadow { return refuse(exchange, Refusal(.usageExceeded)) }
            noteShadow(exchange, .usageExceeded)
            forward(exchange, rules, route)
        case nil:
            askForCredits(exchange, rules, route, key.reference)
        }
    }

    /// What the route asks for has been taken from the key.
    private func take(_ exchange: Exchange, _ route: Route, _ payer: Reference<KeyRecord>) {
        exchange.spentCredits = route.cost.amount
        exchange.isCharged = route.cost.amount > 0 || route.cost.maySettle
        if route.cost.maySettle { exchange.payer = payer }
    }

    private func askForCredits(
        _ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ reference: Reference<KeyRecord>
    ) {
        exchange.key = nil
        exchange.awaitsCredits = true
        waitForExchange(exchange)
        let ticket = ConnectionTicket(index: index, generation: generation, requestNumber: requestCount)
        let cost = route.cost.amount
        let mode = worker.spending
        let request = requestReference(exchange)
        let mailbox = worker.mailbox
        worker.creditQuestions.paymentCount += 1
        worker.shared.store.submit { (store: inout Transaction) throws(StoreError) -> CreditOutcome? in
            try store.spendCredits(of: reference, cost: cost, mode, request: request)
        } completion: { result in
            let payment = Payment(key: reference, request: request, cost: cost, outcome: try? result.get())
            mailbox.post(.paid(ticket, payment))
        }
    }

    /// The exchange in words of the store: its id, and what tells it apart from others that came with the
    /// same id through a trusted proxy.
    func requestReference(_ exchange: Exchange) -> RequestReference {
        let id = exchange.requestID
        return RequestReference(
            id.span,
            exchange: (UInt64(worker.number), UInt64(index), UInt64(generation), UInt64(requestCount)))
    }

    /// The store's thread has answered.
    func paid(_ payment: Payment) {
        guard let exchange, state == .exchange, exchange.awaitsCredits, let rules = exchange.rules,
            let route = exchange.route
        else { return worker.refund(payment) }
        exchange.awaitsCredits = false
        switch payment.outcome {
        case nil:
            // What cannot be made durable is not allowed.
            refuse(exchange, Refusal(.overloaded, detail: "Credits cannot be charged at the moment."))
        case .exceeded:
            refuse(exchange, Refusal(.usageExceeded))
        case .spent:
            resume(exchange, rules, route, payment)
        }
        if state != .closed { drive() }
    }

    private func resume(_ exchange: Exchange, _ rules: RuleSet, _ route: Route, _ payment: Payment) {
        if let refusal = judgeAgain(exchange, route) {
            worker.refund(payment)
            return refuse(exchange, refusal)
        }
        take(exchange, route, payment.key)
        forward(exchange, rules, route)
    }

    /// For a request that had to wait: meanwhile the key may have been changed, and what was acknowledged before
    /// this request goes on, governs it. Without a refusal, `exchange.key` is the key as it is now.
    func judgeAgain(_ exchange: Exchange, _ route: Route) -> Refusal? {
        Recheck.judge(exchange, route, worker.reader, nowMillis: worker.loop.unixMillis)
    }
}

/// The store's answer to a request for credits.
struct Payment: Sendable {
    let key: Reference<KeyRecord>
    let request: RequestReference
    let cost: Int64
    /// Nil if the store could not carry it out, or the key is gone.
    let outcome: CreditOutcome?
}

extension SpendingMode {
    /// As the configuration has it.
    init(_ settings: Settings) {
        switch settings.creditDurability {
        case .lease: self = .lease(maximum: Int64(settings.creditLeaseMaximum))
        case .exact: self = .exact
        }
    }
}
