// The backend's answer on its way to the client: framed anew, hop-by-hop headers gone, and never more of it
// in memory than a client that reads slowly may hold up.

import Bytes
import HTTP1
import Reactor
import Upstream

extension Connection {
    /// The transfer has news.
    func transferProgressed(_ transfer: Transfer) {
        guard let exchange, exchange.transfer === transfer else { return }
        if state == .exchange { relay(exchange, transfer) }
        if state != .closed { drive() }
    }

    /// Requests of one pipeline that are served before others get their turn.
    private static let requestsPerTurn = 32

    /// Writes, relays, reads and parses until nothing moves, or until it is somebody else's turn.
    func drive() {
        let countBefore = requestCount
        while state != .closed {
            flush()
            if state == .exchange, let exchange, let transfer = exchange.transfer,
                exchange.output.count < TransferLimits.lowWaterBytes,
                !transfer.responseBody.isEmpty || transfer.isComplete
            {
                relay(exchange, transfer)
                continue
            }
            advance(untilRequest: countBefore + Self.requestsPerTurn)
            if requestCount >= countBefore + Self.requestsPerTurn, state == .idle || state == .head {
                flush()
                if state != .closed { worker.goOnLater(self) }
                return
            }
            // Something was written that the socket may take at once, and the space may let more be parsed.
            guard let exchange, !exchange.output.isEmpty, canWrite else { return }
        }
    }

    private func relay(_ exchange: Exchange, _ transfer: Transfer) {
        if exchange.owesContinue, transfer.wantsBody, !transfer.hasHead {
            exchange.owesContinue = false
            // Whoever has begun to send the body needs no permission any more.
            if exchange.bodyByteCount == 0, exchange.input.isEmpty {
                exchange.output.append("HTTP/1.1 100 Continue\r\n\r\n")
            }
        }
        if transfer.hasInterimHeads, !transfer.interimHeads.isEmpty {
            // RFC 9110 §15.2: never to an HTTP/1.0 client.
            if !exchange.hasSentHead, exchange.head.minorVersion == 1 {
                exchange.output.append(transfer.interimHeads.bytes)
            }
            transfer.interimHeads.removeAll()
        }
        if transfer.isSwitched { return openTunnel(exchange, transfer) }
        if transfer.isComplete, let error = transfer.error, !exchange.hasSentHead {
            if !transfer.hasHead, failedOver(exchange, transfer, error) { return }
            // libcurl answers a 417 by sending the request once more without Expect, which it may not do.
            let refusal =
                transfer.hasHead && transfer.response.head.status == .expectationFailed
                ? Refusal(.expectationFailed) : refusal(for: error, exchange)
            return refuse(exchange, refusal, closing: !exchange.hasWholeBody)
        }
        if transfer.hasHead, !exchange.hasSentHead { sendHead(exchange, transfer) }
        moveBody(exchange, transfer)
        if transfer.isComplete {
            if transfer.error != nil { return breakOff(exchange) }
            if transfer.responseBody.isEmpty {
                endAnswer(exchange, transfer)
                return
            }
        }
        if exchange.owesContinue, exchange.hasSentHead, isAnswerWhole(exchange, transfer) {
            // The backend has answered without asking for the body, and waits for the next request.
            return endAnswer(exchange, transfer)
        }
        waitForExchange(exchange)
        pumpBody(exchange)
    }

    private func isAnswerWhole(_ exchange: Exchange, _ transfer: Transfer) -> Bool {
        switch exchange.answerFraming {
        case .none: true
        case .length: exchange.answerBytes == transfer.response.head.contentLength
        case .chunked, .close, .tunnel: false
        }
    }

    private func refusal(for error: UpstreamError, _ exchange: Exchange) -> Refusal {
        worker.sayUpstreamTrouble(error.detail.description, upstream: exchange.upstreamName)
        return switch error {
        case .unreachable: Refusal(.upstreamUnreachable)
        case .cut, .invalid: Refusal(.upstreamInvalid)
        case .connectTimeout: Refusal(.upstreamTimeout)
        }
    }

