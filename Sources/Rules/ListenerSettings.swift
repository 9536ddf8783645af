// What a `listen` directive says beside its address.

/// Where clients connect, and how they speak there.
public struct ListenerSettings: Sendable, Hashable, CustomStringConvertible {
    public let endpoint: Endpoint
    /// Nil: HTTP in the clear.
    public var tls: TLSSettings?
    /// Connections begin with a PROXY header; there is a trusted proxy that may send it.
    public var acceptsProxyHeader = false

    /// The address.
    public var description: String { endpoint.description }
}

/// The certificates of a listener, and whose clients it asks for theirs.
public struct TLSSettings: Sendable, Hashable {
    /// A file, and where the configuration names it: what is wrong with it is found out by whoever reads it.
    public struct File: Sendable, Hashable {
        public let path: String
        public let excerpt: SourceExcerpt
    }

    public struct Certificate: Sendable, Hashable {
        /// PEM: the certificate, then those of the authorities between it and the root.
        public let chain: File
        /// PEM.
        public let key: File
    }

    public struct ClientAuthority: Sendable, Hashable {
        /// PEM: the certificates of the authorities.
        public let file: File
        /// Whether clients may come without a certificate. One that is shown must be good in any case.
        public let isOptional: Bool
    }

    /// At least one. The first is for clients whose name for the server none of them has.
    public var certificates: [Certificate] = []
    /// Nil: clients are not asked for certificates.
    public var clientAuthority: ClientAuthority?
}

extension ListenerSettings {
    /// Whether a socket that was opened for this one does for `other`: certificates can change under it.
    public func hasSameSocket(as other: ListenerSettings) -> Bool {
        endpoint == other.endpoint && acceptsProxyHeader == other.acceptsProxyHeader
    }
}
