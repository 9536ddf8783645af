import Testing

/// What is refused, with which code and body, and that nothing refused ever reaches the upstream.
@Suite struct Decisions {
    struct Row: Sendable, CustomTestStringConvertible {
        let label: String
        let method: String
        let target: String
        let caller: Cast.Who?
        let status: Int
        let code: String
        var testDescription: String { label }

        init(
            _ label: String, _ method: String, _ target: String, as caller: Cast.Who?, _ status: Int,
            _ code: String
        ) {
            self.label = label
            self.method = method
            self.target = target
            self.caller = caller
            self.status = status
            self.code = code
        }
    }

    static let refused: [Row] = [
        Row("no key on a keyed route", "GET", "/things/1", as: nil, 401, "MISSING_KEY"),
        Row("a key nobody issued", "GET", "/any/x", as: .unissued, 401, "NOT_FOUND"),
        Row("a key of another API", "GET", "/things/1", as: .foreign, 401, "NOT_FOUND"),
        Row("a disabled key", "GET", "/things/1", as: .disabled, 401, "DISABLED"),
        Row("an expired key", "GET", "/things/1", as: .expired, 401, "EXPIRED"),
        Row(
            "a disabled key without the permission is disabled first", "POST", "/things", as: .disabled, 401,
            "DISABLED"),
        Row(
            "an expired key without the permission is expired first", "POST", "/things/1", as: .expired, 401,
            "EXPIRED"),
        Row(
            "a reading key on a writing route", "POST", "/things/1", as: .reader, 403,
            "INSUFFICIENT_PERMISSIONS"),
        Row("a key without any permission", "GET", "/things/1", as: .bare, 403, "INSUFFICIENT_PERMISSIONS"),
        Row(
            "permission is judged before the check", "GET", "/plans/pro", as: .bare, 403,
            "INSUFFICIENT_PERMISSIONS"),
        Row("the check refuses another plan", "GET", "/plans/pro", as: .free, 403, "FORBIDDEN"),
        Row(
            "the check compares a path segment with the caller", "GET", "/orgs/globex/x", as: .reader, 403,
            "FORBIDDEN"),
        Row("no route has the path", "GET", "/nothing", as: .reader, 404, "ROUTE_NOT_FOUND"),
        Row("no route has the path, and no key either", "GET", "/nothing", as: nil, 404, "ROUTE_NOT_FOUND"),
        Row(
            "the path is known, the method is not", "DELETE", "/open/x", as: .reader, 405,
            "METHOD_NOT_ALLOWED"),
        Row("a prefix of a literal is not the literal", "GET", "/thing", as: .reader, 404, "ROUTE_NOT_FOUND"),
        Row("paths are case-sensitive", "GET", "/Things/1", as: .reader, 404, "ROUTE_NOT_FOUND"),
    ]

    static let routes = """
        api shop
        route GET  /open/**       { public }
        route GET  /things/**     { require things.read }
        route POST /things/**     { require things.write }
        route GET  /plans/pro     { require things.read; check identity.meta.plan in (pro, enterprise) "Plans need the pro plan" }
        route GET  /orgs/{org}/** { require things.read; check path.org == identity.externalId }
        route *    /any/**        { authenticated }
        """

