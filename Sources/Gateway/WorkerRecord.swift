// What one event loop writes down: counts, verifications and log lines of finished exchanges, and what is wrong
// with others.

import Bytes
import Keys
import Reactor

extension Worker {
    /// Counts a finished exchange, remembers its verification and writes its log line.
    func record(_ exchange: Exchange, role: Connection.Role, peerText: [UInt8]) {
        let now = exchange.endNanos
        counters.countStatus(exchange.status)
        let answered = exchange.answeredNanos
        counters.totalTime.record(nanos: answered - exchange.startNanos)
        if exchange.forwardNanos > 0, exchange.headNanos > 0 {
            counters.upstreamTime.record(nanos: exchange.headNanos - exchange.forwardNanos)
        }
        guard role == .client else { return }
        ExchangeEvent.append(exchange, nowNanos: answered, to: &verifications, scratch: &logScratch)
        guard shared.log != nil else { return }
        AccessLogLine.append(
            exchange, peer: peerText, nowNanos: now, to: &logBuffer, scratch: &logScratch)
    }

    func flushLog() {
        guard !logBuffer.isEmpty, let log = shared.log else { return }
        let lines = Array(copying: logBuffer.bytes)
        logBuffer.removeAll()
        if !log.submit(lines) {
            counters.logLinesDropped.add(UInt64(lines.count { $0 == 0x0A }))
        }
    }

    /// Says what is wrong with an upstream, once a second at most for each.
    func sayUpstreamTrouble(_ detail: String, upstream: String) {
        upstreamTroubles[upstream, default: RepeatedTrouble()].say(
            "upstream \(upstream): \(detail)", nowNanos: loop.nowNanos)
    }

    func sayPreambleTrouble(_ text: String) { preambleTrouble.say(text, nowNanos: loop.nowNanos) }

    func sayHandshakeTrouble(_ text: String) { handshakeTrouble.say(text, nowNanos: loop.nowNanos) }
}
