// libFuzzer's way into the queries of verification events: any text must be answered or refused with a reason,
// within the limits, without a trap.

import Analytics
import JSON

private let log: EventLog = {
    let log = EventLog(workspaceID: "ws_fuzz")
    for number in 0..<40 {
        var event = VerificationEvent(
            timeMillis: 1_787_308_215_500 - Int64(number) * 100_000,
            outcome: EventOutcome.allCases[number % EventOutcome.allCases.count],
            source: number % 2 == 0 ? .api : .gateway)
        event.keyID = "key_\(number % 5)"
        event.keySpaceID = "ks_\(number % 2)"
        event.tags = number % 3 == 0 ? [] : ["a=\(number)", "b"]
        event.spentCredits = Int64(number)
        log.submit(event)
    }
    return log
}()

@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let text = unsafe String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    do {
        let answer = try log.run(
            text, nowMillis: 1_787_308_215_500, restrictedTo: size % 2 == 0 ? nil : ["ks_1"])
        precondition(answer.columns.count <= 64, "more columns than allowed")
        let rows = JSONValue.array(answer.json).compactBytes()
        precondition(JSONText.isValid(rows.span), "the answer is not JSON")
    } catch {
        precondition(!error.description.isEmpty, "refused without a reason")
    }
    return 0
}
