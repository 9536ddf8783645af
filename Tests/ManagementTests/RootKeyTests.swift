import JSON
import Keys
import Testing

@testable import Management

@Suite("rootKeys.*")
struct RootKeyTests {
    @Test("a root key is made, listed, changed, rerolled and deleted")
    func lifeCycle() throws {
        let sandbox = try Sandbox()
        let made = try sandbox.data(
            "rootKeys.createKey", #"{"permissions":["api.*.create_key"],"name":"ci"}"#)
        let id = try #require(made["keyId"]?.text)
        #expect(made["key"]?.text?.hasPrefix("unkey_") == true)
        let row = try #require(try sandbox.data("rootKeys.listKeys", "{}").elements?.first)
        #expect(
            row["keyId"]?.text == id && row["name"] == "ci" && row["expires"] == .null
                && row["lastUsedAt"] == 0)
        #expect(row["permissions"]?.texts() == ["api.*.create_key"] && row["enabled"] == true)
        try sandbox.data(
            "rootKeys.updateKey", #"{"keyId":"\#(id)","name":null,"enabled":false,"permissions":[]}"#)
        let changed = try #require(try sandbox.data("rootKeys.listKeys", "{}").elements?.first)
        #expect(changed["name"] == .null && changed["enabled"] == false && changed["permissions"] == [])
        let rerolled = try sandbox.data("rootKeys.rerollKey", #"{"keyId":"\#(id)","expiration":0}"#)
        #expect(rerolled["keyId"]?.text != id)
        try sandbox.data("rootKeys.deleteKey", #"{"keyId":"\#(id)"}"#)
        #expect(try sandbox.data("rootKeys.listKeys", "{}").texts("keyId") == [rerolled["keyId"]?.text])
        for (procedure, members) in [
            ("deleteKey", ""), ("updateKey", ""), ("rerollKey", #","expiration":0"#),
        ] {
            try sandbox.refuses(.keyNotFound, "rootKeys.\(procedure)", #"{"keyId":"\#(id)"\#(members)}"#)
        }
    }

    @Test(
        "permissions that mean nothing and times that are over are refused",
        arguments: [
            #"{"permissions":["create_key"]}"#, #"{"permissions":["unkey:v2:ws_keygate:**#*"]}"#,
            #"{"permissions":["unkey:v1:ws_keygate:keyspaces/*#*"]}"#, #"{"permissions":[],"expires":1}"#,
            "{}",
        ])
    func refusals(_ body: String) throws {
        try Sandbox().refuses(.invalidInput, "rootKeys.createKey", body)
    }

    @Test("nobody grants more than they hold, nor for longer")
    func covering() throws {
        let sandbox = try Sandbox()
        let write = "unkey:v1:ws_keygate:rootKeys/*#write"
        let caller = try Sandbox.rootKey(write, "api.*.read_key")
        try sandbox.data("rootKeys.createKey", #"{"permissions":["api.*.read_key"]}"#, as: caller)
        try sandbox.refuses(
            .insufficientPermissions, "rootKeys.createKey", #"{"permissions":["api.*.create_key"]}"#,
            as: caller)
        try sandbox.refuses(
            .insufficientPermissions, "rootKeys.createKey", #"{"permissions":["\#(Workspace.everything)"]}"#,
            as: caller)
        let expiring = try Sandbox.rootKey(write, expiresAtMillis: 4_000_000_000_000)
        try sandbox.refuses(.forbidden, "rootKeys.createKey", #"{"permissions":[]}"#, as: expiring)
        try sandbox.refuses(
            .forbidden, "rootKeys.createKey", #"{"permissions":[],"expires":4000000000001}"#, as: expiring)
        try sandbox.data("rootKeys.createKey", #"{"permissions":[],"expires":4000000000000}"#, as: expiring)
    }

    @Test("a caller lists only what it may read")
    func filtered() throws {
        let sandbox = try Sandbox()
        var ids: [String] = []
        for _ in 0..<3 {
            ids.append(try sandbox.data("rootKeys.createKey", #"{"permissions":[]}"#)["keyId"]?.text ?? "")
        }
        let one = try Sandbox.rootKey("unkey:v1:ws_keygate:rootKeys/\(ids[1])#read")
        #expect(try sandbox.data("rootKeys.listKeys", #"{"limit":1}"#, as: one).texts("keyId") == [ids[1]])
        #expect(
            try sandbox.data("rootKeys.listKeys", "{}", as: Sandbox.rootKey("api.*.read_key")).elements == [])
    }
}
