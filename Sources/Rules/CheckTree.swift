// A `check` expression as it was written, and its translation into a program.

import Access

/// A literal or an operand.
enum CheckTerm {
    case operand(Operand, Word)
    case text(Word)
    case value(CheckValue, Word)

    var word: Word {
        switch self {
        case .operand(_, let word), .text(let word), .value(_, let word): word
        }
    }

    var operand: Operand? {
        if case .operand(let operand, _) = self { return operand }
        return nil
    }
}

indirect enum CheckTree {
    case compare(CheckTerm, Comparison, CheckTerm)
    case among(CheckTerm, [CheckTerm])
    case element(CheckTerm, of: CheckTerm)
    case exists(CheckTerm)
    case and(CheckTree, CheckTree)
    case or(CheckTree, CheckTree)
    case not(CheckTree)
}

struct CheckCompiler {
    private var steps: [CheckProgram.Step] = []
    private var items: [CheckProgram.Term] = []
    private var texts: [UInt8] = []
    private var operands: [Operand] = []

    static func compile(_ tree: CheckTree) -> CheckProgram {
        var compiler = CheckCompiler()
        compiler.collectOperands(tree)
        _ = compiler.compile(tree, ifTrue: CheckProgram.holds, ifFalse: CheckProgram.fails)
        return CheckProgram(
            steps: compiler.steps, items: compiler.items, texts: compiler.texts, operands: compiler.operands)
    }

    /// Appends the steps of `tree`, right side first, and returns where its walk starts. Negation costs
    /// nothing: it exchanges the two ways out.
    private mutating func compile(_ tree: CheckTree, ifTrue: Int32, ifFalse: Int32) -> Int32 {
        switch tree {
        case .and(let left, let right):
            let second = compile(right, ifTrue: ifTrue, ifFalse: ifFalse)
            return compile(left, ifTrue: second, ifFalse: ifFalse)
        case .or(let left, let right):
            let second = compile(right, ifTrue: ifTrue, ifFalse: ifFalse)
            return compile(left, ifTrue: ifTrue, ifFalse: second)
        case .not(let inner):
            return compile(inner, ifTrue: ifFalse, ifFalse: ifTrue)
        case .compare(let left, let comparison, let right):
            return append(left, .compare(comparison, term(right)), ifTrue, ifFalse)
        case .element(let value, let list):
            return append(value, .element(of: term(list)), ifTrue, ifFalse)
        case .exists(let operand):
            return append(operand, .exists, ifTrue, ifFalse)
        case .among(let value, let list):
            let start = items.count
            for item in list { items.append(term(item)) }
            return append(value, .among(start: start, count: list.count), ifTrue, ifFalse)
        }
    }

    private mutating func append(
        _ left: CheckTerm, _ test: CheckProgram.Test, _ ifTrue: Int32, _ ifFalse: Int32
    ) -> Int32 {
        steps.append(CheckProgram.Step(left: term(left), test: test, ifTrue: ifTrue, ifFalse: ifFalse))
        return Int32(steps.count - 1)
    }

    private mutating func term(_ term: CheckTerm) -> CheckProgram.Term {
        switch term {
        case .operand(let operand, _): return .operand(index(of: operand))
        case .value(let value, _): return .constant(value)
        case .text(let word):
            texts += word.text
            return .text(start: texts.count - word.text.count, count: word.text.count)
        }
    }

    private mutating func index(of operand: Operand) -> Int {
        if let index = operands.firstIndex(where: { $0.text == operand.text }) { return index }
        operands.append(operand)
        return operands.count - 1
    }

    /// Left to right, so that explanations list operands in the order of the text.
    private mutating func collectOperands(_ tree: CheckTree) {
        switch tree {
        case .and(let left, let right), .or(let left, let right):
            collectOperands(left)
            collectOperands(right)
        case .not(let inner):
            collectOperands(inner)
        case .compare(let left, _, let right), .element(let left, let right):
            collectOperands([left, right])
        case .among(let value, let list):
            collectOperands([value] + list)
        case .exists(let term):
            collectOperands([term])
        }
    }

    private mutating func collectOperands(_ terms: [CheckTerm]) {
        for operand in terms.compactMap(\.operand) { _ = index(of: operand) }
    }
}
