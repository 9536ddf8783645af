// What the functions of one row compute. NULL in gives NULL out, except where a function is about NULL;
// numbers follow ClickHouse: `/` is always a fraction, whole numbers wrap, and what has no value is NaN.

import Bytes
import JSON

extension ScalarFunction {
    static func compare(
        _ function: ScalarFunction, _ left: QueryValue, _ right: QueryValue
    ) throws(QueryError) -> QueryValue {
        let order = try QueryValue.compare(left, right)
        if order == .unknown { return .null }
        return switch function {
        case .equals: .bool(order == .equal)
        case .notEquals: .bool(order != .equal)
        case .less: .bool(order == .less)
        case .lessOrEquals: .bool(order != .greater)
        case .greater: .bool(order == .greater)
        case .greaterOrEquals: .bool(order != .less)
        default: preconditionFailure("\(function) compares nothing")
        }
    }

    /// The value for arguments whose number is right.
    func apply(_ values: [QueryValue]) throws(QueryError) -> QueryValue {
        switch self {
        case .isNull: return .bool(values[0] == .null)
        case .isNotNull: return .bool(values[0] != .null)
        case .array: return .array(values)
        case .coalesce: return values.first { $0 != .null } ?? .null
        default: if values.contains(.null) { return .null }
        }
        switch self {
        case .equals, .notEquals, .less, .lessOrEquals, .greater, .greaterOrEquals:
            return try Self.compare(self, values[0], values[1])
        case .not: return .bool(!values[0].isTrue)
        case .plus, .minus, .multiply, .divide, .modulo, .negate, .round, .floor, .ceil, .abs:
            return try arithmetic(values)
        case .like, .notLike, .ilike, .notILike, .lower, .upper, .substring, .concat, .length, .trim,
            .startsWith, .endsWith, .extractJSONString, .toString:
            return try textual(values)
        case .toInt32, .toInt64, .toFloat64: return try conversion(values[0])
        case .has, .hasAny, .hasAll: return try containment(values)
        case .now, .now64, .today, .isNull, .isNotNull, .array, .coalesce, .arrayJoin, .arrayFilter:
            preconditionFailure("\(self) is resolved before it is applied")
        case .toDate, .toDateTime, .toDateTime64, .dateTrunc, .formatDateTime, .toStartOfMinute,
            .toStartOfHour, .toStartOfDay, .toStartOfWeek, .toStartOfMonth, .toStartOfQuarter,
            .toStartOfYear, .fromUnixTimestamp64Milli, .toUnixTimestamp64Milli, .toIntervalSecond,
            .toIntervalMinute, .toIntervalHour, .toIntervalDay, .toIntervalWeek, .toIntervalMonth,
            .toIntervalQuarter, .toIntervalYear:
            return try temporal(values)
        }
    }

    func mismatch(_ value: QueryValue) -> QueryError {
        .invalid("\(rawValue) cannot be applied to \(value.kindName)")
    }

    // MARK: Numbers

    private func arithmetic(_ values: [QueryValue]) throws(QueryError) -> QueryValue {
        if let shifted = try shift(values) { return shifted }
        if case .integer(let left) = values[0] {
            if values.count == 1 {
                switch self {
                case .negate: return .integer(0 &- left)
                case .abs: return .integer(left == .min ? .max : Swift.abs(left))
                default: return values[0]
                }
            }
            if case .integer(let right) = values[1] {
                switch self {
                case .plus: return .integer(left &+ right)
                case .minus: return .integer(left &- right)
                case .multiply: return .integer(left &* right)
                case .modulo:
                    return right == 0
                        ? .real(.nan)
                        : .integer(left.remainderReportingOverflow(dividingBy: right).partialValue)
                default: break
                }
            }
        }
        guard let left = values[0].number else { throw mismatch(values[0]) }
        switch self {
        case .negate: return .real(-left)
        case .abs: return .real(left.magnitude)
        case .round, .floor, .ceil: return .real(try rounded(left, values))
        default: break
        }
        guard let right = values[1].number else { throw mismatch(values[1]) }
        switch self {
        case .plus: return .real(left + right)
        case .minus: return .real(left - right)
        case .multiply: return .real(left * right)
        case .divide: return .real(left / right)
        default: return .real(left.truncatingRemainder(dividingBy: right))
        }
    }

