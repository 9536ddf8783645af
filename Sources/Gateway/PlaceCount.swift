// So many and no more, over all loops.

import Synchronization

/// A count with a bound that is never exceeded and never reached in vain: a place is counted only when it is
/// had, so nobody finds none left because somebody else asked.
///
/// All of it is sequentially consistent. Whoever gives a place of a server back and then looks whether somebody
/// waits, and whoever begins to wait and then looks for a place: one of the two sees the other.
struct PlaceCount: ~Copyable {
    private let taken = Atomic<Int>(0)

    var current: Int { taken.load(ordering: .sequentiallyConsistent) }

    /// False if `limit` are taken.
    func take(limit: Int) -> Bool {
        var seen = current
        while seen < limit {
            let (isMine, now) = taken.compareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if isMine { return true }
            seen = now
        }
        return false
    }

    func giveBack() { taken.subtract(1, ordering: .sequentiallyConsistent) }
}
