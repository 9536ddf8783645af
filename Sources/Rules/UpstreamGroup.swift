// The servers behind the gateway, as a configuration describes them. Defaults stand here and, for people, in
// gateway.conf.sample; a test keeps the two equal.

/// One `upstream NAME { … }`: servers that answer alike.
public struct UpstreamGroup: Sendable {
    public let name: String
    /// At least one.
    public let servers: [UpstreamServer]
    public let timeouts: UpstreamTimeouts
    public let hostHeader: HostHeader
    /// The CA bundle that `https` servers are verified with; nil is the system's.
    public let caFile: String?
    /// What Keygate shows to `https` servers; nil shows nothing.
    public let clientCertificate: UpstreamCertificate?
    /// When a server is left alone for failing; nil: never.
    public let ejection: UpstreamEjection?
    /// How servers are asked whether they are well; nil: not at all.
    public let check: UpstreamCheck?
    /// How long a server that comes back gets less than its share; 0: not at all.
    public let slowStartNanos: Int
    /// How long what a server's name resolved to is used, in nanoseconds; whole seconds.
    public let nameLifetimeNanos: Int
    /// Who may wait when all servers have as many requests as they may have; nil: nobody.
    public let queue: UpstreamQueue?
    public let location: SourceLocation

    public enum HostHeader: Sendable, Hashable {
        /// The client's `Host` is passed on.
        case client
        /// The server's own name is sent.
        case upstream
    }
}

public struct UpstreamServer: Sendable, Hashable, CustomStringConvertible {
    public enum Address: Sendable, Hashable {
        /// A name or an address; IPv6 in brackets, as a URL has it.
        case http(host: String, port: UInt16)
        case https(host: String, port: UInt16)
        case unix(path: String)
    }

    public let address: Address
    /// Share of the requests relative to the other servers of the group, 1…1000.
    public let weight: Int
    /// Most requests at a time; nil for as many as come.
    public let maxConnections: Int?

    /// As written in a configuration: `http://host:port`, `https://host:port`, `unix:/path`.
    public var description: String {
        switch address {
        case .http(let host, let port): "http://\(host):\(port)"
        case .https(let host, let port): "https://\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The server's own `Host`: without the scheme's default port; a socket has none but `localhost`.
    public var authority: String {
        switch address {
        case .http(let host, let port): port == 80 ? host : "\(host):\(port)"
        case .https(let host, let port): port == 443 ? host : "\(host):\(port)"
        case .unix: "localhost"
        }
    }
}

/// `eject after=N for=DURATION max=DURATION`: leaving a server alone that fails.
public struct UpstreamEjection: Sendable, Hashable {
    /// So many failures in a row.
    public var failureCount = 3
    /// The first time; each further time twice as long, up to the longest. In nanoseconds.
    public var firstNanos = Nanos.second
    public var longestNanos = Nanos.minute
}

/// `health PATH every DURATION timeout=DURATION rise=N fall=N`: asking servers whether they are well.
public struct UpstreamCheck: Sendable, Hashable {
    /// Path and query of a GET that is answered with 2xx by a server that is well.
    public let path: [UInt8]
    /// From one check to the next, and for the whole of a check; in nanoseconds.
    public var everyNanos = 5 * Nanos.second
    public var timeoutNanos = 2 * Nanos.second
    /// So many passed checks in a row take a server back, so many failed ones put it aside.
    public var riseCount = 2
    public var fallCount = 3
}

/// `queue N timeout=DURATION`: waiting for a server.
public struct UpstreamQueue: Sendable, Hashable {
    /// Most requests waiting at a time, over all event loops.
    public let limit: Int
    /// Longest wait of a request, in nanoseconds.
    public var timeoutNanos = Nanos.second
}

/// `client-certificate CERT KEY`: PEM files.
public struct UpstreamCertificate: Sendable, Hashable {
    public let certificateFile: String
    public let keyFile: String
}
