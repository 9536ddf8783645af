// The sockets of libcurl's multi interface: what it wants of them, what the loop's events make of that, and what
// is done about those it keeps for later.

import CCurl
public import Reactor

#if canImport(Glibc)
    import Glibc
#endif

extension CurlMulti {
    /// An event of one of our sockets.
    public func socketReady(_ token: Token, _ readiness: Readiness) {
        let number = Int32(token.index)
        let socket = sockets[number]
        guard socket.isRegistered, socket.generation & 0xFF_FFFF == token.generation else { return }
        if socket.isConnection, socket.transferSlot < 0 {
            // Nothing may come on a connection that is kept for later: the rest of an answer that was longer
            // than it said, a farewell such as a 408, or the end. libcurl looks before it reuses one, but
            // takes pending bytes for life, and the next client would be given them for an answer.
            if socket.hasEnded { return }
            if !readiness.isDisjoint(with: [.readable, .peerFinished, .hangUp, .failed]) {
                endKept(number)
            } else if readiness.contains(.writable) {
                sockets.update(number) { $0.ready.insert(.writable) }
            }
            return
        }
        if socket.transferSlot >= 0, transfers[socket.transferSlot].isTunnelConnected {
            // What TLS waits for in one direction may be an event of the other.
            sockets.update(number) { $0.ready = [.readable, .writable] }
            return
        }
        let isEnd = !readiness.isDisjoint(with: [.peerFinished, .hangUp, .failed])
        var ready = readiness.intersection([.readable, .writable])
        // Errors and hang-ups are found by reading and writing.
        if !readiness.isDisjoint(with: [.failed, .hangUp]) { ready = [.readable, .writable] }
        if readiness.contains(.peerFinished) { ready.insert(.readable) }
        sockets.update(number) { socket in
            socket.ready.formUnion(ready)
            if isEnd { socket.hasSeenEnd = true }
        }
    }

    /// Ends a connection that no transfer uses, in a way that libcurl notices before the next use.
    private func endKept(_ number: Int32) {
        endStream(number)
        loop.poller.remove(number)
        sockets.update(number) { socket in
            socket.hasEnded = true
            socket.ready = [.readable, .writable]
        }
    }

    /// A transfer has given its connection back. libcurl takes one that was reset for a living one, as long as
    /// nobody has met the error yet.
    func endIfOver(_ number: Int32) {
        let socket = sockets[number]
        guard socket.isConnection, socket.isRegistered, socket.hasSeenEnd, !socket.hasEnded else { return }
        endKept(number)
    }

    /// Lets libcurl do what the socket is ready for. Returns how many bytes that brought.
    func act(_ number: Int32) -> Int {
        let socket = sockets[number]
        let due = socket.wants.intersection(socket.ready)
        if due.isEmpty { return 0 }
        var mask: Int32 = 0
        if due.contains(.readable) { mask |= CURL_CSELECT_IN }
        if due.contains(.writable) { mask |= CURL_CSELECT_OUT }
        let transfer = socket.transferSlot >= 0 ? transfers[socket.transferSlot] : nil
        if let transfer, transfer.isTunnelConnected { return pump(transfer) }
        let receivedBefore = transfer?.receivedCount ?? 0
        var running: Int32 = 0
        _ = unsafe curl_multi_socket_action(multi, number, mask, &running)
        // An upload that waits for more of its body keeps libcurl from ending a transfer whose answer is whole.
        if let transfer, transfer.isReadPaused, transfer.hasRefusedBody { resume(transfer) }
        let received = (transfer?.receivedCount ?? 0) - receivedBefore
        let after = sockets[number]
        if !after.isRegistered || after.wants.isEmpty { return received }
        // libcurl reads 16 KiB a time, several times. An edge tells only of arrivals, so what may still be there
        // has to be looked for: after a large read simply by going on, otherwise by asking the kernel.
        if received >= 8192 {
            sockets.update(number) { _ in }
            return received
        }
        let ready = currentReadiness(
            number, readable: after.wants.contains(.readable), writable: after.wants.contains(.writable))
        sockets.update(number) { $0.ready = $0.ready.subtracting(after.wants).union(ready) }
        return received
    }

    func socketWanted(_ easy: UnsafeMutableRawPointer, _ number: Int32, _ what: Int32) {
        var wants: Readiness = []
        if what == CURL_POLL_IN || what == CURL_POLL_INOUT { wants.insert(.readable) }
        if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { wants.insert(.writable) }
        let isGone = what == CURL_POLL_REMOVE
        let transfer = unsafe CurlMulti.transfer(of: easy)
        if sockets[number].isConnection {
            if !isGone { transfer.socket = number }
            sockets.update(number) { socket in
                socket.wants = wants
                if !isGone { socket.transferSlot = transfer.slot }
            }
            return
        }
        // Not a connection: a socket of the resolver, known only from this callback.
        if isGone {
            if sockets[number].isRegistered { loop.poller.remove(number) }
            sockets.update(number) { socket in
                socket.isRegistered = false
                socket.generation &+= 1
                socket.wants = []
                socket.ready = []
            }
            return
        }
        let isNew = !sockets[number].isRegistered
        sockets.update(number) { socket in
            socket.isRegistered = true
            socket.wants = wants
            socket.transferSlot = transfer.slot
        }
        let token = Token(kind: tokenKind, generation: sockets[number].generation, index: Int(number))
        if isNew {
            try? loop.poller.add(number, .level(wants), token)
        } else {
            try? loop.poller.modify(number, .level(wants), token)
        }
    }

    func socketOpened(_ number: Int32) -> Bool {
        sockets.update(number) { socket in
            socket.generation &+= 1
            socket.isConnection = true
            socket.isRegistered = true
            socket.hasEnded = false
            socket.hasSeenEnd = false
            socket.wants = []
            socket.ready = []
            socket.transferSlot = -1
        }
        let token = Token(kind: tokenKind, generation: sockets[number].generation, index: Int(number))
        do throws(Errno) {
            try loop.poller.add(number, .edgeBoth, token)
            return true
        } catch {
            sockets.update(number) { socket in
                socket.isRegistered = false
                socket.isConnection = false
            }
            return false
        }
    }

    func socketClosing(_ number: Int32) {
        sockets.update(number) { socket in
            socket.isRegistered = false
            socket.isConnection = false
            socket.wants = []
            socket.ready = []
            socket.transferSlot = -1
        }
        _ = close(number)
    }
}
