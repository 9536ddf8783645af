// What a route or a verification asks of a key: permissions joined by AND, OR and parentheses.
//
// A query is asked on every request, so it is not kept as a tree. Each permission becomes one step that
// knows where to go when it is held and where when it is not; asking is a walk that visits only what
// decides the answer, needs no stack and allocates nothing, however deep the parentheses were.

import Bytes

/// A compiled permission query. One implementation serves `require` in routes and the query of
/// `keys.verifyKey`.
public struct PermissionQuery: Sendable, CustomStringConvertible {
    /// The longest query in bytes.
    public static let maxBytes = 1000

    @usableFromInline struct Step: Sendable {
        @usableFromInline let name: PermissionName
        /// The next step's index, or `accepted` or `rejected`.
        @usableFromInline let ifHeld: Int32
        @usableFromInline let ifNotHeld: Int32
    }
    @usableFromInline static var accepted: Int32 { -1 }
    @usableFromInline static var rejected: Int32 { -2 }

    /// In reverse: a step is written after those it leads to, so the last one is where the walk starts.
    @usableFromInline let steps: [Step]

    /// The query in one canonical spelling: upper-case operators, single spaces, no needless parentheses.
    public let description: String

    /// Understands `query`, or says where it stopped making sense.
    public init(parsing query: Span<UInt8>) throws(PermissionQueryError) {
        guard query.count <= Self.maxBytes else {
            throw PermissionQueryError(kind: .tooLong(count: query.count), position: Self.maxBytes)
        }
        var parser = PermissionQueryParser()
        let tree = try parser.parse(query)
        var steps: [Step] = []
        _ = Self.compile(tree, ifTrue: Self.accepted, ifFalse: Self.rejected, into: &steps)
        self.steps = steps
        description = tree.text
    }

    /// The permissions that occur in the query, in the order they are written, repetitions included.
    public var leaves: [PermissionName] { steps.reversed().map(\.name) }

    /// Whether `holder` has what the query asks for. Stops at the first permission that decides it.
    @inlinable public func isSatisfied<Holder: PermissionHolder & ~Copyable>(by holder: borrowing Holder)
        -> Bool
    {
        var next = Int32(truncatingIfNeeded: steps.count &- 1)
        while next >= 0 {
            let index = Int(next)
            next = holder.holds(steps[index].name) ? steps[index].ifHeld : steps[index].ifNotHeld
        }
        return next == Self.accepted
    }

    /// Appends the steps of `tree`, right side first, and returns where its walk starts.
    private static func compile(
        _ tree: PermissionTree, ifTrue: Int32, ifFalse: Int32, into steps: inout [Step]
    ) -> Int32 {
        switch tree {
        case .leaf(let name):
            steps.append(Step(name: name, ifHeld: ifTrue, ifNotHeld: ifFalse))
            return Int32(steps.count - 1)
        case .and(let left, let right):
            let second = compile(right, ifTrue: ifTrue, ifFalse: ifFalse, into: &steps)
            return compile(left, ifTrue: second, ifFalse: ifFalse, into: &steps)
        case .or(let left, let right):
            let second = compile(right, ifTrue: ifTrue, ifFalse: ifFalse, into: &steps)
            return compile(left, ifTrue: ifTrue, ifFalse: second, into: &steps)
        }
    }
}
