// The way in: a procedure's name and a body become a prepared call, and a prepared call becomes an answer. The
// two halves run in different places — the body is parsed and judged by whoever received it, the work is done in
// a transaction on the store's thread — and their order is the published one: an invalid body is told what is
// wrong with it before anybody asks who sent it.

import Bytes
import JSON
public import Keys

/// A call whose body conforms to the schema of its procedure. May be handed to another thread.
public struct PreparedCall: Sendable {
    /// Where a call comes from.
    public enum Surface: Sendable {
        /// HTTP, with a root key.
        case network
        /// The control socket or the command line, by the operator of this machine.
        case local
    }

    /// How deep a body may be nested. Answers wrap what was stored a few levels deeper, and have to be read with
    /// the parser's own bound.
    private static let maxDepth = JSONValue.defaultMaxDepth - 56

    private let procedure: Procedure
    private let body: JSONValue

    /// Whether a caller from there can call this procedure.
    public static func exists(_ name: String, from surface: Surface) -> Bool {
        Procedure.find(name, from: surface) != nil
    }

    /// The names of all procedures that a caller from there can call.
    public static func names(from surface: Surface) -> [String] {
        Procedure.all.map(\.name).filter { exists($0, from: surface) }
    }

    /// Nil if there is no such procedure; throws what is wrong with the body.
    public init?(procedure name: String, body: Span<UInt8>, from surface: Surface) throws(ManagementError) {
        guard let procedure = Procedure.find(name, from: surface) else { return nil }
        self.procedure = procedure
        self.body = try Self.decode(body, for: procedure, from: surface)
    }

    /// Carries the call out. What it throws must end the transaction, because part of the work may have been
    /// done; `ManagementAnswer(_:requestId:)` tells the caller.
    public func perform(
        as caller: Caller, requestId: String, using services: CallServices, in store: inout Transaction
    ) throws(ManagementError) -> ManagementAnswer {
        let call = Call(
            body, caller: caller, services: services, requestId: requestId, nowMillis: store.nowMillis)
        return ManagementAnswer(try procedure.run(call, &store), requestId: requestId)
    }

    private static func decode(
        _ body: Span<UInt8>, for procedure: Procedure, from surface: Surface
    ) throws(ManagementError) -> JSONValue {
        let parsed: JSONValue
        do throws(JSONError) {
            parsed =
                body.isEmpty && procedure.schema.hasNoMembers
                ? .object(JSONObject()) : try JSONValue(parsing: body, maxDepth: maxDepth)
        } catch {
            let violation = SchemaViolation(
                location: "body", message: "\(error)", fix: "send one JSON value as RFC 8259 has it")
            throw ManagementError(
                .invalidInput, "POST request body for '/v2/\(procedure.name)' is not valid JSON",
                violations: [violation])
        }
        let violations = procedure.schema(for: surface).violations(in: parsed)
        guard violations.isEmpty else {
            throw ManagementError(
                .invalidInput, "POST request body for '/v2/\(procedure.name)' failed to validate schema",
                violations: violations)
        }
        return parsed
    }
}

extension ManagementAnswer {
    /// The answer to a call whose transaction ended like this.
    public init(
        _ result: Result<ManagementAnswer, TransactionFailure<ManagementError>>, requestId: String
    ) {
        switch result {
        case .success(let answer):
            self = answer
        case .failure(.refused(let error)):
            self.init(error, requestId: requestId)
        case .failure(.unavailable(let reason)):
            self.init(
                ManagementError(.unavailable, "the store takes no changes: \(reason)"), requestId: requestId)
        }
    }
}
