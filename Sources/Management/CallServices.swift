// What a call works with besides the store: the counters and the event log that all loops share, and where the
// caller is.

public import Access
public import Analytics
public import Keys
public import Limits

public struct CallServices: Sendable {
    let counters: RateCounters
    /// Nil where nothing is remembered of verifications.
    let events: EventLog?
    /// Where the caller is; nil for the operator and for callers on a Unix socket.
    let address: IPAddress?
    /// How credits are spent.
    let spending: SpendingMode

    public init(
        counters: RateCounters, events: EventLog? = nil, address: IPAddress? = nil,
        spending: SpendingMode = .exact
    ) {
        self.counters = counters
        self.events = events
        self.address = address
        self.spending = spending
    }
}
