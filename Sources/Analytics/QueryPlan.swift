// One SELECT with everything resolved: what is read, kept, grouped, shown and sorted. For a query about
// groups the shown expressions are rewritten in terms of what the rows were grouped by and what the
// aggregates came to; whatever else they mention has no one value per group and is refused.

struct QueryPlan {
    private(set) var columns: [String] = []
    private(set) var items: [QueryExpression] = []
    private(set) var filter: QueryExpression?
    private(set) var keys: [QueryExpression] = []
    private(set) var aggregates: [AggregateCall] = []
    private(set) var having: QueryExpression?
    private(set) var order: [(expression: QueryExpression, isDescending: Bool)] = []
    private(set) var joinedArray: QueryExpression?
    private(set) var variableCount = 1
    /// Whether rows are summed up in groups.
    private(set) var isGrouped = false

    /// Whether rows are best read from the newest on: then the first ones that sorting by time backwards
    /// asks for come first, and those that follow can be passed over.
    var readsNewestFirst: Bool {
        guard !isGrouped, let first = order.first else { return false }
        return first.isDescending && first.expression.isAboutTimeOnly
    }

    /// - Parameters:
    ///   - sourceColumns: the columns of what is read; the number of a column is its position here. Nil where
    ///     there is none: for a table these are the positions in `TableColumn.allCases`.
    ///   - shown: what `*` stands for.
    init(
        _ selection: Selection, sourceColumns: [String?], shown: [String], nowMillis: Int64,
        inner: @escaping QueryCompiler.Inner
    ) throws(QueryError) {
        let selected = try Self.spread(selection.items, over: shown)
        var compiler = QueryCompiler(
            columns: sourceColumns, items: selected, nowMillis: nowMillis, inner: inner)
        if let node = selection.filter {
            let compiled = try compiler.compile(node)
            guard !compiled.hasAggregate else { throw .invalid("WHERE cannot contain an aggregate") }
            filter = compiled
        }
        for item in selected {
            items.append(try compiler.compile(item.node))
            columns.append(item.alias ?? item.node.columnName)
        }
        for node in Self.flattened(selection.groups) {
            let key =
                if let found = try position(node, "GROUP BY") { found } else { try compiler.compile(node) }
            guard !key.hasAggregate else { throw .invalid("GROUP BY cannot contain an aggregate") }
            keys.append(key)
        }
        if let node = selection.having { having = try compiler.compile(node) }
        for item in selection.order {
            let key =
                if let found = try position(item.node, "ORDER BY") { found } else {
                    try compiler.compile(item.node)
                }
            order.append((key, item.isDescending))
        }
        joinedArray = compiler.joinedArray
        variableCount = compiler.variableCount
        let all = items + order.map(\.expression) + (having.map { [$0] } ?? [])
        isGrouped = !keys.isEmpty || all.contains { $0.hasAggregate }
        if isGrouped { try rewrite() }
    }

    /// The items with `*` written out.
    private static func spread(
        _ items: [SelectItem], over columns: [String]
    ) throws(QueryError) -> [SelectItem] {
        var spread: [SelectItem] = []
        for item in items {
            if case .star = item.node {
                spread += columns.map { SelectItem(node: .name($0), alias: nil) }
            } else {
                spread.append(item)
            }
        }
        guard spread.count <= QueryParser.maxColumns else {
            throw .invalid("the query has \(spread.count) columns, limit is \(QueryParser.maxColumns)")
        }
        return spread
    }

    private static func flattened(_ nodes: [SyntaxNode]) -> [SyntaxNode] {
        nodes.flatMap { node in
            if case .list(let elements) = node { elements } else { [node] }
        }
    }

    /// The item that a bare number in GROUP BY or ORDER BY means; nil for anything else.
    private func position(_ node: SyntaxNode, _ clause: String) throws(QueryError) -> QueryExpression? {
        guard case .literal(.integer(let number)) = node else { return nil }
        guard number >= 1, number <= items.count else {
            throw .invalid("\(clause) \(number): there is no such column")
        }
        return items[Int(number) - 1]
    }

    // MARK: Groups

    private mutating func rewrite() throws(QueryError) {
        for index in items.indices { items[index] = try perGroup(items[index]) }
        if let expression = having { having = try perGroup(expression) }
        for index in order.indices { order[index].expression = try perGroup(order[index].expression) }
    }

    private mutating func perGroup(_ expression: QueryExpression) throws(QueryError) -> QueryExpression {
        if let key = keys.firstIndex(of: expression) { return .key(key) }
        switch expression {
        case .constant, .key, .result: return expression
        case .column, .variable:
            throw .invalid("a column that is neither grouped by nor in an aggregate has no value per group")
        case .aggregate(let call):
            if let found = aggregates.firstIndex(of: call) { return .result(found) }
            aggregates.append(call)
            return .result(aggregates.count - 1)
        case .call(let function, let arguments): return .call(function, try perGroup(arguments))
        case .all(let operands): return .all(try perGroup(operands))
        case .any(let operands): return .any(try perGroup(operands))
        case .choice(let conditions, let values, let otherwise):
            return .choice(
                conditions: try perGroup(conditions), values: try perGroup(values),
                otherwise: try perGroup(otherwise))
        case .member(let value, let set): return .member(try perGroup(value), set)
        case .filter(let variable, let predicate, let array):
            guard !predicate.contains({ if case .column = $0 { true } else { false } }),
                !predicate.hasAggregate
            else { throw .invalid("the lambda of arrayFilter about groups may use its parameter only") }
            return .filter(variable: variable, predicate: predicate, array: try perGroup(array))
        }
    }

    private mutating func perGroup(
        _ expressions: [QueryExpression]
    ) throws(QueryError) -> [QueryExpression] {
        var rewritten: [QueryExpression] = []
        for expression in expressions { rewritten.append(try perGroup(expression)) }
        return rewritten
    }
}
