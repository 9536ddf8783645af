import Testing

/// The management API as HTTP: what is said when a request never becomes a call, and in which type.
@Suite struct ManagementTransport {
    private static let limit = 10 << 20

    private static func start(_ configuration: String = "") throws -> (Gateway, rootKey: String) {
        let gateway = try Gateway(configuration + "\n" + Gateway.routes, upstream: try Upstream())
        return (gateway, try gateway.makeRootKey())
    }

    private static func expect(
        _ answer: Response, _ status: Int, _ type: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = answer.json?["error"]
        #expect(answer.status == status, sourceLocation: sourceLocation)
        #expect(error?["status"]?.number == Double(status), sourceLocation: sourceLocation)
        #expect(
            error?["type"]?.string == "https://unkey.com/docs/errors/" + type, "\(answer.text)",
            sourceLocation: sourceLocation)
        #expect(
            answer.json?["meta"]?["requestId"]?.string?.hasPrefix("req_") == true,
            sourceLocation: sourceLocation)
    }

    @Test("a body of exactly the limit is read")
    func theLargestBody() throws {
        let (gateway, rootKey) = try Self.start()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        let body = #"{"name":"spacious"}"#
        let padding = String(repeating: " ", count: Self.limit - body.utf8.count)
        #expect(try client.call("apis.createApi", padding + body).status == 200)
    }

    @Test(
        "a body over the limit is refused in the words of this API, however much of it is sent",
        arguments: [1, 20 << 20])
    func tooLarge(excess: Int) throws {
        let (gateway, rootKey) = try Self.start()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        let answer = try client.call("apis.createApi", String(repeating: " ", count: Self.limit + excess))
        Self.expect(answer, 413, "user/bad_request/request_body_too_large")
        #expect(answer.json?["error"]?["errors"]?.array?.isEmpty == true)
        #expect(answer.fields[all: "content-type"] == ["application/json"])
    }

    @Test("chunks are counted too")
    func tooLargeInChunks() throws {
        let (gateway, rootKey) = try Self.start()
        let client = try Client(gateway.admin)
        try client.send(
            Client.head("POST", "/v2/apis.createApi", key: rootKey, ["Transfer-Encoding: chunked"]))
        try client.send(chunked([UInt8](repeating: 0x20, count: Self.limit + 1), sizes: [65_536]))
        Self.expect(try client.response(to: "POST"), 413, "user/bad_request/request_body_too_large")
    }

    @Test("a body that breaks its framing is unreadable")
    func unreadable() throws {
        let (gateway, rootKey) = try Self.start()
        let client = try Client(gateway.admin)
        try client.send(
            Client.head("POST", "/v2/apis.createApi", key: rootKey, ["Transfer-Encoding: chunked"]))
        try client.send("zz\r\n")
        Self.expect(try client.response(to: "POST"), 400, "user/bad_request/request_body_unreadable")
    }

    @Test("a body that does not arrive is waited for only so long")
    func tooSlow() throws {
        let (gateway, rootKey) = try Self.start("client-timeout body=200ms")
        let client = try Client(gateway.admin)
        try client.send(Client.head("POST", "/v2/apis.createApi", key: rootKey, length: 20))
        try client.send("{")
        Self.expect(try client.response(to: "POST"), 408, "user/bad_request/request_timeout")
    }

    @Test(
        "an error is problem+json for who says to understand it",
        arguments: [
            ("application/problem+json", "application/problem+json"), ("*/*", "application/problem+json"),
            ("text/html, Application/*;q=0.1", "application/problem+json"),
            ("application/json", "application/json"), ("text/*", "application/json"),
        ])
    func types(accept: String, type: String) throws {
        let (gateway, rootKey) = try Self.start()
        let client = try Client(gateway.admin)
        let fields = ["Accept: \(accept)"]
        let unknown = try client.request(
            "POST", "/v2/apis.getApi", key: rootKey, fields, body: Array(#"{"apiId":"api_unknown"}"#.utf8))
        Self.expect(unknown, 404, "unkey/data/api_not_found")
        #expect(unknown.fields[all: "content-type"] == [type])
        // Clients choose their exception by this type, so what a schema refuses always has it.
        let invalid = try client.request(
            "POST", "/v2/apis.getApi", key: rootKey, fields, body: Array("{}".utf8))
        Self.expect(invalid, 400, "unkey/application/invalid_input")
        #expect(invalid.fields[all: "content-type"] == ["application/json"])
    }

    @Test(
        "what is no procedure is refused in plain text",
        arguments: [
            ("POST", "/v2/apis.destroyEverything", 404), ("POST", "/v2/", 404),
            ("GET", "/v2/apis.nothing", 404),
            ("GET", "/v2/apis.createApi", 405), ("PUT", "/v2/keys.verifyKey", 405),
            ("POST", "/v2/liveness", 405),
        ])
    func noProcedure(method: String, target: String, status: Int) throws {
        let (gateway, _) = try Self.start()
        let answer = try Client(gateway.admin).request(method, target, body: [])
        #expect(answer.status == status)
        #expect(answer.fields[all: "content-type"].first?.hasPrefix("text/plain") == true)
        #expect((answer.fields[all: "allow"].count == 1) == (status == 405))
    }

    @Test("a call without members needs no body, any other one does")
    func noBody() throws {
        let (gateway, rootKey) = try Self.start()
        let client = try Client(gateway.admin)
        #expect(try client.request("POST", "/v2/workspace.getLimits", key: rootKey).status == 200)
        #expect(try client.request("POST", "/v2/workspace.getLimits", key: rootKey, body: []).status == 200)
        Self.expect(
            try client.request("POST", "/v2/identities.listIdentities", key: rootKey), 400,
            "unkey/application/invalid_input")
    }

    @Test("what is nested as deep as a body may be comes back as it was, also through the command line")
    func depth() throws {
        let (gateway, rootKey) = try Self.start()
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        let api = try client.text("apiId", "apis.createApi", #"{"name":"deep"}"#)
        func create(_ depth: Int) throws -> Response {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return try client.call("keys.createKey", #"{"apiId":"\#(api)","meta":{"a":\#(nested)}}"#)
        }
        let made = try create(198)
        let id = try #require(made.json?["data"]?["keyId"]?.string, "\(made.text)")
        let shown = try client.call("keys.getKey", #"{"keyId":"\#(id)"}"#)
        #expect(shown.text.contains(#""meta":{"a":["# + String(repeating: "[", count: 197)))
        #expect(try gateway.command("key", "list", "--api", "deep", "--json").succeeded)
        Self.expect(try create(199), 400, "unkey/application/invalid_input")
        Self.expect(try create(100_000), 400, "unkey/application/invalid_input")
    }

    struct Credential: Sendable, CustomTestStringConvertible {
        let field: String?
        let status: Int
        let type: String
        var testDescription: String { field ?? "none" }
    }

    @Test(
        "a credential that is none is told apart from one that is unknown",
        arguments: [
            Credential(field: nil, status: 400, type: "missing"),
            Credential(field: "Basic Zm9vOmJhcg==", status: 400, type: "malformed"),
            Credential(field: "bearer unkey_lowercase", status: 400, type: "malformed"),
            Credential(field: "Bearer", status: 400, type: "malformed"),
            Credential(field: "Bearer unkey_nobody", status: 401, type: "key_not_found"),
        ])
    func credentials(_ credential: Credential) throws {
        let (gateway, _) = try Self.start()
        let client = try Client(gateway.admin)
        let fields = credential.field.map { ["Authorization: \($0)"] } ?? []
        let valid = try client.request(
            "POST", "/v2/apis.createApi", fields, body: Array(#"{"name":"abc"}"#.utf8))
        Self.expect(valid, credential.status, "unkey/authentication/\(credential.type)")
        // The body is looked at first.
        let invalid = try client.request("POST", "/v2/apis.createApi", fields, body: Array("{}".utf8))
        Self.expect(invalid, 400, "unkey/application/invalid_input")
    }

    @Test("a key of a customer opens nothing here, and a root key nothing there")
    func twoWorlds() throws {
        let (gateway, rootKey) = try Self.start()
        let customer = try ManagementClient(gateway.admin, rootKey: gateway.cast.reader.secret)
        Self.expect(
            try customer.call("apis.createApi", #"{"name":"abc"}"#), 401, "unkey/authentication/key_not_found"
        )
        let client = try ManagementClient(gateway.admin, rootKey: rootKey)
        #expect(try client.text("code", "keys.verifyKey", #"{"key":"\#(rootKey)"}"#) == "NOT_FOUND")
        let answer = try gateway.connect().request("GET", "/any/1", key: rootKey)
        #expect(answer.status == 401)
    }
}
