// The sockets libcurl has open, on our own edge-triggered epoll.
//
// Registered the usual way, each request costs two epoll_ctl calls: libcurl asks for the socket when it
// waits and drops it when the answer is complete. Here a connection is registered once, for both
// directions and edge-triggered, and libcurl's wishes only change `wants`. An edge that arrives while
// nobody wants it is remembered in `ready`.

import Reactor

/// What is known of one descriptor number.
struct UpstreamSocket {
    /// Counts the sockets that had this number: events of earlier ones are stale.
    var generation: UInt32 = 0
    /// Opened by libcurl for a connection, so that we are told when it closes. Others (the resolver's wake-up
    /// pair) come and go unannounced and are registered level-triggered, for as long as libcurl asks.
    var isConnection = false
    var isRegistered = false
    /// A kept connection that we ended because something came on it. It is watched no more: ending it is an
    /// edge itself, so it would be ended for ever. libcurl meets the end when it looks before the next use.
    var hasEnded = false
    /// The peer's end has been told of while a transfer used it. An edge is told once: when the transfer gives the
    /// connection back, nothing more comes of it.
    var hasSeenEnd = false
    var isQueued = false
    var wants: Readiness = []
    var ready: Readiness = []
    /// Index of the transfer that uses it, -1 for none.
    var transferSlot = -1

    var isRunnable: Bool { !wants.isDisjoint(with: ready) }
}

/// Table of sockets by descriptor number.
struct UpstreamSockets {
    private var slots: [UpstreamSocket] = []
    private(set) var queue: [Int32] = []

    subscript(number: Int32) -> UpstreamSocket {
        get { Int(number) < slots.count ? slots[Int(number)] : UpstreamSocket() }
        set {
            while slots.count <= Int(number) { slots.append(UpstreamSocket()) }
            slots[Int(number)] = newValue
        }
    }

    mutating func update(_ number: Int32, _ change: (inout UpstreamSocket) -> Void) {
        while slots.count <= Int(number) { slots.append(UpstreamSocket()) }
        change(&slots[Int(number)])
        if slots[Int(number)].isRunnable, !slots[Int(number)].isQueued {
            slots[Int(number)].isQueued = true
            queue.append(number)
        }
    }

    /// Takes the sockets that have something to do. The caller hands in the array it got last time, to be reused.
    mutating func takeQueue(into taken: inout [Int32]) {
        swap(&queue, &taken)
        queue.removeAll(keepingCapacity: true)
        for number in taken { slots[Int(number)].isQueued = false }
    }

    /// Those that were taken and not looked at come before all others.
    mutating func putBack(_ rest: ArraySlice<Int32>) {
        if rest.isEmpty { return }
        let waiting = rest.filter { !slots[Int($0)].isQueued }
        for number in waiting { slots[Int(number)].isQueued = true }
        queue.insert(contentsOf: waiting, at: 0)
    }
}
