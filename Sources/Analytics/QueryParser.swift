// From tokens to statements, by recursive descent; this file has the clauses, `ExpressionParser` what stands
// in them. The difficulty is to refuse each wrong query with the right reason: a statement that changes
// something, a table that is none of ours and a plain mistake are three different errors to a client.
//
//     statement  := [WITH name AS ( statement ) {, …}] selection {combination selection}
//     combination := UNION [ALL | DISTINCT] | EXCEPT | INTERSECT
//     selection  := SELECT [DISTINCT] item {, item} FROM source [WHERE e] [GROUP BY e {, e}] [HAVING e]
//                   [ORDER BY e [ASC | DESC] {, …}] [LIMIT n [, n]] [OFFSET n]
//     source     := table [[AS] name] | ( statement ) [[AS] name]

struct QueryParser {
    static let maxNodes = 2_000
    static let maxColumns = 64
    /// Parentheses, calls and subqueries inside each other.
    private static let maxDepth = 64
    private static let otherStatements: Set<String> = [
        "insert", "update", "delete", "drop", "create", "alter", "truncate", "rename", "exchange", "grant",
        "revoke", "show", "describe", "desc", "explain", "use", "set", "system", "kill", "optimize", "attach",
        "detach", "exists", "check", "backup", "restore", "begin", "commit", "rollback", "undrop", "watch",
    ]
    /// Words that end an item and so are no alias without AS.
    private static let clauseWords: Set<String> = [
        "from", "where", "group", "having", "order", "limit", "offset", "union", "except", "intersect", "as",
        "settings", "format", "into", "prewhere", "join", "inner", "left", "right", "full", "cross", "array",
        "final", "sample", "on", "using", "window", "qualify", "with", "global", "any", "all", "asof", "semi",
        "anti", "fetch",
    ]

    private let tokens: [QueryToken]
    private var position = 0
    private var nodeCount = 0
    private var depth = 0
    private var knownTables: [Set<String>] = [Set(QueryTable.allCases.map(\.rawValue))]

    /// Reads exactly one statement.
    static func parse(_ text: String) throws(QueryError) -> Statement {
        var parser = QueryParser(tokens: try QueryLexer.tokens(text))
        if case .word(let word, false) = parser.kind, otherStatements.contains(word.lowercased()) {
            throw QueryError(.invalidQueryType, "only SELECT is answered, found \(word.uppercased())")
        }
        let statement = try parser.statement()
        if parser.accept(mark: ";"), parser.kind != .end {
            throw .invalid("expected one statement, found several")
        }
        guard parser.kind == .end else { throw parser.unexpected("the end of the query") }
        return statement
    }

    private init(tokens: [QueryToken]) { self.tokens = tokens }

    // MARK: Tokens

    var kind: QueryToken.Kind { tokens[position].kind }

    mutating func advance() { if position < tokens.count - 1 { position += 1 } }

    func isWord(_ word: String, ahead: Int = 0) -> Bool {
        guard position + ahead < tokens.count, case .word(let found, false) = tokens[position + ahead].kind
        else { return false }
        return found.lowercased() == word
    }

    func isMark(_ mark: String, ahead: Int = 0) -> Bool {
        position + ahead < tokens.count && tokens[position + ahead].kind == .mark(mark)
    }

    mutating func accept(word: String) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    mutating func accept(mark: String) -> Bool {
        guard isMark(mark) else { return false }
        advance()
        return true
    }

    mutating func expect(word: String) throws(QueryError) {
        guard accept(word: word) else { throw unexpected(word.uppercased()) }
    }

    mutating func expect(mark: String) throws(QueryError) {
        guard accept(mark: mark) else { throw unexpected("'\(mark)'") }
    }

    func unexpected(_ expected: String) -> QueryError {
        let found =
            switch kind {
            case .word(let word, _): "'\(word)'"
            case .integer(let value): "\(value)"
            case .real(let value): "\(value)"
            case .text: "a string"
            case .mark(let mark): "'\(mark)'"
            case .end: "the end"
            }
        return .invalid("expected \(expected), found \(found) at byte \(tokens[position].offset)")
    }

    /// Counts a node of the syntax tree.
    mutating func count<Node>(_ node: Node) throws(QueryError) -> Node {
        nodeCount += 1
        guard nodeCount <= Self.maxNodes else {
            throw .invalid("the query has more than \(Self.maxNodes) parts")
        }
        return node
    }

    /// Runs `body` one level deeper.
    mutating func nested<Node>(
        _ body: (inout QueryParser) throws(QueryError) -> Node
    ) throws(QueryError) -> Node {
        guard depth < Self.maxDepth else {
            throw .invalid("the query is nested more than \(Self.maxDepth) deep")
        }
        depth += 1
        let node = try body(&self)
        depth -= 1
        return node
    }

    // MARK: Statements

