// What a loop has asked the store about credits and waits to hear: may this request go on, and what has that one
// cost. Nobody's answer waits for the second kind, so the store may be asked again: a refund that comes while the
// disk is full must not be lost to the customer when there is room again a minute later.

import Keys
import Reactor

/// The store's word on a settlement.
enum SettlementAnswer: Sendable {
    case done(SettlementOutcome)
    /// The key is gone, or unlimited by now.
    case noCredits
    /// The store takes no changes at the moment; none was made.
    case unavailable
    /// The store refuses this one.
    case failed
}

/// The open questions of one loop, which does not end before all are answered.
struct CreditQuestions {
    struct Settling {
        let settlement: Settlement
        /// Whose line in the log waits for the answer; nil if the line is written, and nothing has been charged.
        let exchange: Exchange?
        let peerText: [UInt8]
        /// How often the store was asked in vain.
        var attempts = 0
    }

    /// So many wait for the store to take changes again; what comes beyond is given up.
    private static let maxWaiting = 1024
    private static let pauseNanos: Int64 = 1_000_000_000

    /// Requests that wait to go on, also for clients that have left by now.
    var paymentCount = 0
    private var settling: [Int: Settling] = [:]
    private var lastNumber = 0
    private var waiting: [Int] = []
    /// When to ask again; nil if nothing waits for that.
    private(set) var nextNanos: Int64?

    var isEmpty: Bool { paymentCount == 0 && settling.isEmpty }
    var numbers: [Int] { Array(settling.keys) }

    subscript(number: Int) -> Settling? { settling[number] }

    mutating func add(_ question: Settling) -> Int {
        lastNumber += 1
        settling[lastNumber] = question
        return lastNumber
    }

    mutating func take(_ number: Int) -> Settling? { settling.removeValue(forKey: number) }

    /// The store was asked in vain. False if too many wait already.
    mutating func wait(_ number: Int, nowNanos: Int64) -> Bool {
        if waiting.count >= Self.maxWaiting { return false }
        settling[number]?.attempts += 1
        waiting.append(number)
        if nextNanos == nil { nextNanos = nowNanos + Self.pauseNanos }
        return true
    }

    /// Those to be asked about again now.
    mutating func takeDue(nowNanos: Int64) -> [Int] {
        guard let nextNanos, nowNanos >= nextNanos else { return [] }
        return takeWaiting()
    }

    /// All of them, whether it is time or not.
    mutating func takeWaiting() -> [Int] {
        nextNanos = nil
        defer { waiting.removeAll() }
        return waiting
    }
}

extension Worker {
    /// How long a loop that ends waits for the store. What is not settled by then is in its hands all the same.
    private static let answersNanos: Int64 = 10_000_000_000

    /// Gives back to a key what was taken for a request that has gone nowhere, and is in the log as such.
    func settle(_ settlement: Settlement) {
        if reader.settle(settlement, spending) == nil { askToSettle(settlement, nil, []) }
    }

    /// `exchange` is recorded when the answer is there.
    func askToSettle(_ settlement: Settlement, _ exchange: Exchange?, _ peerText: [UInt8]) {
        let question = CreditQuestions.Settling(
            settlement: settlement, exchange: exchange, peerText: peerText)
        ask(creditQuestions.add(question))
    }

    private func ask(_ number: Int) {
        guard let question = creditQuestions[number] else { return }
        let settlement = question.settlement.attempt(question.attempts)
        let mode = spending
        let mailbox = mailbox
        shared.store.submit { (store: inout Transaction) throws(StoreError) -> SettlementOutcome? in
            try store.settleCredits(settlement, mode)
        } completion: { result in
            let answer: SettlementAnswer =
                switch result {
                case .success(let outcome?): .done(outcome)
                case .success(nil): .noCredits
                case .failure(.unavailable): .unavailable
                case .failure(.refused): .failed
                }
            mailbox.post(.settled(number, answer))
        }
    }

    /// The store's thread has answered.
    func settled(_ number: Int, _ answer: SettlementAnswer) {
        if case .unavailable = answer, !isDraining, !isStopping,
            creditQuestions.wait(number, nowNanos: loop.nowNanos)
        {
            return
        }
        guard let question = creditQuestions.take(number) else { return }
        guard let exchange = question.exchange else {
            switch answer {
            case .done, .noCredits: return
            case .unavailable, .failed: return counters.credits.failures.add()
            }
        }
        settled(exchange, question.peerText, answer)
        release(exchange)
    }

    /// Asks again where the store took no changes, if it is time.
    func askAgain() {
        for number in creditQuestions.takeDue(nowNanos: loop.nowNanos) { ask(number) }
    }

    /// Asks again a last time, whether it is time or not: the loop is about to end.
    func askForTheLastTime() {
        for number in creditQuestions.takeWaiting() { ask(number) }
    }

    /// Waits for the answers to what was asked, so that the log has them.
    func awaitCredits() {
        askForTheLastTime()
        let deadline = Clock.monotonicNanos() + Self.answersNanos
        while !creditQuestions.isEmpty, Clock.monotonicNanos() < deadline { turn() }
        for number in creditQuestions.numbers { settled(number, .failed) }
    }
}
