// The functions a query may call, in one place: whatever is not here is refused by name. Names are read in
// any letter case; operators are functions too, as in ClickHouse, whose names they have.

/// Functions of one row.
enum ScalarFunction: String, Sendable, CaseIterable {
    // Operators. They cannot be called by these names.
    case plus, minus, multiply, divide, modulo, negate
    case equals, notEquals, less, lessOrEquals, greater, greaterOrEquals
    case not, isNull, isNotNull, like, notLike, ilike, notILike

    case now, now64, today
    case toDate, toDateTime, toDateTime64
    case dateTrunc = "date_trunc"
    case formatDateTime
    case toStartOfMinute, toStartOfHour, toStartOfDay, toStartOfWeek, toStartOfMonth, toStartOfQuarter,
        toStartOfYear
    case fromUnixTimestamp64Milli, toUnixTimestamp64Milli
    case toIntervalSecond, toIntervalMinute, toIntervalHour, toIntervalDay, toIntervalWeek, toIntervalMonth,
        toIntervalQuarter, toIntervalYear
    case lower, upper, substring, concat, length, trim, startsWith, endsWith
    case extractJSONString = "JSONExtractString"
    case round, floor, ceil, abs
    case coalesce
    case toString, toInt32, toInt64, toFloat64
    case has, hasAny, hasAll
    /// The element of the array that a row was multiplied by.
    case arrayJoin
    case arrayFilter
    case array

    private static let operators: Set<ScalarFunction> = [
        .plus, .minus, .multiply, .divide, .modulo, .negate, .equals, .notEquals, .less, .lessOrEquals,
        .greater, .greaterOrEquals, .not, .isNull, .isNotNull, .like, .notLike, .ilike, .notILike, .array,
    ]

    private static let byName: [String: ScalarFunction] = {
        var names = Dictionary(
            uniqueKeysWithValues: allCases.filter { !operators.contains($0) }
                .map { ($0.rawValue.lowercased(), $0) })
        names["datetrunc"] = .dateTrunc
        names["substr"] = .substring
        names["ceiling"] = .ceil
        return names
    }()

    /// The function of this name; nil if there is none that may be called.
    init?(named name: String) {
        guard let found = Self.byName[name.lowercased()] else { return nil }
        self = found
    }

    /// How many arguments it takes.
    var arity: ClosedRange<Int> {
        switch self {
        case .now, .today: 0...1
        case .now64: 0...2
        case .negate, .not, .isNull, .isNotNull, .lower, .upper, .length, .trim, .abs, .toString, .arrayJoin,
            .toIntervalSecond, .toIntervalMinute, .toIntervalHour, .toIntervalDay, .toIntervalWeek,
            .toIntervalMonth, .toIntervalQuarter, .toIntervalYear, .toInt32, .toInt64, .toFloat64:
            1...1
        case .floor, .ceil, .round, .toDate, .toDateTime, .toUnixTimestamp64Milli, .fromUnixTimestamp64Milli,
            .toStartOfMinute, .toStartOfHour, .toStartOfDay, .toStartOfMonth, .toStartOfQuarter,
            .toStartOfYear:
            1...2
        case .toDateTime64, .toStartOfWeek: 1...3
        case .plus, .minus, .multiply, .divide, .modulo, .equals, .notEquals, .less, .lessOrEquals, .greater,
            .greaterOrEquals, .like, .notLike, .ilike, .notILike, .startsWith, .endsWith, .has, .hasAny,
            .hasAll,
            .arrayFilter, .extractJSONString:
            2...2
        case .substring, .dateTrunc, .formatDateTime: 2...3
        case .concat, .coalesce: 1...100
        case .array: 0...2_000
        }
    }
}

/// Functions of many rows.
enum AggregateFunction: String, Sendable, CaseIterable {
    case count, sum, avg, min, max, any
    case groupArray, groupUniqArray
    case uniq, uniqExact
    case quantile
    case countIf, sumIf

    private static let byName = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.rawValue.lowercased(), $0) })

    /// The function of this name; nil if there is none.
    init?(named name: String) {
        guard let found = Self.byName[name.lowercased()] else { return nil }
        self = found
    }

    /// How many arguments it takes.
    var arity: ClosedRange<Int> {
        switch self {
        case .count: 0...1
        case .countIf: 1...1
        case .sumIf: 2...2
        case .uniq, .uniqExact: 1...10
        case .sum, .avg, .min, .max, .any, .groupArray, .groupUniqArray, .quantile: 1...1
        }
    }
}
