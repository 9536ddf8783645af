/// A program with a root key, as an SDK would talk to the management API: one connection, kept alive.
final class ManagementClient {
    private let client: Client
    private let rootKey: String

    init(_ endpoint: Endpoint, rootKey: String) throws {
        client = try Client(endpoint)
        self.rootKey = rootKey
    }

    /// Calls `POST /v2/PROCEDURE` with this JSON.
    func call(_ procedure: String, _ body: String, _ fields: [String] = []) throws -> Response {
        try client.request(
            "POST", "/v2/\(procedure)", key: rootKey,
            ["Content-Type: application/json", "Accept: application/json"] + fields, body: Array(body.utf8))
    }

    /// The `data` of a call that must succeed.
    func data(_ procedure: String, _ body: String) throws -> JSONValue {
        let answer = try call(procedure, body)
        guard answer.status == 200, let data = answer.json?["data"] else {
            throw WireError.notHTTP("\(procedure): \(answer.status) \(answer.text)")
        }
        return data
    }

    /// One text of that.
    func text(_ member: String, _ procedure: String, _ body: String) throws -> String {
        guard let text = try data(procedure, body)[member]?.string else {
            throw WireError.notHTTP("\(procedure) without \(member)")
        }
        return text
    }
}

extension Gateway {
    /// A root key that may do everything.
    func makeRootKey() throws -> String {
        let made = try command("rootkey", "create", "--json")
        guard made.succeeded, let key = JSONValue(made.output)?["key"]?.string else {
            throw WireError.notHTTP("keygate rootkey create: \(made.output)\(made.errors)")
        }
        return key
    }

    /// Makes the same call on `threads` connections at once and returns all answers.
    func calls(
        _ threads: Int = 8, _ rootKey: String, _ procedure: String,
        _ body: @escaping @Sendable (Int) -> String
    ) throws -> [Response] {
        let admin = admin
        return try concurrently(threads) { index in
            Result { try ManagementClient(admin, rootKey: rootKey).call(procedure, body(index)) }
        }.map { try $0.get() }
    }
}

extension [Response] {
    func count(of status: Int) -> Int { filter { $0.status == status }.count }
}
