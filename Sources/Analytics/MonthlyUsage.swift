// What a calendar month came to, from the sums that are kept anyway.

/// A calendar month in UTC.
public struct UsageMonth: Equatable, Sendable {
    /// The first millisecond of the month, and of the one after it.
    public let startMillis, endMillis: Int64

    /// `month` is 1…12.
    public init(year: Int, month: Int) {
        startMillis = CivilTime.midnight(Int64(year), Int64(month), 1)
        endMillis = CivilTime.midnight(Int64(year), Int64(month) + 1, 1)
    }

    /// The month that an instant lies in.
    public init(containing millis: Int64) {
        let (year, month, _) = CivilTime.date(millis)
        self.init(year: Int(year), month: Int(month))
    }
}

public struct MonthlyUsage: Equatable, Sendable {
    /// Calls of `keys.verifyKey` that found a key.
    public var verifications = 0
    /// Different keys that requests came with through the gateway.
    public var activeGatewayKeys = 0

    /// Nothing.
    public init() {}
}

extension EventLog {
    /// What a month came to so far.
    public func usage(in month: UsageMonth) -> MonthlyUsage {
        var usage = MonthlyUsage()
        var keys: Set<[UInt8]> = []
        for segment in monthlySegments() {
            let api = segment.symbols.find(EventSource.api.rawValue.utf8.span)
            for row in 0..<segment.count where segment.times[row] == month.startMillis {
                let dimensions = segment.dimensions[row]
                if dimensions.source == api {
                    usage.verifications += Int(segment.counts[row])
                } else {
                    keys.insert(segment.symbols.text(dimensions.keyID))
                }
            }
        }
        usage.activeGatewayKeys = keys.count
        return usage
    }
}
