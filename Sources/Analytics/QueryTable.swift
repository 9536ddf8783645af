// The five tables and their columns. All read the same kind of segment; they differ in which columns exist
// and in what `time` is: milliseconds in the table of events, an instant in the others.

/// A table that can be asked. The raw values are the names in queries.
enum QueryTable: String, CaseIterable, Sendable {
    case events = "key_verifications_v1"
    case minutes = "key_verifications_per_minute_v1"
    case hours = "key_verifications_per_hour_v1"
    case days = "key_verifications_per_day_v1"
    case months = "key_verifications_per_month_v1"

    var columns: [TableColumn] {
        TableColumn.allCases.filter { column in
            switch column {
            case .requestID, .region, .latency: self == .events
            case .count: self != .events
            case .time, .workspaceID, .keySpaceID, .identityID, .externalID, .keyID, .outcome, .source,
                .appID, .route, .tags, .spentCredits:
                true
            }
        }
    }
}

/// A column. The raw values are the names in queries, in the order of `SELECT *`.
enum TableColumn: String, CaseIterable, Sendable {
    case requestID = "request_id"
    case time
    case workspaceID = "workspace_id"
    case keySpaceID = "key_space_id"
    case identityID = "identity_id"
    case externalID = "external_id"
    case keyID = "key_id"
    case region
    case outcome
    case source
    /// Always empty: one installation has no applications.
    case appID = "app_id"
    /// The pattern of the gateway's route; empty for `keys.verifyKey`.
    case route
    case tags
    case count
    case spentCredits = "spent_credits"
    case latency

    /// Which of a row's symbols it shows, if it is one of them.
    var dimension: Int? {
        switch self {
        case .keySpaceID: 0
        case .identityID: 1
        case .externalID: 2
        case .keyID: 3
        case .outcome: 4
        case .source: 5
        case .route: 6
        case .requestID, .time, .workspaceID, .region, .appID, .tags, .count, .spentCredits, .latency: nil
        }
    }
}

/// The rows of all tables at one moment.
struct QueryTables: Sendable {
    let events: [Segment]
    /// By granularity.
    let rollUps: [[Segment]]

    func segments(of table: QueryTable) -> [Segment] {
        switch table {
        case .events: events
        case .minutes: rollUps[0]
        case .hours: rollUps[1]
        case .days: rollUps[2]
        case .months: rollUps[3]
        }
    }
}

/// Whose rows a query sees, and when it is asked.
struct QueryScope: Sendable {
    let workspaceID: [UInt8]
    /// Nil: all.
    let keySpaceIDs: Set<[UInt8]>?
    let nowMillis: Int64
    /// Nothing before this is kept.
    let oldestMillis: Int64
}

/// The row a query is looking at.
struct QueryRow {
    enum Source {
        case table(QueryTable, Segment, workspaceID: [UInt8])
        /// Results of an inner query.
        case values([QueryValue])
    }

    var source: Source
    var index = 0
    /// What the parameters of lambdas and the joined array stand for.
    var variables: [QueryValue] = []

    func value(_ column: Int) -> QueryValue {
        switch source {
        case .values(let values): values[column]
        case .table(let table, let segment, let workspaceID):
            value(TableColumn.allCases[column], table, segment, workspaceID)
        }
    }

    private func value(
        _ column: TableColumn, _ table: QueryTable, _ segment: Segment, _ workspaceID: [UInt8]
    ) -> QueryValue {
        func symbol(_ symbol: UInt32) -> QueryValue { .text(segment.symbols.text(symbol)) }
        let row = segment.dimensions[index]
        switch column {
        case .requestID: return .text(segment.requestID(index))
        case .time:
            let millis = segment.times[index]
            switch table {
            case .events: return .integer(millis)
            case .minutes, .hours: return .time(millis, .seconds)
            case .days, .months: return .time(millis, .date)
            }
        case .workspaceID: return .text(workspaceID)
        case .keySpaceID: return symbol(row.keySpaceID)
        case .identityID: return symbol(row.identityID)
        case .externalID: return symbol(row.externalID)
        case .keyID: return symbol(row.keyID)
        case .region, .appID: return .text([])
        case .outcome: return symbol(row.outcome)
        case .source: return symbol(row.source)
        case .route: return symbol(row.route)
        case .tags:
            return .array(TagList.unpack(segment.symbols.text(row.tags)).map { .text($0) })
        case .count: return .integer(segment.counts[index])
        case .spentCredits: return .integer(segment.spentCredits[index])
        case .latency: return .real(Double(segment.latencies[index]))
        }
    }
}
