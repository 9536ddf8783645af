// Requests that Keygate answers itself: on the admin listener and on the control socket.

import Access
import Bytes
import HTTP1
import Reactor
import Upstream

/// A whole answer.
struct LocalAnswer: Sendable {
    enum ContentType: Sendable {
        case json, problem, text, metrics

        var header: StaticString {
            switch self {
            case .json: "application/json"
            case .problem: "application/problem+json"
            case .text: "text/plain; charset=utf-8"
            // Exposition format of Prometheus, version 0.0.4.
            case .metrics: "text/plain; version=0.0.4; charset=utf-8"
            }
        }
    }

    let status: Status
    var contentType = ContentType.json
    var allowed: StaticString?
    let body: [UInt8]

    init(_ status: Status, _ contentType: ContentType, _ body: [UInt8], allowed: StaticString? = nil) {
        self.status = status
        self.contentType = contentType
        self.body = body
        self.allowed = allowed
    }

    init(_ status: Status, text: String, allowed: StaticString? = nil) {
        self.init(status, .text, Array(text.utf8), allowed: allowed)
    }
}

/// A whole request, as far as local answers depend on it.
struct LocalRequest {
    let method: Method
    let path: String
    let authorization: [UInt8]?
    let accept: ErrorType
    /// Nil on a Unix socket.
    let address: IPAddress?
    let body: [UInt8]
    let ticket: ConnectionTicket
}

extension Connection {
    /// Longest wait for the store's thread.
    static let managementNanos: Int64 = 60_000_000_000
    /// Bodies of management calls may be as long as the management API allows.
    static let localBodyBytes = 10 << 20

    func beginLocal(_ exchange: Exchange) {
        exchange.outcome = .local
        exchange.bodyLimit = Self.localBodyBytes
        if case .length(let remaining) = exchange.body, remaining > exchange.bodyLimit {
            return refuse(exchange, Refusal(.payloadTooLarge))
        }
        if exchange.owesContinue {
            exchange.owesContinue = false
            exchange.output.append("HTTP/1.1 100 Continue\r\n\r\n")
        }
        waitForExchange(exchange)
    }

    /// The request has arrived whole.
    func answerLocally(_ exchange: Exchange) {
        let ticket = ConnectionTicket(index: index, generation: generation, requestNumber: requestCount)
        let request = exchange.headBytes.with { bytes in
            let authorization = exchange.head.headers.value(of: .authorization)
            return LocalRequest(
                method: exchange.head.method, path: Self.localPath(exchange, bytes),
                authorization: authorization.map { Array(copying: bytes.extracting($0)) },
                accept: Self.accept(exchange, bytes), address: exchange.clientAddress,
                body: exchange.localBody.with { Array(copying: $0) }, ticket: ticket)
        }
        exchange.awaitsManagement = true
        waitForExchange(exchange)
        let answer =
            switch role {
            case .admin, .client: AdminEndpoints.answer(request, worker)
            case .control: ControlEndpoints.answer(request, worker)
            }
        if let answer { write(answer) }
    }

    /// The target of a request without its query.
    private static func localPath(_ exchange: Exchange, _ bytes: Span<UInt8>) -> String {
        let target = bytes.extracting(exchange.head.target)
        var end = 0
        while end < target.count, target[end] != UInt8(ascii: "?") { end += 1 }
        return String(forDisplay: target.extracting(0..<end))
    }

    private static func accept(_ exchange: Exchange, _ bytes: Span<UInt8>) -> ErrorType {
        guard let accept = exchange.head.headers.value(of: .accept) else { return .json }
        return ErrorType(accept: bytes.extracting(accept))
    }

    /// A refusal in the words of what the client thinks it talks to; nil where the gateway's own will do.
    func localAnswer(to refusal: Refusal, _ exchange: Exchange) -> LocalAnswer? {
        guard role == .admin else { return nil }
        return exchange.headBytes.with { bytes in
            // Without a head there is no path that could tell.
            if bytes.isEmpty { return nil }
            return ManagementEndpoint.answer(
                refusal.reason, to: Self.localPath(exchange, bytes), accepting: Self.accept(exchange, bytes))
        }
    }

    /// Writes an answer that comes from another thread, and goes on.
    func deliver(_ answer: LocalAnswer) {
        write(answer)
        if state != .closed { drive() }
    }

    private func write(_ answer: LocalAnswer) {
        guard let exchange, state == .exchange, !exchange.hasSentHead else { return }
        write(answer, exchange)
        finish(exchange)
        if state != .closed { drive() }
    }

    func write(_ answer: LocalAnswer, _ exchange: Exchange) {
        exchange.awaitsManagement = false
        exchange.hasSentHead = true
        exchange.status = answer.status
        exchange.answerBytes = answer.body.count
        ResponseWriter.appendStatusLine(answer.status, to: &exchange.output)
        ResponseWriter.appendHeader("Content-Type", answer.contentType.header, to: &exchange.output)
        ResponseWriter.appendHeader("Content-Length", decimal: answer.body.count, to: &exchange.output)
        ResponseWriter.appendHeader("Cache-Control", "no-store", to: &exchange.output)
        if let allowed = answer.allowed {
            ResponseWriter.appendHeader("Allow", allowed, to: &exchange.output)
        }
        if exchange.closesAfterwards {
            ResponseWriter.appendHeader("Connection", "close", to: &exchange.output)
        } else if exchange.head.minorVersion == 0 {
            ResponseWriter.appendHeader("Connection", "keep-alive", to: &exchange.output)
        }
        ResponseWriter.endHead(&exchange.output)
        if !exchange.isHeadRequest { exchange.output.append(answer.body.span) }
        finish(exchange)
    }
}
