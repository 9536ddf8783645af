/// A throw-away authority and a server certificate for 127.0.0.1 and localhost, made with the
/// `openssl` command: the gateway's own library must be judged against somebody else's.
enum Certificates {
    static let available = hasProgram("openssl")

    /// Writes `ca.pem`, `server.pem`, `server.key` and, signed by nobody known, `other-ca.pem`.
    static func make(in directory: Directory) throws {
        let script = """
            set -e
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                -subj /CN=test-authority -keyout ca.key -out ca.pem
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                -subj /CN=other-authority -keyout other-ca.key -out other-ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                -subj /CN=localhost -keyout server.key -out server.csr
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > server.ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -extfile server.ext -out server.pem
            """
        let done = try runToEnd(["sh", "-c", script], in: directory.path)
        guard done.succeeded else { throw WireError.notHTTP("openssl: \(done.errors)") }
    }
}

/// An HTTPS server that is not ours: `openssl s_server -www` answers each GET with a status page.
final class TLSServer {
    private let child: Child
    let port: UInt16

    init(in directory: Directory) throws {
        child = try Child(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key",
                "-www",
            ],
            in: directory.path)
        let line = try child.line("ACCEPT") { $0.hasPrefix("ACCEPT ") }
        guard let endpoint = Endpoint(printed: line.dropFirst("ACCEPT ".count)),
            case .loopback(let port) = endpoint
        else {
            throw WireError.notHTTP("openssl s_server printed \(line)")
        }
        self.port = port
    }

    deinit { child.signal(15) }
}
