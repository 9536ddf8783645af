// gateway.conf.sample is the manual: it has to compile as it is, and its defaults have to be the real ones.

import Access
import Glibc
import Rules
import Testing

@Suite("gateway.conf.sample")
struct SampleTests {
    /// The sample's text, found from where this test stands in the repository.
    static func sample() throws -> String {
        let folders = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let descriptor = unsafe open("\(folders.joined(separator: "/"))/gateway.conf.sample", O_RDONLY)
        try #require(descriptor >= 0, "the sample is missing at the root of the repository")
        defer { close(descriptor) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while case let count = unsafe read(descriptor, &chunk, chunk.count), count > 0 {
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    @Test("compiles as shipped, with nothing to warn about but its public route") func compiles() throws {
        let configuration = try Conf.compile(Self.sample())
        #expect(configuration.warnings.map(\.message) == ["this route is public: no key is asked for"])
        #expect(
            configuration.routes.map {
                "\($0.methods.text) \(String(decoding: $0.pattern, as: UTF8.self)) \($0.access.text)"
            }
                == [
                    "GET /healthz public",
                    "GET /v1/invoices/** require invoices.read",
                    "POST /v1/invoices require invoices.write OR billing.admin",
                    "GET /v1/orgs/{org}/** require orgs.read",
                    "POST /v1/search require search.basic",
                    "* /v1/** authenticated",
                ])
        #expect(
            configuration.injectedHeaders.map { String(decoding: $0.name, as: UTF8.self) }
                == ["X-Tenant-Id", "X-Key-Id", "X-Plan", "X-Permissions"])
        #expect(
            configuration.permissionUses.map(\.name.description) == [
                "invoices.read", "invoices.write", "billing.admin", "orgs.read", "search.basic",
            ])
    }

    @Test("states the defaults as they are") func defaults() throws {
        let sample = try Conf.compile(Self.sample())
        let bare = try Conf.compile(Conf.frame)
        #expect(sample.settings.listeners == bare.settings.listeners)
        #expect(sample.settings.storePath == bare.settings.storePath)
        #expect(sample.settings.workers == bare.settings.workers)
        #expect(sample.settings.trustedProxies == bare.settings.trustedProxies)
        #expect(sample.settings.credentials == bare.settings.credentials)
        #expect(sample.settings.clientTimeouts == bare.settings.clientTimeouts)
        #expect(sample.settings.limits == bare.settings.limits)
        #expect(sample.settings.shutdownGraceNanos == bare.settings.shutdownGraceNanos)
        #expect(sample.settings.accessLog == bare.settings.accessLog)
        #expect(sample.settings.recheckIntervalNanos == bare.settings.recheckIntervalNanos)
        #expect(sample.settings.failedKeyLimit == bare.settings.failedKeyLimit)
        #expect(sample.settings.creditDurability == bare.settings.creditDurability)
        #expect(sample.settings.creditLeaseMaximum == bare.settings.creditLeaseMaximum)
        #expect(sample.upstreams[0].timeouts == bare.upstreams[0].timeouts)
        #expect(sample.upstreams[0].hostHeader == bare.upstreams[0].hostHeader)
        #expect(sample.upstreams[0].servers == bare.upstreams[0].servers)
        #expect(sample.upstreams[0].ejection == bare.upstreams[0].ejection)
        #expect(sample.upstreams[0].check == nil && sample.upstreams[0].queue == nil)
        #expect(
            sample.injectedHeaders.prefix(2).map(\.name) == bare.injectedHeaders.map(\.name))
    }

    /// The lines of a server's block that are not in force as shipped, because they have no default.
    @Test("states the parts of what is off by default as they are") func optionalDefaults() throws {
        let text = try Self.sample().replacing("\n    #", with: "\n    ")
        let lines = text.split(separator: "\n").filter { line in
            ["health", "queue", "slow-start", "resolve"].contains { line.hasPrefix("    \($0) ") }
        }
        #expect(lines.count == 4)
        let written = try Conf.compile(
            "listen 127.0.0.1:1\nupstream a {\n server http://h max-connections 1\n server http://i\n"
                + lines.joined(separator: "\n") + "\n}\n")
        let short = try Conf.compile(
            "listen 127.0.0.1:1\nupstream a { server http://h max-connections 1; health /healthz; queue 100 }\n"
        )
        #expect(written.upstreams[0].check == short.upstreams[0].check)
        #expect(written.upstreams[0].queue == short.upstreams[0].queue)
        #expect(written.upstreams[0].nameLifetimeNanos == short.upstreams[0].nameLifetimeNanos)
    }

    @Test("takes its addresses from the environment") func environment() throws {
        let configuration = try Conf.compile(
            Self.sample(),
            environment: [
                "KEYGATE_LISTEN": "[::1]:0", "KEYGATE_ADMIN": "unix:/run/admin.sock",
                "KEYGATE_STORE": "/var/lib/keygate",
                "KEYGATE_UPSTREAM": "https://api.internal",
            ])
        #expect(configuration.settings.listeners.map(\.description) == ["[::1]:0"])
        #expect(configuration.settings.admin?.description == "unix:/run/admin.sock")
        #expect(configuration.settings.storePath == "/var/lib/keygate")
        #expect(configuration.upstreams[0].servers.map(\.description) == ["https://api.internal:443"])
    }

    @Test("compiles again from what was read, to the same routes") func recompiled() throws {
        let configuration = try Conf.compile(Self.sample(), environment: ["KEYGATE_STORE": "/srv/store"])
        let again = configuration.recompiled()
        #expect(again.settings.storePath == "/srv/store")
        #expect(again.routes.map(\.pattern) == configuration.routes.map(\.pattern))
        #expect(again.warnings == configuration.warnings)
    }

    @Test("cut at any byte, is refused or accepted but never traps") func truncated() throws {
        let text = Array(try Self.sample().utf8)
        // The comments in front say nothing to the parser; a tenth of the cuts is enough there.
        for count in 0..<text.count where count % 10 == 0 || count > text.count - 2000 {
            _ = Conf.refusal(String(decoding: text[..<count], as: UTF8.self))
        }
    }
}
