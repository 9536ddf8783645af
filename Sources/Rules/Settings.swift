// What the gateway as a whole is told: addresses, limits, time-outs. Each default stands here and, for people,
// in gateway.conf.sample; a test keeps the two equal.

public import Access

/// Where a server listens.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// Port 0 lets the kernel choose.
    case tcp(IPAddress, port: UInt16)
    case unix(path: String)

    public var description: String {
        switch self {
        case .tcp(let address, let port):
            address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// A place in the request where a client may put its key.
public enum CredentialSource: Sendable, Hashable {
    /// `Authorization: Bearer …`
    case bearer
    /// A header of its own; the name as written.
    case header(name: [UInt8])
    /// A parameter of the query; exact name.
    case query(name: [UInt8])
}

public enum WorkerCount: Sendable, Hashable {
    /// One event loop per core.
    case automatic
    case fixed(Int)
}

/// When a credit that was spent is on the disk.
public enum CreditDurability: Sendable, Hashable {
    /// Before it is spent, a block at a time: a crash loses at most the rest of a block, to the customer.
    case lease
    /// Before the request it pays for goes on.
    case exact
}

public enum AccessLog: Sendable, Hashable {
    case standardOutput
    case file(path: String)
    case off
}

/// How often one client address may present a key that is not valid.
public struct FailedKeyLimit: Sendable, Hashable {
    public let count: Int64
    public let durationMillis: Int64

    public init(count: Int64, durationMillis: Int64) {
        self.count = count
        self.durationMillis = durationMillis
    }
}

/// Waiting for clients, in nanoseconds.
public struct ClientTimeouts: Sendable, Hashable {
    /// For the whole head of a request.
    public var headNanos = 10 * Nanos.second
    /// Without a byte of the body.
    public var bodyNanos = 30 * Nanos.second
    /// Between two requests of a connection.
    public var idleNanos = 75 * Nanos.second
}

/// What a request may cost before it is understood.
public struct Limits: Sendable, Hashable {
    public var headBytes = 32 << 10
    public var headerCount = 100
    public var targetBytes = 8 << 10
    public var bodyBytes = 10 << 20
    /// The size of one chunk with its extensions.
    public var chunkLineBytes = 4 << 10
    /// Open client connections per event loop.
    public var connectionsPerWorker = 16384
}

/// Waiting for an upstream, in nanoseconds.
public struct UpstreamTimeouts: Sendable, Hashable {
    /// TCP and TLS.
    public var connectNanos = 2 * Nanos.second
    /// From the request sent to the head of the answer.
    public var firstByteNanos = 30 * Nanos.second
    /// Without a byte of the answer.
    public var idleNanos = 60 * Nanos.second
}

/// Units of the `…Nanos` fields.
public enum Nanos {
    public static let millisecond = 1_000_000
    public static let second = 1000 * millisecond
    public static let minute = 60 * second
    public static let hour = 60 * minute
    public static let day = 24 * hour
}

public struct Settings: Sendable {
    /// At least one.
    public var listeners: [ListenerSettings] = []
    /// Nil: no management API, no metrics, no health checks.
    public var admin: Endpoint?
    /// The store's directory, as written: relative to the working directory.
    public var storePath = "./keygate-data"
    public var workers = WorkerCount.automatic
    /// Peers whose word about the client's address is taken.
    public var trustedProxies: [IPNetwork] = []
    /// At least one, no two alike.
    public var credentials: [CredentialSource] = []
    public var clientTimeouts = ClientTimeouts()
    public var limits = Limits()
    public var shutdownGraceNanos = 30 * Nanos.second
    public var creditDurability = CreditDurability.lease
    /// The most credits leased to a key at once: what a crash can cost a customer.
    public var creditLeaseMaximum = 1000
    /// How old the decision about a request that is still running may become.
    public var recheckIntervalNanos = 10 * Nanos.second
    /// Nil: as often as they like.
    public var failedKeyLimit: FailedKeyLimit?
    public var accessLog = AccessLog.standardOutput
    /// What holds for routes that do not say, and for requests that no route matches.
    public var cors: CORSPolicy?
}
