import Testing

/// Keys of which only the hashes are known are taken over, and then let through like any other.
@Suite struct Imports {
    @Test func linesBecomeKeysAndAMistakeLeavesNothing() throws {
        let upstream = try Upstream()
        let gateway = try Gateway(upstream: upstream)
        // The hash of the existing reader's key is taken already; `sha256_hex` of an unknown text is new.
        let new = String(repeating: "ab", count: 32)
        try gateway.directory.write(
            """
            {"hash":"\(new)","name":"moved","externalId":"acme","permissions":["things.read"],"meta":{"a":1}}

            {"hash":"\(new.dropLast(2))cd","limits":[{"name":"requests","limit":5,"duration":60000,"autoApply":true}],"credits":{"remaining":3}}
            """, to: "keys.jsonl")
        let done = try gateway.command(
            "import", "unkey", "keys.jsonl", "--api", "shop", "--migration", "sha256_hex", "--json")
        #expect(done.succeeded, "\(done.errors)")
        #expect(JSONValue(done.output)?["migrated"]?.number == 2)
        let again = try gateway.command(
            "import", "unkey", "keys.jsonl", "--api", "shop", "--migration", "sha256_hex", "--json")
        #expect(JSONValue(again.output)?["migrated"]?.number == 0)
        #expect(JSONValue(again.output)?["failed"]?.array?.count == 2)
        let listed = try gateway.command("key", "list", "--api", "shop", "--json")
        #expect(listed.output.contains("\"moved\""))

        try gateway.directory.write("{\"hash\":\"\(new)\"}\n{\"name\":\"no hash\"}\n", to: "bad.jsonl")
        let refused = try gateway.command("import", "unkey", "bad.jsonl", "--api", "shop")
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("bad.jsonl:2: expected an object with a hash"), "\(refused.errors)")
    }
}
