// Expressions of a query, loosest first:
//
//     e := and {OR and};  and := not {AND not};  not := NOT not | comparison
//     comparison := sum {op sum | [NOT] (IN … | LIKE sum | ILIKE sum | BETWEEN sum AND sum)
//                   | IS [NOT] NULL}
//     sum := product {(+ | - | '||') product};  product := unary {(* | / | %) unary}
//     unary := - unary | primary
//     primary := literal | name | f(…) | f(…)(…) | (e {, e}) | [e {, e}] | CASE … END
//                | INTERVAL e unit | (statement)

extension QueryParser {
    mutating func expression() throws(QueryError) -> SyntaxNode {
        try nested { (parser) throws(QueryError) in try parser.disjunction() }
    }

    private mutating func disjunction() throws(QueryError) -> SyntaxNode {
        var operands = [try conjunction()]
        while accept(word: "or") { operands.append(try conjunction()) }
        return operands.count == 1 ? operands[0] : try count(.any(operands))
    }

    private mutating func conjunction() throws(QueryError) -> SyntaxNode {
        var operands = [try negation()]
        while accept(word: "and") { operands.append(try negation()) }
        return operands.count == 1 ? operands[0] : try count(.all(operands))
    }

    private mutating func negation() throws(QueryError) -> SyntaxNode {
        guard accept(word: "not") else { return try comparison() }
        let operand = try nested { (parser) throws(QueryError) in try parser.negation() }
        return try count(.operation(.not, [operand]))
    }

    private static let comparisons: [String: ScalarFunction] = [
        "=": .equals, "==": .equals, "!=": .notEquals, "<>": .notEquals, "<": .less, "<=": .lessOrEquals,
        ">": .greater, ">=": .greaterOrEquals,
    ]

    private mutating func comparison() throws(QueryError) -> SyntaxNode {
        var left = try sum()
        while true {
            if case .mark(let mark) = kind, let function = Self.comparisons[mark] {
                advance()
                left = try count(.operation(function, [left, try sum()]))
            } else if isWord("is") {
                advance()
                let isNegated = accept(word: "not")
                try expect(word: "null")
                left = try count(.operation(isNegated ? .isNotNull : .isNull, [left]))
            } else if let next = try keywordComparison(left) {
                left = next
            } else {
                return left
            }
        }
    }

    /// IN, LIKE, ILIKE and BETWEEN, each possibly behind NOT; nil if none follows.
    private mutating func keywordComparison(_ left: SyntaxNode) throws(QueryError) -> SyntaxNode? {
        let isNegated = isWord("not")
        let ahead = isNegated ? 1 : 0
        let node: SyntaxNode
        if isWord("in", ahead: ahead) {
            skip(ahead + 1)
            node = try membership(left)
        } else if isWord("like", ahead: ahead) {
            skip(ahead + 1)
            return try count(.operation(isNegated ? .notLike : .like, [left, try sum()]))
        } else if isWord("ilike", ahead: ahead) {
            skip(ahead + 1)
            return try count(.operation(isNegated ? .notILike : .ilike, [left, try sum()]))
        } else if isWord("between", ahead: ahead) {
            skip(ahead + 1)
            let low = try sum()
            try expect(word: "and")
            let high = try sum()
            node = .all([
                try count(.operation(.greaterOrEquals, [left, low])),
                try count(.operation(.lessOrEquals, [left, high])),
            ])
        } else {
            return nil
        }
        return isNegated ? try count(.operation(.not, [node])) : node
    }

    private mutating func skip(_ tokens: Int) { for _ in 0..<tokens { advance() } }

    private mutating func membership(_ left: SyntaxNode) throws(QueryError) -> SyntaxNode {
        let isTuple = isMark("(")
        guard isTuple || isMark("[") else { throw unexpected("'('") }
        if isTuple, isWord("select", ahead: 1) || isWord("with", ahead: 1) {
            advance()
            let inner = try nested { (parser) throws(QueryError) in try parser.statement() }
            try expect(mark: ")")
            return try count(.memberOf(left, inner))
        }
        advance()
        let elements = try list(until: isTuple ? ")" : "]")
        return try count(.member(left, elements))
    }

    private mutating func sum() throws(QueryError) -> SyntaxNode {
        var left = try product()
        while true {
            if accept(mark: "+") {
                left = try count(.operation(.plus, [left, try product()]))
            } else if accept(mark: "-") {
                left = try count(.operation(.minus, [left, try product()]))
            } else if accept(mark: "||") {
                left = try count(.operation(.concat, [left, try product()]))
            } else {
                return left
            }
        }
    }

    private mutating func product() throws(QueryError) -> SyntaxNode {
        var left = try unary()
        while true {
            if accept(mark: "*") {
                left = try count(.operation(.multiply, [left, try unary()]))
            } else if accept(mark: "/") {
                left = try count(.operation(.divide, [left, try unary()]))
            } else if accept(mark: "%") {
                left = try count(.operation(.modulo, [left, try unary()]))
            } else {
                return left
            }
        }
    }

