// Answering a statement: rows are read from segments or from the result of an inner query, multiplied by an
// array where one is joined, kept or left out, and then shown one by one or summed up in groups. Nothing is
// trusted to be small: time, memory and rows are counted while it runs.

final class QueryRun {
    /// Rows of an answer; a higher LIMIT is as good as this one.
    static let maxAnswerRows = 10_000
    static let maxAnswerBytes = 4 << 20
    private static let maxMemoryBytes = 128 << 20
    private static let maxInnerRows = 1_000_000
    static let maxDuration = Duration.seconds(5)

    struct Relation {
        var columns: [String]
        var rows: [[QueryValue]]
    }

    private let tables: QueryTables
    private let scope: QueryScope
    private let duration: Duration
    private let deadline: ContinuousClock.Instant
    private var named: [[String: Relation]] = []
    private var memoryBytes = 0
    private var stepCount = 0

    init(_ tables: QueryTables, _ scope: QueryScope, within duration: Duration) {
        self.tables = tables
        self.scope = scope
        self.duration = duration
        deadline = ContinuousClock.now + duration
    }

    func answer(_ statement: Statement) throws(QueryError) -> QueryAnswer {
        let cap = statement.others.isEmpty ? Self.maxAnswerRows : Self.maxInnerRows
        let relation = try run(statement, maxRows: cap)
        let rows = Array(relation.rows.prefix(Self.maxAnswerRows))
        var bytes = 0
        for row in rows {
            for (index, value) in row.enumerated() {
                bytes += relation.columns[index].utf8.count + value.weight
            }
        }
        guard bytes <= Self.maxAnswerBytes else {
            throw QueryError(.rowsLimitExceeded, "the answer is larger than \(Self.maxAnswerBytes) bytes")
        }
        return QueryAnswer(columns: relation.columns, rows: rows)
    }

    // MARK: Statements

    private func run(_ statement: Statement, maxRows: Int) throws(QueryError) -> Relation {
        named.append([:])
        defer { named.removeLast() }
        for (name, inner) in statement.named {
            named[named.count - 1][name] = try run(inner, maxRows: Self.maxInnerRows)
        }
        var result = try run(statement.first, maxRows: maxRows)
        for (combination, selection) in statement.others {
            let other = try run(selection, maxRows: Self.maxInnerRows)
            guard other.columns.count == result.columns.count else {
                throw .invalid("the combined SELECTs have different numbers of columns")
            }
            combine(&result.rows, other.rows, combination)
        }
        return result
    }

    private func combine(
        _ rows: inout [[QueryValue]], _ other: [[QueryValue]], _ combination: Statement.Combination
    ) {
        switch combination {
        case .unionAll: rows += other
        case .unionDistinct:
            var seen: Set<[QueryValue]> = []
            rows = (rows + other).filter { seen.insert($0).inserted }
        case .except:
            let removed = Set(other)
            rows.removeAll { removed.contains($0) }
        case .intersect:
            let kept = Set(other)
            rows.removeAll { !kept.contains($0) }
        }
    }

    // MARK: Rows

    private enum Source {
        case table(QueryTable)
        case relation(Relation)
    }

    private func open(_ source: RowSource) throws(QueryError) -> Source {
        switch source {
        case .subquery(let statement): return .relation(try run(statement, maxRows: Self.maxInnerRows))
        case .table(let name):
            for level in named.reversed() { if let relation = level[name] { return .relation(relation) } }
            guard let table = QueryTable(rawValue: name) else {
                throw QueryError(.invalidTable, "there is no table '\(name)'")
            }
            return .table(table)
        }
    }

    private func run(_ selection: Selection, maxRows: Int) throws(QueryError) -> Relation {
        let source = try open(selection.source)
        let shown: [String]
        let columns: [String?]
        switch source {
        case .relation(let relation):
            shown = relation.columns
            columns = relation.columns
        case .table(let table):
            shown = table.columns.map(\.rawValue)
            columns = TableColumn.allCases.map { table.columns.contains($0) ? $0.rawValue : nil }
        }
        let plan = try QueryPlan(
            selection, sourceColumns: columns, shown: shown, nowMillis: scope.nowMillis,
            inner: { [self] (statement) throws(QueryError) in
                try run(statement, maxRows: Self.maxInnerRows).rows
            })
        if case .table = source, let filter = plan.filter {
            try QueryBounds.checkRetention(filter, oldestMillis: scope.oldestMillis)
        }
        let limit = min(selection.limit ?? maxRows, maxRows)
        var output = QueryOutput(
            order: plan.order.map(\.isDescending), isDistinct: selection.isDistinct, limit: limit,
            offset: selection.offset)
        if plan.isGrouped {
            try group(source, plan, into: &output)
        } else {
            try forEachRow(of: source, plan) { (context) throws(QueryError) in
                try self.show(plan, &context, into: &output)
            }
        }
        return Relation(columns: plan.columns, rows: output.finished())
    }

