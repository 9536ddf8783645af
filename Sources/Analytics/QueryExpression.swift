// Expressions with every name resolved, ready to be evaluated row by row. They are compared by value: that
// is how an expression of the select list is recognised as the one that rows are grouped by.

/// A resolved expression.
indirect enum QueryExpression: Hashable, Sendable {
    case constant(QueryValue)
    /// A column of the source.
    case column(Int)
    /// The parameter of a lambda, or the element of the joined array (always variable 0).
    case variable(Int)
    case call(ScalarFunction, [QueryExpression])
    case all([QueryExpression])
    case any([QueryExpression])
    case choice(conditions: [QueryExpression], values: [QueryExpression], otherwise: QueryExpression)
    case member(QueryExpression, MemberSet)
    /// `arrayFilter`: the parameter of the predicate is a variable.
    case filter(variable: Int, predicate: QueryExpression, array: QueryExpression)
    case aggregate(AggregateCall)
    /// What rows were grouped by, and what an aggregate came to. Only in expressions about groups.
    case key(Int)
    case result(Int)

    var constant: QueryValue? {
        if case .constant(let value) = self { value } else { nil }
    }

    /// Whether `test` holds for this expression or for one inside it.
    func contains(_ test: (QueryExpression) -> Bool) -> Bool {
        if test(self) { return true }
        return switch self {
        case .constant, .column, .variable, .key, .result: false
        case .call(_, let arguments): arguments.contains { $0.contains(test) }
        case .all(let operands), .any(let operands): operands.contains { $0.contains(test) }
        case .choice(let conditions, let values, let otherwise):
            (conditions + values + [otherwise]).contains { $0.contains(test) }
        case .member(let value, _): value.contains(test)
        case .filter(_, let predicate, let array): predicate.contains(test) || array.contains(test)
        case .aggregate(let call):
            (call.arguments + (call.condition.map { [$0] } ?? [])).contains { $0.contains(test) }
        }
    }

    var hasAggregate: Bool {
        contains { if case .aggregate = $0 { true } else { false } }
    }
}

/// A function of all rows of a group.
struct AggregateCall: Hashable, Sendable {
    let function: AggregateFunction
    let arguments: [QueryExpression]
    /// Only rows for which it holds are counted.
    let condition: QueryExpression?
    /// `quantile(0.95)`.
    let level: Double
}

/// The constants behind IN.
struct MemberSet: Hashable, Sendable {
    private let texts: Set<[UInt8]>
    private let others: [QueryValue]

    init(_ values: [QueryValue]) {
        var texts: Set<[UInt8]> = []
        var others: [QueryValue] = []
        for value in values {
            if case .text(let bytes) = value { texts.insert(bytes) }
            if value != .null { others.append(value) }
        }
        self.texts = texts
        self.others = others
    }

    func contains(_ value: QueryValue) throws(QueryError) -> QueryValue {
        switch value {
        case .null: return .null
        case .text(let bytes) where texts.count == others.count || texts.contains(bytes):
            return .bool(texts.contains(bytes))
        case .text, .integer, .real, .time, .months, .millis, .array:
            for other in others where try QueryValue.compare(value, other) == .equal { return .bool(true) }
            return .bool(false)
        }
    }

    /// The texts, if there is nothing else.
    var onlyTexts: Set<[UInt8]>? { texts.count == others.count ? texts : nil }
}
