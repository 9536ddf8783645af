// The grammar of `check`:
//
//     check      := or [ STRING ]
//     or         := and { OR and }
//     and        := not { AND not }
//     not        := NOT not | "(" or ")" | test
//     test       := EXISTS operand
//                 | term ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) term
//                 | term IN ( list | operand ) | ( operand | list ) HAS term | operand EXISTS
//     term       := operand | STRING | number | true | false | word
//     list       := "(" term { "," term } ")"
//
// Keywords are recognised in any letter case. A bare word that is no operand is text; one that looks like a
// misspelt operand is refused, because as text it would make every comparison come out the same way.

import Access
import Bytes

struct CheckParser {
    /// Parentheses and NOTs inside of each other, so that no text can exhaust the stack.
    private static let maxDepth = 64
    /// Comparisons in one expression.
    private static let maxTests = 500

    private let tokens: [ExpressionToken]
    private let end: Place
    private let findings: Findings
    private let operandReader: OperandReader
    private var index = 0
    private var testCount = 0

    private init(_ directive: Directive, captures: [[UInt8]], findings: Findings) {
        tokens = directive.expression
        end = directive.end
        self.findings = findings
        operandReader = OperandReader(captures: captures)
    }

    /// The tree and the message of a `check` directive; nil after a report.
    static func parse(
        _ directive: Directive, captures: [[UInt8]], findings: Findings
    ) -> (tree: CheckTree, message: Word?, expression: Place)? {
        var parser = CheckParser(directive, captures: captures, findings: findings)
        do {
            let tree = try parser.parseOr(depth: 0)
            let last = parser.tokens[parser.index - 1].word.place
            var message: Word?
            if let token = parser.peek(), token.kind == .string {
                message = token.word
                parser.index += 1
            }
            if let token = parser.peek() {
                throw parser.fail(
                    message == nil
                        ? "expected AND, OR, a quoted message or the end of the line, found \(token.word.shown)"
                        : "expected the end of the line after the message, found \(token.word.shown)",
                    token.word.place)
            }
            return (tree, message, parser.tokens[0].word.place.through(last))
        } catch {
            return nil
        }
    }

    // MARK: Productions

    private mutating func parseOr(depth: Int) throws(ReportedError) -> CheckTree {
        var left = try parseAnd(depth: depth)
        while takeKeyword("or") { left = .or(left, try parseAnd(depth: depth)) }
        return left
    }

    private mutating func parseAnd(depth: Int) throws(ReportedError) -> CheckTree {
        var left = try parseNot(depth: depth)
        while takeKeyword("and") { left = .and(left, try parseNot(depth: depth)) }
        return left
    }

    private mutating func parseNot(depth: Int) throws(ReportedError) -> CheckTree {
        if depth > Self.maxDepth {
            throw fail("the expression is nested more than \(Self.maxDepth) deep", peek()?.word.place ?? end)
        }
        if takeKeyword("not") { return .not(try parseNot(depth: depth + 1)) }
        if let token = peek(), token.kind == .open, !startsList() {
            index += 1
            let inner = try parseOr(depth: depth + 1)
            guard let close = peek(), close.kind == .close else {
                throw fail("expected \")\" for this \"(\", found \(shown(peek()))", token.word.place)
            }
            index += 1
            return inner
        }
        return try parseTest()
    }

