/// TLS spoken to a gateway by others: the curl command, and a ClientHello written by hand where curl is too modern.
extension Gateway {
    /// A gateway whose first listener is `listen 127.0.0.1:0 …` with these options; all of `TLSFiles` are beside it.
    static func withTLS(
        _ options: String = "tls a.pem a.key", _ configuration: String = Gateway.routes,
        upstream: Upstream? = nil
    ) throws -> Gateway {
        let directory = try Directory()
        try TLSFiles.write(to: directory)
        return try Gateway(
            configuration, upstream: upstream, listen: "listen 127.0.0.1:0 \(options)", directory: directory)
    }

    var port: UInt16 {
        guard case .loopback(let port) = address else { return 0 }
        return port
    }

    /// The arguments of a curl that trusts `ca.pem`, asks `host` for the paths one after the other, and says on
    /// standard error what it does.
    func curlArguments(_ options: [String], host: String = "a.test", _ paths: [String]) -> [String] {
        ["curl", "-sSv", "--http1.1", "--max-time", "60", "--cacert", "ca.pem"]
            + ["--resolve", "\(host):\(port):127.0.0.1"] + options
            + paths.map { "https://\(host):\(port)\($0)" }
    }

    func curl(_ options: [String], host: String = "a.test", _ paths: String...) throws -> Finished {
        try runToEnd(curlArguments(options, host: host, paths), in: directory.path)
    }

    /// A number of `/metrics`, by name and labels as they stand there; nil if it is not there.
    func metric(_ name: String) throws -> Int? {
        try fromAdmin("/metrics").text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Int($0.dropFirst(name.count + 1)) }
    }
}

extension Finished {
    /// The name of the certificate that curl was shown.
    var serverName: String? {
        errors.split(separator: "\n").first { $0.contains("subject: CN=") }
            .flatMap { $0.split(separator: "=").last }.map(String.init)
    }
}

enum ClientHello {
    /// One record, for TLS up to `version` (0x0303 is 1.2), offering these protocols by ALPN (RFC 7301).
    static func record(version: UInt16, protocols: [String] = []) -> [UInt8] {
        var extensions: [UInt8] = []
        // Groups: P-256. Signatures: ECDSA and RSA with SHA-256.
        extensions += field(10, sized(two(0x0017))) + field(13, sized(two(0x0403) + two(0x0401)))
        if !protocols.isEmpty {
            extensions += field(16, sized(protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }))
        }
        // ECDHE with AES-128-GCM, and with AES-128-CBC for versions that know nothing better.
        let ciphers = sized([0xC02B, 0xC02F, 0xC009, 0xC013].flatMap(two))
        let random = [UInt8](repeating: 7, count: 32)
        let body = two(version) + random + [0] + ciphers + [1, 0] + sized(extensions)
        let hello = [1, 0] + sized(body)
        return [22] + two(0x0301) + sized(hello)
    }

    private static func two(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
    private static func sized(_ bytes: [UInt8]) -> [UInt8] { two(UInt16(bytes.count)) + bytes }
    private static func field(_ type: UInt16, _ bytes: [UInt8]) -> [UInt8] { two(type) + sized(bytes) }
}
