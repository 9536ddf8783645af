// Credits that may be spent without asking the disk.
//
// The balance of a key is in two places that add up to it: what the journal says (`remaining` of its
// record) and what was taken out of the journal ahead of its being spent, the lease, which lies here. Loops
// spend from the lease with one atomic step. When it is used up the store's thread writes a smaller
// `remaining`, and once that is on disk puts the difference here. So a crash loses what was leased and not
// spent, to the customer, and can never give out a credit twice.
//
// While the store's thread has a lease in hand, from taking it until the record that contains it is
// published, the word says so in its highest bit. Without it a loop would see an empty lease beside an old
// record and take the key for spent.

import Synchronization

/// The leases of all keys, by key number. Owned by `PublishedTables`.
///
/// Memory safety: words live as long as the tables; they are only touched through atomic operations.
@safe struct CreditCells {
    /// What asking a lease came to.
    enum Attempt {
        case spent(rest: Int64)
        /// There is less in it than the cost.
        case short(available: Int64)
        /// The store's thread has it in hand.
        case inTransit
    }

    private static let inTransit: UInt = 1 << 63

    private let leases = PagedWords()
    /// What was refunded into each lease, and not yet written down as such.
    private let refunds = PagedWords()
    /// What was taken out of each lease for requests that cost more than they had reserved, not written down.
    private let surcharges = PagedWords()

    /// What is leased to the key now.
    @inline(__always) func leased(_ number: UInt32) -> Int64 {
        guard let word = unsafe leases.word(number) else { return 0 }
        return Int64(bitPattern: UInt64(unsafe word.pointee.load(ordering: .acquiring) & ~Self.inTransit))
    }

    /// Whether the store's thread has the lease in hand.
    func isInTransit(_ number: UInt32) -> Bool {
        guard let word = unsafe leases.word(number) else { return false }
        return unsafe word.pointee.load(ordering: .acquiring) & Self.inTransit != 0
    }

    /// Whether there is a lease, if only an empty one, that can be given back to.
    func exists(_ number: UInt32) -> Bool { unsafe leases.word(number) != nil }

    /// Takes `cost` out of the lease if that much is in it. Any thread.
    @inline(__always) func spend(_ cost: Int64, of number: UInt32) -> Attempt {
        guard let word = unsafe leases.word(number) else { return .short(available: 0) }
        var current = unsafe word.pointee.load(ordering: .acquiring)
        while true {
            if current & Self.inTransit != 0 { return .inTransit }
            let available = Int64(bitPattern: UInt64(current))
            if available < cost { return .short(available: available) }
            let rest = UInt(truncatingIfNeeded: available - cost)
            let (exchanged, original) = unsafe word.pointee.compareExchange(
                expected: current, desired: rest, ordering: .acquiringAndReleasing)
            if exchanged { return .spent(rest: available - cost) }
            current = original
        }
    }

    /// Gives back what was taken out of a lease that exists. Any thread.
    func giveBack(_ amount: Int64, to number: UInt32) {
        guard let word = unsafe leases.word(number) else { return }
        unsafe word.pointee.add(UInt(truncatingIfNeeded: amount), ordering: .acquiringAndReleasing)
    }

    /// Remembers that of what was given back this much is a refund. After the giving back: what is seen of
    /// the one before the other must not look like more than there was. Any thread, once the lease exists.
    func noteRefund(_ amount: Int64, to number: UInt32) { Self.add(amount, refunds, number) }

    /// Remembers that of what was spent this much was charged after the fact. Any thread.
    func noteSurcharge(_ amount: Int64, of number: UInt32) { Self.add(amount, surcharges, number) }

    private static func add(_ amount: Int64, _ words: PagedWords, _ number: UInt32) {
        guard let word = unsafe words.word(number) else { return }
        // Signed: what is written down before it is noted is less than nothing until then.
        unsafe word.pointee.wrappingAdd(
            UInt(bitPattern: Int(amount)), ordering: .acquiringAndReleasing)
    }

    // MARK: The store's thread

    /// Empties the lease and returns what was in it. If that was something the lease is in transit from now
    /// on, until `release`; `began` says whether it is this call that made it so.
    func takeAll(_ number: UInt32) -> (amount: Int64, began: Bool) {
        guard let word = unsafe leases.word(number) else { return (0, false) }
        if unsafe word.pointee.load(ordering: .acquiring) == 0 { return (0, false) }
        let old = unsafe word.pointee.exchange(Self.inTransit, ordering: .acquiringAndReleasing)
        return (Int64(bitPattern: UInt64(old & ~Self.inTransit)), old & Self.inTransit == 0)
    }

    /// Ends what `takeAll` began.
    func release(_ number: UInt32) {
        guard let word = unsafe leases.word(number) else { return }
        unsafe word.pointee.bitwiseAnd(~Self.inTransit, ordering: .acquiringAndReleasing)
    }

    /// Adds to the lease, which exists from then on, if only empty.
    func add(_ amount: Int64, to number: UInt32) {
        // These first: who finds the lease takes them to exist.
        _ = unsafe refunds.makeWord(number)
        _ = unsafe surcharges.makeWord(number)
        unsafe leases.makeWord(number).pointee.add(
            UInt(truncatingIfNeeded: amount), ordering: .acquiringAndReleasing)
    }

    /// What was refunded into the lease and has not been written down. May lag behind the lease.
    func noted(_ number: UInt32) -> (refunds: Int64, surcharges: Int64) {
        (max(0, Self.load(refunds, number)), max(0, Self.load(surcharges, number)))
    }

    /// Says that this much of it is written down now.
    func forget(refunds refunded: Int64, surcharges charged: Int64, of number: UInt32) {
        Self.add(-refunded, refunds, number)
        Self.add(-charged, surcharges, number)
    }

    private static func load(_ words: PagedWords, _ number: UInt32) -> Int64 {
        guard let word = unsafe words.word(number) else { return 0 }
        return Int64(bitPattern: UInt64(unsafe word.pointee.load(ordering: .acquiring)))
    }

    /// Calls `body` with the numbers of all keys in whose lease there is something.
    func forEachNonEmpty(upTo last: UInt32, _ body: (UInt32) -> Void) {
        leases.forEachSet(upTo: last) { number, _ in body(number) }
    }

    func free(upTo last: UInt32) {
        leases.free(upTo: last)
        refunds.free(upTo: last)
        surcharges.free(upTo: last)
    }
}
