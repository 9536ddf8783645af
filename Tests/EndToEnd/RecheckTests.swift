import Testing

/// What runs for long when its key stops being good: answers that are streamed, uploads that go on, requests whose
/// backend takes its time.
@Suite struct Rechecks {
    private static let configuration = """
        recheck-interval 200ms
        route GET  /stream/**     { require things.read; limit l 2/365d by key }
        route GET  /own/{org}/**  { authenticated; check path.org == identity.externalId }
        route GET  /shadow/**     { require things.read; shadow }
        route GET  /open/**       { public }
        route POST /stream/**     { require things.read }
        """

    /// A gateway whose backend begins an answer and ends it only when the gate for it opens, and somebody who can
    /// change keys.
    private struct Stage {
        let upstream: Upstream
        let gateway: Gateway
        let client: ManagementClient
        let finish = Gate()
        let upstreamClosed = Channel<String>()
        let api: String

        init(_ configuration: String = Rechecks.configuration) throws {
            upstream = try Upstream { [finish, upstreamClosed] connection in
                guard let request = try connection.head() else { return }
                connection.record(request)
                if request.method == "POST" || request.target.hasSuffix("/silent") {
                    if connection.waitForClose(milliseconds: 60_000) { upstreamClosed.push(request.target) }
                    return
                }
                try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                if request.target.hasSuffix("/long") {
                    finish.wait(milliseconds: 60_000)
                    try connection.send("4\r\nlast\r\n0\r\n\r\n")
                } else if connection.waitForClose(milliseconds: 60_000) {
                    upstreamClosed.push(request.target)
                }
            }
            gateway = try Gateway(configuration, upstream: upstream, workers: 2)
            client = try ManagementClient(gateway.admin, rootKey: gateway.makeRootKey())
            api = try client.text("apiId", "apis.createApi", #"{"name":"streams"}"#)
            _ = try client.data(
                "permissions.createRole", #"{"name":"streamer","permissions":["things.read"]}"#)
            _ = try client.data("identities.createIdentity", #"{"externalId":"initech"}"#)
        }

        func key(_ more: String) throws -> Cast.Key {
            let made = try client.data("keys.createKey", #"{"apiId":"\#(api)",\#(more)}"#)
            return Cast.Key(id: made["keyId"]?.string ?? "", secret: made["key"]?.string ?? "")
        }

        /// A stream of which the first part has arrived.
        func open(_ target: String, _ key: Cast.Key) throws -> (client: Client, requestID: String) {
            let stream = try gateway.connect()
            try stream.send(Client.head("GET", target, key: key.secret))
            let head = try stream.responseHead()
            guard head.status == 200, try stream.line() == "5", try stream.read(7) == Array("first\r\n".utf8)
            else {
                throw WireError.notHTTP("the stream did not begin: \(head.status)")
            }
            return (stream, head.fields["x-request-id"] ?? "")
        }

        func metric(_ code: String) throws -> Int? {
            try gateway.metric("keygate_streams_revoked_total{code=\"\(code)\"}")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Members of the key that is made.
        let key: String
        var target = "/stream/x"
        /// The call that revokes, with KEY for the key's id.
        let call: (procedure: String, body: String)
        let code: String
    }

    static let cases = [
        Case(
            testDescription: "the key is deleted", key: #""permissions":["things.read"]"#,
            call: ("keys.deleteKey", #"{"keyId":"KEY"}"#), code: "NOT_FOUND"),
        Case(
            testDescription: "the key is disabled", key: #""permissions":["things.read"]"#,
            call: ("keys.updateKey", #"{"keyId":"KEY","enabled":false}"#), code: "DISABLED"),
        Case(
            testDescription: "the key expires", key: #""permissions":["things.read"]"#,
            call: ("keys.updateKey", #"{"keyId":"KEY","expires":1600000000000}"#), code: "EXPIRED"),
        Case(
            testDescription: "a permission is taken from the key", key: #""permissions":["things.read"]"#,
            call: ("keys.removePermissions", #"{"keyId":"KEY","permissions":["things.read"]}"#),
            code: "INSUFFICIENT_PERMISSIONS"),
        Case(
            testDescription: "a role is taken from the key", key: #""roles":["streamer"]"#,
            call: ("keys.removeRoles", #"{"keyId":"KEY","roles":["streamer"]}"#),
            code: "INSUFFICIENT_PERMISSIONS"),
        Case(
            testDescription: "a role loses its permission", key: #""roles":["streamer"]"#,
            call: ("permissions.setRolePermissions", #"{"role":"streamer","permissions":[]}"#),
            code: "INSUFFICIENT_PERMISSIONS"),
        Case(
            testDescription: "a role is deleted", key: #""roles":["streamer"]"#,
            call: ("permissions.deleteRole", #"{"role":"streamer"}"#), code: "INSUFFICIENT_PERMISSIONS"),
        Case(
            testDescription: "a permission is deleted", key: #""permissions":["things.read"]"#,
            call: ("permissions.deletePermission", #"{"permission":"things.read"}"#),
            code: "INSUFFICIENT_PERMISSIONS"),
        Case(
            testDescription: "the identity is deleted", key: #""externalId":"initech""#,
            target: "/own/initech/x",
            call: ("identities.deleteIdentity", #"{"identity":"initech"}"#), code: "FORBIDDEN"),
    ]

    @Test(arguments: cases) func aStreamIsCutWhen(_ test: Case) throws {
        let stage = try Stage()
        let key = try stage.key(test.key)
        let (stream, requestID) = try stage.open(test.target, key)
        let body = test.call.body.split(separator: "KEY", omittingEmptySubsequences: false)
            .joined(separator: key.id)
        #expect(try stage.client.call(test.call.procedure, body).status == 200)
        // Nothing more, and above all no last chunk.
        #expect(try stream.readToEnd() == [])
        #expect(try stage.upstreamClosed.next("the backend's connection closes") == test.target)
        let line = try stage.gateway.accessLogLine(requestID: requestID)
        #expect(line["code"]?.string == "REVOKED")
        #expect(line["revoked"]?.string == test.code)
        #expect(line["status"]?.number == 200)
        #expect(try stage.metric(test.code) == 1)
    }

    @Test func anUploadIsCutAndAnsweredWithTheRefusal() throws {
        let stage = try Stage()
        let key = try stage.key(#""permissions":["things.read"]"#)
        let upload = try stage.gateway.connect()
        try upload.send(
            Client.head("POST", "/stream/up", key: key.secret, length: 1_000_000) + "only the beginning")
        // Decided by now.
        _ = try stage.upstream.next()
        _ = try stage.client.data("keys.updateKey", #"{"keyId":"\#(key.id)","enabled":false}"#)
        let answer = try upload.response(to: "POST")
        #expect(answer.status == 401 && answer.code == "DISABLED")
        #expect(upload.isClosedByPeer())
        #expect(try stage.upstreamClosed.next("the backend's connection closes") == "/stream/up")
        let line = try stage.gateway.accessLogLine(requestID: answer.fields["x-request-id"] ?? "")
        #expect(line["code"]?.string == "DISABLED" && line["revoked"]?.string == "DISABLED")
    }

    @Test func aRequestWhoseBackendTakesItsTimeIsAnsweredWithTheRefusalAndTheConnectionGoesOn() throws {
        let stage = try Stage()
        let key = try stage.key(#""permissions":["things.read"]"#)
        let client = try stage.gateway.connect()
        try client.send(Client.head("GET", "/stream/silent", key: key.secret))
        _ = try stage.upstream.next()
        _ = try stage.client.data("keys.deleteKey", #"{"keyId":"\#(key.id)"}"#)
        #expect(try client.response().code == "NOT_FOUND")
        #expect(try stage.upstreamClosed.next("the backend's connection closes") == "/stream/silent")
        #expect(try client.request("GET", "/stream/x", key: key.secret).status == 401)
    }

    @Test func whatIsStillAllowedGoesOnAndIsChargedOnce() throws {
        let stage = try Stage()
        let good = try stage.key(#""permissions":["things.read"],"credits":{"remaining":2}"#)
        let (stream, _) = try stage.open("/stream/long", good)
        // Each of these takes an interval at least, and all are looked at in the same turns.
        for round in 0..<4 {
            let bad = try stage.key(#""permissions":["things.read"]"#)
            let (cut, _) = try stage.open("/stream/\(round)", bad)
            _ = try stage.client.data("keys.deleteKey", #"{"keyId":"\#(bad.id)"}"#)
            #expect(try cut.readToEnd() == [])
        }
        stage.finish.open()
        #expect(try stream.line() == "4")
        #expect(try stream.read(6) == Array("last\r\n".utf8))
        #expect(try stream.line() == "0")
        #expect(try stream.line() == "")
        // One of two is left of the limit and of the credits.
        let (again, _) = try stage.open("/stream/x", good)
        _ = again
        #expect(try stage.gateway.get("/stream/x", key: good).status == 429)
        let kept = try stage.client.data("keys.getKey", #"{"keyId":"\#(good.id)"}"#)
        #expect(kept["credits"]?["remaining"]?.number == 0)
    }

    @Test func shadowAndPublicRoutesAreLeftAlone() throws {
        let stage = try Stage()
        let key = try stage.key(#""permissions":["things.read"]"#)
        let streams = try ["/shadow/long", "/open/long"].map { try stage.open($0, key).client }
        _ = try stage.client.data("keys.deleteKey", #"{"keyId":"\#(key.id)"}"#)
        for round in 0..<3 {
            let bad = try stage.key(#""permissions":["things.read"]"#)
            let (cut, _) = try stage.open("/stream/\(round)", bad)
            _ = try stage.client.data("keys.deleteKey", #"{"keyId":"\#(bad.id)"}"#)
            #expect(try cut.readToEnd() == [])
        }
        for _ in streams { stage.finish.open() }
        for stream in streams { #expect(try stream.line() == "4") }
    }

    @Test func aReloadChangesTheIntervalForWhatRunsAlready() throws {
        let slow = Self.configuration.split(separator: "\n").dropFirst().joined(separator: "\n")
        let stage = try Stage("recheck-interval 1d\n" + slow)
        let key = try stage.key(#""permissions":["things.read"]"#)
        let (stream, _) = try stage.open("/stream/x", key)
        _ = try stage.client.data("keys.deleteKey", #"{"keyId":"\#(key.id)"}"#)
        #expect(try !stream.hasMore(milliseconds: 300), "looked at long before it was due")
        try stage.gateway.reload(Self.configuration, upstream: stage.upstream)
        #expect(try stream.readToEnd() == [])
    }
}
