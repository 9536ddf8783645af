// Addresses of sockets: parsed from and printed as the configuration writes them.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Where a socket listens or a peer is.
public struct SocketAddress: Sendable, Equatable {
    enum Storage: Equatable {
        case ip4(octets: UInt32, port: UInt16)
        case ip6(high: UInt64, low: UInt64, port: UInt16)
        case unix(path: String)
    }
    let storage: Storage

    private init(_ storage: Storage) { self.storage = storage }

    public static func unix(path: String) -> SocketAddress { SocketAddress(.unix(path: path)) }

    /// `host` is a literal IPv4 or IPv6 address (without brackets). Nil if it is neither.
    public init?(host: String, port: UInt16) {
        var four = in_addr()
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            storage = .ip4(octets: UInt32(bigEndian: four.s_addr), port: port)
            return
        }
        var six = in6_addr()
        guard unsafe inet_pton(AF_INET6, host, &six) == 1 else { return nil }
        let (high, low) = unsafe withUnsafeBytes(of: &six) { raw in
            unsafe (
                UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        storage = .ip6(high: high, low: low, port: port)
    }

    /// `octets` with the first one in the highest bits.
    public init(ip4 octets: UInt32, port: UInt16) { self.init(.ip4(octets: octets, port: port)) }

    /// The address as two big-endian halves.
    public init(ip6High high: UInt64, low: UInt64, port: UInt16) {
        self.init(.ip6(high: high, low: low, port: port))
    }

    public var isIPv4: Bool {
        if case .ip4 = storage { true } else { false }
    }

    public var unixPath: String? {
        if case .unix(let path) = storage { path } else { nil }
    }

    public var port: UInt16? {
        switch storage {
        case .ip4(_, let port), .ip6(_, _, let port): port
        case .unix: nil
        }
    }

    /// The 16 bytes of the IPv6 form, IPv4 mapped into `::ffff:0:0/96`, as two big-endian halves; nil for a
    /// Unix socket.
    public var ip6Halves: (high: UInt64, low: UInt64)? {
        switch storage {
        case .ip4(let octets, _): (0, 0x0000_FFFF_0000_0000 | UInt64(octets))
        case .ip6(let high, let low, _): (high, low)
        case .unix: nil
        }
    }

    /// `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
    public var description: String {
        switch storage {
        case .ip4(_, let port): "\(host):\(port)"
        case .ip6(_, _, let port): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The address without port and brackets; for a Unix socket `unix`.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch storage {
        case .ip4(let octets, _):
            var address = in_addr(s_addr: octets.bigEndian)
            return unsafe inet_ntop(AF_INET, &address, &text, socklen_t(text.count)).map {
                unsafe String(cString: $0)
            } ?? "?"
        case .ip6(let high, let low, _):
            var address = in6_addr()
            unsafe withUnsafeMutableBytes(of: &address) { raw in
                unsafe raw.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)).map {
                unsafe String(cString: $0)
            } ?? "?"
        case .unix:
            return "unix"
        }
    }

    var family: Int32 {
        switch storage {
        case .ip4: AF_INET
        case .ip6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    /// Calls `body` with the `sockaddr` of this address. Throws `ENAMETOOLONG` for a Unix path that does
    /// not fit (107 bytes on Linux).
    func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws(Errno) -> R) throws(Errno) -> R {
        var storage = sockaddr_storage()
        let length: socklen_t
        switch self.storage {
        case .ip4(let octets, let port):
            let address = sockaddr_in(
                sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
                sin_addr: in_addr(s_addr: octets.bigEndian), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: address, as: sockaddr_in.self)
            }
        case .ip6(let high, let low, let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { raw in
                unsafe raw.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: address, as: sockaddr_in6.self)
            }
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8)
            let room = MemoryLayout.size(ofValue: address.sun_path)
            guard bytes.count < room else { throw Errno(code: ENAMETOOLONG) }
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
            length = socklen_t(MemoryLayout<sockaddr_un>.size)
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.storeBytes(of: address, as: sockaddr_un.self)
            }
        }
        return try unsafe withUnsafePointer(to: &storage) { (start) throws(Errno) in
            try unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { (rebound) throws(Errno) in
                try unsafe body(rebound, length)
            }
        }
    }

    /// The address in a filled `sockaddr_storage`.
    init(_ filled: sockaddr_storage) {
        var filled = filled
        switch Int32(filled.ss_family) {
        case AF_INET:
            let address = unsafe withUnsafeBytes(of: &filled) {
                unsafe $0.loadUnaligned(as: sockaddr_in.self)
            }
            storage = .ip4(
                octets: UInt32(bigEndian: address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
        case AF_INET6:
            var address = unsafe withUnsafeBytes(of: &filled) {
                unsafe $0.loadUnaligned(as: sockaddr_in6.self)
            }
            let (high, low) = unsafe withUnsafeBytes(of: &address.sin6_addr) { raw in
                unsafe (
                    UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            storage = .ip6(high: high, low: low, port: UInt16(bigEndian: address.sin6_port))
        default:
            storage = .unix(path: "")
        }
    }
}

extension SocketAddress {
    /// An address as the configuration and the command line write it: `HOST:PORT`, `[HOST]:PORT` or
    /// `unix:PATH`, the host a literal address. Nil if it is none of these.
    public init?(written text: String) {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst("unix:".count)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(host: String(host), port: port)
    }
}