    func sendHead(_ exchange: Exchange, _ transfer: Transfer) {
        // The loop's own reading is older than `forwardNanos` where the answer comes in the turn that sent the request.
        exchange.headNanos = Clock.monotonicNanos()
        exchange.pool?.succeeded(exchange.serverIndex, nowNanos: worker.loop.nowNanos)
        exchange.hasSentHead = true
        exchange.clientMayBeGone = false
        exchange.status = transfer.response.head.status
        // A client that was not told to send its body may send it or leave it out: what it sends next cannot
        // be told from a request.
        if worker.isDraining || exchange.owesContinue { exchange.closesAfterwards = true }
        exchange.answerFraming =
            transfer.isSwitched
            ? .tunnel
            : Connection.framing(
                transfer.response.head, isHeadRequest: exchange.isHeadRequest,
                minorVersion: exchange.head.minorVersion)
        if exchange.answerFraming == .close { exchange.closesAfterwards = true }
        let hidesLimits = !exchange.limitLines.isEmpty
        if exchange.hasOriginPolicy { exchange.limitLines.append(exchange.corsLines.bytes) }
        AnswerHead.append(
            transfer.response.head,
            AnswerHead.Form(
                hidesLimits: hidesLimits, hidesLeave: exchange.hasOriginPolicy,
                framing: exchange.answerFraming,
                requestID: exchange.requestID,
                closes: exchange.closesAfterwards, clientMinorVersion: exchange.head.minorVersion),
            lines: exchange.limitLines, to: &exchange.output)
    }

    private static func framing(
        _ head: borrowing ResponseHead, isHeadRequest: Bool, minorVersion: Int
    ) -> Exchange.AnswerFraming {
        if isHeadRequest || head.status.forbidsBody { return .none }
        if head.contentLength != nil { return .length }
        return minorVersion == 1 ? .chunked : .close
    }

    private func moveBody(_ exchange: Exchange, _ transfer: Transfer) {
        guard exchange.hasSentHead, !transfer.responseBody.isEmpty,
            exchange.output.count < TransferLimits.highWaterBytes
        else { return }
        exchange.answerBytes += transfer.responseBody.count
        switch exchange.answerFraming {
        case .none:
            break
        case .length, .close, .tunnel:
            exchange.output.append(transfer.responseBody.bytes)
        case .chunked:
            ResponseWriter.appendChunk(transfer.responseBody.bytes, to: &exchange.output)
        }
        transfer.responseBody.removeAll()
        transfer.resumeReceiving()
    }

    private func endAnswer(_ exchange: Exchange, _ transfer: Transfer) {
        if exchange.answerFraming == .chunked {
            ResponseWriter.endChunkedBody(trailers: transfer.response.trailers, to: &exchange.output)
        }
        if !exchange.hasWholeBody { exchange.closesAfterwards = true }
        finish(exchange)
    }
}

/// The head of a backend's answer as the client gets it.
enum AnswerHead {
    struct Form {
        /// What the backend says about limits is left out: we say something about them.
        let hidesLimits: Bool
        /// The same for what pages of other origins may do.
        let hidesLeave: Bool
        let framing: Exchange.AnswerFraming
        let requestID: [UInt8]
        let closes: Bool
        let clientMinorVersion: Int
    }

    static func append(
        _ head: borrowing ResponseHead, _ form: Form, lines: borrowing ByteBuffer,
        to output: inout ByteBuffer
    ) {
        let section = head.section.buffer.bytes
        ResponseWriter.appendStatusLine(head.status, reason: section.extracting(head.reason), to: &output)
        for field in head.section.fields.fields {
            if HopByHop.covers(field, head.connectionOptions, in: section) || field.kind == .xRequestID {
                continue
            }
            if form.hidesLimits, LimitHeaders.isOne(section.extracting(field.name)) { continue }
            if form.hidesLeave, CrossOrigin.isDecided(section.extracting(field.name)) { continue }
            ResponseWriter.appendHeader(
                section.extracting(field.name), section.extracting(field.value), to: &output)
        }
        ResponseWriter.appendHeader("X-Request-Id", form.requestID.span, to: &output)
        output.append(lines.bytes)
        switch form.framing {
        case .length:
            if let length = head.contentLength {
                ResponseWriter.appendHeader("Content-Length", decimal: length, to: &output)
            }
        case .chunked:
            ResponseWriter.appendHeader("Transfer-Encoding", "chunked", to: &output)
        case .none:
            // What a HEAD or a 304 says about the length is about another answer, and passed on; a 204 has none.
            if let length = head.contentLength, head.status != .noContent {
                ResponseWriter.appendHeader("Content-Length", decimal: length, to: &output)
            }
        case .close:
            break
        case .tunnel:
            ResponseWriter.appendHeader("Upgrade", "websocket", to: &output)
            ResponseWriter.appendHeader("Connection", "Upgrade", to: &output)
        }
        if form.framing == .tunnel {
            // What comes next is no message of HTTP, whose connection might close.
        } else if form.closes {
            ResponseWriter.appendHeader("Connection", "close", to: &output)
        } else if form.clientMinorVersion == 0 {
            ResponseWriter.appendHeader("Connection", "keep-alive", to: &output)
        }
        ResponseWriter.endHead(&output)
    }
}
