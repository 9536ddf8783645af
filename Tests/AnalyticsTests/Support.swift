// A log with a handful of known events, and queries of it in one line.

import JSON

@testable import Analytics

/// 2026-08-21T10:30:15.500Z
let testNow: Int64 = 1_787_308_215_500

func event(
    _ key: String, _ outcome: EventOutcome, secondsAgo: Int64 = 0, tags: [String] = [], spent: Int64 = 0,
    space: String = "ks_a", externalID: String = "", source: EventSource = .api, latency: Double = 1
) -> VerificationEvent {
    var event = VerificationEvent(
        timeMillis: testNow - secondsAgo * 1_000, outcome: outcome, source: source)
    event.requestID = "req_\(key)_\(secondsAgo)"
    event.keyID = key
    event.keySpaceID = space
    event.externalID = externalID
    event.tags = tags
    event.spentCredits = spent
    event.latencyMillis = latency
    return event
}

/// Six events of two keys in two keyspaces, over two hours.
func sampleLog(_ limits: EventLogLimits = EventLogLimits()) -> EventLog {
    let log = EventLog(workspaceID: "ws_test", limits: limits)
    log.submit(
        event("k1", .valid, secondsAgo: 10, tags: ["a=1", "b"], spent: 2, externalID: "acme", latency: 1))
    log.submit(event("k1", .valid, secondsAgo: 20, tags: ["a=1"], spent: 3, externalID: "acme", latency: 3))
    log.submit(event("k1", .usageExceeded, secondsAgo: 30, tags: ["a=2"], externalID: "acme", latency: 5))
    log.submit(
        event(
            "k2", .valid, secondsAgo: 3_600, space: "ks_b", externalID: "Globex", source: .gateway, latency: 7
        ))
    log.submit(event("k2", .disabled, secondsAgo: 3_700, space: "ks_b", externalID: "Globex", latency: 9))
    log.submit(event("k2", .rateLimited, secondsAgo: 7_200, space: "ks_b", externalID: "Globex", latency: 11))
    return log
}

extension EventLog {
    /// The rows of an answer as JSON, however slow the machine.
    func ask(_ sql: String, _ spaces: [String]? = nil) throws(QueryError) -> String {
        JSONValue.array(
            try run(sql, nowMillis: testNow, restrictedTo: spaces, within: .seconds(3600)).json
        ).description
    }

    /// `restore` for macros, which cannot be given spans.
    func takes(_ record: [UInt8]) -> Bool { restore(record.span) }
}
