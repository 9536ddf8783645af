// What is known from the outside about the credits of one key.
//
// The store's own figure is known for certain only while nothing is under way. At all other moments it lies
// between two bounds: everything that may have been spent and nothing that may have been granted, and the other
// way round. Every answer is held against them, and so is what the store says after each start.

struct Account {
    /// The balance that the store had when it was last looked at with nothing under way.
    private var base: ClosedRange<Int64>
    /// Grants that were acknowledged, and those that were at least asked for.
    private var granted: Int64 = 0, grantedAtMost: Int64 = 0
    /// What was taken away by decrements, at least and at most: one that finds less takes what is there.
    private var taken: Int64 = 0, takenAtMost: Int64 = 0
    /// Requests that were allowed, and those that were at least begun, times their costs.
    private var spent: Int64 = 0, spentAtMost: Int64 = 0
    /// What was charged and given back after the fact: a crash may forget the former while it is on its way to the
    /// disk, and loses the latter where it lies in a lease.
    private var surcharged: Int64 = 0, refunded: Int64 = 0
    /// What was asked for, never acknowledged, and not done either as far as the running gateway is concerned:
    /// the disk may have it all the same, which shows after the next start.
    private var doubtfulGrants: Int64 = 0, doubtfulSpending: Int64 = 0
    /// The same, since the gateway was last asked for the balance.
    private var openGrants: Int64 = 0, openSpending: Int64 = 0
    /// While the disk fails the gateway lets nobody spend what a restart might give out again. It comes back.
    var withheldAtMost: Int64 = 0
    /// Counts how often the balance was known.
    private var era = 0
    private var underWay = 0
    /// Nothing is begun while somebody wants a moment with nothing under way.
    private var isPaused = false

    init(balance: Int64) { base = balance...balance }

    /// What the balance can be now.
    var bounds: ClosedRange<Int64> {
        let upper = base.upperBound + grantedAtMost - taken - spent
        let lower = base.lowerBound + granted - takenAtMost - spentAtMost
        // Nobody can take what is not there.
        return max(0, min(lower, upper))...max(upper, 0)
    }

    // MARK: Requests

    /// What was known when a request began.
    struct Begun {
        fileprivate let price: Price
        fileprivate let most: Int64
        fileprivate let granted: Int64, grantedAtMost: Int64
        fileprivate let era: Int
    }

    /// Nil while paused.
    mutating func begin(_ price: Price) -> Begun? {
        if isPaused { return nil }
        let begun = Begun(
            price: price, most: bounds.upperBound, granted: granted, grantedAtMost: grantedAtMost,
            era: era)
        underWay += 1
        spentAtMost += price.most
        return begun
    }

    /// Returns what is wrong with its having been allowed. `left` is the balance the answer told.
    mutating func allowed(_ begun: Begun, left: Int64?) -> String? {
        underWay -= 1
        spentAtMost -= begun.price.most - begun.price.used
        surcharged += max(0, begun.price.used - begun.price.reserve)
        refunded += max(0, begun.price.reserve - begun.price.used)
        return count(begun, begun.price.used, left: left)
    }

    /// A request nobody answered turned out to have reached the backend.
    mutating func wasForwarded(_ begun: Begun) -> String? {
        // The balance has been seen since, with this request in it.
        begun.era == era ? count(begun, begun.price.least, left: nil) : nil
    }

    private mutating func count(_ begun: Begun, _ cost: Int64, left: Int64?) -> String? {
        spent += cost
        let available = base.upperBound + grantedAtMost - taken
        if spent > available {
            return "allowed \(spent) of at most \(available) granted credits"
        }
        guard let left else { return nil }
        // Grants since it began may or may not be in it; so may what others spent.
        let most = begun.most + (grantedAtMost - begun.grantedAtMost) - cost
        let least = max(0, base.lowerBound + begun.granted - takenAtMost - spentAtMost - withheldAtMost)
        if left > most || left < least {
            return "a request was told that \(left) credits are left, which is not within \(least)...\(most)"
        }
        return nil
    }

    /// It was refused for want of credits. Returns what is wrong with that.
    mutating func exceeded(_ begun: Begun) -> String? {
        underWay -= 1
        spentAtMost -= begun.price.most
        // The least there can have been at any moment since it began.
        let least = base.lowerBound + begun.granted - takenAtMost - spentAtMost - withheldAtMost
        if least >= begun.price.reserve {
            return "refused for want of \(begun.price.reserve) credits while at least \(least) were there"
        }
        return nil
    }

    /// It was refused for another reason, or never sent: nothing was spent.
    mutating func cancelled(_ begun: Begun) {
        underWay -= 1
        spentAtMost -= begun.price.most
    }

