// A `check` expression as it runs: a list of tests, each of which knows the next one for either outcome. As
// with permission queries, deciding is a walk that only visits what matters; it needs no stack.

import Access
public import Bytes

public struct CheckProgram: Sendable {
    /// An operand or a constant, by index.
    @usableFromInline enum Term: Sendable {
        case operand(Int)
        case constant(CheckValue)
        /// A run of `texts`.
        case text(start: Int, count: Int)
    }

    @usableFromInline enum Test: Sendable {
        case compare(Comparison, Term)
        /// Equal to one of these `items`.
        case among(start: Int, count: Int)
        /// An element of this list.
        case element(of: Term)
        case exists
    }

    @usableFromInline struct Step: Sendable {
        @usableFromInline let left: Term
        @usableFromInline let test: Test
        /// The next step's index, or `holds` or `fails`.
        @usableFromInline let ifTrue: Int32
        @usableFromInline let ifFalse: Int32
    }
    @usableFromInline static var holds: Int32 { -1 }
    @usableFromInline static var fails: Int32 { -2 }

    /// In reverse: the last one is where the walk starts.
    @usableFromInline let steps: [Step]
    @usableFromInline let items: [Term]
    @usableFromInline let texts: [UInt8]
    /// What the expression asks about, in the order of the text, no two alike.
    public let operands: [Operand]

    init(steps: [Step], items: [Term], texts: [UInt8], operands: [Operand]) {
        self.steps = steps
        self.items = items
        self.texts = texts
        self.operands = operands
    }

    /// Whether the expression holds. Empties `scratch` and uses it; allocates nothing once it is large enough.
    @inlinable public func evaluate<Source: CheckOperands & ~Copyable>(
        _ source: inout Source, scratch: inout ByteBuffer
    ) -> Bool {
        var next = Int32(truncatingIfNeeded: steps.count &- 1)
        while next >= 0 {
            let step = steps[Int(next)]
            scratch.removeAll()
            let left = load(step.left, &source, &scratch)
            var outcome = false
            switch step.test {
            case .exists:
                outcome = left.isPresent
            case .compare(let comparison, let term):
                let right = load(term, &source, &scratch)
                outcome = Comparing.holds(left, comparison, right, scratch.bytes)
            case .element(let term):
                let list = load(term, &source, &scratch)
                outcome = Comparing.contains(list, left, &scratch)
            case .among(let start, let count):
                var index = start
                while index < start + count, !outcome {
                    let item = load(items[index], &source, &scratch)
                    outcome = Comparing.isAmong(left, item, &scratch)
                    index += 1
                }
            }
            next = outcome ? step.ifTrue : step.ifFalse
        }
        return next == Self.holds
    }

    @inlinable func load<Source: CheckOperands & ~Copyable>(
        _ term: Term, _ source: inout Source, _ scratch: inout ByteBuffer
    ) -> LoadedValue {
        switch term {
        case .operand(let index):
            let operand = operands[index]
            return LoadedValue(source.load(operand, into: &scratch), operand)
        case .constant(let value):
            return LoadedValue(constant: value)
        case .text(let start, let count):
            let value = CheckValue.text(copying: texts.span.extracting(start..<(start + count)), to: &scratch)
            return LoadedValue(constant: value)
        }
    }

    /// Every operand with its value as text, for people. Allocates.
    public func operandValues<Source: CheckOperands & ~Copyable>(
        _ source: inout Source, scratch: inout ByteBuffer
    ) -> [(operand: String, value: String)] {
        var values: [(operand: String, value: String)] = []
        for operand in operands {
            scratch.removeAll()
            let value = source.load(operand, into: &scratch)
            values.append((operand.text, value.text(scratch.bytes)))
        }
        return values
    }
}

/// A value, and what its origin says about comparing it.
@usableFromInline struct LoadedValue {
    @usableFromInline let value: CheckValue
    let isRequestText: Bool
    let isNow: Bool

    @usableFromInline init(_ value: CheckValue, _ operand: Operand) {
        self.value = value
        isRequestText = operand.isRequestText
        isNow = operand.kind == .now
    }

    @usableFromInline init(constant: CheckValue) {
        value = constant
        isRequestText = false
        isNow = false
    }

    @usableFromInline var isPresent: Bool {
        if case .missing = value { return false }
        return true
    }
}

extension CheckValue {
    /// The value as an explanation shows it.
    func text(_ bytes: Span<UInt8>) -> String {
        switch self {
        case .missing: return "missing"
        case .ambiguous: return "ambiguous"
        case .bool(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .decimal(let number): return String(number)
        case .text(let range): return "\"\(String(forDisplay: bytes.extracting(range)))\""
        case .json(let range): return String(forDisplay: bytes.extracting(range))
        case .address(let address): return address.description
        case .network(let network): return network.description
        case .names(let range):
            var names: [String] = []
            var list = NameList(range)
            while let name = list.next(bytes) {
                names.append("\"\(String(forDisplay: bytes.extracting(name)))\"")
            }
            return "(\(names.joined(separator: ", ")))"
        }
    }
}

/// Walks the elements of a `.names` value.
struct NameList {
    private var offset: Int
    private let end: Int

    init(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    mutating func next(_ bytes: Span<UInt8>) -> Range<Int>? {
        guard end - offset >= 4 else { return nil }
        var length = 0
        for index in 0..<4 { length |= Int(bytes[offset + index]) << (8 * index) }
        let start = offset + 4
        precondition(length <= end - start, "a list of names ends inside of a name")
        offset = start + length
        return start..<offset
    }
}
