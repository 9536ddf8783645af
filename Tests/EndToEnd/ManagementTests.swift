import Testing

/// The management API over HTTP: on the admin listener, for root keys, and with effect on the very
/// next request through the gateway.
@Suite struct ManagementOverHTTP {
    @Test func aKeyMadeOverHTTPOpensTheNextRequest() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let root = try #require(
            JSONValue(try gateway.command("rootkey", "create", "--json").output)?["key"]?.string)
        let admin = try Client(gateway.admin)
        func call(_ procedure: String, _ body: String, key: String? = nil) throws -> Response {
            try admin.request(
                "POST", "/v2/\(procedure)", key: key ?? root, ["Content-Type: application/json"],
                body: Array(body.utf8))
        }
        let api = try call("apis.createApi", #"{"name":"over-http"}"#)
        #expect(api.status == 200)
        let apiID = try #require(api.json?["data"]?["apiId"]?.string)
        let made = try call(
            "keys.createKey", #"{"apiId":"\#(apiID)","externalId":"umbrella","permissions":["things.read"]}"#)
        let keyID = try #require(made.json?["data"]?["keyId"]?.string)
        let secret = try #require(made.json?["data"]?["key"]?.string)
        let client = try gateway.connect()
        #expect(try client.request("GET", "/things/1", key: secret).status == 200)
        #expect(try call("keys.updateKey", #"{"keyId":"\#(keyID)","enabled":false}"#).status == 200)
        #expect(try client.request("GET", "/things/1", key: secret).code == "DISABLED")
        #expect(try call("keys.deleteKey", #"{"keyId":"\#(keyID)"}"#).status == 200)
        #expect(try client.request("GET", "/things/1", key: secret).code == "NOT_FOUND")
        // An ordinary key is no root key, and the public listener knows nothing of any of this.
        #expect(
            try call("apis.createApi", #"{"name":"not-mine"}"#, key: gateway.cast.writer.secret).status == 401
        )
        #expect(try client.request("POST", "/v2/apis.createApi", key: root, body: []).status == 404)
    }
}
