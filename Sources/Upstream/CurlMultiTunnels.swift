// Tunnels through libcurl: it makes the connection and keeps it, and moves bytes without looking at them.
//
// A handle with CURLOPT_CONNECT_ONLY is done once it is connected, and has to stay in the multi handle: taking it out
// closes the connection. What libcurl 7.88 does with idle connections, closing those that are old or seem dead, it does
// not to one that curl_easy_send has been called for; so the first bytes go out before anything else runs.

import Bytes
import CCurl
public import HTTP1
import Reactor

#if canImport(Glibc)
    import Glibc
#endif

extension CurlMulti {
    /// As much as TLS has in one record, which is what libcurl reads at a time.
    private static let tunnelReadBytes = 16 * 1024

    /// Asks the backend to switch protocols: sends a GET with the transfer's headers, which have to be those of a
    /// handshake, and lets bytes through once the answer is a 101 that fits `offer`. Another answer is one like those
    /// of other requests. The connection is never used for another.
    public func startTunnel(
        _ transfer: Transfer, target: Span<UInt8>, offer: WebSocketOffer, connectTimeoutMillis: Int
    ) {
        let easy = unsafe transfer.easy
        let tunnel = Tunnel(offer, isSecure: servers[transfer.serverKey].origin.hasPrefix("https:"))
        tunnel.sending.append("GET ")
        tunnel.sending.append(target)
        tunnel.sending.append(" HTTP/1.1\r\n")
        transfer.headers.forEachHeader {
            ResponseWriter.appendHeader($0, $1, to: &tunnel.sending)
        }
        tunnel.sending.append("\r\n")
        transfer.tunnel = tunnel
        transfer.response.expectUpgrade()
        // Options of a connection that is kept for nobody else: the handle is made anew afterwards.
        transfer.isSpent = true
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_CONNECT_ONLY, 1)
        _ = unsafe kg_easy_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, connectTimeoutMillis)
        transfer.isStarted = true
        _ = unsafe curl_multi_add_handle(multi, easy)
    }

    /// libcurl has made the connection.
    func tunnelConnected(_ transfer: Transfer) {
        guard let tunnel = transfer.tunnel else { return }
        var number = KG_SOCKET_BAD
        let code = unsafe kg_easy_getinfo_socket(transfer.easy, CURLINFO_ACTIVESOCKET, &number)
        guard code == CURLE_OK, number >= 0 else {
            return end(transfer, tunnel, .unreachable(detail: StaticDetail("connection lost")))
        }
        tunnel.phase = .head
        transfer.socket = number
        sockets.update(number) { socket in
            socket.transferSlot = transfer.slot
            socket.ready = [.readable, .writable]
        }
        _ = pump(transfer)
    }

    /// The exchange has put something in, taken something out, or ended its side.
    func tunnelChanged(_ transfer: Transfer) {
        guard transfer.isTunnelConnected, let tunnel = transfer.tunnel else { return }
        var wants: Readiness = []
        if transfer.responseBody.count < TransferLimits.highWaterBytes { wants.insert(.readable) }
        if tunnel.isOpen ? !transfer.hasSentAll : !tunnel.sending.isEmpty { wants.insert(.writable) }
        sockets.update(transfer.socket) { $0.wants = wants }
        if transfer.requestBodyEnded { endSending(transfer, tunnel) }
    }

    /// Moves what can be moved, both ways. Returns how many bytes that brought.
    func pump(_ transfer: Transfer) -> Int {
        guard let tunnel = transfer.tunnel else { return 0 }
        send(transfer, tunnel)
        let received = receive(transfer, tunnel)
        tunnelChanged(transfer)
        return received
    }

    private func send(_ transfer: Transfer, _ tunnel: Tunnel) {
        while true {
            if tunnel.sending.isEmpty {
                // Before the backend has switched, nothing but the request goes to it.
                if !tunnel.isOpen || transfer.requestBody.isEmpty { break }
                swap(&tunnel.sending, &transfer.requestBody)
            }
            if tunnel.hasSendFailed {
                tunnel.sending.removeAll()
                continue
            }
            var count = 0
            let code = unsafe tunnel.sending.withUnsafeReadable { bytes in
                unsafe curl_easy_send(transfer.easy, bytes.baseAddress, bytes.count, &count)
            }
            switch code {
            case CURLE_OK:
                tunnel.sending.consume(count)
                touch(transfer)
            case CURLE_AGAIN:
                return sockets.update(transfer.socket) { $0.ready.remove(.writable) }
            default:
                // Why it takes no more, it may have said: that is read to its end.
                tunnel.hasSendFailed = true
            }
        }
        if tunnel.sending.capacity > 4096 { tunnel.sending.releaseMemory() }
    }

    private func receive(_ transfer: Transfer, _ tunnel: Tunnel) -> Int {
        var received = 0
        while transfer.responseBody.count < TransferLimits.highWaterBytes {
            var code = CURLE_OK
            tunnelRead.removeAll()
            _ = unsafe tunnelRead.withWritable(minimum: Self.tunnelReadBytes) { room in
                var count = 0
                unsafe code = curl_easy_recv(transfer.easy, room.baseAddress, room.count, &count)
                return code == CURLE_OK ? count : 0
            }
            switch code {
            case CURLE_OK:
                touch(transfer)
                received += tunnelRead.count
                let goesOn = tunnelRead.isEmpty ? false : tunnelRead.with { transfer.take($0, tunnel) }
                if !goesOn {
                    end(transfer, tunnel, nil)
                    return received
                }
            case CURLE_AGAIN:
                sockets.update(transfer.socket) { $0.ready.remove(.readable) }
                return received
            default:
                end(transfer, tunnel, .cut(detail: StaticDetail("connection lost while receiving")))
                return received
            }
        }
        return received
    }

    /// Says to the backend that no more comes, once everything before that has gone out. Under TLS libcurl has no words
    /// for it: there the end is that of the connection.
    private func endSending(_ transfer: Transfer, _ tunnel: Tunnel) {
        guard transfer.hasSentAll, !tunnel.hasEndedSending else { return }
        tunnel.hasEndedSending = true
        if !tunnel.isSecure { _ = shutdown(transfer.socket, Int32(SHUT_WR)) }
        touch(transfer)
    }

    /// No more comes, or none is wanted. Closes the connection; what has been received is still there.
    private func end(_ transfer: Transfer, _ tunnel: Tunnel, _ failure: UpstreamError?) {
        transfer.error = transfer.errorOfTunnel(tunnel, failure)
        transfer.isComplete = true
        stop(transfer)
        touch(transfer)
    }
}
