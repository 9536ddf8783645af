// Leaving HTTP/1.1: what follows an upgrade is not judged any more, so none may reach the backend that was not
// allowed. The prefixes of the run must be routes that allow none.

extension Corpus {
    static let upgrade: [AttackCase] = {
        var table = CaseTable(.upgrade)
        let unjudged = "once the backend has switched, everything sent passes without a rule"
        for (name, lines) in [
            (
                "h2c",
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
            ),
            ("h2c-without-settings", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
            ("h2c-unnamed", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
            ("h2c-lower-case", "connection: upgrade\r\nupgrade: H2C\r\n"),
            ("tls", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
            ("two-protocols", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"),
            ("websocket", "Connection: Upgrade\r\n\(webSocket)"),
            ("websocket-split", "Connection: keep-alive\r\nConnection: Upgrade\r\n\(webSocket)"),
            ("websocket-no-connection", webSocket),
        ] {
            table.add(
                name, get("{open}/{mark}", lines), .anonymous,
                [.withoutHeader("Upgrade"), .withoutHeader("HTTP2-Settings")], why: unjudged,
                "RFC 9110 §7.8; CWE-444")
        }
        table.add(
            "websocket-pipelined", get("{open}/{mark}", "Connection: Upgrade\r\n\(webSocket)") + "{inner}",
            .anonymous,
            [.withoutHeader("Upgrade")], requests: 2,
            why: "a request behind an upgrade, forwarded before the 101",
            "RFC 9110 §7.8; CWE-444")
        table.add(
            "websocket-bad-version",
            get(
                "{open}/{mark}", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n"
            )
                + "{inner}", .anonymous, [.withoutHeader("Upgrade")], requests: 2,
            why: "an upgrade the backend refuses leaves a tunnel open behind gateways that do not look",
            "RFC 6455 §4.2.2; CWE-444")
        table.add(
            "http-1.0",
            "GET {open}/{mark} HTTP/1.0\r\nHost: {host}\r\nConnection: Upgrade\r\n\(webSocket)\r\n",
            .anonymous,
            [.withoutHeader("Upgrade")], why: "an upgrade in HTTP/1.0 is to be ignored", "RFC 9110 §7.8")
        table.add(
            "http2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{mark}",
            why: "the preface of HTTP/2 takes the backend's connection to another protocol", "RFC 9113 §3.4")
        return table.cases
    }()

    private static let webSocket =
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
}
