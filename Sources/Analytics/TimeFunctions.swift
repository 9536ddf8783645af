// Functions about time, all in UTC. An argument that names a time zone is accepted and changes nothing: the
// sums are kept by days and hours of UTC, and another zone's could not be had from them.

extension ScalarFunction {
    func temporal(_ values: [QueryValue]) throws(QueryError) -> QueryValue {
        if let unit = intervalUnit {
            guard case .integer(let count) = values[0] else { throw mismatch(values[0]) }
            return Self.interval(count, unit)
        }
        if self == .dateTrunc {
            guard case .text(let name) = values[0],
                let unit = TimeUnit(named: String(decoding: name, as: UTF8.self))
            else { throw mismatch(values[0]) }
            return .time(CivilTime.clamp(unit.start(of: try instant(values[1]))), unit.precision)
        }
        let millis = try instant(values[0])
        func start(_ unit: TimeUnit, _ precision: QueryValue.TimePrecision) -> QueryValue {
            .time(CivilTime.clamp(unit.start(of: millis)), precision)
        }
        switch self {
        case .toDate: return start(.day, .date)
        case .toDateTime: return start(.second, .seconds)
        case .toDateTime64, .fromUnixTimestamp64Milli: return .time(millis, .millis)
        case .toUnixTimestamp64Milli: return .integer(millis)
        case .toStartOfMinute: return start(.minute, .seconds)
        case .toStartOfHour: return start(.hour, .seconds)
        case .toStartOfDay: return start(.day, .seconds)
        case .toStartOfWeek: return startOfWeek(millis, values)
        case .toStartOfMonth: return start(.month, .date)
        case .toStartOfQuarter: return start(.quarter, .date)
        case .toStartOfYear: return start(.year, .date)
        default: return .text(try format(millis, values[1]))
        }
    }

    static func interval(_ count: Int64, _ unit: TimeUnit) -> QueryValue {
        if let months = unit.months { return .months(months &* min(1_000_000, max(-1_000_000, count))) }
        return .millis(CivilTime.clamp(unit.millis &* min(10_000_000_000, max(-10_000_000_000, count))))
    }

    /// Mode 0, the default, begins weeks on Sunday; odd modes on Monday.
    private func startOfWeek(_ millis: Int64, _ values: [QueryValue]) -> QueryValue {
        var beginsOnMonday = false
        if values.count > 1, case .integer(let mode) = values[1] { beginsOnMonday = mode % 2 != 0 }
        let shift = beginsOnMonday ? 0 : CivilTime.day
        return .time(CivilTime.clamp(TimeUnit.week.start(of: millis + shift) - shift), .date)
    }

    private func instant(_ value: QueryValue) throws(QueryError) -> Int64 {
        if self == .fromUnixTimestamp64Milli {
            guard case .integer(let millis) = value else { throw mismatch(value) }
            return CivilTime.clamp(millis)
        }
        guard let millis = value.instant else {
            if case .text(let bytes) = value {
                throw .invalid("'\(String(decoding: bytes, as: UTF8.self))' is no time")
            }
            throw mismatch(value)
        }
        return CivilTime.clamp(millis)
    }

    private var intervalUnit: TimeUnit? {
        switch self {
        case .toIntervalSecond: .second
        case .toIntervalMinute: .minute
        case .toIntervalHour: .hour
        case .toIntervalDay: .day
        case .toIntervalWeek: .week
        case .toIntervalMonth: .month
        case .toIntervalQuarter: .quarter
        case .toIntervalYear: .year
        default: nil
        }
    }

    /// `%Y-%m-%d %H:%i:%S` and their like.
    private func format(_ millis: Int64, _ pattern: QueryValue) throws(QueryError) -> [UInt8] {
        guard case .text(let pattern) = pattern else { throw mismatch(pattern) }
        let written = QueryValue.time(millis, .millis).written
        // "2027-01-31 14:05:09.250"
        func part(_ range: Range<Int>) -> ArraySlice<UInt8> { written[range] }
        var out: [UInt8] = []
        var isDirective = false
        for byte in pattern {
            if !isDirective {
                if byte == UInt8(ascii: "%") { isDirective = true } else { out.append(byte) }
                continue
            }
            isDirective = false
            switch byte {
            case UInt8(ascii: "Y"): out += part(0..<4)
            case UInt8(ascii: "y"): out += part(2..<4)
            case UInt8(ascii: "m"): out += part(5..<7)
            case UInt8(ascii: "d"): out += part(8..<10)
            case UInt8(ascii: "H"): out += part(11..<13)
            case UInt8(ascii: "i"), UInt8(ascii: "M"): out += part(14..<16)
            case UInt8(ascii: "S"), UInt8(ascii: "s"): out += part(17..<19)
            case UInt8(ascii: "F"): out += part(0..<10)
            case UInt8(ascii: "T"): out += part(11..<19)
            case UInt8(ascii: "R"): out += part(11..<16)
            case UInt8(ascii: "%"): out.append(byte)
            default: throw .invalid("formatDateTime does not know %\(Character(Unicode.Scalar(byte)))")
            }
        }
        return out
    }
}

extension TimeUnit {
    /// How the beginning of such a unit is written.
    fileprivate var precision: QueryValue.TimePrecision {
        switch self {
        case .second, .minute, .hour, .day: .seconds
        case .week, .month, .quarter, .year: .date
        }
    }
}
