// What is remembered of a verification. Nothing is of one that found no key for the caller, and tags only of
// a key that was still good when it was looked up: a disabled or expired one is counted without them.

import Analytics
import JSON
import Keys

extension Call {
    /// Remembers that `key` was verified with this outcome, one of the published codes.
    func record(
        _ key: KeyRecord, _ code: String, spentCredits: Int64, since start: ContinuousClock.Instant,
        _ store: borrowing Transaction
    ) {
        guard let events = services.events, let outcome = EventOutcome(rawValue: code) else { return }
        var event = VerificationEvent(timeMillis: nowMillis, outcome: outcome, source: .api)
        event.requestID = requestId
        event.keyID = key.id
        event.keySpaceID = store.api(key.api).keyspaceID
        if let identity = key.identity.flatMap({ store.identity($0) }) {
            event.identityID = identity.id
            event.externalID = identity.externalID
        }
        switch outcome {
        case .disabled, .expired, .workspaceDisabled: break
        case .valid, .forbidden, .insufficientPermissions, .rateLimited, .usageExceeded:
            event.tags = texts("tags") ?? []
        }
        event.spentCredits = spentCredits
        event.latencyMillis = (ContinuousClock.now - start) / .milliseconds(1)
        events.submit(event)
    }
}
