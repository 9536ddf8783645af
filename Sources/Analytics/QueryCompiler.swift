// Resolving names: columns, aliases, functions, the parameters of lambdas. Aliases may be used everywhere,
// as in ClickHouse, and stand for their whole expression; a small query can so become a huge one, which is
// why parts are counted here once more.

struct QueryCompiler {
    /// Parts an expression may have once its aliases are written out.
    private static let maxParts = 20_000

    /// Runs a subquery that stands for constants.
    typealias Inner = (Statement) throws(QueryError) -> [[QueryValue]]

    private let columns: [String: Int]
    private let aliases: [String: SyntaxNode]
    private let nowMillis: Int64
    private let inner: Inner
    private var expanding: Set<String> = []
    private var partCount = 0
    private var parameters: [(name: String, variable: Int)] = []
    private var aggregateDepth = 0
    /// Whether rows are multiplied by an array, and which.
    private(set) var joinedArray: QueryExpression?
    /// Variable 0 is the element of the joined array.
    private(set) var variableCount = 1

    init(columns: [String?], items: [SelectItem], nowMillis: Int64, inner: @escaping Inner) {
        var positions: [String: Int] = [:]
        for (index, name) in columns.enumerated() {
            if let name, positions[name] == nil { positions[name] = index }
        }
        self.columns = positions
        var aliases: [String: SyntaxNode] = [:]
        for item in items { if let alias = item.alias { aliases[alias] = item.node } }
        self.aliases = aliases
        self.nowMillis = nowMillis
        self.inner = inner
    }

    /// The resolved expression. Aggregates stand in it as such.
    mutating func compile(_ node: SyntaxNode) throws(QueryError) -> QueryExpression {
        partCount += 1
        guard partCount <= Self.maxParts else { throw .invalid("the aliases of the query make it too large") }
        switch node {
        case .literal(let value): return .constant(value)
        case .name(let name): return try resolve(name)
        case .call(let name, let parameters, let arguments, let isDistinct):
            return try call(name, parameters, arguments, isDistinct)
        case .operation(let function, let operands):
            return try folded(function, try compile(operands))
        case .all(let operands): return .all(try compile(operands))
        case .any(let operands): return .any(try compile(operands))
        case .choice(let branches, let otherwise):
            return .choice(
                conditions: try compile(branches.map(\.condition)),
                values: try compile(branches.map(\.value)),
                otherwise: try compile(otherwise))
        case .interval(let amount, let unit):
            guard case .constant(.integer(let count)) = try compile(amount) else {
                throw .invalid("an interval needs a whole number")
            }
            return .constant(ScalarFunction.interval(count, unit))
        case .list(let elements): return try folded(.array, try compile(elements))
        case .member(let value, let elements):
            let subject = try compile(value)
            var constants: [QueryValue] = []
            for element in try compile(elements) {
                guard let constant = element.constant else { throw .invalid("IN expects constants") }
                constants.append(constant)
            }
            return .member(subject, MemberSet(constants))
        case .memberOf(let value, let statement):
            let rows = try inner(statement)
            guard rows.allSatisfy({ $0.count == 1 }) else { throw .invalid("IN expects one column") }
            return .member(try compile(value), MemberSet(rows.map { $0[0] }))
        case .subquery(let statement):
            let rows = try inner(statement)
            guard rows.count <= 1, rows.allSatisfy({ $0.count == 1 }) else {
                throw .invalid("a subquery in an expression must give one value")
            }
            return .constant(rows.first?[0] ?? .null)
        case .lambda: throw .invalid("a lambda may stand in arrayFilter only")
        case .star: throw .invalid("'*' may stand alone or in count(*) only")
        }
    }

    private mutating func compile(_ nodes: [SyntaxNode]) throws(QueryError) -> [QueryExpression] {
        var expressions: [QueryExpression] = []
        for node in nodes { expressions.append(try compile(node)) }
        return expressions
    }

    // MARK: Names

    private mutating func resolve(_ name: String) throws(QueryError) -> QueryExpression {
        if let parameter = parameters.last(where: { $0.name == name }) {
            return .variable(parameter.variable)
        }
        let column = columns[name].map { QueryExpression.column($0) }
        if let aliased = aliases[name], expanding.insert(name).inserted {
            defer { expanding.remove(name) }
            let expression = try compileAlias(aliased)
            // `sum(count) AS count`: inside of an aggregate the name cannot mean the aggregate.
            if let column, aggregateDepth > 0, expression.hasAggregate { return column }
            return expression
        }
        guard let column else { throw .invalid("there is no column '\(name)'") }
        return column
    }

