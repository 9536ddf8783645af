// Why a query is not answered. The kinds are those that the management API tells apart.

/// A query that was refused or given up.
public struct QueryError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Equatable, Sendable, CaseIterable {
        /// Not one well-formed statement, or one that makes no sense: unknown columns, mixed types.
        case invalidQuery
        /// A statement of another kind than SELECT.
        case invalidQueryType
        /// A table that does not exist here.
        case invalidTable
        /// A function that does not exist here.
        case invalidFunction
        /// A bound on time before everything that is kept.
        case rangeExceedsRetention
        case executionTimeout
        case memoryLimitExceeded
        case rowsLimitExceeded
    }

    public let kind: Kind
    /// One sentence for people.
    public let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static func invalid(_ description: String) -> QueryError { QueryError(.invalidQuery, description) }
}
