// Connections that we open ourselves, without waiting.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

extension FileDescriptor {
    /// A non-blocking stream socket whose connection to `address` has been begun. It is writable once the
    /// connection stands; a failure shows in the first read or write.
    public static func connecting(to address: SocketAddress) throws(Errno) -> FileDescriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let opened = FileDescriptor(
            owning: try Syscall.retrying { socket(address.family, kind, 0) })
        let number = opened.number
        do throws(Errno) {
            _ = try unsafe address.withSockaddr { (pointer, length) throws(Errno) in
                try Syscall.retrying { unsafe connect(number, pointer, length) }
            }
        } catch {
            guard error.code == EINPROGRESS || error.code == EAGAIN else { throw error }
        }
        return opened
    }
}

extension SocketAddress {
    /// Whether only processes of this machine can be there.
    public var isLoopback: Bool {
        switch storage {
        case .ip4(let octets, _): octets >> 24 == 127
        case .ip6(let high, let low, _): high == 0 && low == 1
        case .unix: true
        }
    }

    /// The first address of `host`, a name or a literal address; nil if it has none. Blocks on DNS.
    public static func resolve(host: String, port: UInt16) -> SocketAddress? {
        if let literal = SocketAddress(host: host, port: port) { return literal }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, "\(port)", &hints, &list) == 0, let first = unsafe list else {
            return nil
        }
        defer { unsafe freeaddrinfo(first) }
        guard let address = unsafe first.pointee.ai_addr,
            Int(unsafe first.pointee.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size
        else { return nil }
        var storage = sockaddr_storage()
        unsafe withUnsafeMutableBytes(of: &storage) { room in
            unsafe room.copyMemory(
                from: UnsafeRawBufferPointer(start: address, count: Int(first.pointee.ai_addrlen)))
        }
        let found = SocketAddress(storage)
        return found.port == nil ? nil : found
    }
}
