// Credits that may be spent without asking the disk.
//
// The balance of a key is in two places that add up to it: what the journal says (`remaining` of its
// record) and what was taken out of the journal ahead of its being spent, the lease, which lies here. Loops
// spend from the lease with one atomic step. When it is used up the store's thread writes a smaller
// `remaining`, and once that is on disk puts the difference here. So a crash loses what was leased and not
// spent, to the customer, and can never give out a credit twice.

import Synchronization

/// The leases of all keys, by key number. Owned by `PublishedTables`.
///
/// Memory safety: words live as long as the tables; they are only touched through atomic operations.
@safe struct CreditCells {
    private let words = PagedWords()

    /// What is leased to the key now.
    @inline(__always) func leased(_ number: UInt32) -> Int64 {
        guard let word = unsafe words.word(number) else { return 0 }
        return Int64(bitPattern: UInt64(unsafe word.pointee.load(ordering: .acquiring)))
    }

    /// Takes `cost` out of the lease if that much is in it; returns what is left in it. Any thread.
    @inline(__always) func spend(_ cost: Int64, of number: UInt32) -> Int64? {
        guard let word = unsafe words.word(number) else { return nil }
        var current = unsafe word.pointee.load(ordering: .acquiring)
        while true {
            let available = Int64(bitPattern: UInt64(current))
            if available < cost { return nil }
            let rest = UInt(truncatingIfNeeded: available - cost)
            let (exchanged, original) = unsafe word.pointee.compareExchange(
                expected: current, desired: rest, ordering: .acquiringAndReleasing)
            if exchanged { return available - cost }
            current = original
        }
    }

    /// Empties the lease and returns what was in it. Only the store's thread.
    func takeAll(_ number: UInt32) -> Int64 {
        guard let word = unsafe words.word(number) else { return 0 }
        return Int64(bitPattern: UInt64(unsafe word.pointee.exchange(0, ordering: .acquiringAndReleasing)))
    }

    /// Gives back what was taken out of a lease. Any thread.
    func giveBack(_ amount: Int64, to number: UInt32) {
        // Whatever was taken, was taken from a word that exists.
        guard let word = unsafe words.word(number) else { return }
        unsafe word.pointee.add(UInt(truncatingIfNeeded: amount), ordering: .acquiringAndReleasing)
    }

    /// Adds to the lease, which exists from then on, if only empty. Only the store's thread.
    func add(_ amount: Int64, to number: UInt32) {
        unsafe words.makeWord(number).pointee.add(
            UInt(truncatingIfNeeded: amount), ordering: .acquiringAndReleasing)
    }

    /// The numbers of all keys that have something leased.
    func leasedNumbers(upTo last: UInt32) -> [UInt32] {
        var numbers: [UInt32] = []
        words.forEachSet(upTo: last) { number, _ in numbers.append(number) }
        return numbers
    }

    func free(upTo last: UInt32) { words.free(upTo: last) }
}