    @Test(arguments: refused)
    func refusesWithItsCode(_ row: Row) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let caller = row.caller.map { gateway.cast[$0] }
        let answer = try gateway.request(row.method, row.target, key: caller)
        #expect(answer.status == row.status)
        #expect(answer.code == row.code)
        #expect(upstream.received.pendingCount == 0, "a refused request reached the upstream")
    }

    static let admitted: [Row] = [
        Row("a public route without a key", "GET", "/open/x", as: nil, 200, ""),
        Row("a public route with a key that is not valid", "GET", "/open/x", as: .unissued, 200, ""),
        Row("GET admits HEAD", "HEAD", "/things/1", as: .reader, 200, ""),
        Row("a permission that comes from a role", "GET", "/things/1", as: .reader, 200, ""),
        Row("a permission of the key itself", "POST", "/things/1", as: .writer, 200, ""),
        Row("a double star also matches nothing", "GET", "/things", as: .reader, 200, ""),
        Row("the check passes for the plan", "GET", "/plans/pro", as: .reader, 200, ""),
        Row("the check passes for one's own segment", "GET", "/orgs/acme/x/y", as: .reader, 200, ""),
        Row("authenticated asks for a valid key only", "PATCH", "/any/x", as: .bare, 200, ""),
    ]

    @Test(arguments: admitted)
    func admits(_ row: Row) throws {
        let upstream = try Upstream(Upstream.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let caller = row.caller.map { gateway.cast[$0] }
        let answer = try gateway.request(row.method, row.target, key: caller)
        #expect(answer.status == 200)
        #expect(try upstream.next().method == row.method)
    }

    @Test func aRefusalHasTheDocumentedShape() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.get("/things/1", key: gateway.cast.expired)
        #expect(answer.fields["content-type"] == "application/json")
        let json = try #require(answer.json)
        #expect(json.names == ["meta", "error"])
        let requestID = try #require(json["meta"]?["requestId"]?.string)
        #expect(requestID.hasPrefix("req_"))
        #expect(answer.fields["x-request-id"] == requestID)
        let error = try #require(json["error"])
        #expect(Set(error.names ?? []) == ["title", "detail", "status", "type", "code"])
        #expect(error["status"]?.number == 401)
        #expect(error["type"]?.string?.hasPrefix("https://") == true)
        #expect(error["title"]?.string?.isEmpty == false)
        #expect(error["detail"]?.string?.isEmpty == false)
    }

    @Test func problemJSONIsSentToWhoAcceptsIt() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.get("/things/1", ["Accept: text/html, application/problem+json"])
        #expect(answer.fields["content-type"] == "application/problem+json")
        #expect(answer.code == "MISSING_KEY")
    }

    @Test func aFailedCheckSaysItsMessage() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.get("/plans/pro", key: gateway.cast.free)
        #expect(answer.json?["error"]?["detail"]?.string?.contains("Plans need the pro plan") == true)
    }

    @Test func challengesFollowRFC6750() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        // §3.1: no credentials, no error code; a bad one is invalid_token; a weak one says which scope.
        let missing = try #require(try gateway.get("/things/1").fields["www-authenticate"])
        #expect(missing.hasPrefix("Bearer"))
        #expect(!missing.contains("error="))
        let invalid = try #require(
            try gateway.get("/things/1", key: gateway.cast.unissued).fields["www-authenticate"])
        #expect(invalid.contains(#"error="invalid_token""#))
        let weak = try gateway.request("POST", "/things/1", key: gateway.cast.reader, body: [])
        let challenge = try #require(weak.fields["www-authenticate"])
        #expect(challenge.hasPrefix("Bearer "))
        #expect(challenge.contains(#"error="insufficient_scope""#))
        #expect(challenge.contains(#"scope="things.write""#))
    }

    @Test func aWrongMethodSaysWhichAreAllowed() throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.request("DELETE", "/things/1", key: gateway.cast.writer)
        let allowed = try #require(answer.fields["allow"])
        let methods = Set(allowed.split(separator: ",").map { $0.filter { $0 != " " } })
        #expect(methods == ["GET", "HEAD", "POST"])
    }

    @Test(arguments: [
        (["Authorization: Bearer %r", "Authorization: Bearer %r"], "AMBIGUOUS_KEY"),
        (["Authorization: Bearer %r", "Authorization: Bearer %w"], "AMBIGUOUS_KEY"),
        (["Authorization: Basic dXNlcjpwYXNz"], "MISSING_KEY"),
        (["Authorization: Bearer"], "MISSING_KEY"),
        (["Authorization: Bearer %r x"], "NOT_FOUND"),
    ])
    func credentialsThatAreNotExactlyOneAreRefused(_ fields: [String], _ code: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(Self.routes, upstream: upstream)
        let real = fields.map {
            $0.replacing("%r", with: gateway.cast.reader.secret).replacing(
                "%w", with: gateway.cast.writer.secret)
        }
        let answer = try gateway.get("/things/1", real)
        #expect(answer.status == 401)
        // Text after the key may be read as part of the key or as no credential at all: both refuse.
        #expect(answer.code == code || (code == "NOT_FOUND" && answer.code == "MISSING_KEY"))
        #expect(upstream.received.pendingCount == 0)
    }

    @Test(arguments: ["bearer", "BEARER", "Bearer"])
    func theSchemeIsReadIgnoringCase(_ scheme: String) throws {
        let gateway = try Gateway(Self.routes, upstream: try Upstream())
        let answer = try gateway.get("/things/1", ["Authorization: \(scheme) \(gateway.cast.reader.secret)"])
        #expect(answer.status == 200)
    }

    @Test func keysMayComeInAHeaderOrAQueryWhenTheFileSaysSo() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "credential header X-API-Key\ncredential query api_key\n" + Self.routes, upstream: upstream)
        let secret = gateway.cast.reader.secret
        #expect(try gateway.get("/things/1", ["X-API-Key: \(secret)"]).status == 200)
        #expect(try upstream.next().fields[all: "x-api-key"].isEmpty)
        #expect(try gateway.get("/things/1?a=1&api_key=\(secret)&b=2").status == 200)
        let seen = try upstream.next()
        #expect(!seen.target.contains(secret), "the credential in the query reached the upstream")
        #expect(seen.target.contains("a=1") && seen.target.contains("b=2"))
        let two = try gateway.get("/things/1?api_key=\(gateway.cast.writer.secret)", ["X-API-Key: \(secret)"])
        #expect(two.code == "AMBIGUOUS_KEY")
    }

    @Test func aShadowRouteDecidesButNeverRefuses() throws {
        let upstream = try Upstream()
        let gateway = try Gateway("route GET /s { require things.write; shadow }", upstream: upstream)
        for (key, code) in [
            (gateway.cast.reader, "INSUFFICIENT_PERMISSIONS"), (gateway.cast.unissued, "NOT_FOUND"),
            (gateway.cast.disabled, "DISABLED"), (nil, "MISSING_KEY"),
        ] {
            let answer = try gateway.get("/s", key: key)
            #expect(answer.status == 200)
            let line = try gateway.accessLogLine(requestID: try #require(answer.fields["x-request-id"]))
            #expect(line[LogField.status]?.number == 200)
            #expect(line[LogField.code]?.string == code, "what was decided, not that it was let through")
            #expect(line[LogField.shadow]?.string == code)
        }
        let answer = try gateway.get("/s", key: gateway.cast.writer)
        let line = try gateway.accessLogLine(requestID: try #require(answer.fields["x-request-id"]))
        #expect(line[LogField.code]?.string == "VALID" && line[LogField.shadow] == nil)
    }
}
