// Listening sockets and what is accepted from them.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A listening socket. One is shared by all event loops: each adds the same descriptor to its own epoll
/// with EPOLLEXCLUSIVE, so one loop wakes per connection, and closing it at a drain loses nothing that was
/// queued, as closing one of several SO_REUSEPORT sockets would.
public struct ListeningSocket: ~Copyable, Sendable {
    public let descriptor: FileDescriptor

    /// The address in use: with port 0 asked for, the port the system chose.
    public let address: SocketAddress

    /// The file of a Unix socket is ours to remove when we stop.
    private let unlinkPath: String?
    private let unlinkInode: UInt?

    /// Binds and listens. `mode` is the permission of a Unix socket's file.
    public init(_ wanted: SocketAddress, backlog: Int32 = 4096, mode: UInt32 = 0o666) throws(Errno) {
        let number = try Syscall.retrying {
            socket(
                wanted.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0
            )
        }
        let descriptor = FileDescriptor(owning: number)
        if let path = wanted.unixPath {
            try ListeningSocket.removeStaleFile(path)
        } else {
            _ = kg_set_int_option(number, SOL_SOCKET, SO_REUSEADDR, 1)
            // `[::]` means IPv6 only; whoever wants both writes both, and sees both in the log.
            if wanted.family == AF_INET6 {
                _ = kg_set_int_option(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            }
        }
        _ = try unsafe wanted.withSockaddr { (pointer, length) throws(Errno) in
            try Syscall.retrying { unsafe bind(number, pointer, length) }
        }
        if let path = wanted.unixPath { _ = try Syscall.retrying { unsafe chmod(path, mode) } }
        _ = try Syscall.retrying { listen(number, backlog) }
        address = try ListeningSocket.boundAddress(number, wanted)
        unlinkPath = wanted.unixPath
        unlinkInode = wanted.unixPath.flatMap(ListeningSocket.inode)
        self.descriptor = descriptor
    }

    deinit {
        // Somebody may have deleted it, and somebody else be listening there now.
        if let unlinkPath, ListeningSocket.inode(unlinkPath) == unlinkInode { _ = unsafe unlink(unlinkPath) }
    }

    private static func inode(_ path: String) -> UInt? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? status.st_ino : nil
    }

    /// A socket file whose owner is gone refuses connections and may be replaced; one that answers belongs
    /// to a running process.
    private static func removeStaleFile(_ path: String) throws(Errno) {
        let probe = try Syscall.retrying {
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        }
        let owner = FileDescriptor(owning: probe)
        do throws(Errno) {
            _ = try unsafe SocketAddress.unix(path: path).withSockaddr { (pointer, length) throws(Errno) in
                try Syscall.retrying { unsafe connect(owner.number, pointer, length) }
            }
        } catch {
            // A file that is no socket refuses connections as well, and is somebody's file.
            if error == .connectionRefused, isSocket(path) { _ = unsafe unlink(path) }
            return
        }
        throw .addressInUse
    }

    /// Whether a socket has this path. A listener whose path was deleted waits for clients that cannot come.
    public static func isSocket(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
    }

    private static func boundAddress(_ number: Int32, _ wanted: SocketAddress) throws(Errno) -> SocketAddress
    {
        if wanted.unixPath != nil { return wanted }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = try unsafe withUnsafeMutablePointer(to: &storage) { (start) throws(Errno) in
            try unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { (rebound) throws(Errno) in
                try Syscall.retrying { unsafe getsockname(number, rebound, &length) }
            }
        }
        return SocketAddress(storage)
    }

    /// The next queued connection, non-blocking, or nil if none waits. `ECONNABORTED` (the peer gave up
    /// while queued) is skipped.
    public borrowing func accept() throws(Errno) -> AcceptedSocket? {
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            do throws(Errno) {
                let number = try Syscall.nonBlocking {
                    unsafe kg_accept(descriptor.number, &storage, &length)
                }
                guard let number else { return nil }
                let peer = SocketAddress(storage)
                if peer.port != nil { _ = kg_set_int_option(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
                return AcceptedSocket(descriptor: FileDescriptor(owning: number), peer: peer)
            } catch {
                if error == .connectionAborted { continue }
                throw error
            }
        }
    }
}

/// A connection just accepted: non-blocking, without Nagle's delay.
public struct AcceptedSocket: ~Copyable {
    public let descriptor: FileDescriptor
    public let peer: SocketAddress

    /// Gives the descriptor away.
    public consuming func intoDescriptor() -> FileDescriptor { descriptor }
}
