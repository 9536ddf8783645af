// One line of JSON per exchange. Values of the request are written as JSON strings whatever bytes they hold;
// headers, bodies, queries and key text are not written at all.

import Access
import Bytes
import HTTP1
import JSON
import Rules

enum AccessLogLine {
    /// Appends the line for a finished exchange.
    static func append(
        _ exchange: Exchange, peer: [UInt8], nowNanos: Int64, to log: inout ByteBuffer,
        scratch: inout ByteBuffer
    ) {
        log.append("{\"time\":\"")
        Timestamp.append(unixMillis: exchange.startUnixMillis, to: &log)
        log.append("\",\"requestId\":")
        log.appendJSONString(exchange.requestID.span)
        log.append(",\"client\":")
        if let client = exchange.clientAddress {
            log.appendJSONString(client.description.utf8.span)
        } else {
            log.appendJSONString(peer.span)
        }
        log.append(",\"method\":")
        log.appendJSONString(exchange.headBytes[exchange.head.methodRange])
        log.append(",\"path\":")
        log.appendJSONString(exchange.path.bytes)
        if let route = exchange.route { append(route, exchange, to: &log, scratch: &scratch) }
        log.append(",\"status\":")
        log.append(decimal: exchange.isAbandoned ? 499 : exchange.status.code)
        log.append(",\"code\":\"")
        log.append(code(of: exchange))
        log.append("\"")
        if let shadow = exchange.shadowRefusal {
            log.append(",\"shadow\":\"")
            log.append(shadow.description.code)
            log.append("\"")
        }
        if let revocation = exchange.revocation {
            log.append(",\"revoked\":\"")
            log.append(revocation.description.code)
            log.append("\"")
        }
        if !exchange.keyID.isEmpty {
            log.append(",\"keyId\":")
            log.appendJSONString(exchange.keyID.span)
        }
        if !exchange.identity.isEmpty {
            log.append(",\"identity\":")
            log.appendJSONString(exchange.identity.span)
        }
        // Nothing is worth saying where it might have been something.
        if exchange.isCharged {
            log.append(",\"credits\":")
            log.append(decimal: Int(exchange.spentCredits))
        }
        if let settled = exchange.settled { append(settled, to: &log) }
        log.append(",\"bytesIn\":")
        log.append(decimal: exchange.bodyByteCount)
        log.append(",\"bytesOut\":")
        log.append(decimal: exchange.answerBytes)
        if let end = exchange.tunnelEnd {
            log.append(",\"tunnelEnd\":\"")
            log.append(end.word)
            log.append("\"")
            if exchange.tunnel.closeCode > 0 {
                log.append(",\"closeCode\":")
                log.append(decimal: exchange.tunnel.closeCode)
            }
        }
        appendDurations(exchange, nowNanos: nowNanos, to: &log)
        log.append("}\n")
    }

    private static func append(
        _ route: Route, _ exchange: Exchange, to log: inout ByteBuffer, scratch: inout ByteBuffer
    ) {
        log.append(",\"route\":")
        let pattern = route.pattern
        log.appendJSONString(pattern.span)
        if route.tags.isEmpty { return }
        log.append(",\"tags\":[")
        var isFirst = true
        for tag in route.tags {
            if !isFirst { log.append(",") }
            isFirst = false
            scratch.removeAll()
            scratch.append(tag.name.span)
            scratch.append("=")
            ForwardedTarget.append(tag.value, exchange, route, to: &scratch)
            log.appendJSONString(scratch.bytes)
        }
        log.append("]")
    }

    /// What was taken before the request went on, and on what ground it came to what it cost.
    private static func append(_ settled: SettledCost, to log: inout ByteBuffer) {
        log.append(",\"reserved\":")
        log.append(decimal: Int(settled.taken))
        log.append(",\"settlement\":\"")
        log.append(settled.hasFailed ? "failed" : settled.ground.word)
        log.append("\"")
        if settled.uncollected > 0 {
            log.append(",\"uncollected\":")
            log.append(decimal: Int(settled.uncollected))
        }
    }

    /// The outcome in one word: `VALID`, `PUBLIC`, the code of a refusal, or how it ended instead. A shadow route has
    /// decided as any other, and its events say the same; that nobody was refused is for `status` and `shadow`.
    private static func code(of exchange: Exchange) -> StaticString {
        if exchange.isAbandoned { return "CLIENT_LEFT" }
        if exchange.isStopped { return "STOPPED" }
        if exchange.tunnelEnd == .revoked { return "REVOKED" }
        if exchange.isBroken { return exchange.revocation == nil ? "ANSWER_BROKEN" : "REVOKED" }
        switch exchange.outcome {
        case .undecided: return "CLIENT_LEFT"
        case .open: return exchange.shadowRefusal?.description.code ?? "PUBLIC"
        case .valid: return exchange.shadowRefusal?.description.code ?? "VALID"
        case .refused(let reason): return reason.description.code
        case .local: return "LOCAL"
        }
    }

    /// Microseconds. `upstream` is from handing the request over to the head of the answer, `gateway` what
    /// came before that.
    private static func appendDurations(_ exchange: Exchange, nowNanos: Int64, to log: inout ByteBuffer) {
        log.append(",\"totalMicros\":")
        log.append(decimal: Int(max(0, nowNanos - exchange.startNanos) / 1000))
        if exchange.forwardNanos > 0 {
            let end = exchange.headNanos > 0 ? exchange.headNanos : nowNanos
            log.append(",\"upstreamMicros\":")
            log.append(decimal: Int(max(0, end - exchange.forwardNanos) / 1000))
            log.append(",\"gatewayMicros\":")
            log.append(decimal: Int(max(0, exchange.forwardNanos - exchange.startNanos) / 1000))
        }
    }
}
