// What can be said of a filter before any row is read: bounds on time that reach behind everything kept,
// which are refused rather than answered with silence, and conditions that let whole segments be left out.

/// Conditions of a filter on a table that can be told from a segment's strings and times alone.
struct QueryBounds {
    /// Dimensions that must have one of these texts.
    private var wanted: [(dimension: Int, texts: Set<[UInt8]>)] = []
    private var earliest: Int64

    init(_ filter: QueryExpression?, _ table: QueryTable, _ scope: QueryScope) {
        earliest = scope.oldestMillis
        if let spaces = scope.keySpaceIDs { wanted.append((0, spaces)) }
        if let filter { take(filter, table) }
    }

    private mutating func take(_ filter: QueryExpression, _ table: QueryTable) {
        switch filter {
        case .all(let operands): for operand in operands { take(operand, table) }
        case .call(.equals, let operands):
            if let (dimension, value) = Self.pair(operands[0], operands[1])
                ?? Self.pair(operands[1], operands[0])
            {
                wanted.append((dimension, [value]))
            }
        case .member(.column(let column), let set):
            if let dimension = TableColumn.allCases[column].dimension, let texts = set.onlyTexts {
                wanted.append((dimension, texts))
            }
        case .call(.greater, let operands), .call(.greaterOrEquals, let operands):
            guard operands[0] == .time, let bound = operands[1].constant else { return }
            // Milliseconds compare with whole numbers as they are.
            if table == .events, case .integer(let millis) = bound {
                earliest = max(earliest, millis)
            } else if let millis = bound.instant {
                earliest = max(earliest, millis)
            }
        default: break
        }
    }

    private static func pair(_ left: QueryExpression, _ right: QueryExpression) -> (Int, [UInt8])? {
        guard case .column(let column) = left, case .constant(.text(let text)) = right,
            let dimension = TableColumn.allCases[column].dimension
        else { return nil }
        return (dimension, text)
    }

    /// The symbols to look for in a segment; nil if none of its rows can match.
    func symbols(in segment: Segment) -> [(dimension: Int, symbols: Set<UInt32>)]? {
        if segment.count == 0 || segment.lastTime < earliest { return nil }
        var found: [(dimension: Int, symbols: Set<UInt32>)] = []
        for (dimension, texts) in wanted {
            let symbols = Set(texts.compactMap { segment.symbols.find($0.span) })
            if symbols.isEmpty { return nil }
            found.append((dimension, symbols))
        }
        return found
    }

    // MARK: Retention

    /// Refuses a filter that asks for a time before `oldestMillis`.
    static func checkRetention(_ filter: QueryExpression, oldestMillis: Int64) throws(QueryError) {
        switch filter {
        case .all(let operands), .any(let operands):
            for operand in operands { try checkRetention(operand, oldestMillis: oldestMillis) }
        case .call(.not, let operands):
            try checkRetention(operands[0], oldestMillis: oldestMillis)
        case .call(.equals, let operands), .call(.less, let operands), .call(.lessOrEquals, let operands),
            .call(.greater, let operands), .call(.greaterOrEquals, let operands):
            for (subject, bound) in [(operands[0], operands[1]), (operands[1], operands[0])] {
                guard let constant = bound.constant, subject.isAboutTimeOnly, let millis = constant.instant,
                    millis < oldestMillis
                else { continue }
                throw QueryError(
                    .rangeExceedsRetention,
                    "the query asks for a time before the last \(EventLog.retentionDays) days")
            }
        default: break
        }
    }
}

extension QueryExpression {
    fileprivate static let time = QueryExpression.column(
        TableColumn.allCases.firstIndex(of: .time) ?? 0)

    /// The column `time`, or a function of it that is still a time.
    var isAboutTimeOnly: Bool {
        switch self {
        case .column: self == .time
        case .call(let function, let arguments):
            switch function {
            case .toDate, .toDateTime, .toDateTime64, .toStartOfMinute, .toStartOfHour, .toStartOfDay,
                .toStartOfWeek, .toStartOfMonth, .toStartOfQuarter, .toStartOfYear, .dateTrunc,
                .fromUnixTimestamp64Milli, .toUnixTimestamp64Milli, .toInt64:
                arguments.contains { $0.isAboutTimeOnly }
            default: false
            }
        case .constant, .variable, .all, .any, .choice, .member, .filter, .aggregate, .key, .result: false
        }
    }
}