    /// Evaluates what is shown of a row or a group. False if no more rows are needed.
    private func show(
        _ plan: QueryPlan, _ context: inout EvaluationContext, into output: inout QueryOutput
    ) throws(QueryError) -> Bool {
        if let having = plan.having, try !having.evaluate(&context).isTrue { return true }
        var keys: [QueryValue] = []
        for (expression, _) in plan.order { keys.append(try expression.evaluate(&context)) }
        guard output.wants(keys) else { return true }
        var row: [QueryValue] = []
        for item in plan.items { row.append(try item.evaluate(&context)) }
        let kept = output.add(row, keys)
        memoryBytes += kept
        try checkMemory()
        return !output.isComplete
    }

    /// Calls `body` with every row that the filter lets pass, until it returns false.
    private func forEachRow(
        of source: Source, _ plan: QueryPlan,
        _ body: (inout EvaluationContext) throws(QueryError) -> Bool
    ) throws(QueryError) {
        let variables = [QueryValue](repeating: .null, count: plan.variableCount)
        switch source {
        case .relation(let relation):
            for values in relation.rows {
                var context = EvaluationContext(row: QueryRow(source: .values(values), variables: variables))
                if try !visit(&context, plan, body) { return }
            }
        case .table(let table):
            let bounds = QueryBounds(plan.filter, table, scope)
            let segments = tables.segments(of: table)
            for position in segments.indices {
                let segment = segments[plan.readsNewestFirst ? segments.count - 1 - position : position]
                guard let wanted = bounds.symbols(in: segment) else { continue }
                var context = EvaluationContext(
                    row: QueryRow(
                        source: .table(table, segment, workspaceID: scope.workspaceID), variables: variables))
                for step in 0..<segment.count {
                    let index = plan.readsNewestFirst ? segment.count - 1 - step : step
                    try countStep()
                    guard segment.times[index] >= scope.oldestMillis || table != .events,
                        wanted.allSatisfy({ $0.symbols.contains(segment.dimensions[index][$0.dimension]) })
                    else { continue }
                    context.row.index = index
                    if try !visit(&context, plan, body) { return }
                }
            }
        }
    }

    private func visit(
        _ context: inout EvaluationContext, _ plan: QueryPlan,
        _ body: (inout EvaluationContext) throws(QueryError) -> Bool
    ) throws(QueryError) -> Bool {
        guard let joined = plan.joinedArray else {
            try countStep()
            if let filter = plan.filter, try !filter.evaluate(&context).isTrue { return true }
            return try body(&context)
        }
        guard case .array(let elements) = try joined.evaluate(&context) else {
            throw .invalid("arrayJoin expects an array")
        }
        for element in elements {
            try countStep()
            context.row.variables[0] = element
            if let filter = plan.filter, try !filter.evaluate(&context).isTrue { continue }
            if try !body(&context) { return false }
        }
        return true
    }

    // MARK: Groups

    private func group(
        _ source: Source, _ plan: QueryPlan, into output: inout QueryOutput
    ) throws(QueryError) {
        var positions: [[QueryValue]: Int] = [:]
        var states: [[AggregateState]] = []
        var keys: [[QueryValue]] = []
        func begin(_ key: [QueryValue]) -> Int {
            positions[key] = states.count
            keys.append(key)
            states.append(plan.aggregates.map { AggregateState($0) })
            memoryBytes += 200 + key.reduce(0) { $0 + $1.weight } + 150 * plan.aggregates.count
            return states.count - 1
        }
        // Without GROUP BY there is one group, even of no rows.
        if plan.keys.isEmpty { _ = begin([]) }
        try forEachRow(of: source, plan) { (context) throws(QueryError) in
            var key: [QueryValue] = []
            for expression in plan.keys { key.append(try expression.evaluate(&context)) }
            let position = positions[key] ?? begin(key)
            for (index, call) in plan.aggregates.enumerated() {
                if let condition = call.condition, try !condition.evaluate(&context).isTrue { continue }
                var arguments: [QueryValue] = []
                for argument in call.arguments { arguments.append(try argument.evaluate(&context)) }
                memoryBytes += try states[position][index].add(arguments)
            }
            try checkMemory()
            return true
        }
        let variables = [QueryValue](repeating: .null, count: plan.variableCount)
        for (position, key) in keys.enumerated() {
            try countStep()
            var context = EvaluationContext(
                row: QueryRow(source: .values([]), variables: variables), keys: key,
                results: states[position].map(\.result))
            guard try show(plan, &context, into: &output) else { return }
        }
    }

    // MARK: Limits

    private func countStep() throws(QueryError) {
        stepCount &+= 1
        guard stepCount & 255 == 0, ContinuousClock.now > deadline else { return }
        throw QueryError(.executionTimeout, "the query takes longer than \(duration)")
    }

    private func checkMemory() throws(QueryError) {
        guard memoryBytes > Self.maxMemoryBytes else { return }
        throw QueryError(.memoryLimitExceeded, "the query needs more than \(Self.maxMemoryBytes) bytes")
    }
}
