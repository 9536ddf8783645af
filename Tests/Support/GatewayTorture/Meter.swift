// What is known from the outside about one rate limit: the counter of management-api.md 9.1, kept twice, once
// with the requests that were certainly allowed within a window and once with all that may have been.

struct Meter {
    let limit: Int
    let durationMillis: Int
    private var certain: [Int: Int] = [:]
    /// The latest moment at which one of the certain ones was answered, by window.
    private var latest: [Int: Int] = [:]
    private var possible: [Int: Int] = [:]
    private var underWay = 0

    /// A loop reads the clock once a turn, so it may judge a request by a time before the request was sent, and
    /// on a busy machine a turn takes its time.
    private static let turnMillis = 500

    init(limit: Int, durationMillis: Int) {
        self.limit = limit
        self.durationMillis = durationMillis
    }

    /// What was known when a request began.
    struct Begun {
        let cost: Int
        fileprivate let window: Int
        fileprivate let earliest: Int
    }

    mutating func begin(_ cost: Int, nowMillis: Int) -> Begun {
        underWay += cost
        let earliest = nowMillis - Self.turnMillis
        return Begun(cost: cost, window: earliest / durationMillis, earliest: earliest)
    }

    /// Returns what is wrong with its having been allowed.
    mutating func allowed(_ begun: Begun, nowMillis: Int) -> String? {
        underWay -= begun.cost
        let window = nowMillis / durationMillis
        for other in begun.window...window { possible[other, default: 0] += begun.cost }
        // Where it counted is not known.
        guard begun.window == window else { return nil }
        certain[window, default: 0] += begun.cost
        latest[window] = max(latest[window] ?? 0, nowMillis)
        forget(before: window - 2)
        // Whichever of them was judged last was judged no later than that, with all others counted.
        let elapsed = latest[window, default: 0] - window * durationMillis
        let carried = certain[window - 1, default: 0] * (durationMillis - elapsed - 1) / durationMillis
        let count = certain[window, default: 0]
        if count + max(0, carried) > limit {
            return "\(count) were allowed \(elapsed) ms into a window of \(durationMillis) ms, after "
                + "\(certain[window - 1, default: 0]) in the one before, and the limit is \(limit)"
        }
        return nil
    }

    /// Returns what is wrong with its having been refused.
    mutating func exceeded(_ begun: Begun, nowMillis: Int) -> String? {
        underWay -= begun.cost
        let window = nowMillis / durationMillis
        guard begun.window == window else { return nil }
        let elapsed = begun.earliest - window * durationMillis
        let before = possible[window - 1, default: 0] + underWay
        let most =
            possible[window, default: 0] + underWay + before * (durationMillis - elapsed) / durationMillis + 1
        if most + begun.cost <= limit {
            return
                "refused \(elapsed) ms into a window of \(durationMillis) ms, with at most \(most) counted, "
                + "and the limit is \(limit)"
        }
        return nil
    }

    mutating func cancelled(_ begun: Begun) { underWay -= begun.cost }

    mutating func unanswered(_ begun: Begun, nowMillis: Int) {
        underWay -= begun.cost
        for other in begun.window...(nowMillis / durationMillis) { possible[other, default: 0] += begun.cost }
    }

    /// The gateway ended; unless that was in order its counters need not be kept.
    mutating func end(isOrderly: Bool) {
        underWay = 0
        if isOrderly { return }
        certain = [:]
        latest = [:]
    }

    /// The clock of the day was moved on by whole windows, in which no time went by: counters may have moved along.
    mutating func moveOn(millis: Int) {
        guard millis > 0 else { return }
        let windows = millis / durationMillis
        possible = Dictionary(uniqueKeysWithValues: possible.map { ($0.key + windows, $0.value) })
        (certain, latest) = ([:], [:])
    }

    private mutating func forget(before window: Int) {
        for old in certain.keys where old < window { certain[old] = nil }
        for old in latest.keys where old < window { latest[old] = nil }
        for old in possible.keys where old < window { possible[old] = nil }
    }
}
