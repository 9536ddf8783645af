// The verification event of an exchange: which key came, what became of it, what it was used for. An
// exchange whose key was not found leaves none. Everything is copied as bytes into the loop's batch; nothing
// is allocated once that has grown.

import Analytics
import Bytes
import Rules

enum ExchangeEvent {
    /// Appends the event of a finished exchange, if it has one. `scratch` is overwritten.
    static func append(
        _ exchange: Exchange, nowNanos: Int64, to batch: inout EventBatch, scratch: inout ByteBuffer
    ) {
        guard !exchange.keyID.isEmpty, let route = exchange.route, let outcome = outcome(of: exchange) else {
            return
        }
        batch.begin(timeMillis: exchange.startUnixMillis, outcome: outcome, source: .gateway)
        batch.measure(
            spentCredits: exchange.spentCredits,
            latencyMillis: Double(max(0, nowNanos - exchange.startNanos)) / 1_000_000)
        batch.put(.requestID, exchange.requestID.span)
        batch.put(.keySpaceID, exchange.keySpaceID.span)
        batch.put(.identityID, exchange.identityID.span)
        batch.put(.externalID, exchange.identity.span)
        batch.put(.keyID, exchange.keyID.span)
        let pattern = route.pattern
        batch.put(.route, pattern.span)
        switch outcome {
        // A key that was no good when it was found is counted without what it was meant for.
        case .disabled, .expired, .workspaceDisabled: return
        case .valid, .forbidden, .insufficientPermissions, .rateLimited, .usageExceeded: break
        }
        for tag in route.tags {
            scratch.removeAll()
            scratch.append(tag.name.span)
            scratch.append("=")
            ForwardedTarget.append(tag.value, exchange, route, to: &scratch)
            batch.appendTag(scratch.bytes)
        }
    }

    /// What the verification came to; a request that failed behind it was a valid one. Nil if it was not
    /// decided.
    private static func outcome(of exchange: Exchange) -> EventOutcome? {
        if let reason = exchange.shadowRefusal { return outcome(of: reason) }
        return switch exchange.outcome {
        case .valid: .valid
        case .refused(let reason): outcome(of: reason)
        case .undecided, .open, .local: nil
        }
    }

    private static func outcome(of reason: RefusalReason) -> EventOutcome {
        switch reason {
        case .keyDisabled: .disabled
        case .keyExpired: .expired
        case .forbidden: .forbidden
        case .insufficientPermissions: .insufficientPermissions
        case .rateLimited: .rateLimited
        case .usageExceeded: .usageExceeded
        case .badRequest, .pathAmbiguous, .requestTimeout, .payloadTooLarge, .targetTooLong, .headTooLarge,
            .expectationFailed, .upgradeRequired, .notImplemented, .versionNotSupported, .routeNotFound,
            .methodNotAllowed,
            .missingKey, .ambiguousKey, .keyNotFound, .upstreamUnreachable, .upstreamInvalid,
            .upstreamTimeout,
            .overloaded:
            .valid
        }
    }
}