    mutating func statement() throws(QueryError) -> Statement {
        var named: [(name: String, statement: Statement)] = []
        knownTables.append([])
        defer { knownTables.removeLast() }
        if accept(word: "with") {
            repeat {
                let name = try self.name("a name")
                try expect(word: "as")
                try expect(mark: "(")
                let inner = try nested { (parser) throws(QueryError) in try parser.statement() }
                try expect(mark: ")")
                named.append((name, inner))
                knownTables[knownTables.count - 1].insert(name)
            } while accept(mark: ",")
        }
        var statement = Statement(named: named, first: try operand())
        while true {
            if accept(word: "union") {
                let isAll = accept(word: "all")
                if !isAll { _ = accept(word: "distinct") }
                statement.others.append((isAll ? .unionAll : .unionDistinct, try operand()))
            } else if accept(word: "except") {
                statement.others.append((.except, try operand()))
            } else if accept(word: "intersect") {
                statement.others.append((.intersect, try operand()))
            } else {
                return statement
            }
        }
    }

    /// A SELECT, or one in parentheses.
    private mutating func operand() throws(QueryError) -> Selection {
        guard isMark("(") else { return try selection() }
        advance()
        let inner = try nested { (parser) throws(QueryError) in try parser.operand() }
        try expect(mark: ")")
        return inner
    }

    private mutating func selection() throws(QueryError) -> Selection {
        guard accept(word: "select") else { throw try count(unexpected("SELECT")) }
        var selection = try count(Selection())
        selection.isDistinct = accept(word: "distinct")
        repeat { selection.items.append(try item()) } while accept(mark: ",")
        guard selection.items.count <= Self.maxColumns else {
            throw .invalid("the query has \(selection.items.count) columns, limit is \(Self.maxColumns)")
        }
        guard accept(word: "from") else { throw unexpected("FROM") }
        selection.source = try source()
        if accept(word: "where") { selection.filter = try expression() }
        if accept(word: "group") {
            try expect(word: "by")
            repeat { selection.groups.append(try expression()) } while accept(mark: ",")
        }
        if accept(word: "having") { selection.having = try expression() }
        if accept(word: "order") {
            try expect(word: "by")
            repeat { selection.order.append(try orderItem()) } while accept(mark: ",")
        }
        if accept(word: "limit") {
            let first = try wholeNumber()
            if accept(mark: ",") {
                selection.offset = first
                selection.limit = try wholeNumber()
            } else {
                selection.limit = first
            }
        }
        if accept(word: "offset") { selection.offset = try wholeNumber() }
        return selection
    }

    private mutating func item() throws(QueryError) -> SelectItem {
        if isMark("*") {
            advance()
            return SelectItem(node: try count(.star), alias: nil)
        }
        let node = try expression()
        if accept(word: "as") { return SelectItem(node: node, alias: try name("an alias")) }
        if case .word(let word, let isQuoted) = kind,
            isQuoted || !Self.clauseWords.contains(word.lowercased())
        {
            advance()
            return SelectItem(node: node, alias: word)
        }
        return SelectItem(node: node, alias: nil)
    }

    private mutating func orderItem() throws(QueryError) -> OrderItem {
        let node = try expression()
        let isDescending = accept(word: "desc") || accept(word: "descending")
        if !isDescending { _ = accept(word: "asc") || accept(word: "ascending") }
        // NULL comes last either way, as in ClickHouse unless told otherwise.
        if accept(word: "nulls") { try expect(word: "last") }
        return OrderItem(node: node, isDescending: isDescending)
    }

    private mutating func wholeNumber() throws(QueryError) -> Int {
        guard case .integer(let value) = kind, let number = Int(exactly: value) else {
            throw unexpected("a whole number")
        }
        advance()
        return number
    }

    private mutating func source() throws(QueryError) -> RowSource {
        let source: RowSource
        if accept(mark: "(") {
            source = .subquery(try nested { (parser) throws(QueryError) in try parser.statement() })
            try expect(mark: ")")
        } else {
            source = .table(try table())
        }
        if accept(word: "as") {
            _ = try name("an alias")
        } else if case .word(let word, let isQuoted) = kind,
            isQuoted || !Self.clauseWords.contains(word.lowercased())
        {
            advance()
        }
        try refuseJoin()
        return source
    }

    private mutating func table() throws(QueryError) -> String {
        var name = try self.name("a table")
        while accept(mark: ".") { name += "." + (try self.name("a table")) }
        guard !isMark("("), knownTables.contains(where: { $0.contains(name) }) else {
            throw QueryError(.invalidTable, "there is no table '\(name)'")
        }
        return name
    }

    /// Only one table is read at a time; but a table that does not exist is worth its own reason.
    private mutating func refuseJoin() throws(QueryError) {
        let words = [
            "join", "inner", "left", "right", "full", "cross", "outer", "any", "all", "asof", "semi", "anti",
            "global",
        ]
        guard isMark(",") || words.contains(where: { isWord($0) }) else { return }
        while kind != .end, isMark(",") || isWord("join") || words.contains(where: { isWord($0) }) {
            advance()
        }
        if case .word = kind { _ = try table() }
        throw .invalid("tables cannot be joined")
    }

    mutating func name(_ what: String) throws(QueryError) -> String {
        guard case .word(let name, let isQuoted) = kind,
            isQuoted || !Self.clauseWords.contains(name.lowercased())
        else { throw unexpected(what) }
        advance()
        return name
    }
}

extension Statement {
    /// Reads exactly one statement.
    init(parsing text: String) throws(QueryError) { self = try QueryParser.parse(text) }
}
