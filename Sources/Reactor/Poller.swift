// epoll, with events that cannot be mistaken: each registration carries a token of a kind, an index and a
// generation. A descriptor number is reused at once after close, so an event that was already queued for
// the old owner would otherwise be delivered to the new one.

import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// What an event belongs to: 8 bits of kind, 24 of generation, 32 of index.
public struct Token: Equatable, Sendable {
    let bits: UInt64

    public init(kind: UInt8, generation: UInt32, index: Int) {
        precondition(index >= 0 && index <= Int(UInt32.max), "a token's index has 32 bits")
        bits = UInt64(kind) << 56 | UInt64(generation & 0xFF_FFFF) << 32 | UInt64(UInt32(index))
    }

    init(bits: UInt64) { self.bits = bits }

    public var kind: UInt8 { UInt8(truncatingIfNeeded: bits >> 56) }
    public var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) & 0xFF_FFFF }
    public var index: Int { Int(UInt32(truncatingIfNeeded: bits)) }
}

/// What a descriptor is ready for.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: KG_EPOLLIN)
    public static let writable = Readiness(rawValue: KG_EPOLLOUT)
    /// The peer will send nothing more; it may still read.
    public static let peerFinished = Readiness(rawValue: KG_EPOLLRDHUP)
    /// Both directions are over.
    public static let hangUp = Readiness(rawValue: KG_EPOLLHUP)
    public static let failed = Readiness(rawValue: KG_EPOLLERR)
}

/// How a descriptor is watched.
public enum Interest: Sendable {
    /// Once per change, both directions: for sockets that are read and written until they would block.
    case edgeBoth
    /// As long as the condition holds.
    case level(Readiness)
    /// As long as connections wait, waking one of the loops that watch it.
    case exclusiveRead

    var events: UInt32 {
        switch self {
        case .edgeBoth: KG_EPOLLIN | KG_EPOLLOUT | KG_EPOLLRDHUP | KG_EPOLLET
        case .level(let readiness): readiness.rawValue
        case .exclusiveRead: KG_EPOLLIN | KG_EPOLLEXCLUSIVE
        }
    }
}

/// An epoll instance. Owned and used by one thread.
public struct Poller: ~Copyable {
    private let epoll: FileDescriptor
    private var events: [kg_event]

    public init() throws(Errno) {
        epoll = FileDescriptor(owning: try Syscall.retrying { kg_epoll_create() })
        events = [kg_event](repeating: kg_event(events: 0, token: 0), count: 256)
    }

    public borrowing func add(_ number: Int32, _ interest: Interest, _ token: Token) throws(Errno) {
        _ = try Syscall.retrying { kg_epoll_add(epoll.number, number, interest.events, token.bits) }
    }

    public borrowing func modify(_ number: Int32, _ interest: Interest, _ token: Token) throws(Errno) {
        _ = try Syscall.retrying { kg_epoll_modify(epoll.number, number, interest.events, token.bits) }
    }

    /// Ends a registration of a descriptor that stays open. Closing it needs no call.
    public borrowing func remove(_ number: Int32) {
        _ = kg_epoll_remove(epoll.number, number)
    }

    /// Waits at most `milliseconds` (negative: for ever) and returns how many events `event(at:)` has.
    public mutating func wait(milliseconds: Int32) throws(Errno) -> Int {
        let number = epoll.number
        let count = unsafe events.withUnsafeMutableBufferPointer { buffer in
            let count = unsafe kg_epoll_wait(number, buffer.baseAddress, Int32(buffer.count), milliseconds)
            return count < 0 ? -errno : count
        }
        if count == -EINTR { return 0 }
        if count < 0 { throw Errno(code: -count) }
        return Int(count)
    }

    public borrowing func event(at index: Int) -> (token: Token, readiness: Readiness) {
        let event = events[index]
        return (Token(bits: event.token), Readiness(rawValue: event.events))
    }
}

/// What a descriptor is ready for at this moment, of `readable` and `writable`; errors count as both, so
/// that whoever asks goes on and meets them.
public func currentReadiness(_ number: Int32, readable: Bool, writable: Bool) -> Readiness {
    var wanted: Int32 = 0
    if readable { wanted |= POLLIN }
    if writable { wanted |= POLLOUT }
    var entry = pollfd(fd: number, events: Int16(wanted), revents: 0)
    guard unsafe poll(&entry, 1, 0) > 0 else { return [] }
    let found = Int32(entry.revents)
    var readiness: Readiness = []
    if found & (POLLIN | POLLERR | POLLHUP) != 0 { readiness.insert(.readable) }
    if found & (POLLOUT | POLLERR | POLLHUP) != 0 { readiness.insert(.writable) }
    return readiness
}

/// Makes a connected socket look ended to whoever reads from it next: takes away its pending error and what
/// it holds, and shuts both directions down. To a poller that watches it each call is news, even of a socket that
/// was shut down before.
public func endStream(_ number: Int32) {
    var error: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &length)
    _ = shutdown(number, Int32(SHUT_RDWR))
    var discarded = InlineArray<4096, UInt8>(repeating: 0)
    // Bounded: whoever goes on sending into a connection that is over is reset by the kernel.
    for _ in 0..<256 {
        var span = discarded.mutableSpan
        let got = unsafe span.withUnsafeMutableBytes { room in
            unsafe recv(number, room.baseAddress, room.count, Int32(MSG_DONTWAIT))
        }
        if got <= 0 { return }
    }
}
