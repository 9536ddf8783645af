// The gateway that is attacked, as its clients reach it.

public import Reactor
public import TLS

/// Where a gateway listens, and what is spoken there.
public struct TargetGateway {
    public let address: SocketAddress
    /// The name or the IP address that its certificate must be for.
    public let serverName: String
    /// Whom to believe in a handshake; nil in the clear.
    public let tls: TLSClientContext?

    public init(address: SocketAddress, serverName: String, tls: TLSClientContext?) {
        self.address = address
        self.serverName = serverName
        self.tls = tls
    }
}
