// What understood configurations mean: each directive's value, defaults, the environment, included files.

import Access
import Bytes
import Testing

@testable import Rules

@Suite("Configurations")
struct ConfigurationTests {
    static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("carry every setting") func settings() throws {
        let configuration = try Conf.compile(
            """
            listen 0.0.0.0:80; listen [2001:db8::1]:8443 tls a.pem a.key tls-client-ca ca.pem optional tls "b pem" b.key
            listen 127.0.0.1:0 tls-client-ca ca.pem tls a.pem a.key
            listen unix:/run/keygate.sock
            admin localhost:9
            store /srv/keygate
            workers 3
            trusted-proxies 10.0.0.0/8 ::1
            trusted-proxies 192.168.1.1
            credential bearer
            credential header X-API-Key
            credential query "api key"
            client-timeout idle=1h head=250ms
            limits body=1g headers=7 head=64k target=512 chunk-line=100 connections=9
            shutdown-grace 0s
            access-log "/var/log/keygate.log"
            """)
        let settings = configuration.settings
        #expect(
            settings.listeners.map(\.description) == [
                "0.0.0.0:80", "[2001:db8::1]:8443", "127.0.0.1:0", "unix:/run/keygate.sock",
            ])
        let tls = settings.listeners.map(\.tls)
        #expect(tls[0] == nil && tls[3] == nil)
        #expect(tls[1]?.certificates.map(\.chain.path) == ["a.pem", "b pem"])
        #expect(tls[1]?.certificates.map(\.key.path) == ["a.key", "b.key"])
        #expect(tls[1]?.clientAuthority?.file.path == "ca.pem")
        #expect(tls[1]?.clientAuthority?.isOptional == true && tls[2]?.clientAuthority?.isOptional == false)
        #expect(settings.admin?.description == "127.0.0.1:9")
        #expect(settings.storePath == "/srv/keygate")
        #expect(settings.workers == .fixed(3))
        #expect(settings.trustedProxies.map(\.description) == ["10.0.0.0/8", "::1", "192.168.1.1"])
        #expect(
            settings.credentials
                == [.bearer, .header(name: Array("X-API-Key".utf8)), .query(name: Array("api key".utf8))])
        #expect(settings.clientTimeouts.headNanos == 250 * Nanos.millisecond)
        #expect(settings.clientTimeouts.bodyNanos == 30 * Nanos.second)
        #expect(settings.clientTimeouts.idleNanos == Nanos.hour)
        #expect(settings.limits.headBytes == 65536 && settings.limits.headerCount == 7)
        #expect(settings.limits.targetBytes == 512 && settings.limits.bodyBytes == 1 << 30)
        #expect(settings.limits.connectionsPerWorker == 9 && settings.limits.chunkLineBytes == 100)
        #expect(settings.shutdownGraceNanos == 0)
        #expect(settings.accessLog == .file(path: "/var/log/keygate.log"))
    }

    @Test("carry every upstream") func upstreams() throws {
        let configuration = try Conf.compile(
            """
            listen 127.0.0.1:1
            upstream one {
                server http://127.0.0.1:9000 weight 3
                server https://[::1]
                server unix:/run/api.sock
                timeout first-byte=5m
                host upstream
                tls-ca /etc/ca.pem
            }
            upstream two { server http://h_1.internal }
            """)
        let one = configuration.upstreams[0]
        #expect(
            one.servers.map(\.description) == [
                "http://127.0.0.1:9000", "https://[::1]:443", "unix:/run/api.sock",
            ])
        #expect(one.servers.map(\.authority) == ["127.0.0.1:9000", "[::1]", "localhost"])
        #expect(one.servers.map(\.weight) == [3, 1, 1])
        #expect(
            one.timeouts.connectNanos == 2 * Nanos.second && one.timeouts.firstByteNanos == 5 * Nanos.minute)
        #expect(one.hostHeader == .upstream && one.caFile == "/etc/ca.pem")
        #expect(configuration.upstreams[1].hostHeader == .client && configuration.upstreams[1].caFile == nil)
        #expect(configuration.upstreams[1].location == SourceLocation(file: "g.conf", line: 10, column: 1))
    }

    @Test("carry how servers are used") func servers() throws {
        let configuration = try Conf.compile(
            """
            listen 127.0.0.1:1
            upstream one {
                server https://a weight=3 max-connections 10
                server https://b max-connections=20 weight 2
                client-certificate c.pem c.key
                eject after=5 for=2s max=3m
                health /up?deep=1 every 250ms timeout=100ms rise=1 fall=4
                slow-start 30s
                queue 50 timeout=2s
                resolve 2m
            }
            upstream two { server http://c; health /up; eject off }
            upstream three { server http://d max-connections 1; queue 7; eject for=2m }
            """)
        let one = configuration.upstreams[0]
        #expect(one.servers.map(\.weight) == [3, 2] && one.servers.map(\.maxConnections) == [10, 20])
        #expect(one.clientCertificate == UpstreamCertificate(certificateFile: "c.pem", keyFile: "c.key"))
        #expect(
            one.ejection
                == UpstreamEjection(
                    failureCount: 5, firstNanos: 2 * Nanos.second, longestNanos: 3 * Nanos.minute))
        #expect(
            one.check
                == UpstreamCheck(
                    path: Array("/up?deep=1".utf8), everyNanos: 250 * Nanos.millisecond,
                    timeoutNanos: 100 * Nanos.millisecond, riseCount: 1, fallCount: 4))
        #expect(one.slowStartNanos == 30 * Nanos.second)
        #expect(one.queue == UpstreamQueue(limit: 50, timeoutNanos: 2 * Nanos.second))
        #expect(one.nameLifetimeNanos == 2 * Nanos.minute)
        let two = configuration.upstreams[1]
        #expect(two.nameLifetimeNanos == 30 * Nanos.second)
        #expect(two.ejection == nil && two.check == UpstreamCheck(path: Array("/up".utf8)))
        #expect(two.queue == nil && two.slowStartNanos == 0 && two.clientCertificate == nil)
        let three = configuration.upstreams[2]
        #expect(three.queue == UpstreamQueue(limit: 7))
        #expect(three.ejection?.longestNanos == 2 * Nanos.minute, "never shorter than the first")
    }

    @Test("carry everything a route says") func route() throws {
        let configuration = try Conf.compile(
            """
            listen 127.0.0.1:1
            api general
            tag stage=live area=$route
            limits body=1k
            upstream a { server http://h; timeout idle=9s }
            upstream b { server http://i }
            route GET /v1/orgs/{org}/{id}/** host API.example {
                require (a.read OR b) AND c
                api special
                tag area="{org} of $host" verb=$method
                to a
                rewrite /x/{id}/y-{org}/**
                timeout connect=1s
                body-limit 5m
                header X-Env "live one"
                remove-header Cookie
                forward-credential; shadow; allow-empty-segments; allow-encoded-slash
            }
            route POST /a/b/** { authenticated; to b; strip-prefix /a/b/ }
            """)
        let route = configuration.routes[0]
        #expect(route.methods.text == "GET" && Self.text(route.pattern) == "/v1/orgs/{org}/{id}/**")
        #expect(route.captureNames.map(Self.text) == ["org", "id"])
        #expect(route.host.map(Self.text) == "api.example")
        #expect(route.access.text == "require (a.read OR b) AND c")
        #expect(route.apis == ["special"])
        #expect(route.tagsText == "stage=live area={org} of $host verb=$method")
        #expect(
            route.tags.map(\.value) == [
                [.literal(Array("live".utf8))], [.capture(0), .literal(Array(" of ".utf8)), .host], [.method],
            ])
        #expect(
            route.pathChange
                == .rewrite([
                    .literal(Array("/x/".utf8)), .capture(1), .literal(Array("/y-".utf8)), .capture(0),
                    .literal(Array("/".utf8)), .rest,
                ]))
        #expect(route.upstreamIndex == 0)
        #expect(route.timeouts.connectNanos == Nanos.second && route.timeouts.idleNanos == 9 * Nanos.second)
        #expect(route.bodyLimitBytes == 5 << 20)
        #expect(
            route.setHeaders.map { "\(Self.text($0.name)): \(Self.text($0.value))" } == ["X-Env: live one"])
        #expect(route.removedHeaders.map(Self.text) == ["cookie"])
        #expect(
            route.forwardsCredential && route.isShadow && route.allowsEmptySegments
                && route.allowsEncodedSlash)
        #expect(route.location == SourceLocation(file: "g.conf", line: 7, column: 1))

        let other = configuration.routes[1]
        #expect(
            other.apis == ["general"] && other.tagsText == "stage=live area=$route"
                && other.upstreamIndex == 1)
        #expect(other.pathChange == .strip(prefix: Array("/a/b".utf8)))
        #expect(other.bodyLimitBytes == 1024 && !other.forwardsCredential && !other.isShadow)
    }

    @Test("list routes most specific first") func listing() throws {
        let routes = try Routes([
            "* /**", "GET /b", "GET /a/{x}", "* /a/c", "GET /a/c", "GET /a/**", "GET /z host h",
        ])
        #expect(routes.configuration.table.mostSpecificFirst == [6, 4, 3, 2, 5, 1, 0])
    }

    @Test("name where each permission is asked for") func permissionUses() throws {
        let configuration = try Conf.compile(Conf.frame + "route GET /a { require ab OR (a AND ab) }\n")
        let uses = configuration.permissionUses.map { "\($0.name) \($0.excerpt.location)" }
        #expect(uses == ["ab g.conf:3:24", "a g.conf:3:31", "ab g.conf:3:37"])
    }

    struct Words: Sendable, CustomTestStringConvertible {
        let label: String
        let text: String
        let storePath: String
        var testDescription: String { label }
    }

    @Test(
        "read words",
        arguments: [
            Words(label: "bare", text: "store a/b{c}#d", storePath: "a/b{c}#d"),
            Words(label: "quoted", text: "store \"a b;c{}#\"", storePath: "a b;c{}#"),
            Words(label: "with escapes", text: #"store "a\"b\\c""#, storePath: "a\"b\\c"),
            Words(label: "before a comment", text: "store a # b", storePath: "a"),
            Words(label: "before a semicolon", text: "store a;workers 1", storePath: "a"),
            Words(label: "before a carriage return", text: "store a\r\nworkers 1\r", storePath: "a"),
            Words(label: "behind tabs", text: "\tstore\t\ta\t", storePath: "a"),
            Words(label: "beyond ASCII", text: "store /srv/\u{e9}", storePath: "/srv/\u{e9}"),
            Words(label: "with a variable", text: "store /srv/${NAME}/x", storePath: "/srv/keys and/x"),
            Words(
                label: "with a quoted variable", text: "store \"${NAME} ${NAME}\"",
                storePath: "keys and keys and"),
            Words(
                label: "with a default that is not needed", text: "store ${NAME:-x}", storePath: "keys and"),
            Words(
                label: "with a default for an unset variable", text: "store ${UNSET:-a b}", storePath: "a b"),
            Words(label: "with a default for an empty variable", text: "store ${EMPTY:-a}", storePath: "a"),
            Words(label: "with an empty variable", text: "store a${EMPTY}b", storePath: "ab"),
            Words(label: "with a lone dollar", text: "store a$b$", storePath: "a$b$"),
        ])
    func words(_ row: Words) throws {
        let environment = ["NAME": "keys and", "EMPTY": ""]
        #expect(
            try Conf.compile(Conf.frame + row.text, environment: environment).settings.storePath
                == row.storePath)
    }

    @Test("include files, in order, relative to the file that says so") func include() throws {
        let configuration = try Conf.compile(
            Conf.frame + "include conf.d/*.conf\nroute GET /z { authenticated; include auth/extra.conf }\n",
            files: [
                "conf.d/1.conf": "route GET /1 { authenticated }\ninclude sub/x.conf",
                "conf.d/2.conf": "store /two",
                "conf.d/sub/x.conf": "route GET /x { public }", "auth/extra.conf": "check key.name exists",
            ])
        #expect(configuration.routes.map { Self.text($0.pattern) } == ["/1", "/x", "/z"])
        #expect(configuration.settings.storePath == "/two")
        #expect(configuration.routes[2].checks.count == 1)
        #expect(
            configuration.routes[1].location == SourceLocation(file: "conf.d/sub/x.conf", line: 1, column: 1))
        #expect(configuration.recompiled().routes.count == 3)
    }

    @Test("refuse a file that includes itself") func includeCycle() {
        let refusal = Conf.refusal(
            Conf.frame + "include a.conf", files: ["a.conf": "include b.conf", "b.conf": "include a.conf"])
        #expect(
            refusal == "b.conf:1:9: error: a.conf includes itself\n    include a.conf\n            ^~~~~~")
    }

    @Test("refuse a file that cannot be read") func unreadable() {
        let reader = Conf.reader([:])
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration.compile(path: "none.conf", reader: reader)
        }
        #expect(
            error?.description
                == "none.conf: error: the configuration cannot be read: no such file or directory")
    }

    @Test("point at the right column behind tabs and beyond ASCII") func carets() {
        #expect(
            Conf.refusal("listen 1.2.3.4:5\n\ttag \u{e9}=\u{e9} x")
                == "g.conf:2:6: error: expected NAME=VALUE, found \"\u{e9}=\u{e9}\"\n    \ttag \u{e9}=\u{e9} x\n    \t    ^~~\n"
                + "g.conf:2:10: error: expected NAME=VALUE, found \"x\"\n    \ttag \u{e9}=\u{e9} x\n    \t        ^"
        )
    }

    @Test(
        "cut at any byte, are refused or accepted but never trap",
        arguments: [
            "listen ${A:-1.2.3.4:5} tls c k\nupstream a { server \"http://h\\n\" weight 3; timeout idle=5s }\n",
            "listen [::1]:1\nupstream a { server http://h }\nroute GET,HEAD /a/{b}/%2F/** host h { require \"(a OR b) AND c\"; tag x=\"{b} $method\" }\n",
            "listen 1.2.3.4:5\nupstream a { server http://h }\nroute * /{a} { authenticated; check NOT (path.a in (x, \"y\") OR now < 2026-01-01T10:00Z) AND client.ip in (10.0.0.0/8) \"m\" }\n",
            "headers { X-A key.meta.a.b; X-B identity.externalId }\ncredential header X-C\nlimits head=1k body=1g\nroute GET /a { public; limit l 1/1s by header:X ip }\n",
        ])
    func truncated(_ text: String) {
        let bytes = Array(text.utf8)
        for count in 0...bytes.count { _ = Conf.refusal(String(decoding: bytes[..<count], as: UTF8.self)) }
    }
}
