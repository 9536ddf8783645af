// What an aggregate knows of the rows so far. Those that collect values have no bound of their own: the
// query counts what they take and gives up in time.

struct AggregateState {
    private let function: AggregateFunction
    private let level: Double
    private var count: Int64 = 0
    private var integers: Int64 = 0
    private var reals = 0.0
    private var hasReals = false
    private var best: QueryValue?
    private var values: [QueryValue] = []
    private var seen: Set<QueryValue> = []

    init(_ call: AggregateCall) {
        function = call.function
        level = call.level
    }

    /// Takes the arguments of one more row, unless one is NULL. Returns the memory this took, roughly.
    mutating func add(_ arguments: [QueryValue]) throws(QueryError) -> Int {
        if arguments.contains(.null) { return 0 }
        count += 1
        switch function {
        case .count, .countIf: return 0
        case .sum, .sumIf, .avg:
            switch arguments[0] {
            case .integer(let value): integers &+= value
            case .real(let value):
                reals += value
                hasReals = true
            case .null, .text, .time, .months, .millis, .array:
                throw .invalid("\(function.rawValue) cannot be applied to \(arguments[0].kindName)")
            }
            return 0
        case .min: return replace(arguments[0], if: .less)
        case .max: return replace(arguments[0], if: .greater)
        case .any:
            if best == nil { best = arguments[0] }
            return 0
        case .groupArray:
            values.append(arguments[0])
            return arguments[0].weight
        case .quantile:
            guard arguments[0].number != nil else {
                throw .invalid("quantile cannot be applied to \(arguments[0].kindName)")
            }
            values.append(arguments[0])
            return 24
        case .groupUniqArray, .uniq, .uniqExact:
            let value = arguments.count == 1 ? arguments[0] : .array(arguments)
            return seen.insert(value).inserted ? value.weight + 16 : 0
        }
    }

    private mutating func replace(_ value: QueryValue, if order: QueryValue.Comparison) -> Int {
        if let best, QueryValue.sortsBefore(value, best) != order { return 0 }
        best = value
        return 0
    }

    var result: QueryValue {
        switch function {
        case .count, .countIf: .integer(count)
        case .sum, .sumIf: hasReals ? .real(reals + Double(integers)) : .integer(integers)
        case .avg: .real((reals + Double(integers)) / Double(count))
        case .min, .max, .any: best ?? .null
        case .groupArray: .array(values)
        case .groupUniqArray: .array(seen.sorted { QueryValue.sortsBefore($0, $1) == .less })
        case .uniq, .uniqExact: .integer(Int64(seen.count))
        case .quantile: quantile
        }
    }

    /// Between the two nearest values, by distance.
    private var quantile: QueryValue {
        let sorted = values.compactMap(\.number).sorted()
        guard let last = sorted.last else { return .real(.nan) }
        let place = level * Double(sorted.count - 1)
        let lower = Int(place)
        guard lower + 1 < sorted.count else { return .real(last) }
        return .real(sorted[lower] + (sorted[lower + 1] - sorted[lower]) * (place - Double(lower)))
    }
}
