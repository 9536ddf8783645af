import Testing

/// Upstreams over TLS that take uploads and want to know who is calling. The server is Python's: the gateway's
/// own TLS must be judged against somebody else's.
@Suite(
    .enabled(
        if: Certificates.available && hasProgram("python3"), "the openssl command or python3 is not installed"
    ))
struct MutualTLS {
    /// Answers POST with length, digest and the name in the client's certificate.
    final class Server {
        private let child: Child
        let port: UInt16

        init(in directory: Directory, asksForCertificate: Bool) throws {
            let script = """
                import hashlib, ssl, sys
                from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
                class Handler(BaseHTTPRequestHandler):
                    protocol_version = "HTTP/1.1"
                    def do_POST(self):
                        if self.headers.get("Transfer-Encoding") == "chunked":
                            body = b""
                            while size := int(self.rfile.readline(), 16):
                                body += self.rfile.read(size)
                                self.rfile.readline()
                            self.rfile.readline()
                        else:
                            body = self.rfile.read(int(self.headers["Content-Length"]))
                        shown = self.connection.getpeercert() or {}
                        names = [value for part in shown.get("subject", ()) for key, value in part]
                        text = f"{len(body)} {hashlib.sha256(body).hexdigest()} {' '.join(names)}".encode()
                        self.send_response(200)
                        self.send_header("Content-Length", str(len(text)))
                        self.end_headers()
                        self.wfile.write(text)
                    do_GET = do_POST
                    def log_message(self, *arguments): pass
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain("server.pem", "server.key")
                if sys.argv[1] == "mutual":
                    context.verify_mode = ssl.CERT_REQUIRED
                    context.load_verify_locations("ca.pem")
                server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
                server.socket = context.wrap_socket(server.socket, server_side=True)
                print("port", server.server_address[1], flush=True)
                server.serve_forever()

                """
            try directory.write(script, to: "tls-server.py")
            child = try Child(
                ["python3", "tls-server.py", asksForCertificate ? "mutual" : "plain"], in: directory.path)
            let line = try child.line("port") { $0.hasPrefix("port ") }
            guard let port = UInt16(line.dropFirst(5)) else { throw WireError.notHTTP("port: \(line)") }
            self.port = port
        }

        deinit { child.signal(15) }
    }

    private static func directory() throws -> Directory {
        let directory = try Directory()
        try Certificates.make(in: directory)
        let script = """
            set -e
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                -subj /CN=the-gateway -keyout client.key -out client.csr
            openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem
            """
        let done = try runToEnd(["sh", "-c", script], in: directory.path)
        guard done.succeeded else { throw WireError.notHTTP("openssl: \(done.errors)") }
        return directory
    }

    private static func gateway(_ server: Server, _ more: String, _ directory: Directory) throws -> Gateway {
        try Gateway(
            "upstream api { server https://127.0.0.1:\(server.port); tls-ca ca.pem; \(more) }\n"
                + Gateway.routes, directory: directory)
    }

    @Test(arguments: [0, 1, 16_384, 3_000_000])
    func uploadsArriveWhole(_ count: Int) throws {
        let directory = try Self.directory()
        let server = try Server(in: directory, asksForCertificate: false)
        let gateway = try Self.gateway(server, "", directory)
        let body = payload(count)
        let client = try gateway.connect()
        let key = gateway.cast.bare.secret
        // Twice on one connection, once chunked: TLS records end where they like.
        let lengths = try client.request("POST", "/any/1", key: key, body: body)
        #expect(lengths.status == 200 && lengths.text.hasPrefix("\(count) "))
        try client.send(Client.head("POST", "/any/2", key: key, ["Transfer-Encoding: chunked"]))
        try client.send(chunked(body, sizes: [1, 7000, 65536]))
        let chunks = try client.response(to: "POST")
        #expect(chunks.status == 200 && chunks.text == lengths.text)
    }

    @Test func theGatewayShowsItsCertificate() throws {
        let directory = try Self.directory()
        let server = try Server(in: directory, asksForCertificate: true)
        let gateway = try Self.gateway(server, "client-certificate client.pem client.key", directory)
        let answer = try gateway.request(
            "POST", "/any/1", key: gateway.cast.bare, body: Array("amount=1".utf8))
        #expect(answer.status == 200)
        #expect(answer.text.hasPrefix("8 ") && answer.text.hasSuffix(" the-gateway"))
    }

    @Test(arguments: [
        "", "client-certificate other-ca.pem other-ca.key", "client-certificate client.pem server.key",
    ])
    func withoutTheRightCertificateNothingIsServed(_ certificate: String) throws {
        let directory = try Self.directory()
        let server = try Server(in: directory, asksForCertificate: true)
        let gateway = try Self.gateway(server, certificate, directory)
        let answer = try gateway.request("POST", "/any/1", key: gateway.cast.bare, body: Array("x".utf8))
        #expect(answer.status == 502)
        #expect(answer.code == "UPSTREAM_UNREACHABLE" || answer.code == "UPSTREAM_INVALID")
        #expect(!answer.text.contains("127.0.0.1"))
    }

    @Test(arguments: [
        ("absent.pem client.key", "client-certificate file absent.pem"),
        ("client.pem absent.key", "client-certificate key absent.key"),
    ])
    func aFileThatCannotBeReadRefusesToStart(_ files: String, _ named: String) throws {
        let directory = try Self.directory()
        try directory.write(
            Gateway.file(
                "upstream api { server https://127.0.0.1:9; client-certificate \(files) }\n" + Gateway.routes,
                upstream: nil), to: "gateway.conf")
        let done = try runToEnd([Keygate.binary, "run", "-c", "gateway.conf"], in: directory.path)
        #expect(done.exit == .code(1))
        #expect(done.errors.contains("upstream api: cannot read \(named): "))
        #expect(done.errors.lowercased().contains("no such file"))
    }
}