    /// To a number of decimal places, 0 if none is given.
    private func rounded(_ value: Double, _ values: [QueryValue]) throws(QueryError) -> Double {
        var scale = 1.0
        if values.count > 1 {
            guard case .integer(let places) = values[1], (-18...18).contains(places) else {
                throw mismatch(values[1])
            }
            for _ in 0..<places.magnitude { scale *= 10 }
            if places < 0 { scale = 1 / scale }
        }
        let scaled = value * scale
        return switch self {
        case .floor: scaled.rounded(.down) / scale
        case .ceil: scaled.rounded(.up) / scale
        default: scaled.rounded(.toNearestOrEven) / scale
        }
    }

    /// A time and an interval; nil if there is no interval.
    private func shift(_ values: [QueryValue]) throws(QueryError) -> QueryValue? {
        guard values.count == 2, self == .plus || self == .minus else { return nil }
        var time = values[0]
        var interval = values[1]
        if self == .plus, case .months = time { swap(&time, &interval) }
        if self == .plus, case .millis = time { swap(&time, &interval) }
        let sign: Int64 = self == .minus ? -1 : 1
        switch interval {
        case .months(let months):
            guard case .time(let millis, let precision) = time else { throw mismatch(time) }
            return .time(CivilTime.adding(months: sign &* months, to: millis), precision)
        case .millis(let step):
            guard case .time(let millis, let precision) = time else { throw mismatch(time) }
            let bounded = CivilTime.clamp(sign &* CivilTime.clamp(step))
            let isWhole = precision == .date && bounded % CivilTime.day != 0
            return .time(CivilTime.clamp(millis + bounded), isWhole ? .seconds : precision)
        case .integer(let seconds):
            guard case .time(let millis, let precision) = time else { return nil }
            // A bare number beside a date is days, beside a time seconds.
            let unit = precision == .date ? CivilTime.day : CivilTime.second
            let bounded = min(10_000_000_000, max(-10_000_000_000, seconds))
            return .time(CivilTime.clamp(millis + CivilTime.clamp(sign * bounded * unit)), precision)
        case .null, .real, .text, .time, .array: return nil
        }
    }

    private func conversion(_ value: QueryValue) throws(QueryError) -> QueryValue {
        let number: Double
        switch value {
        case .integer(let whole):
            switch self {
            case .toFloat64: return .real(Double(whole))
            case .toInt32: return .integer(Int64(Int32(truncatingIfNeeded: whole)))
            default: return value
            }
        case .text(let bytes):
            let text = String(decoding: bytes, as: UTF8.self)
            if self != .toFloat64, let whole = Int64(text) { return .integer(whole) }
            guard let parsed = Double(text) else { throw .invalid("'\(text)' is no number") }
            number = parsed
        case .real, .time:
            number = value.number ?? .nan
        case .null, .months, .millis, .array: throw mismatch(value)
        }
        if self == .toFloat64 { return .real(number) }
        guard number.magnitude < 9e18 else { return .integer(0) }
        return self == .toInt32
            ? .integer(Int64(Int32(truncatingIfNeeded: Int64(number)))) : .integer(Int64(number))
    }

    // MARK: Arrays

    private func containment(_ values: [QueryValue]) throws(QueryError) -> QueryValue {
        guard case .array(let array) = values[0] else { throw mismatch(values[0]) }
        if self == .has { return .bool(array.contains(values[1])) }
        guard case .array(let wanted) = values[1] else { throw mismatch(values[1]) }
        return .bool(
            self == .hasAny
                ? wanted.contains { array.contains($0) } : wanted.allSatisfy { array.contains($0) })
    }
}
