// The table of procedures: name, who may call it at all, what the body must look like, and the function that
// carries it out. Everything that serves the management API — HTTP, control socket, command line — goes through
// this one table.

import Keys

/// One row of the table.
struct Procedure: Sendable {
    typealias Body = @Sendable (Call, inout Transaction) throws(ManagementError) -> Outcome

    enum Audience: Sendable {
        /// Root keys and the operator.
        case everyone
        /// Only the operator of this machine; for root keys it does not exist.
        case operatorOnly
    }

    let name: String
    let audience: Audience
    let schema: Schema
    /// Members of the body that only the operator of this machine can send: the published schema has no such things.
    let operatorFields: [Schema.Field]
    let run: Body

    init(
        _ name: String, for audience: Audience = .everyone, _ schema: Schema,
        operatorFields: [Schema.Field] = [], run: @escaping Body
    ) {
        self.name = name
        self.audience = audience
        self.schema = schema
        self.operatorFields = operatorFields
        self.run = run
    }

    /// What a body from there has to look like.
    func schema(for surface: PreparedCall.Surface) -> Schema {
        switch surface {
        case .network: schema
        case .local: schema.adding(operatorFields)
        }
    }

    static let all: [Procedure] =
        APIProcedures.table + KeyProcedures.table + KeyUpdateProcedure.table + CreditProcedures.table
        + KeyGrantProcedures.table
        + RateLimitProcedures.table + OverrideProcedures.table
        + VerifyProcedure.table + AnalyticsProcedures.table + WorkspaceProcedures.table
        + MigrationProcedure.table + IdentityProcedures.table
        + PermissionProcedures.table + RoleProcedures.table + RootKeyProcedures.table

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The row of this name; nil if there is none for callers from there.
    static func find(_ name: String, from surface: PreparedCall.Surface) -> Procedure? {
        guard let procedure = byName[name] else { return nil }
        switch (procedure.audience, surface) {
        case (.everyone, _), (.operatorOnly, .local): return procedure
        case (.operatorOnly, .network): return nil
        }
    }
}