    private mutating func parseTest() throws(ReportedError) -> CheckTree {
        testCount += 1
        if testCount > Self.maxTests {
            throw fail("the expression has more than \(Self.maxTests) comparisons", peek()?.word.place ?? end)
        }
        if takeKeyword("exists") { return .exists(try parseOperand(after: "exists")) }
        if let token = peek(), token.kind == .open {
            let list = try parseList()
            guard takeKeyword("has") else {
                throw fail("expected \"has\" after a list, found \(shown(peek()))", peek()?.word.place ?? end)
            }
            return try CheckTyping.among(try parseTerm(), list, token.word.place, findings)
        }

        let left = try parseTerm()
        if let token = peek(), case .comparison(let comparison) = token.kind {
            index += 1
            let right = try parseTerm()
            return try CheckTyping.compare(left, comparison, right, token.word.place, findings)
        }
        if takeKeyword("exists") {
            guard left.operand != nil else {
                throw fail("expected an operand before \"exists\"", left.word.place)
            }
            return .exists(left)
        }
        if takeKeyword("in") {
            if let token = peek(), token.kind == .open {
                return try CheckTyping.among(left, try parseList(), token.word.place, findings)
            }
            return try CheckTyping.element(left, of: try parseOperand(after: "in"), findings)
        }
        if takeKeyword("has") {
            guard left.operand != nil else {
                throw fail("expected a list before \"has\", found \(left.word.shown)", left.word.place)
            }
            return try CheckTyping.element(try parseTerm(), of: left, findings)
        }
        throw fail(
            "expected one of == != < <= > >= in has exists, found \(shown(peek()))", peek()?.word.place ?? end
        )
    }

    /// list := "(" term { "," term } ")"
    private mutating func parseList() throws(ReportedError) -> [CheckTerm] {
        let open = tokens[index].word.place
        index += 1
        var terms = [try parseTerm()]
        while let token = peek() {
            switch token.kind {
            case .comma:
                index += 1
                terms.append(try parseTerm())
            case .close:
                index += 1
                return terms
            case .word, .string, .open, .comparison:
                throw fail("expected \",\" or \")\" in the list, found \(token.word.shown)", token.word.place)
            }
        }
        throw fail("expected \")\" for this \"(\", found the end of the expression", open)
    }

    private mutating func parseOperand(after keyword: String) throws(ReportedError) -> CheckTerm {
        let term = try parseTerm()
        guard term.operand != nil else {
            let wanted = keyword == "in" ? "a list such as (a, b) or an operand" : "an operand"
            throw fail("expected \(wanted) after \"\(keyword)\", found \(term.word.shown)", term.word.place)
        }
        return term
    }

    private mutating func parseTerm() throws(ReportedError) -> CheckTerm {
        guard let token = peek() else {
            throw fail("expected an operand or a value, found the end of the expression", end)
        }
        switch token.kind {
        case .string:
            index += 1
            return .text(token.word)
        case .word where !isKeyword(token.word):
            index += 1
            do {
                return try operandReader.term(token.word)
            } catch {
                throw fail(error.message, token.word.place(of: error.part))
            }
        case .word, .open, .close, .comma, .comparison:
            throw fail("expected an operand or a value, found \(token.word.shown)", token.word.place)
        }
    }

    // MARK: Tokens

    private func peek() -> ExpressionToken? { index < tokens.count ? tokens[index] : nil }

    private mutating func takeKeyword(_ keyword: StaticString) -> Bool {
        guard let token = peek(), token.kind == .word, ASCII.equalsIgnoringCase(token.word.text.span, keyword)
        else {
            return false
        }
        index += 1
        return true
    }

    private func isKeyword(_ word: Word) -> Bool {
        let keywords: [StaticString] = ["and", "or", "not", "in", "has", "exists"]
        return keywords.contains { ASCII.equalsIgnoringCase(word.text.span, $0) }
    }

    /// Whether the parenthesis here opens a list: a term and then a comma, or a lone term before `has`.
    private func startsList() -> Bool {
        guard index + 2 < tokens.count else { return false }
        let first = tokens[index + 1].kind
        guard first == .word || first == .string else { return false }
        if tokens[index + 2].kind == .comma { return true }
        guard tokens[index + 2].kind == .close, index + 3 < tokens.count else { return false }
        let next = tokens[index + 3]
        return next.kind == .word && ASCII.equalsIgnoringCase(next.word.text.span, "has")
    }

    private func shown(_ token: ExpressionToken?) -> String {
        token?.word.shown ?? "the end of the expression"
    }

    private func fail(_ message: String, _ place: Place) -> ReportedError {
        findings.error(message, at: place)
        return ReportedError()
    }
}
