// What is said about the directives beside routes: addresses, values, upstreams, callers.

import Testing

@Suite("Diagnostics: settings")
struct DiagnosticSettingsTests {
    static let addresses: [Refusal] = [
        Refusal(
            "no listen at all", alone: "workers auto",
            #"""
            g.conf: error: expected a listen directive, found none
            """#),
        Refusal(
            "listen without an address", "listen",
            #"""
            g.conf:3:7: error: expected listen ADDRESS:PORT, found the end of the directive
                listen
                      ^
            """#),
        Refusal(
            "listen with a port only", "listen 8080",
            #"""
            g.conf:3:8: error: expected ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH, found "8080"; did you mean "127.0.0.1:8080"?
                listen 8080
                       ^~~~
            """#),
        Refusal(
            "listen with a host name", "listen example.com:80",
            #"""
            g.conf:3:8: error: expected an IP address or localhost, found "example.com"
                listen example.com:80
                       ^~~~~~~~~~~
            """#),
        Refusal(
            "listen with a port that is too large", "listen 127.0.0.1:65536",
            #"""
            g.conf:3:18: error: expected a port from 0 to 65535, found "65536"
                listen 127.0.0.1:65536
                                 ^~~~~
            """#),
        Refusal(
            "listen twice on one address", "listen 127.0.0.1:8080",
            #"""
            g.conf:3:8: error: 127.0.0.1:8080 is listened on already
                listen 127.0.0.1:8080
                       ^~~~~~~~~~~~~~
            g.conf:1:8: note: first written here
                listen 127.0.0.1:8080
                       ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "a relative unix socket", "listen unix:keygate.sock",
            #"""
            g.conf:3:13: error: expected an absolute path of at most 107 bytes after "unix:", found "keygate.sock"
                listen unix:keygate.sock
                            ^~~~~~~~~~~~
            """#),
        Refusal(
            "admin on the public listener", "admin 127.0.0.1:8080",
            #"""
            g.conf:3:7: error: admin must have an address of its own
                admin 127.0.0.1:8080
                      ^~~~~~~~~~~~~~
            g.conf:1:8: note: listened on here
                listen 127.0.0.1:8080
                       ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "listen with an unknown option", "listen 127.0.0.1:1 tsl a b",
            #"""
            g.conf:3:20: error: expected tls, tls-client-ca or proxy-protocol, found "tsl"; did you mean "tls"?
                listen 127.0.0.1:1 tsl a b
                                   ^~~
            """#),
        Refusal(
            "listen tls without its key", "listen 127.0.0.1:1 tls cert.pem",
            #"""
            g.conf:3:32: error: expected tls CERT KEY
                listen 127.0.0.1:1 tls cert.pem
                                               ^
            """#),
        Refusal(
            "listen with a key too many",
            "listen 127.0.0.1:1 tls-client-ca ca.pem tls cert.pem key.pem key.pem",
            #"""
            g.conf:3:62: error: expected tls, tls-client-ca or proxy-protocol, found "key.pem"
                listen 127.0.0.1:1 tls-client-ca ca.pem tls cert.pem key.pem key.pem
                                                                             ^~~~~~~
            """#),
        Refusal(
            "a client authority without its file", "listen 127.0.0.1:1 tls-client-ca",
            #"""
            g.conf:3:33: error: expected tls-client-ca FILE
                listen 127.0.0.1:1 tls-client-ca
                                                ^
            """#),
        Refusal(
            "a client authority where nobody is asked", "listen 127.0.0.1:1 tls-client-ca ca.pem optional",
            #"""
            g.conf:3:20: error: tls-client-ca without tls asks nobody for a certificate
                listen 127.0.0.1:1 tls-client-ca ca.pem optional
                                   ^~~~~~~~~~~~~
            """#),
        Refusal(
            "two client authorities", "listen 127.0.0.1:1 tls-client-ca a.pem tls-client-ca b.pem",
            #"""
            g.conf:3:40: error: "tls-client-ca" may be written once here
                listen 127.0.0.1:1 tls-client-ca a.pem tls-client-ca b.pem
                                                       ^~~~~~~~~~~~~
            g.conf:3:20: note: first written here
                listen 127.0.0.1:1 tls-client-ca a.pem tls-client-ca b.pem
                                   ^~~~~~~~~~~~~
            """#),
        Refusal(
            "the same address with other options", "listen 127.0.0.1:8080 tls cert.pem",
            #"""
            g.conf:3:8: error: 127.0.0.1:8080 is listened on already
                listen 127.0.0.1:8080 tls cert.pem
                       ^~~~~~~~~~~~~~
            g.conf:1:8: note: first written here
                listen 127.0.0.1:8080
                       ^~~~~~~~~~~~~~
            g.conf:3:35: error: expected tls CERT KEY
                listen 127.0.0.1:8080 tls cert.pem
                                                  ^
            """#),
        Refusal(
            "a network with bits beyond its length", "trusted-proxies 10.1.0.0/8",
            #"""
            g.conf:3:17: error: the address has bits beyond its length; the network is 10.0.0.0/8, found "10.1.0.0/8"
                trusted-proxies 10.1.0.0/8
                                ^~~~~~~~~~
            """#),
        Refusal(
            "a proxy that is no network", "trusted-proxies loadbalancer",
            #"""
            g.conf:3:17: error: expected an IP address or a network such as 10.0.0.0/8, found "loadbalancer"
                trusted-proxies loadbalancer
                                ^~~~~~~~~~~~
            """#),
    ]

    static let values: [Refusal] = [
        Refusal(
            "a time-out without a unit", "shutdown-grace 30",
            #"""
            g.conf:3:16: error: expected a duration such as 250ms, 5s, 1m, 2h or 1d, found "30"
                shutdown-grace 30
                               ^~
            """#),
        Refusal(
            "a time-out of zero", "client-timeout head=0s",
            #"""
            g.conf:3:21: error: expected a duration above zero, found "0s"
                client-timeout head=0s
                                    ^~
            """#),
        Refusal(
            "an unknown time-out", "client-timeout haed=10s",
            #"""
            g.conf:3:16: error: expected one of head, body, idle, found "haed"; did you mean "head"?
                client-timeout haed=10s
                               ^~~~
            """#),
        Refusal(
            "a time-out given twice", "client-timeout head=1s head=2s",
            #"""
            g.conf:3:24: error: "head" may be written once here
                client-timeout head=1s head=2s
                                       ^~~~
            g.conf:3:16: note: first written here
                client-timeout head=1s head=2s
                               ^~~~
            """#),
        Refusal(
            "a limit without a value", "limits head",
            #"""
            g.conf:3:8: error: expected head=… headers=… target=… body=… chunk-line=… connections=…, found "head"
                limits head
                       ^~~~
            """#),
        Refusal(
            "a size with an unknown unit", "limits body=10mb",
            #"""
            g.conf:3:13: error: expected a size such as 512, 64k, 10m or 1g, found "10mb"
                limits body=10mb
                            ^~~~
            """#),
        Refusal(
            "a size out of bounds", "limits head=10",
            #"""
            g.conf:3:13: error: expected a size from 1k to 1m, found "10"
                limits head=10
                            ^~
            """#),
        Refusal(
            "a target larger than the head", "limits head=4k target=8k",
            #"""
            g.conf:3:1: error: the request target is part of the head: target=8k exceeds head=4k
                limits head=4k target=8k
                ^~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "workers that are no number", "workers many",
            #"""
            g.conf:3:9: error: expected auto or a number from 1 to 1024, found "many"
                workers many
                        ^~~~
            """#),
        Refusal(
            "a word too many", "store a b",
            #"""
            g.conf:3:9: error: expected store DIRECTORY and nothing more, found "b"
                store a b
                        ^
            """#),
    ]

    static let upstreams: [Refusal] = [
        Refusal(
            "an upstream without a server", "upstream b { }",
            #"""
            g.conf:3:1: error: expected at least one server in this upstream
                upstream b { }
                ^~~~~~~~~~
            """#),
        Refusal(
            "an upstream without a block", "upstream b",
            #"""
            g.conf:3:11: error: expected upstream NAME { … }, found no block
                upstream b
                          ^
            """#),
        Refusal(
            "an upstream with a name that is taken", "upstream api { server http://h:1 }",
            #"""
            g.conf:3:10: error: there is an upstream "api" already
                upstream api { server http://h:1 }
                         ^~~
            g.conf:2:10: note: first written here
                upstream api { server http://127.0.0.1:9000 }
                         ^~~
            """#),
        Refusal(
            "a server with a path", "upstream b { server http://h:1/base }",
            #"""
            g.conf:3:31: error: expected the end of the address, found "/base"; a path is set with rewrite in a route
                upstream b { server http://h:1/base }
                                              ^~~~~
            """#),
        Refusal(
            "a server with an unknown scheme", "upstream b { server tcp://h:1 }",
            #"""
            g.conf:3:21: error: expected http://HOST:PORT, https://HOST or unix:/PATH, found "tcp://h:1"
                upstream b { server tcp://h:1 }
                                    ^~~~~~~~~
            """#),
        Refusal(
            "a server without a host", "upstream b { server http://:80 }",
            #"""
            g.conf:3:28: error: expected a host name or address, found ":80"
                upstream b { server http://:80 }
                                           ^~~
            """#),
        Refusal(
            "a server with a bad host", "upstream b { server http://a/../b }",
            #"""
            g.conf:3:29: error: expected the end of the address, found "/../b"; a path is set with rewrite in a route
                upstream b { server http://a/../b }
                                            ^~~~~
            """#),
        Refusal(
            "a server with a misspelt weight", "upstream b { server http://h:1 wieght 2 }",
            #"""
            g.conf:3:32: error: expected weight or max-connections, found "wieght"; did you mean "weight"?
                upstream b { server http://h:1 wieght 2 }
                                               ^~~~~~
            """#),
        Refusal(
            "a server with a weight of zero", "upstream b { server http://h:1 weight 0 }",
            #"""
            g.conf:3:39: error: expected a weight from 1 to 1000, found "0"
                upstream b { server http://h:1 weight 0 }
                                                      ^
            """#),
        Refusal(
            "a CA bundle for nothing", "upstream b { server http://h:1; tls-ca ca.pem }",
            #"""
            g.conf:3:33: error: tls-ca without an https:// server verifies nothing
                upstream b { server http://h:1; tls-ca ca.pem }
                                                ^~~~~~~~~~~~~
            """#),
        Refusal(
            "an unknown directive of an upstream", "upstream b { servr http://h:1 }",
            #"""
            g.conf:3:14: error: expected a directive of an upstream, found "servr"; did you mean "server"?
                upstream b { servr http://h:1 }
                             ^~~~~
            """#),
    ]

    static let callers: [Refusal] = [
        Refusal(
            "a header that frames the message", "headers { content_length key.id }",
            #"""
            g.conf:3:11: error: Content-Length is set by the gateway and cannot be changed
                headers { content_length key.id }
                          ^~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header that carries the key", "headers { Authorization key.id }",
            #"""
            g.conf:3:11: error: Authorization carries the key and cannot tell the backend who is calling
                headers { Authorization key.id }
                          ^~~~~~~~~~~~~
            """#),
        Refusal(
            "two spellings of one header", "headers { X-Tenant-Id key.id; x_tenant.id key.name }",
            #"""
            g.conf:3:31: error: "x_tenant.id" is set already; names are the same in any letter case and with "_", "." or "-"
                headers { X-Tenant-Id key.id; x_tenant.id key.name }
                                              ^~~~~~~~~~~
            g.conf:3:11: note: first written here
                headers { X-Tenant-Id key.id; x_tenant.id key.name }
                          ^~~~~~~~~~~
            """#),
        Refusal(
            "a header with an unknown source", "headers { X-Plan identity.plan }",
            #"""
            g.conf:3:18: error: expected one of key.id, key.name, key.permissions, key.roles, key.meta.NAME, identity.id, identity.externalId, identity.meta.NAME, found "identity.plan"; did you mean "identity.meta.plan"?
                headers { X-Plan identity.plan }
                                 ^~~~~~~~~~~~~
            """#),
        Refusal(
            "a header with a misspelt source", "headers { X-Tenant identity.externalid }",
            #"""
            g.conf:3:20: error: expected one of key.id, key.name, key.permissions, key.roles, key.meta.NAME, identity.id, identity.externalId, identity.meta.NAME, found "identity.externalid"; did you mean "identity.externalId"?
                headers { X-Tenant identity.externalid }
                                   ^~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a header with a bad name", "headers { X:Y key.id }",
            #"""
            g.conf:3:11: error: expected a header name, found "X:Y"
                headers { X:Y key.id }
                          ^~~
            """#),
        Refusal(
            "meta without a path", "headers { X-Meta key.meta }",
            #"""
            g.conf:3:18: error: expected one of key.id, key.name, key.permissions, key.roles, key.meta.NAME, identity.id, identity.externalId, identity.meta.NAME, found "key.meta"; did you mean "key.meta.NAME"?
                headers { X-Meta key.meta }
                                 ^~~~~~~~
            """#),
        Refusal(
            "a credential in a header the backend is told", "credential header x-tenant-id",
            #"""
            g.conf:3:1: error: "x-tenant-id" is set for the backend by headers and cannot carry a key
                credential header x-tenant-id
                ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "a credential in Authorization", "credential header Authorization",
            #"""
            g.conf:3:19: error: expected a header other than Authorization; write credential bearer
                credential header Authorization
                                  ^~~~~~~~~~~~~
            """#),
        Refusal(
            "a credential that is taken already", "credential bearer\ncredential bearer",
            #"""
            g.conf:4:1: error: keys are taken from here already
                credential bearer
                ^~~~~~~~~~~~~~~~~
            g.conf:3:1: note: first written here
                credential bearer
                ^~~~~~~~~~~~~~~~~
            """#),
        Refusal(
            "an unknown credential", "credential cookie sid",
            #"""
            g.conf:3:12: error: expected bearer, header NAME or query NAME, found "cookie"
                credential cookie sid
                           ^~~~~~
            """#),
        Refusal(
            "a tag without a value", "tag area",
            #"""
            g.conf:3:5: error: expected NAME=VALUE, found "area"
                tag area
                    ^~~~
            """#),
        Refusal(
            "a tag with an unknown variable", "tag area=$methd",
            #"""
            g.conf:3:10: error: expected $method, $route or $host, found "$methd"; did you mean "$method"?
                tag area=$methd
                         ^~~~~~
            """#),
        Refusal(
            "a global tag with a capture", "tag org={org}",
            #"""
            g.conf:3:9: error: expected no {name} here, found "{org}"
                tag org={org}
                        ^~~~~
            """#),
    ]

    @Test("Addresses", arguments: Self.addresses) func addressesAreRefused(_ row: Refusal) { row.verify() }

    @Test("Values", arguments: Self.values) func valuesAreRefused(_ row: Refusal) { row.verify() }

    @Test("Upstreams", arguments: Self.upstreams) func upstreamsAreRefused(_ row: Refusal) { row.verify() }

    @Test("Callers", arguments: Self.callers) func callersAreRefused(_ row: Refusal) { row.verify() }
}
