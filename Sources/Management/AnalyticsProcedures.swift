// analytics.*: questions about past verifications, in SQL. Which rows exist for a caller is decided here, by
// the permissions of its root key; what a query may say and what it comes to is the business of Analytics.

import Access
import Analytics
import JSON
import Keys

enum AnalyticsProcedures {
    static let table = [
        Procedure(
            "analytics.getVerifications", .object([.required("query", .anyText)], .ignored), run: query)
    ]

    private static func query(_ call: Call, _ store: inout Transaction) throws(ManagementError) -> Outcome {
        let visible = try keySpaces(visibleTo: call, store)
        guard let events = call.services.events else {
            throw ManagementError(.analyticsOff, "no verification events are kept")
        }
        let sql = call.requiredText("query")
        let nowMillis = call.nowMillis
        return .later { () throws(ManagementError) -> Outcome in
            do throws(QueryError) {
                let answer = try events.run(sql, nowMillis: nowMillis, restrictedTo: visible)
                return .data(.array(answer.json))
            } catch {
                throw ManagementError(error)
            }
        }
    }

    /// The keyspaces of the APIs that the caller may ask about; nil for all. A root key may be meant for
    /// some APIs only, and then what is outside of them does not exist, whatever the query says.
    private static func keySpaces(
        visibleTo call: Call, _ store: borrowing Transaction
    ) throws(ManagementError) -> [String]? {
        if call.isAllowed(.anyAPI("read_analytics")) { return nil }
        let apis = call.apis(permitting: "read_analytics")
        guard !apis.isEmpty else {
            throw ManagementError(
                .insufficientPermissions,
                "the root key lacks one of these permissions: "
                    + "api.*.read_analytics, api.<apiId>.read_analytics"
            )
        }
        return apis.compactMap { store.api(id: $0)?.keyspaceID }
    }
}

extension Call {
    /// The APIs for which the caller holds `api.<id>.<action>`.
    fileprivate func apis(permitting action: String) -> [String] {
        guard case .rootKey(_, let permissions, _) = caller else { return [] }
        return permissions.compactMap { permission in
            let parts = "\(permission)".split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "api", parts[1] != "*", parts[2] == action else { return nil }
            return String(parts[1])
        }
    }
}

extension ManagementError {
    /// Why a query is not answered.
    fileprivate init(_ error: QueryError) {
        let kind: Kind =
            switch error.kind {
            case .invalidQuery: .invalidQuery
            case .invalidQueryType: .invalidQueryType
            case .invalidTable: .invalidQueryTable
            case .invalidFunction: .invalidQueryFunction
            case .rangeExceedsRetention: .queryBeforeRetention
            case .executionTimeout: .queryTimeout
            case .memoryLimitExceeded: .queryMemoryExceeded
            case .rowsLimitExceeded: .queryRowsExceeded
            }
        self.init(kind, error.description)
    }
}
