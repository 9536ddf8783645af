import Testing

/// `keygate call` reaches every procedure by name, with a server and without one.
@Suite struct CallsByName {
    private static let tooMany = """
        [{"namespace":"mail","identifier":"a","limit":1,"duration":60000},\
        {"namespace":"mail","identifier":"a","limit":1,"duration":60000}]
        """

    @Test func theAnswerIsTheOneOfTheAPI() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let made = try gateway.command("call", "apis.createApi", #"{"name":"made-by-name"}"#)
        #expect(made.succeeded, "\(made.errors)")
        let id = try #require(JSONValue(made.output)?["data"]?["apiId"]?.string)
        #expect(try gateway.command("api", "get", "made-by-name", "--json").output.contains(id))

        let limited = try gateway.command("call", "ratelimit.multiLimit", Self.tooMany)
        #expect(JSONValue(limited.output)?["data"]?["passed"]?.bool == false, "\(limited.output)\(limited.errors)")
        let usage = try gateway.command("call", "workspace.getLimits")
        #expect(JSONValue(usage.output)?["data"]?.names != nil, "\(usage.errors)")
    }

    /// Without a server the store is opened here, for as long as the call takes.
    @Test func noServerIsNeeded() throws {
        let gateway = try Gateway(upstream: try Upstream())
        #expect(try gateway.stop() == .code(0))
        let made = try gateway.command("call", "apis.createApi", #"{"name":"made-offline"}"#)
        #expect(made.succeeded, "\(made.errors)")
        #expect(try gateway.command("api", "get", "made-offline").succeeded)
        let unknown = try gateway.command("call", "x\r\ny: z")
        #expect(unknown.exit == .code(2))
    }

    @Test func aMistakeSaysWhatItIs() throws {
        let gateway = try Gateway(upstream: try Upstream())
        let unknown = try gateway.command("call", "apis.creatApi")
        #expect(unknown.exit == .code(2))
        #expect(
            unknown.errors.contains("unknown procedure \"apis.creatApi\"; did you mean \"apis.createApi\"?"),
            "\(unknown.errors)")
        let broken = try gateway.command("call", "apis.createApi", "{")
        #expect(broken.exit == .code(2))
        #expect(broken.errors.contains("the body is not JSON: "), "\(broken.errors)")
        let refused = try gateway.command("call", "apis.createApi", #"{"title":"x"}"#)
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("name"), "\(refused.errors)")
    }
}
