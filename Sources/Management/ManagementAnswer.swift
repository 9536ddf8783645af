// The envelope: `{"meta":{"requestId":…},"data":…}` around what a procedure returns, with `pagination` for
// lists, or `{"meta":…,"error":{…}}` around a refusal. Written in one place, so that no procedure can
// answer in another shape.

public import JSON

/// What a procedure returns when it succeeds.
enum Outcome {
    /// Only the envelope; a single procedure answers so.
    case nothing
    case data(JSONValue)
    /// One page of a list. `next` positions the following page; nil on the last one.
    case page([JSONValue], next: String?)
    /// What is left to do takes long and needs nothing of the store any more.
    case later(@Sendable () throws(ManagementError) -> Outcome)

    /// `"data":{}`, the answer of procedures that only change something.
    static var done: Outcome { .data(.object(JSONObject())) }
}

/// An answer of the management API: an HTTP status and the JSON body.
public struct ManagementAnswer: Sendable {
    public let status: Int
    public let body: JSONValue
    /// The refusal this answer expresses; nil for a success.
    public let error: ManagementError?
    private let rest: (@Sendable () -> ManagementAnswer)?

    /// Whether this is the answer. If not, `completed` has to be called, and not on the store's thread.
    public var isComplete: Bool { rest == nil }

    /// Does the work that is left, if there is some, and returns the answer.
    public func completed() -> ManagementAnswer { rest?() ?? self }

    init(_ outcome: Outcome, requestId: String) {
        var body = JSONObject()
        body.append("meta", ["requestId": .string(requestId)])
        switch outcome {
        case .nothing:
            break
        case .data(let data):
            body.append("data", data)
        case .page(let rows, let next):
            body.append("data", .array(rows))
            var pagination = JSONObject()
            // Clients stop when the cursor is absent, whatever `hasMore` says: never send one at the end.
            pagination.append("cursor", ifPresent: next.map { .string($0) })
            pagination.append("hasMore", .bool(next != nil))
            body.append("pagination", .object(pagination))
        case .later(let work):
            rest = {
                do throws(ManagementError) {
                    return ManagementAnswer(try work(), requestId: requestId).completed()
                } catch {
                    return ManagementAnswer(error, requestId: requestId)
                }
            }
            status = 200
            self.body = .null
            error = nil
            return
        }
        status = 200
        self.body = .object(body)
        error = nil
        rest = nil
    }

    /// The answer that says no. `requestId` is the one every answer of this request bears.
    public init(_ error: ManagementError, requestId: String) {
        var description = JSONObject()
        description.append("title", .string(error.kind.title))
        description.append("detail", .string(error.detail))
        description.append("status", .number(error.kind.status))
        description.append("type", .string(error.kind.type))
        if error.kind.listsViolations {
            description.append("errors", .array(error.violations.map(\.json)))
        }
        status = error.kind.status
        body = ["meta": ["requestId": .string(requestId)], "error": .object(description)]
        self.error = error
        rest = nil
    }
}