    private mutating func compileAlias(_ node: SyntaxNode) throws(QueryError) -> QueryExpression {
        // What the alias stands for is judged where it stands; here it may be an aggregate.
        let depth = aggregateDepth
        aggregateDepth = 0
        defer { aggregateDepth = depth }
        return try compile(node)
    }

    // MARK: Calls

    private mutating func call(
        _ name: String, _ parameters: [SyntaxNode], _ arguments: [SyntaxNode], _ isDistinct: Bool
    ) throws(QueryError) -> QueryExpression {
        if let function = AggregateFunction(named: name) {
            return .aggregate(try aggregate(function, parameters, arguments, isDistinct))
        }
        guard name.lowercased() != "if" else {
            guard arguments.count == 3 else { throw .invalid("if expects 3 arguments") }
            return .choice(
                conditions: [try compile(arguments[0])], values: [try compile(arguments[1])],
                otherwise: try compile(arguments[2]))
        }
        guard let function = ScalarFunction(named: name) else {
            throw QueryError(.invalidFunction, "there is no function '\(name)'")
        }
        guard function.arity.contains(arguments.count), parameters.isEmpty, !isDistinct else {
            throw .invalid("\(function.rawValue) does not take these arguments")
        }
        switch function {
        case .now: return .constant(.time(CivilTime.floor(nowMillis, to: CivilTime.second), .seconds))
        case .now64: return .constant(.time(nowMillis, .millis))
        case .today: return .constant(.time(CivilTime.floor(nowMillis, to: CivilTime.day), .date))
        case .arrayJoin: return try join(try compile(arguments[0]))
        case .arrayFilter: return try filter(arguments)
        default: return try folded(function, try compile(arguments))
        }
    }

    private mutating func aggregate(
        _ function: AggregateFunction, _ parameters: [SyntaxNode], _ arguments: [SyntaxNode],
        _ isDistinct: Bool
    ) throws(QueryError) -> AggregateCall {
        guard aggregateDepth == 0 else { throw .invalid("an aggregate cannot stand inside another") }
        aggregateDepth += 1
        defer { aggregateDepth -= 1 }
        var arguments = arguments
        if case .star = arguments.first, function == .count { arguments = [] }
        var compiled = try compile(arguments)
        guard !compiled.contains(where: \.hasAggregate) else {
            throw .invalid("an aggregate cannot stand inside another")
        }
        var function = function
        if isDistinct {
            guard function == .count, !compiled.isEmpty else {
                throw .invalid("DISTINCT may stand in count only")
            }
            function = .uniqExact
        }
        guard function.arity.contains(compiled.count) else {
            throw .invalid("\(function.rawValue) does not take \(compiled.count) arguments")
        }
        let condition = function == .countIf || function == .sumIf ? compiled.removeLast() : nil
        var level = 0.5
        if function == .quantile {
            if let parameter = parameters.first {
                guard parameters.count == 1, let number = try compile(parameter).constant?.number,
                    (0...1).contains(number)
                else { throw .invalid("quantile expects a level between 0 and 1") }
                level = number
            }
        } else if !parameters.isEmpty {
            throw .invalid("\(function.rawValue) has no parameters")
        }
        return AggregateCall(function: function, arguments: compiled, condition: condition, level: level)
    }

    private mutating func join(_ array: QueryExpression) throws(QueryError) -> QueryExpression {
        if let joinedArray, joinedArray != array {
            throw .invalid("a query can be multiplied by one array only")
        }
        joinedArray = array
        return .variable(0)
    }

    private mutating func filter(_ arguments: [SyntaxNode]) throws(QueryError) -> QueryExpression {
        guard case .lambda(let name, let body) = arguments[0] else {
            throw .invalid("arrayFilter expects a lambda such as x -> x = 1")
        }
        let array = try compile(arguments[1])
        let variable = variableCount
        variableCount += 1
        parameters.append((name, variable))
        defer { parameters.removeLast() }
        return .filter(variable: variable, predicate: try compile(body), array: array)
    }

    /// A call, or what it comes to when everything in it is constant.
    private func folded(
        _ function: ScalarFunction, _ arguments: [QueryExpression]
    ) throws(QueryError) -> QueryExpression {
        let constants = arguments.compactMap(\.constant)
        if constants.count == arguments.count { return .constant(try function.apply(constants)) }
        return .call(function, arguments)
    }
}
