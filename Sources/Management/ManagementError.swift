// Every way the management API says no, in one table: status, title and the `type` URL by which clients
// tell errors apart. The texts are those of the API whose SDKs talk to us; only `detail` is ours, and no
// client may match on it.

/// A refusal of the management API: which one, a sentence for people, and for schema violations the list.
public struct ManagementError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable, CaseIterable {
        case invalidInput
        case authenticationMissing, authenticationMalformed
        case permissionQuerySyntax
        case bodyUnreadable, bodyTooLarge, requestTimeout
        case rootKeyNotFound
        case insufficientPermissions, keyDisabled, forbidden
        case apiNotFound, keyNotFound, identityNotFound, permissionNotFound, roleNotFound
        case migrationNotFound, namespaceNotFound, overrideNotFound
        case identityExists, permissionExists, roleExists
        case namespaceGone
        case preconditionFailed, protectedResource
        case invalidQuery, invalidQueryType, invalidQueryTable, invalidQueryFunction, queryBeforeRetention
        case queryTimeout, queryMemoryExceeded, queryRowsExceeded
        case analyticsOff
        case rateLimited
        case unexpected, unavailable
    }

    public let kind: Kind
    public let detail: String
    public let violations: [SchemaViolation]

    public init(_ kind: Kind, _ detail: String, violations: [SchemaViolation] = []) {
        self.kind = kind
        self.detail = detail
        self.violations = violations
    }
}

extension ManagementError.Kind {
    /// The HTTP status.
    public var status: Int { row.status }
    /// The `title` member of the error.
    public var title: String { row.title }
    /// The `type` member of the error, the one clients match on.
    public var type: String { "https://unkey.com/docs/errors/" + row.type }

    /// Statuses that say the request itself was at fault carry an `errors` array, if only an empty one.
    var listsViolations: Bool { [400, 408, 413].contains(status) }

    private var row: (status: Int, title: String, type: String) {
        switch self {
        case .invalidInput: (400, "Bad Request", "unkey/application/invalid_input")
        case .authenticationMissing: (400, "Bad Request", "unkey/authentication/missing")
        case .authenticationMalformed: (400, "Bad Request", "unkey/authentication/malformed")
        case .permissionQuerySyntax: (400, "Bad Request", "user/bad_request/permissions_query_syntax_error")
        case .bodyUnreadable: (400, "Bad Request", "user/bad_request/request_body_unreadable")
        case .bodyTooLarge: (413, "Request Entity Too Large", "user/bad_request/request_body_too_large")
        case .requestTimeout: (408, "Request Timeout", "user/bad_request/request_timeout")
        case .rootKeyNotFound: (401, "Unauthorized", "unkey/authentication/key_not_found")
        case .insufficientPermissions:
            (403, "Insufficient Permissions", "unkey/authorization/insufficient_permissions")
        case .keyDisabled: (403, "Key is disabled", "unkey/authorization/key_disabled")
        case .forbidden: (403, "Forbidden", "unkey/authorization/forbidden")
        case .apiNotFound: (404, "Not Found", "unkey/data/api_not_found")
        case .keyNotFound: (404, "Not Found", "unkey/data/key_not_found")
        case .identityNotFound: (404, "Not Found", "unkey/data/identity_not_found")
        case .permissionNotFound: (404, "Not Found", "unkey/data/permission_not_found")
        case .roleNotFound: (404, "Not Found", "unkey/data/role_not_found")
        case .migrationNotFound: (404, "Not Found", "unkey/data/migration_not_found")
        case .namespaceNotFound: (404, "Not Found", "unkey/data/ratelimit_namespace_not_found")
        case .overrideNotFound: (404, "Not Found", "unkey/data/ratelimit_override_not_found")
        case .identityExists: (409, "Conflicting Resource", "unkey/data/identity_already_exists")
        case .permissionExists: (409, "Conflicting Resource", "unkey/data/permission_already_exists")
        case .roleExists: (409, "Conflicting Resource", "unkey/data/role_already_exists")
        case .namespaceGone: (410, "Resource Gone", "unkey/data/ratelimit_namespace_gone")
        case .preconditionFailed: (412, "Precondition Failed", "unkey/application/precondition_failed")
        case .protectedResource: (412, "Resource is protected", "unkey/application/protected_resource")
        case .invalidQuery: (400, "Bad Request", "user/bad_request/invalid_analytics_query")
        case .invalidQueryType: (400, "Bad Request", "user/bad_request/invalid_analytics_query_type")
        case .invalidQueryTable: (400, "Bad Request", "user/bad_request/invalid_analytics_table")
        case .invalidQueryFunction: (400, "Bad Request", "user/bad_request/invalid_analytics_function")
        case .queryBeforeRetention: (400, "Bad Request", "user/bad_request/query_range_exceeds_retention")
        case .queryTimeout:
            (422, "Unprocessable Entity", "user/unprocessable_entity/query_execution_timeout")
        case .queryMemoryExceeded:
            (422, "Unprocessable Entity", "user/unprocessable_entity/query_memory_limit_exceeded")
        case .queryRowsExceeded:
            (422, "Unprocessable Entity", "user/unprocessable_entity/query_rows_limit_exceeded")
        case .analyticsOff: (412, "Precondition Failed", "unkey/data/analytics_not_configured")
        case .rateLimited: (429, "Too Many Requests", "user/too_many_requests/workspace_rate_limited")
        case .unexpected: (500, "Internal Server Error", "unkey/application/unexpected_error")
        case .unavailable: (503, "Service Unavailable", "unkey/application/service_unavailable")
        }
    }
}
