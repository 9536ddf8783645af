// The values of a query: few kinds, compared by what they mean. Numbers compare across integers and
// fractions; a time compares with a text that spells one and with a number, which is milliseconds if it is
// large enough to be and seconds otherwise, because both are in use for the same columns.

import Bytes
public import JSON

/// A value of a query.
enum QueryValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text([UInt8])
    /// Milliseconds since 1970.
    case time(Int64, TimePrecision)
    case months(Int64)
    case millis(Int64)
    indirect case array([QueryValue])

    /// How a time is written.
    enum TimePrecision: Hashable, Sendable { case date, seconds, millis }

    static func bool(_ value: Bool) -> QueryValue { .integer(value ? 1 : 0) }
    static func text(_ text: String) -> QueryValue { .text(Array(text.utf8)) }

    /// Whether a condition of this value holds.
    var isTrue: Bool {
        switch self {
        case .integer(let value): value != 0
        case .real(let value): value != 0
        case .null, .text, .time, .months, .millis, .array: false
        }
    }

    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .real(let value): value
        case .time(let millis, _): Double(millis) / 1_000
        case .null, .text, .months, .millis, .array: nil
        }
    }

    /// The instant it means, in milliseconds since 1970.
    var instant: Int64? {
        switch self {
        case .time(let millis, _): return millis
        // 10¹¹ seconds are in the year 5138, 10¹¹ milliseconds in 1973.
        case .integer(let value):
            return CivilTime.clamp(value.magnitude >= 100_000_000_000 ? value : value * CivilTime.second)
        case .real(let value):
            guard value.magnitude < 1e15 else { return nil }
            return CivilTime.clamp(Int64(value.magnitude >= 1e11 ? value : value * 1_000))
        case .text(let bytes): return Timestamp.milliseconds(parsing: bytes.span)
        case .null, .months, .millis, .array: return nil
        }
    }

    /// What it is called in messages.
    var kindName: String {
        switch self {
        case .null: "NULL"
        case .integer, .real: "a number"
        case .text: "a string"
        case .time: "a time"
        case .months, .millis: "an interval"
        case .array: "an array"
        }
    }

    /// Roughly the bytes it takes in memory.
    var weight: Int {
        switch self {
        case .null, .integer, .real, .time, .months, .millis: 24
        case .text(let bytes): 24 + bytes.count
        case .array(let elements): elements.reduce(24) { $0 + $1.weight }
        }
    }

    // MARK: Order

    enum Comparison { case less, equal, greater, unknown }

    /// The order of two values; throws if they cannot be compared.
    static func compare(_ left: QueryValue, _ right: QueryValue) throws(QueryError) -> Comparison {
        switch (left, right) {
        case (.null, _), (_, .null): return .unknown
        case (.integer(let a), .integer(let b)): return order(a, b)
        case (.text(let a), .text(let b)): return order(texts: a, b)
        case (.time, _), (_, .time):
            guard let a = left.instant, let b = right.instant else {
                throw .invalid("\(left.kindName) cannot be compared with \(right.kindName)")
            }
            return order(a, b)
        case (.array(let a), .array(let b)):
            for (x, y) in zip(a, b) {
                let found = try compare(x, y)
                if found != .equal { return found }
            }
            return order(Int64(a.count), Int64(b.count))
        default:
            guard let a = left.number, let b = right.number else {
                throw .invalid("\(left.kindName) cannot be compared with \(right.kindName)")
            }
            if a.isNaN || b.isNaN { return .unknown }
            return a < b ? .less : a > b ? .greater : .equal
        }
    }

    private static func order(_ a: Int64, _ b: Int64) -> Comparison {
        a < b ? .less : a > b ? .greater : .equal
    }

    private static func order(texts a: [UInt8], _ b: [UInt8]) -> Comparison {
        if a == b { return .equal }
        return a.lexicographicallyPrecedes(b) ? .less : .greater
    }

    /// Whether it sorts before another; NULL and NaN come last, and what cannot be compared is equal.
    static func sortsBefore(_ left: QueryValue, _ right: QueryValue) -> Comparison {
        switch (left.isUnordered, right.isUnordered) {
        case (true, true): .equal
        case (true, false): .greater
        case (false, true): .less
        case (false, false): (try? compare(left, right)) ?? .equal
        }
    }

    private var isUnordered: Bool {
        switch self {
        case .null: true
        case .real(let value): value.isNaN
        case .integer, .text, .time, .months, .millis, .array: false
        }
    }

    // MARK: Text

    /// As `toString` writes it.
    var written: [UInt8] {
        var out = ByteBuffer()
        append(to: &out)
        return Array(copying: out.bytes)
    }

    private func append(to out: inout ByteBuffer) {
        switch self {
        case .null: break
        case .integer(let value): out.append(decimal: Int(value))
        case .real(let value): out.append(Self.digits(value))
        case .text(let bytes): out.append(bytes)
        case .time(let millis, let precision):
            let text = Self.timestamp(millis, .always)
            let count =
                switch precision {
                case .date: 10
                case .seconds: text.count - 5
                case .millis: text.count - 1
                }
            for (index, byte) in text.prefix(count).enumerated() {
                out.append(index == text.count - 14 ? 0x20 : byte)
            }
        case .months(let count): out.append(decimal: Int(count))
        case .millis(let count): out.append(decimal: Int(count / 1_000))
        case .array(let elements):
            out.append("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(",") }
                element.append(to: &out)
            }
            out.append("]")
        }
    }

    private static func timestamp(_ millis: Int64, _ fraction: Timestamp.Fraction) -> [UInt8] {
        var buffer = ByteBuffer()
        Timestamp.append(unixMillis: millis, fraction: fraction, to: &buffer)
        return Array(copying: buffer.bytes)
    }

    /// The shortest digits that read back as the same number; whole numbers without a fraction.
    private static func digits(_ value: Double) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// As it stands in an answer: times as RFC 3339, and null for what JSON cannot say.
    var json: JSONValue {
        switch self {
        case .null: .null
        case .integer(let value): .number(Int(value))
        case .real(let value):
            // Digits of a finite number are a JSON number.
            value.isFinite ? (try? JSONValue(parsing: Self.digits(value))) ?? .null : .null
        case .text(let bytes): .string(bytes)
        case .time(let millis, _): .string(Self.timestamp(millis, .unlessZero))
        case .months(let count): .number(Int(count))
        case .millis(let count): .number(Int(count))
        case .array(let elements): .array(elements.map(\.json))
        }
    }
}

/// The rows of a result.
public struct QueryAnswer: Sendable {
    /// Names of the columns, in order.
    public let columns: [String]
    let rows: [[QueryValue]]

    /// One object per row. Of columns with the same name the first is shown.
    public var json: [JSONValue] {
        let shown = columns.indices.filter { columns.firstIndex(of: columns[$0]) == $0 }
        return rows.map { row in
            var object = JSONObject()
            for index in shown { object.append(columns[index], row[index].json) }
            return .object(object)
        }
    }
}