    /// Nobody will ever know.
    mutating func unanswered(_ begun: Begun) {
        underWay -= 1
        openSpending += begun.price.most
    }

    // MARK: Grants

    mutating func beginGrant(_ amount: Int64) -> Bool {
        if isPaused { return false }
        underWay += 1
        grantedAtMost += amount
        return true
    }

    mutating func endGrant(_ amount: Int64, _ fate: Fate) {
        underWay -= 1
        switch fate {
        case .done: granted += amount
        case .notDone: grantedAtMost -= amount
        case .unknown: openGrants += amount
        }
    }

    mutating func beginTaking(_ amount: Int64) -> Bool {
        if isPaused { return false }
        underWay += 1
        takenAtMost += amount
        return true
    }

    /// `left` is the balance the answer told.
    mutating func endTaking(_ amount: Int64, _ fate: Fate, left: Int64?) {
        underWay -= 1
        switch fate {
        // If nothing is left there may have been less than the amount.
        case .done: if left != 0 { taken += amount }
        case .notDone: takenAtMost -= amount
        case .unknown: openSpending += amount
        }
    }

    // MARK: Moments with nothing under way

    /// True once nothing is under way; nothing begins from the first call on, until `resume`.
    mutating func pause() -> Bool {
        isPaused = true
        return underWay == 0
    }

    mutating func resume() { isPaused = false }

    /// The gateway says what the balance is while nothing is under way. Returns what is wrong with that.
    mutating func observe(_ balance: Int64) -> String? {
        precondition(underWay == 0, "requests are under way")
        let expected = max(0, bounds.lowerBound - withheldAtMost)...bounds.upperBound
        // Only a gateway that withholds nothing says what there is.
        if withheldAtMost > 0 && expected.contains(balance) { return nil }
        doubtfulGrants += openGrants
        doubtfulSpending += openSpending
        // While the disk fails a refund waits for it, and where it is not known whether other requests have cost
        // anything, its absence does not show. It comes, but never makes more of the balance than there may be.
        rebase(balance...max(balance, min(balance + refunded, expected.upperBound)))
        if expected.contains(balance) { return nil }
        return balance > expected.upperBound
            ? "the store has \(balance) credits and may have at most \(expected.upperBound): "
                + "\(balance - expected.upperBound) can be spent twice"
            : "the store has \(balance) credits and must have at least \(expected.lowerBound): "
                + "\(expected.lowerBound - balance) are lost"
    }

    /// The balance was set while nothing else was under way, or perhaps was.
    mutating func set(_ balance: Int64, _ fate: Fate) {
        switch fate {
        case .done: rebase(balance...balance)
        case .notDone: return
        case .unknown:
            let now = bounds
            doubtfulGrants += max(0, balance - now.lowerBound)
            doubtfulSpending += max(0, now.upperBound - balance)
            rebase(min(now.lowerBound, balance)...max(now.upperBound, balance))
        }
    }

    private mutating func rebase(_ balance: ClosedRange<Int64>) {
        base = balance
        era += 1
        surcharged = 0
        (openGrants, openSpending) = (0, 0)
        (granted, grantedAtMost, taken, takenAtMost, spent, spentAtMost) = (0, 0, 0, 0, 0, 0)
    }

    /// The gateway ended. `lost` is what it may have taken from the balance ahead of its being spent; nil if it ended
    /// in order and nothing may be lost.
    mutating func end(lost: Int64?) {
        underWay = 0
        isPaused = false
        withheldAtMost = 0
        let now = bounds
        if let lost {
            rebase(
                max(0, now.lowerBound - lost - refunded - doubtfulSpending)...now.upperBound + surcharged
                    + doubtfulGrants)
        } else {
            rebase(now)
        }
        (doubtfulGrants, doubtfulSpending, refunded) = (0, 0, 0)
    }

    /// A day has begun: a balance below `amount` becomes that.
    mutating func refill(_ amount: Int64) {
        let now = bounds
        rebase(max(now.lowerBound, amount)...max(now.upperBound, amount))
    }
}

/// What a request costs: a fixed number of credits, or one that is reserved and another that the backend tells.
struct Price {
    /// What the route reserves for such requests, and the most that it charges.
    static let reserve: Int64 = 4, most: Int64 = 9

    let reserve: Int64
    let used: Int64

    init(_ cost: Int64) { (reserve, used) = (cost, cost) }
    init(reserve: Int64, used: Int64) { (self.reserve, self.used) = (reserve, used) }

    var least: Int64 { min(reserve, used) }
    var most: Int64 { max(reserve, used) }
}

/// What became of a mutation, as far as the client was told.
enum Fate {
    case done, notDone, unknown
}
