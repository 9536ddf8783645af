// A server that requests are forwarded to: where it is and how it is reached.

/// One `server` line of an upstream.
public struct UpstreamOrigin: Sendable, Equatable {
    /// `http://host:port` or `https://host:port`, without path. For a Unix socket, `http://localhost`.
    public var origin: String
    /// Path of the Unix socket, if that is where the server listens.
    public var unixPath: String?
    /// PEM file of the authorities trusted for `https`; nil for the system's.
    public var certificateAuthorityFile: String?
    /// Longest wait for a connection, TLS handshake included, in milliseconds.
    public var connectTimeoutMillis: Int
    /// Share of the requests, relative to the other servers; at least 1.
    public var weight: Int
    /// The value of `Host` where the server's own is sent.
    public var authority: String

    public init(
        origin: String, authority: String, unixPath: String? = nil, certificateAuthorityFile: String? = nil,
        connectTimeoutMillis: Int, weight: Int = 1
    ) {
        self.origin = origin
        self.authority = authority
        self.unixPath = unixPath
        self.certificateAuthorityFile = certificateAuthorityFile
        self.connectTimeoutMillis = connectTimeoutMillis
        self.weight = weight
    }
}

/// Weighted round-robin over servers without bursts: each turn every server gains its weight, the one with
/// most is taken and pays the total ("smooth" round-robin, as nginx does it).
public struct Balancer {
    private let weights: [Int]
    private let total: Int
    private var credit: [Int]

    public init(weights: [Int]) {
        precondition(
            !weights.isEmpty && weights.allSatisfy { $0 > 0 }, "an upstream has servers of positive weight")
        self.weights = weights
        total = weights.reduce(0, +)
        credit = weights.map { _ in 0 }
    }

    public mutating func next() -> Int {
        if weights.count == 1 { return 0 }
        var best = 0
        for index in weights.indices {
            credit[index] += weights[index]
            if credit[index] > credit[best] { best = index }
        }
        credit[best] -= total
        return best
    }
}
