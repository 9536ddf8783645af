// What may be compared with what, as far as the text of an expression can tell. A comparison that could never
// hold, or always would, is a mistake in a rule that guards something: it is refused here and not left to be
// discovered by whom it lets in.

import Access
import Bytes

/// Thrown once the message has been reported.
struct ReportedError: Error {}

enum CheckTyping {
    static func compare(
        _ left: CheckTerm, _ comparison: Comparison, _ right: CheckTerm, _ sign: Place, _ findings: Findings
    ) throws(ReportedError) -> CheckTree {
        let operands = [left, right].filter { $0.operand != nil }
        guard !operands.isEmpty else {
            throw fail(
                "expected an operand on one side, both are values" + OperandReader.hint(for: left.word), sign,
                findings)
        }
        for term in operands where isList(term) {
            throw fail("\(term.word.shown) is a list: expected \"has\" or \"in\"", sign, findings)
        }
        let isOrdering =
            switch comparison {
            case .equal, .notEqual: false
            case .less, .lessOrEqual, .greater, .greaterOrEqual: true
            }
        if isOrdering, operands.contains(where: { $0.operand?.kind == .clientAddress }) {
            throw fail(
                "addresses have no order: expected ==, != or in, found \"\(comparison.text)\"", sign, findings
            )
        }
        if isOrdering, [left, right].contains(where: isBoolean) {
            throw fail(
                "true and false have no order: expected == or !=, found \"\(comparison.text)\"", sign,
                findings)
        }
        return .compare(
            try converted(left, beside: right, findings), comparison,
            try converted(right, beside: left, findings))
    }

    static func among(
        _ value: CheckTerm, _ list: [CheckTerm], _ open: Place, _ findings: Findings
    ) throws(ReportedError) -> CheckTree {
        guard value.operand != nil || list.contains(where: { $0.operand != nil }) else {
            throw fail("expected an operand on one side, both are values", open, findings)
        }
        if isList(value) {
            throw fail(
                "\(value.word.shown) is a list: expected \"has\" and one value", value.word.place, findings)
        }
        var items: [CheckTerm] = []
        for item in list { items.append(try converted(item, beside: value, findings)) }
        return .among(value, items)
    }

    static func element(
        _ value: CheckTerm, of list: CheckTerm, _ findings: Findings
    ) throws(ReportedError) -> CheckTree {
        if isList(value) {
            throw fail("\(value.word.shown) is a list: expected one value", value.word.place, findings)
        }
        switch list.operand?.kind {
        case .caller(.keyPermissions), .caller(.keyRoles), .caller(.keyMeta), .caller(.identityMeta):
            return .element(value, of: list)
        case .caller, .path, .query, .header, .method, .clientAddress, .clientSubject, .now, nil:
            throw fail(
                "\(list.word.shown) has no elements: expected key.permissions, key.roles or a list in meta",
                list.word.place, findings)
        }
    }

    /// A literal beside `now` is a time, one beside `client.ip` an address or a network.
    private static func converted(
        _ term: CheckTerm, beside other: CheckTerm, _ findings: Findings
    ) throws(ReportedError) -> CheckTerm {
        switch other.operand?.kind {
        case .now:
            switch term {
            case .operand, .value(.integer, _): return term
            case .text(let word):
                if let milliseconds = Timestamp.milliseconds(parsing: word.text.span) {
                    return .value(.integer(milliseconds), word)
                }
            case .value: break
            }
            throw fail(
                "expected a time such as 2027-01-31, 2027-01-31T12:00:00Z or Unix milliseconds, found \(term.word.shown)",
                term.word.place, findings)
        case .clientAddress:
            if term.operand != nil { return term }
            do {
                return .value(.network(try IPNetwork(parsing: term.word.text.span)), term.word)
            } catch {
                throw fail("\(error), found \(term.word.shown)", term.word.place, findings)
            }
        case .caller, .path, .query, .header, .method, .clientSubject, nil:
            return term
        }
    }

    private static func isList(_ term: CheckTerm) -> Bool {
        term.operand?.kind == .caller(.keyPermissions) || term.operand?.kind == .caller(.keyRoles)
    }

    private static func isBoolean(_ term: CheckTerm) -> Bool {
        if case .value(.bool, _) = term { return true }
        return false
    }

    private static func fail(_ message: String, _ place: Place, _ findings: Findings) -> ReportedError {
        findings.error(message, at: place)
        return ReportedError()
    }
}
