import Glibc
import Testing

/// A load balancer in front that says whose connection it passes on: believed if it is trusted, and nobody else is
/// served there.
@Suite struct ProxyProtocol {
    private static let trusting = "trusted-proxies 127.0.0.1\n" + Gateway.routes

    private static func gateway(
        _ configuration: String = trusting, upstream: Upstream? = nil
    ) throws -> Gateway {
        try Gateway(
            configuration, upstream: try upstream ?? Upstream(), listen: "listen 127.0.0.1:0 proxy-protocol")
    }

    private static let binary: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0x00, 0x0C,
        203, 0, 113, 9, 127, 0, 0, 1, 0x30, 0x39, 0x00, 0x50,
    ]

    static let headers: [(String, [UInt8], String)] = [
        ("version 1", Array("PROXY TCP4 203.0.113.9 127.0.0.1 12345 80\r\n".utf8), "203.0.113.9"),
        ("version 1, IPv6", Array("PROXY TCP6 2001:db8::9 ::1 12345 80\r\n".utf8), "2001:db8::9"),
        ("version 2", binary, "203.0.113.9"),
    ]

    @Test(arguments: headers)
    func theClientIsWhoTheHeaderSays(_ label: String, _ header: [UInt8], _ client: String) throws {
        let upstream = try Upstream()
        let gateway = try Self.gateway(upstream: upstream)
        let connection = try gateway.connect()
        try connection.send(header)
        // What the client itself says about forwarding is the client's word: it is no trusted proxy.
        let answer = try connection.request("GET", "/open/1", ["X-Forwarded-For: 198.51.100.1"])
        #expect(answer.status == 200)
        #expect(try upstream.next().fields[all: "x-forwarded-for"] == [client])
        // Once for the connection, not for each request.
        #expect(try connection.request("GET", "/open/2").status == 200)
        let id = try #require(answer.fields["x-request-id"])
        #expect(try gateway.accessLogLine(requestID: id)["client"]?.string == client)
    }

    @Test(arguments: headers)
    func aHeaderMayArriveByteByByte(_ label: String, _ header: [UInt8], _ client: String) throws {
        let upstream = try Upstream()
        let gateway = try Self.gateway(upstream: upstream)
        let connection = try gateway.connect()
        for byte in header + Array(Client.head("GET", "/open/1").utf8) { try connection.send([byte]) }
        #expect(try connection.response().status == 200)
        #expect(try upstream.next().fields["x-forwarded-for"] == client)
    }

    @Test func allowListsAndLimitsGoByTheSource() throws {
        let gateway = try Self.gateway(
            "trusted-proxies 127.0.0.1\n"
                + "route GET /open/** { public; check client.ip in (203.0.113.0/24); limit seen 1/1h by ip }")
        func status(_ source: String) throws -> Int {
            let connection = try gateway.connect()
            try connection.send("PROXY TCP4 \(source) 127.0.0.1 1 80\r\n")
            return try connection.request("GET", "/open/1").status
        }
        #expect(try status("203.0.113.1") == 200)
        #expect(try status("203.0.113.1") == 429)
        #expect(try status("203.0.113.2") == 200)
        #expect(try status("198.51.100.1") == 403)
    }

    @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN 203.0.113.9 127.0.0.1 1 80\r\n"])
    func whoeverIsNotSaidIsNobody(_ header: String) throws {
        let upstream = try Upstream()
        let gateway = try Self.gateway(upstream: upstream)
        let connection = try gateway.connect()
        try connection.send(header)
        #expect(try connection.request("GET", "/open/1", ["X-Forwarded-For: 203.0.113.9"]).status == 200)
        #expect(try upstream.next().fields[all: "x-forwarded-for"] == ["unknown"])
    }

    @Test(arguments: [
        "GET /open/1 HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nGET /open/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u{31}\u{11}",
    ])
    func withoutAValidHeaderNobodyIsServed(_ bytes: String) throws {
        let upstream = try Upstream()
        let gateway = try Self.gateway(upstream: upstream)
        let connection = try gateway.connect()
        try connection.send(bytes)
        #expect(connection.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
        _ = try gateway.child.line("why") { $0.contains("begins without a valid PROXY header") }
        #expect(try gateway.metric("keygate_proxy_headers_refused_total") == 1)
    }

    @Test func onlyTrustedProxiesMaySayIt() throws {
        let upstream = try Upstream()
        let gateway = try Self.gateway("trusted-proxies 192.0.2.1\n" + Gateway.routes, upstream: upstream)
        let connection = try gateway.connect()
        try? connection.send("PROXY TCP4 192.0.2.1 127.0.0.1 1 80\r\n" + Client.head("GET", "/open/1"))
        #expect(connection.isClosedByPeer())
        #expect(upstream.received.pendingCount == 0)
        _ = try gateway.child.line("why") { $0.contains("it is not in trusted-proxies") }
    }

    @Test func aHeaderThatDoesNotComeIsNotWaitedForForEver() throws {
        let gateway = try Self.gateway("client-timeout head=300ms\n" + Self.trusting)
        let connection = try gateway.connect()
        try connection.send("PROXY TCP4 203.0")
        #expect(connection.isClosedByPeer())
    }

    @Test func tlsComesBehindTheHeader() throws {
        let directory = try Directory()
        try TLSFiles.write(to: directory)
        let upstream = try Upstream()
        let gateway = try Gateway(
            Self.trusting, upstream: upstream, listen: "listen 127.0.0.1:0 proxy-protocol tls a.pem a.key",
            directory: directory)
        let done = try gateway.curl(["--haproxy-protocol"], "/open/1", "/open/2")
        #expect(done.succeeded, "\(done.errors)")
        #expect(try upstream.next().fields["x-forwarded-for"] == "127.0.0.1")
        #expect(try gateway.metric("keygate_tls_handshakes_total") == 1)
    }

    @Test func aConnectionThatHasNotSaidItDoesNotHoldUpADrain() throws {
        let gateway = try Self.gateway()
        let connection = try gateway.connect()
        try connection.send("PROXY TCP4 ")
        #expect(try gateway.stop() == .code(0))
        #expect(connection.isClosedByPeer())
    }
}
