import JSON
import Keys
import Testing

@testable import Management

@Suite("The envelope")
struct EnvelopeTests {
    @Test("every kind of error has a status, a title and a type of its own")
    func table() {
        let kinds = ManagementError.Kind.allCases
        #expect(Set(kinds.map(\.type)).count == kinds.count)
        for kind in kinds {
            #expect((400...599).contains(kind.status) && !kind.title.isEmpty)
            #expect(kind.type.hasPrefix("https://unkey.com/docs/errors/"))
        }
    }

    @Test(
        "errors that blame the request list violations, others do not",
        arguments: [
            (.invalidInput, true), (.bodyTooLarge, true), (.requestTimeout, true), (.rootKeyNotFound, false),
            (.apiNotFound, false), (.roleExists, false), (.unexpected, false),
        ] as [(ManagementError.Kind, Bool)])
    func violations(_ kind: ManagementError.Kind, _ listed: Bool) {
        let answer = ManagementAnswer(ManagementError(kind, "why"), requestId: "req_1")
        #expect((answer.body["error"]?["errors"] != nil) == listed)
    }

    @Test("a store that cannot write is answered as unavailable")
    func unavailable() {
        let answer = ManagementAnswer(.failure(.unavailable("no space left")), requestId: "req_1")
        #expect(answer.status == 503)
        #expect(answer.error?.kind == .unavailable)
    }

    @Test("success wraps data, and a list adds its pagination")
    func success() {
        #expect(
            ManagementAnswer(.done, requestId: "req_1").body.description
                == #"{"meta":{"requestId":"req_1"},"data":{}}"#)
        #expect(
            ManagementAnswer(.nothing, requestId: "req_1").body.description
                == #"{"meta":{"requestId":"req_1"}}"#)
        #expect(
            ManagementAnswer(.page([1], next: "x"), requestId: "r").body.description
                == #"{"meta":{"requestId":"r"},"data":[1],"pagination":{"cursor":"x","hasMore":true}}"#)
        #expect(
            ManagementAnswer(.page([], next: nil), requestId: "r").body.description
                == #"{"meta":{"requestId":"r"},"data":[],"pagination":{"hasMore":false}}"#)
    }

    @Test("request ids are short, fresh and plain")
    func requestIds() {
        let ids = (0..<100).map { _ in RequestId.make() }
        #expect(Set(ids).count == 100)
        for id in ids { #expect(id.wholeMatch(of: /req_[a-zA-Z0-9]{9}/) != nil) }
    }

    @Test("what only the operator may call does not exist for the network")
    func surfaces() throws {
        let body = Array("{}".utf8)
        let local = try PreparedCall(procedure: "apis.listApis", body: body.span, from: .local) != nil
        let network = try PreparedCall(procedure: "apis.listApis", body: body.span, from: .network) != nil
        let unknown = try PreparedCall(procedure: "apis.nothing", body: body.span, from: .local) != nil
        #expect(local && !network && !unknown)
    }

    @Test("what only the operator may say is unknown to the network, and not shown to it")
    func membersOfTheOperator() throws {
        let sandbox = try Sandbox()
        let key = try sandbox.createKey(in: try sandbox.createAPI(), #""allowedNetworks":["10.0.0.0/8"]"#)
        #expect(try sandbox.key(key.id)["allowedNetworks"]?.description == #"["10.0.0.0/8"]"#)
        let root = try Sandbox.rootKey("api.*.read_key")
        let shown = try sandbox.data("keys.getKey", #"{"keyId":"\#(key.id)"}"#, as: root)
        #expect(shown["keyId"]?.text == key.id && shown["allowedNetworks"] == nil)
        try sandbox.refuses(
            .invalidInput, "keys.updateKey", #"{"keyId":"\#(key.id)","allowedNetworks":["10.0.0.1/8"]}"#)
        for procedure in ["keys.createKey", "keys.updateKey"] {
            let body = Array(#"{"apiId":"api_1","keyId":"key_1","allowedNetworks":[]}"#.utf8)
            let refusal = #expect(throws: ManagementError.self) {
                _ = try PreparedCall(procedure: procedure, body: body.span, from: .network)
            }
            #expect(
                refusal?.violations.contains { $0.message.contains("'allowedNetworks' not allowed") } == true)
        }
    }
}
