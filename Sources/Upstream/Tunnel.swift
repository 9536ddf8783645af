// What a transfer has beside its buffers when it asks a backend to switch protocols. libcurl makes the connection,
// TLS included, and stays out of what is said on it (CURLOPT_CONNECT_ONLY): the request is written by us, and the
// answer read by us, by the same machine that reads the lines of all answers.

import Bytes
import HTTP1

final class Tunnel {
    enum Phase {
        /// We are waiting for the connection.
        case connecting
        /// We are waiting for the head of the answer, or for more of it.
        case head
        /// We are waiting for the body of an answer that is not a 101.
        case body(Body)
        /// We are waiting for bytes of either side.
        case open
    }

    /// How the end of the body of such an answer is found.
    enum Body {
        case length(remaining: Int)
        case chunked
        /// By the end of the connection.
        case end
    }

    let offer: WebSocketOffer
    let isSecure: Bool
    var phase = Phase.connecting
    /// What is being sent. Its memory stays in place until all of it is: TLS has to be handed the same bytes under the
    /// same address again when it could not take them at once.
    var sending = ByteBuffer()
    /// Lines and chunks that are not whole yet.
    var pending = ByteBuffer()
    /// How much of `pending` has been looked through for the end of a line.
    var searchedCount = 0
    var decoder = ChunkedDecoder()
    /// The backend takes no more. It may have said why.
    var hasSendFailed = false
    /// We have told the backend that no more comes.
    var hasEndedSending = false
    var fault: WebSocketAnswerFault?

    init(_ offer: WebSocketOffer, isSecure: Bool) {
        self.offer = offer
        self.isSecure = isSecure
    }

    var isOpen: Bool {
        if case .open = phase { true } else { false }
    }
}

extension Transfer {
    /// The connection is there, and it is ours to read and write.
    var isTunnelConnected: Bool {
        guard isStarted, let tunnel else { return false }
        if case .connecting = tunnel.phase { return false }
        return true
    }

    /// All that was handed over has left for the backend.
    public var hasSentAll: Bool { requestBody.isEmpty && (tunnel?.sending.isEmpty ?? true) }

    /// A whole 101. False if it is not the answer to what was asked.
    func acceptSwitch() -> Bool {
        if let tunnel, tunnel.fault == nil {
            tunnel.fault = tunnel.offer.fault(of: response.head)
            isSwitched = tunnel.fault == nil
        }
        malformed = !isSwitched
        return isSwitched
    }

    /// Takes in what has come on the connection. False if no more is wanted.
    func take(_ bytes: Span<UInt8>, _ tunnel: Tunnel) -> Bool {
        switch tunnel.phase {
        case .open:
            responseBody.append(bytes)
            return true
        case .body(let body):
            return takeBody(bytes, body, tunnel)
        case .connecting, .head:
            tunnel.pending.append(bytes)
            return readLines(tunnel)
        }
    }

    private func readLines(_ tunnel: Tunnel) -> Bool {
        while let end = endOfLine(tunnel) {
            let goesOn = tunnel.pending.with { receiveLine($0.extracting(0..<end)) }
            tunnel.pending.consume(end)
            tunnel.searchedCount = 0
            if !goesOn { return false }
            if isSwitched {
                tunnel.phase = .open
                // What came with the 101 is the first of the other protocol.
                swap(&responseBody, &tunnel.pending)
                return true
            }
            if hasHead { return beginBody(tunnel) }
        }
        if tunnel.pending.count > response.limits.maxHeadBytes { malformed = true }
        return !malformed
    }

    /// How many bytes the next line has with its line feed; nil if it is not whole.
    private func endOfLine(_ tunnel: Tunnel) -> Int? {
        tunnel.pending.with { bytes in
            while tunnel.searchedCount < bytes.count {
                tunnel.searchedCount += 1
                if bytes[tunnel.searchedCount - 1] == UInt8(ascii: "\n") { return tunnel.searchedCount }
            }
            return nil
        }
    }

    /// The head is that of an ordinary answer (RFC 9112 §6.3).
    private func beginBody(_ tunnel: Tunnel) -> Bool {
        var rest = ByteBuffer()
        swap(&rest, &tunnel.pending)
        let body: Tunnel.Body =
            if response.head.status.forbidsBody {
                .length(remaining: 0)
            } else if response.head.isChunked {
                .chunked
            } else if let length = response.head.contentLength {
                .length(remaining: length)
            } else {
                .end
            }
        tunnel.phase = .body(body)
        return takeBody(rest.bytes, body, tunnel)
    }

    private func takeBody(_ bytes: Span<UInt8>, _ body: Tunnel.Body, _ tunnel: Tunnel) -> Bool {
        switch body {
        case .end:
            responseBody.append(bytes)
            return true
        case .length(let remaining):
            // What is behind the answer is nobody's: the connection ends here.
            let count = min(remaining, bytes.count)
            responseBody.append(bytes.extracting(0..<count))
            tunnel.phase = .body(.length(remaining: remaining - count))
            return count < remaining
        case .chunked:
            tunnel.pending.append(bytes)
            return decodeChunks(tunnel)
        }
    }

    private func decodeChunks(_ tunnel: Tunnel) -> Bool {
        while true {
            switch tunnel.pending.with({ tunnel.decoder.advance($0) }) {
            case .data(let range, let consumed):
                tunnel.pending.with { responseBody.append($0.extracting(range)) }
                tunnel.pending.consume(consumed)
            case .needMore(let consumed):
                tunnel.pending.consume(consumed)
                return true
            case .malformed:
                malformed = true
                return false
            case .end:
                tunnel.phase = .body(.length(remaining: 0))
                return takeTrailers(tunnel)
            }
        }
    }

    private func takeTrailers(_ tunnel: Tunnel) -> Bool {
        let bytes = Array(copying: tunnel.decoder.trailers.buffer.bytes)
        for field in tunnel.decoder.trailers.fields.fields {
            // With the CRLF behind it.
            let line = field.name.lowerBound..<field.value.upperBound + 2
            if !receiveLine(bytes.span.extracting(line)) { break }
        }
        return false
    }

    /// Why a tunnel, or what was to be one, is over, now that no more comes or is wanted; nil if all is well.
    func errorOfTunnel(_ tunnel: Tunnel, _ failure: UpstreamError?) -> UpstreamError? {
        if malformed {
            return .invalid(
                detail: StaticDetail(tunnel.fault?.message ?? "the answer's head is malformed"))
        }
        switch tunnel.phase {
        case .body(.length(remaining: 0)): return nil
        case .body(.end), .open: return failure
        case .body(.length), .body(.chunked):
            return failure ?? .cut(detail: StaticDetail("the answer ended too early"))
        case .connecting, .head:
            return failure
                ?? .cut(
                    detail: receivedCount == 0 && tunnel.pending.isEmpty
                        ? StaticDetail("closed without an answer")
                        : StaticDetail("the answer ended inside its head"))
        }
    }
}
