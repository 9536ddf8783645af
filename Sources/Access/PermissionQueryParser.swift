// The grammar of permission queries:
//
//     expr    := andExpr { OR andExpr }
//     andExpr := primary { AND primary }
//     primary := PERMISSION | "(" expr ")"
//
// AND binds tighter than OR, both to the left. Keywords are whole words in any letter case, so `ANDROID` and
// `or.read` are permissions. The length bound of a query bounds the depth of the recursion: 500 parentheses.

import Bytes

indirect enum PermissionTree {
    case leaf(PermissionName)
    case and(PermissionTree, PermissionTree)
    case or(PermissionTree, PermissionTree)

    /// The canonical spelling: parentheses only where AND stands above OR, or to keep a right-hand grouping.
    var text: String {
        switch self {
        case .leaf(let name): name.description
        case .and(let left, let right): "\(left.operand(of: .and)) AND \(right.rightOperand(of: .and))"
        case .or(let left, let right): "\(left.text) OR \(right.rightOperand(of: .or))"
        }
    }

    private enum Operator { case and, or }

    private func operand(of parent: Operator) -> String {
        if case .or = self, parent == .and { return "(\(text))" }
        return text
    }

    /// Both operators are associative, but the printed text should parse into the same tree.
    private func rightOperand(of parent: Operator) -> String {
        switch (self, parent) {
        case (.leaf, _), (.and, .or): text
        case (.and, .and), (.or, .and), (.or, .or): "(\(text))"
        }
    }
}

struct PermissionQueryParser {
    private enum Token: Equatable {
        case name(Range<Int>)
        case and, or, open, close, end
    }

    private var token = Token.end
    private var tokenStart = 0
    private var offset = 0

    mutating func parse(_ query: Span<UInt8>) throws(PermissionQueryError) -> PermissionTree {
        try advance(query)
        if token == .end { throw PermissionQueryError(kind: .empty, position: 0) }
        let tree = try parseExpression(query)
        switch token {
        case .end:
            return tree
        case .close:
            throw PermissionQueryError(kind: .unopenedParenthesis, position: tokenStart)
        case .name, .and, .or, .open:
            throw PermissionQueryError(
                kind: .expectedOperator(found: text(of: token, query)), position: tokenStart)
        }
    }

    /// expr := andExpr { OR andExpr }
    private mutating func parseExpression(_ query: Span<UInt8>) throws(PermissionQueryError) -> PermissionTree
    {
        var left = try parseConjunction(query)
        while token == .or {
            try advance(query)
            left = .or(left, try parseConjunction(query))
        }
        return left
    }

    /// andExpr := primary { AND primary }
    private mutating func parseConjunction(_ query: Span<UInt8>) throws(PermissionQueryError)
        -> PermissionTree
    {
        var left = try parsePrimary(query)
        while token == .and {
            try advance(query)
            left = .and(left, try parsePrimary(query))
        }
        return left
    }

    /// primary := PERMISSION | "(" expr ")"
    private mutating func parsePrimary(_ query: Span<UInt8>) throws(PermissionQueryError) -> PermissionTree {
        switch token {
        case .name(let range):
            try advance(query)
            return .leaf(PermissionName(query.extracting(range)))
        case .open:
            let opened = tokenStart
            try advance(query)
            let inner = try parseExpression(query)
            switch token {
            case .close:
                try advance(query)
                return inner
            case .end:
                throw PermissionQueryError(kind: .unclosedParenthesis, position: opened)
            case .name, .and, .or, .open:
                throw PermissionQueryError(
                    kind: .expectedOperator(found: text(of: token, query)), position: tokenStart)
            }
        case .and, .or, .close:
            throw PermissionQueryError(
                kind: .expectedOperand(found: text(of: token, query)), position: tokenStart)
        case .end:
            throw PermissionQueryError(kind: .expectedOperand(found: nil), position: tokenStart)
        }
    }

    private mutating func advance(_ query: Span<UInt8>) throws(PermissionQueryError) {
        while offset < query.count, isSpace(query[offset]) { offset += 1 }
        tokenStart = offset
        guard offset < query.count else {
            token = .end
            return
        }
        let byte = query[offset]
        if byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") {
            offset += 1
            token = byte == UInt8(ascii: "(") ? .open : .close
            return
        }
        while offset < query.count, PermissionName.isQueryByte(query[offset]) { offset += 1 }
        guard offset > tokenStart else {
            throw PermissionQueryError(kind: .illegalByte(byte), position: tokenStart)
        }
        let word = tokenStart..<offset
        if ASCII.equalsIgnoringCase(query.extracting(word), "and") {
            token = .and
        } else if ASCII.equalsIgnoringCase(query.extracting(word), "or") {
            token = .or
        } else {
            token = .name(word)
        }
    }

    /// White space of the grammar: space, tab, CR, LF.
    private func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }

    private func text(of token: Token, _ query: Span<UInt8>) -> String {
        switch token {
        case .end: ""
        case .name, .and, .or, .open, .close: String(forDisplay: query.extracting(tokenStart..<offset))
        }
    }
}
