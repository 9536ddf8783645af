// All rate-limit counters of a server, shared by its event loops and the store's thread. They must be exact —
// with a limit of L exactly L pass in a window, however many threads ask — so there is one copy of each counter,
// in one of 64 shards under a lock that is held for a few dozen instructions. Two threads only ever meet at a
// lock when they charge the same counter or one chance in 64 has it.
//
// Several limits at once are all or nothing without holding several locks: each is judged and raised in turn,
// and if any does not fit, those that were raised are taken back. In between, somebody else may be refused for
// what is then given back; nobody is let through who should not have been.

import Synchronization

/// Exact sliding-window counters with a bound on their number. Any thread may use them.
public final class RateCounters: Sendable {
    private static let shardCount = 64

    private let shards: InlineArray<64, Mutex<CounterTable>>
    private let seed: CounterSeed
    /// What every charge takes its moment from.
    public let clock: LimitClock

    /// `capacity` is how many counters may be alive at once, to within a multiple of 64; beyond it, a counter
    /// that is not there yet is refused. A counter takes 48 bytes, 96 with the room the table keeps free.
    /// `saved` is what an earlier process left, for this one to go on with.
    public init(
        capacity: Int = 1 << 20, clock: LimitClock = LimitClock(), continuing saved: SavedWindows? = nil
    ) {
        precondition(capacity > 0, "a table for no counters refuses everybody")
        let perShard = (capacity + Self.shardCount - 1) / Self.shardCount
        shards = InlineArray { _ in Mutex(CounterTable(maximumCount: perShard)) }
        self.clock = clock
        // The names of saved counters mean something under the seed that they were made with only.
        seed = saved?.seed ?? .random()
        guard let saved else { return }
        let time = clock.now()
        saved.forEachWindow(at: time, .now(time)) { key, window in
            shards[shard(key)].withLock { $0.putBack(key, window, time) }
        }
    }

    /// What is counted now, for a later process. Nobody may be charging any more, or what they are charged may be
    /// missing. Counters that nothing depends on are left out.
    public func save() -> SavedWindows {
        let time = clock.now()
        var saved = SavedWindows(seed: seed, moment: .now(time))
        for index in 0..<Self.shardCount {
            shards[index].withLock { table in
                table.forEachLive(at: time) { saved.append($0, $1, at: time) }
            }
        }
        return saved
    }

    /// The counter of a limit. `name` is the namespace or the name of the limit, `identifier` whom it counts.
    public func counter(
        _ space: CounterSpace, name: Span<UInt8>, identifier: Span<UInt8>, durationMillis: Int64
    ) -> CounterKey {
        var hash = CounterHash(seed: seed)
        hash.combine(space.rawValue)
        hash.combine(UInt64(bitPattern: durationMillis))
        hash.combine(name)
        hash.combine(identifier)
        return hash.finish()
    }

    /// Charges everything in `set` or nothing, and writes into each charge what came of it. `time` is the moment
    /// by this object's `clock`, taken within the last second.
    ///
    /// Returns whether all of them passed. An empty set passes.
    @discardableResult
    public func charge(_ set: inout ChargeSet, at time: LimitTime) -> Bool {
        judge(&set, raises: true, time)
    }

    /// Judges as `charge` would and consumes nothing.
    @discardableResult
    public func look(_ set: inout ChargeSet, at time: LimitTime) -> Bool {
        judge(&set, raises: false, time)
    }

    private func judge(_ set: inout ChargeSet, raises: Bool, _ time: LimitTime) -> Bool {
        var allFit = true
        for index in set.charges.indices {
            let earlier = set.earlier(than: index)
            let charge = set.charges[index]
            let judgement = shards[shard(charge.counter)].withLock {
                $0.judge(
                    charge, pending: earlier.cost - earlier.raised, raises: raises && allFit, time)
            }
            set.charges[index].fits = judgement.fits
            set.charges[index].effective = judgement.effective
            set.charges[index].resetMillis = judgement.resetMillis
            set.charges[index].raisedStart = judgement.raisedStart
            allFit = allFit && judgement.fits
            // Without the charges before this one; what is left of it is settled once all are judged.
            set.charges[index].remaining =
                judgement.fits ? charge.limit - judgement.effective + earlier.cost : 0
        }
        for index in set.charges.indices {
            if !allFit {
                takeBack(&set.charges[index])
            } else {
                set.charges[index].remaining =
                    set.charges[index].limit - set.charges[index].effective - set.charges[index].cost
            }
        }
        return allFit
    }

    private func takeBack(_ charge: inout Charge) {
        if charge.raisedStart == nil { return }
        let raised = charge
        shards[shard(charge.counter)].withLock { $0.restore(raised) }
        charge.raisedStart = nil
    }

    private func shard(_ key: CounterKey) -> Int { Int(truncatingIfNeeded: key.low) & (Self.shardCount - 1) }

    /// Counters held now, those that are over and not yet forgotten included.
    public var count: Int {
        var total = 0
        for index in 0..<Self.shardCount { total += shards[index].withLock { $0.count } }
        return total
    }
}
