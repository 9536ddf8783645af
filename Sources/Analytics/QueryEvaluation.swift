// Evaluating an expression for one row, or for one group of rows. NULL spreads as in SQL: a comparison with
// it is unknown, AND and OR decide where they can.

/// Where an expression finds its values.
struct EvaluationContext {
    var row: QueryRow
    /// For expressions about groups.
    var keys: [QueryValue] = []
    var results: [QueryValue] = []
}

extension QueryExpression {
    func evaluate(_ context: inout EvaluationContext) throws(QueryError) -> QueryValue {
        switch self {
        case .constant(let value): return value
        case .column(let index): return context.row.value(index)
        case .variable(let index): return context.row.variables[index]
        case .call(let function, let arguments):
            return try Self.call(function, arguments, &context)
        case .all(let operands):
            var isKnown = true
            for operand in operands {
                let value = try operand.evaluate(&context)
                if value == .null { isKnown = false } else if !value.isTrue { return .bool(false) }
            }
            return isKnown ? .bool(true) : .null
        case .any(let operands):
            var isKnown = true
            for operand in operands {
                let value = try operand.evaluate(&context)
                if value.isTrue { return .bool(true) }
                if value == .null { isKnown = false }
            }
            return isKnown ? .bool(false) : .null
        case .choice(let conditions, let values, let otherwise):
            for (condition, value) in zip(conditions, values) where try condition.evaluate(&context).isTrue {
                return try value.evaluate(&context)
            }
            return try otherwise.evaluate(&context)
        case .member(let value, let set):
            return try set.contains(value.evaluate(&context))
        case .filter(let variable, let predicate, let array):
            guard case .array(let elements) = try array.evaluate(&context) else {
                throw .invalid("arrayFilter expects an array")
            }
            var kept: [QueryValue] = []
            for element in elements {
                context.row.variables[variable] = element
                if try predicate.evaluate(&context).isTrue { kept.append(element) }
            }
            return .array(kept)
        case .key(let index): return context.keys[index]
        case .result(let index): return context.results[index]
        case .aggregate: preconditionFailure("aggregates are evaluated per group")
        }
    }

    private static func call(
        _ function: ScalarFunction, _ arguments: [QueryExpression], _ context: inout EvaluationContext
    ) throws(QueryError) -> QueryValue {
        // The common shapes without an array of values.
        switch function {
        case .equals, .notEquals, .less, .lessOrEquals, .greater, .greaterOrEquals:
            let left = try arguments[0].evaluate(&context)
            return try ScalarFunction.compare(function, left, arguments[1].evaluate(&context))
        case .coalesce:
            for argument in arguments {
                let value = try argument.evaluate(&context)
                if value != .null { return value }
            }
            return .null
        default:
            var values: [QueryValue] = []
            values.reserveCapacity(arguments.count)
            for argument in arguments { values.append(try argument.evaluate(&context)) }
            return try function.apply(values)
        }
    }
}
