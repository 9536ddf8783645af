// A server that requests are forwarded to: where it is and how it is reached.

/// PEM files of a certificate, with its chain, and of its key.
public struct ClientCertificate: Sendable, Equatable {
    public var certificateFile: String
    public var keyFile: String

    public init(certificateFile: String, keyFile: String) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}

/// One `server` line of an upstream.
public struct UpstreamOrigin: Sendable, Equatable {
    /// `http://host:port` or `https://host:port`, without path. For a Unix socket, `http://localhost`.
    public var origin: String
    /// Path of the Unix socket, if that is where the server listens.
    public var unixPath: String?
    /// PEM file of the authorities trusted for `https`; nil for the system's.
    public var certificateAuthorityFile: String?
    /// What Keygate shows to an `https` server that asks who it is; nil shows nothing.
    public var clientCertificate: ClientCertificate?
    /// How long the addresses of a name are used before they are looked up anew, and how long a connection to
    /// one of them is used again: without that a busy one would stay with an address that the name left long ago.
    public var nameLifetimeSeconds: Int
    /// Longest wait for a connection, TLS handshake included, in milliseconds.
    public var connectTimeoutMillis: Int
    /// The value of `Host` where the server's own is sent.
    public var authority: String

    public init(
        origin: String, authority: String, unixPath: String? = nil, certificateAuthorityFile: String? = nil,
        clientCertificate: ClientCertificate? = nil, nameLifetimeSeconds: Int = 30, connectTimeoutMillis: Int
    ) {
        self.origin = origin
        self.authority = authority
        self.unixPath = unixPath
        self.certificateAuthorityFile = certificateAuthorityFile
        self.clientCertificate = clientCertificate
        self.nameLifetimeSeconds = nameLifetimeSeconds
        self.connectTimeoutMillis = connectTimeoutMillis
    }
}

extension UpstreamOrigin {
    /// Whether the host is a name and not an address. Addresses have digits and dots only, or brackets.
    var isNamed: Bool {
        if unixPath != nil { return false }
        let host = origin.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst(2).prefix {
            $0 != UInt8(ascii: ":")
        }
        return host.first != UInt8(ascii: "[")
            && host.contains { !($0 == UInt8(ascii: ".") || (0x30...0x39).contains($0)) }
    }
}