    private mutating func unary() throws(QueryError) -> SyntaxNode {
        guard accept(mark: "-") else { return try primary() }
        let operand = try nested { (parser) throws(QueryError) in try parser.unary() }
        return try count(.operation(.negate, [operand]))
    }

    private mutating func primary() throws(QueryError) -> SyntaxNode {
        switch kind {
        case .integer(let value):
            advance()
            return try count(.literal(.integer(value)))
        case .real(let value):
            advance()
            return try count(.literal(.real(value)))
        case .text(let bytes):
            advance()
            return try count(.literal(.text(bytes)))
        case .mark("("):
            return try parenthesis()
        case .mark("["):
            advance()
            return try count(.list(try list(until: "]")))
        case .word(let word, let isQuoted):
            return try self.word(word, isQuoted: isQuoted)
        case .mark, .end:
            throw unexpected("an expression")
        }
    }

    private mutating func parenthesis() throws(QueryError) -> SyntaxNode {
        advance()
        if isWord("select") || isWord("with") {
            let inner = try nested { (parser) throws(QueryError) in try parser.statement() }
            try expect(mark: ")")
            return try count(.subquery(inner))
        }
        let elements = try list(until: ")")
        guard let first = elements.first else { throw unexpected("an expression") }
        return elements.count == 1 ? first : try count(.list(elements))
    }

    /// Expressions up to a closing mark, which is taken too.
    private mutating func list(until end: String) throws(QueryError) -> [SyntaxNode] {
        var elements: [SyntaxNode] = []
        if accept(mark: end) { return elements }
        repeat { elements.append(try expression()) } while accept(mark: ",")
        try expect(mark: end)
        return elements
    }

    private mutating func word(_ word: String, isQuoted: Bool) throws(QueryError) -> SyntaxNode {
        if !isQuoted {
            switch word.lowercased() {
            case "null":
                advance()
                return try count(.literal(.null))
            case "true", "false":
                advance()
                return try count(.literal(.bool(word.lowercased() == "true")))
            case "case":
                advance()
                return try choice()
            case "interval" where !isMark("(", ahead: 1):
                advance()
                return try interval()
            default:
                break
            }
        }
        let isCall = !isQuoted && isMark("(", ahead: 1)
        // A word that begins a clause is no name; as a function (`any(x)`) it cannot be mistaken.
        let name: String
        if isCall {
            advance()
            name = word
        } else {
            name = try self.name("an expression")
        }
        if isCall { return try call(name) }
        if accept(mark: "->") {
            let body = try expression()
            return try count(.lambda(name, body))
        }
        // A table's name in front of a column's adds nothing: there is one table.
        if accept(mark: ".") {
            if accept(mark: "*") { return try count(.star) }
            return try count(.name(try self.name("a column")))
        }
        return try count(.name(name))
    }

    private mutating func call(_ name: String) throws(QueryError) -> SyntaxNode {
        try expect(mark: "(")
        let isDistinct = accept(word: "distinct")
        if isMark("*"), isMark(")", ahead: 1) {
            advance()
            advance()
            return try count(.call(name, [.star], distinct: isDistinct))
        }
        let first = try list(until: ")")
        guard isMark("("), !isDistinct else {
            return try count(.call(name, first, distinct: isDistinct))
        }
        advance()
        return try count(.call(name, parameters: first, try list(until: ")")))
    }

    /// Behind CASE: with a value to compare, or with conditions.
    private mutating func choice() throws(QueryError) -> SyntaxNode {
        let subject = isWord("when") ? nil : try expression()
        var branches: [(condition: SyntaxNode, value: SyntaxNode)] = []
        while accept(word: "when") {
            let test = try expression()
            try expect(word: "then")
            let value = try expression()
            branches.append((subject.map { .operation(.equals, [$0, test]) } ?? test, value))
        }
        guard !branches.isEmpty else { throw unexpected("WHEN") }
        let otherwise: SyntaxNode = accept(word: "else") ? try expression() : .literal(.null)
        try expect(word: "end")
        return try count(.choice(branches, otherwise: otherwise))
    }

    /// Behind INTERVAL: `7 DAY`, `'7' DAY` or `'7 day'`.
    private mutating func interval() throws(QueryError) -> SyntaxNode {
        if case .text(let bytes) = kind {
            let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            guard let first = words.first, let number = Int64(first), words.count <= 2 else {
                throw unexpected("an interval")
            }
            advance()
            if words.count == 2 {
                guard let unit = TimeUnit(named: String(words[1])) else { throw unexpected("a unit of time") }
                return try count(.interval(.literal(.integer(number)), unit))
            }
            return try count(.interval(.literal(.integer(number)), try unit()))
        }
        let amount = try unary()
        return try count(.interval(amount, try unit()))
    }

    private mutating func unit() throws(QueryError) -> TimeUnit {
        guard case .word(let word, false) = kind, let unit = TimeUnit(named: word) else {
            throw unexpected("a unit of time")
        }
        advance()
        return unit
    }
}
