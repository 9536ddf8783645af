// Management procedures from the command line: asked of the running server, or carried out on the store directly
// when no server runs. Either way the same code decides, in the module Management.

import JSON
import Management

struct Administration {
    private let owner: StoreOwner

    /// Finds the store that the arguments name and whoever has it.
    init(_ arguments: Arguments) throws(CommandFailure) {
        try self.init(
            storeDirectory: ConfigurationFile.storeDirectory(arguments),
            createsStore: arguments.mayCreateStore)
    }

    init(storeDirectory: String, createsStore: Bool = false) throws(CommandFailure) {
        owner = try StoreOwner(of: storeDirectory, createsStore: createsStore)
    }

    /// The `data` of a procedure's answer. A refusal becomes the failure, in its own words.
    func call(_ procedure: String, _ body: JSONValue) throws(CommandFailure) -> JSONValue {
        try envelope(procedure, body)["data"] ?? [:]
    }

    /// All rows of a list.
    func list(_ procedure: String, _ query: JSONObject = JSONObject()) throws(CommandFailure) -> [JSONValue] {
        var rows: [JSONValue] = []
        try forEachPage(procedure, query) { page in
            rows += page
            return true
        }
        return rows
    }

    /// Calls `body` with the rows of one page after the other, until it returns false.
    func forEachPage(
        _ procedure: String, _ query: JSONObject, _ body: ([JSONValue]) -> Bool
    ) throws(CommandFailure) {
        var cursor: JSONValue?
        repeat {
            var positioned = query
            positioned.append("cursor", ifPresent: cursor)
            let page = try envelope(procedure, .object(positioned))
            guard body(page["data"]?.elements ?? []) else { return }
            cursor = page["pagination"]?["cursor"]
        } while cursor != nil
    }

    /// The id of the API with this id or name. Names need not be unique; one that is not cannot be used.
    func apiId(of reference: String) throws(CommandFailure) -> String {
        let apis = try list("apis.listApis")
        if apis.contains(where: { $0["id"]?.text == reference }) { return reference }
        let named = apis.filter { $0["name"]?.text == reference }.compactMap { $0["id"]?.text }
        switch named.count {
        case 1: return named[0]
        case 0: throw .failed("there is no API \"\(reference)\"")
        default: throw .failed("several APIs are named \"\(reference)\": \(named.joined(separator: ", "))")
        }
    }

    /// The whole answer of a procedure: `meta`, `data` and, for lists, `pagination`. A refusal becomes the failure.
    func envelope(_ procedure: String, _ body: JSONValue) throws(CommandFailure) -> JSONValue {
        switch owner {
        case .server(let server):
            return try server.ask("/v2/\(procedure)", body: body)
        case .nobody(let open):
            let answer = open.perform(procedure, body)
            return try Answers.accepted(answer.body, status: answer.status)
        }
    }
}

/// Answers of the server, or of the code that answers in its place.
enum Answers {
    /// The answer if it is a success; what a refusal says to people otherwise.
    static func accepted(_ body: JSONValue, status: Int) throws(CommandFailure) -> JSONValue {
        if status == 200 { return body }
        guard let error = body["error"], let detail = error["detail"]?.text else {
            throw .failed("the server answered \(status)")
        }
        // Where there are violations they are what people need; the detail only says that there are some.
        let violations = (error["errors"]?.elements ?? []).map { violation in
            member(at: violation.cell("location")) + violation.cell("message")
        }
        throw .failed(violations.isEmpty ? detail : violations.joined(separator: "; "))
    }

    /// The member a schema location is about, `meta: ` for `/properties/meta/maxProperties`; nothing for the body
    /// as a whole.
    private static func member(at location: String) -> String {
        let names = location.split(separator: "/").dropLast().filter { $0 != "properties" && $0 != "items" }
        return names.isEmpty ? "" : names.joined(separator: ".") + ": "
    }
}
