import Testing

/// Who is calling, as the backend is told: only by the gateway, never by the client.
@Suite struct IdentityHeaders {
    @Test func theCallerIsDescribedToTheBackend() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/things/1", key: gateway.cast.writer).status == 200)
        let fields = try upstream.next().fields
        #expect(fields["x-tenant-id"] == "acme")
        #expect(fields["x-key-id"] == gateway.cast.writer.id)
        #expect(fields["x-plan"] == "pro")
        let permissions = try #require(fields["x-permissions"])
        #expect(
            Set(permissions.split(separator: ",").map { $0.filter { $0 != " " } }) == [
                "things.read", "things.write",
            ])
    }

    @Test func theDefaultBlockSendsTenantAndKey() throws {
        let upstream = try Upstream()
        let directory = try Directory()
        let gateway = try Gateway(upstream: upstream, directory: directory)
        try gateway.reload(
            file: """
                listen 127.0.0.1:0
                admin 127.0.0.1:0
                store ./store
                access-log ./access.log
                workers 1
                upstream api { server \(upstream.endpoint.url) }
                route GET /marker { public }
                route GET /things/** { require things.read }
                """)
        #expect(try eventually { try gateway.get("/marker").status == 200 })
        _ = try upstream.next()
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        let fields = try upstream.next().fields
        #expect(fields["x-tenant-id"] == "acme")
        #expect(fields["x-key-id"] == gateway.cast.reader.id)
        #expect(fields[all: "x-plan"].isEmpty)
    }

    @Test(arguments: [
        "X-Tenant-Id: evil", "x-tenant-id: evil", "X_Tenant_Id: evil", "x_tenant.id: evil",
        "X.Tenant.Id: evil",
        "x-tenant_ID: evil", "X-Plan: enterprise", "X.Plan: enterprise", "X-Permissions: admin",
        "X_Key-Id: key_evil",
    ])
    func aClientsCopyIsRemovedWhateverItsSpelling(_ field: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        // With a value to set, and on a public route and for a key without identity, without one.
        for (target, caller) in [
            ("/things/1", gateway.cast.reader), ("/open/1", nil), ("/any/1", gateway.cast.bare),
        ] {
            #expect(try gateway.get(target, key: caller, [field, "X-Kept: 1", field]).status == 200)
            let seen = try upstream.next()
            #expect(
                !seen.fields.contains {
                    $0.value == "evil" || $0.value == "enterprise" || $0.value == "admin"
                        || $0.value == "key_evil"
                })
            #expect(seen.fields["x-kept"] == "1")
        }
    }

    @Test func absentValuesMakeAbsentHeaders() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        #expect(try gateway.get("/any/1", key: gateway.cast.bare).status == 200)
        let fields = try upstream.next().fields
        #expect(fields[all: "x-tenant-id"].isEmpty)
        #expect(fields[all: "x-plan"].isEmpty)
        #expect(fields["x-key-id"] == gateway.cast.bare.id)
    }

    @Test(arguments: [
        "X-Tenant-Id", "x-tenant-id", "Host", "Authorization", "Content-Length", "Transfer-Encoding",
        "X-Plan",
    ])
    func connectionMayNotNameWhatTheGatewayAnswersFor(_ name: String) throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let answer = try gateway.get(
            "/things/1", key: gateway.cast.reader, ["Connection: keep-alive, \(name)"])
        #expect(answer.status == 400)
        #expect(upstream.received.pendingCount == 0)
    }

    @Test func theCredentialDoesNotReachTheBackend() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            Gateway.routes + "\nroute GET /kept { authenticated; forward-credential }", upstream: upstream)
        let secret = gateway.cast.reader.secret
        #expect(try gateway.get("/things/1", key: gateway.cast.reader).status == 200)
        #expect(try upstream.next().fields.allSatisfy { !$0.value.contains(secret) })
        #expect(try gateway.get("/open/1", key: gateway.cast.reader).status == 200)
        #expect(try upstream.next().fields.allSatisfy { !$0.value.contains(secret) })
        #expect(try gateway.get("/kept", key: gateway.cast.reader).status == 200)
        #expect(try upstream.next().fields["authorization"] == "Bearer \(secret)")
    }

    @Test func metaValuesAreEncodedSoThatTheyAreOneHeaderValue() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let meta =
            #"{"town":"Zürich","line":"a\r\nX-Evil: 1","n":7,"on":true,"list":["a","b"],"object":{"ü":1}}"#
        #expect(try gateway.command("identity", "create", "coded", "--meta", meta).succeeded)
        let made = try gateway.command("key", "create", "--api", "shop", "--identity", "coded", "--json")
        let secret = try #require(JSONValue(made.output)?["key"]?.string)
        let routes =
            "headers { X-Town identity.meta.town\nX-Line identity.meta.line\nX-N identity.meta.n\nX-On identity.meta.on\nX-List identity.meta.list\nX-Object identity.meta.object }\n"
        var text = Gateway.file(Gateway.routes + "\nroute GET /marker { public }", upstream: upstream)
        let begin = try #require(text.firstRange(of: "headers {"))
        let end = try #require(text[begin.lowerBound...].firstRange(of: "}\n"))
        text.replaceSubrange(begin.lowerBound..<end.upperBound, with: routes)
        try gateway.reload(file: text)
        #expect(try eventually { try gateway.get("/marker").status == 200 })
        _ = try upstream.next()
        #expect(try gateway.connect().request("GET", "/any/1", key: secret).status == 200)
        let fields = try upstream.next().fields
        #expect(fields["x-town"] == "Z%C3%BCrich")
        #expect(fields["x-line"]?.contains("%0D%0A") == true)
        #expect(fields[all: "x-evil"].isEmpty)
        #expect(fields["x-n"] == "7")
        #expect(fields["x-on"] == "true")
        #expect(fields["x-list"]?.filter { $0 != " " } == "a,b")
        #expect(fields["x-object"] == #"{"\u00fc":1}"#)
    }

    @Test func aRouteMaySetAndRemoveHeaders() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(
            "route GET /r { public; header X-Set yes; remove-header X-Gone }", upstream: upstream)
        #expect(try gateway.get("/r", ["X-Gone: 1", "X-Set: no"]).status == 200)
        let fields = try upstream.next().fields
        #expect(fields["x-set"] == "yes")
        #expect(fields[all: "x-gone"].isEmpty)
    }

    @Test func aChangedIdentityGovernsTheNextRequest() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        let client = try gateway.connect()
        #expect(try client.request("GET", "/things/1", key: gateway.cast.reader.secret).status == 200)
        #expect(try upstream.next().fields["x-plan"] == "pro")
        #expect(
            try gateway.command("identity", "update", "acme", "--meta", #"{"plan":"enterprise"}"#).succeeded)
        #expect(try client.request("GET", "/things/1", key: gateway.cast.reader.secret).status == 200)
        #expect(try upstream.next().fields["x-plan"] == "enterprise")
    }
}
