// Management calls over HTTP: who asks is settled here, what is done is the management module's business,
// and it is done on the store's thread.

import Access
import Bytes
import HTTP1
import JSON
import Keys
import Management
import Reactor
import Rules

enum ManagementEndpoint {
    /// `POST /v2/PROCEDURE` with a root key.
    static func answer(_ request: LocalRequest, _ worker: Worker) -> LocalAnswer? {
        if request.path == "/v2/liveness" {
            guard request.method == .get else {
                return LocalAnswer(.methodNotAllowed, text: "method not allowed\n", allowed: "GET")
            }
            let id = RequestId.make()
            return LocalAnswer(
                .ok, .json,
                Array("{\"meta\":{\"requestId\":\"\(id)\"},\"data\":{\"message\":\"we're so back\"}}".utf8))
        }
        guard PreparedCall.exists(procedure(of: request), from: .network) else {
            return LocalAnswer(.notFound, text: "not found\n")
        }
        guard request.method == .post else {
            return LocalAnswer(.methodNotAllowed, text: "method not allowed\n", allowed: "POST")
        }
        let requestID = RequestId.make()
        do throws(ManagementError) {
            // The order is the published one: an invalid body is told so whoever sent it.
            guard let call = try prepare(request, from: .network) else {
                return LocalAnswer(.notFound, text: "not found\n")
            }
            let caller = try authenticate(request.authorization, worker)
            submit(call, request, caller, requestID: requestID, worker)
            return nil
        } catch {
            return LocalAnswer(ManagementAnswer(error, requestId: requestID), for: request.accept)
        }
    }

    /// What is said in the dialect of this API where the gateway's own refusal would surprise its clients;
    /// nil where there is nothing to translate.
    static func answer(
        _ reason: RefusalReason, to path: String, accepting accept: ErrorType
    ) -> LocalAnswer? {
        guard path.hasPrefix("/v2/") else { return nil }
        let error: ManagementError
        switch reason {
        case .payloadTooLarge:
            error = ManagementError(
                .bodyTooLarge, "the request body is larger than \(Connection.localBodyBytes) bytes")
        case .requestTimeout:
            error = ManagementError(.requestTimeout, "the request did not arrive in time")
        case .overloaded:
            error = ManagementError(.requestTimeout, "the request was not carried out in time")
        case .badRequest:
            error = ManagementError(.bodyUnreadable, "the request body cannot be read")
        // These judge a head, or a route and a key of the public listener: no call of this API meets them.
        case .pathAmbiguous, .targetTooLong, .headTooLarge, .expectationFailed, .upgradeRequired,
            .notImplemented,
            .versionNotSupported, .routeNotFound, .methodNotAllowed, .missingKey, .ambiguousKey,
            .keyNotFound, .keyDisabled, .keyExpired, .forbidden, .insufficientPermissions, .rateLimited,
            .usageExceeded, .upstreamUnreachable, .upstreamInvalid, .upstreamTimeout:
            return nil
        }
        return LocalAnswer(ManagementAnswer(error, requestId: RequestId.make()), for: accept)
    }

    private static func procedure(of request: LocalRequest) -> String {
        String(request.path.dropFirst("/v2/".count))
    }

    /// The call that `/v2/PROCEDURE` and the body make; nil if there is no such procedure.
    static func prepare(
        _ request: LocalRequest, from surface: PreparedCall.Surface
    ) throws(ManagementError) -> PreparedCall? {
        try PreparedCall(
            procedure: procedure(of: request), body: request.body.span, from: surface)
    }

    /// The caller a root key stands for.
    private static func authenticate(
        _ authorization: [UInt8]?, _ worker: Worker
    ) throws(ManagementError) -> Caller {
        guard let authorization else {
            throw ManagementError(.authenticationMissing, "the Authorization header is missing")
        }
        // The scheme is matched exactly, as the API we speak does.
        let scheme = "Bearer ".utf8
        guard authorization.count > scheme.count, authorization.starts(with: scheme) else {
            throw ManagementError(
                .authenticationMalformed, "the Authorization header is not \"Bearer \" and a root key")
        }
        let digest = KeyDigest(hashing: authorization.span.extracting(scheme.count..<authorization.count))
        guard let found = worker.reader.findRootKey(digest) else {
            throw ManagementError(.rootKeyNotFound, "the root key does not exist")
        }
        if !found.isEnabled { throw ManagementError(.keyDisabled, "the root key is disabled") }
        if found.isExpired(atMillis: worker.loop.unixMillis) {
            throw ManagementError(.forbidden, "the root key has expired")
        }
        let record = found.record
        // Permissions were checked when they were stored; one that cannot be read grants nothing.
        let permissions = record.permissions.compactMap { try? RootPermission(parsing: Array($0.utf8).span) }
        return .rootKey(id: record.id, permissions: permissions, expiresAtMillis: record.expiresAtMillis)
    }

    /// Hands the call to the store's thread; the answer comes back through the loop's mailbox.
    static func submit(
        _ call: PreparedCall, _ request: LocalRequest, _ caller: Caller, requestID: String,
        _ worker: Worker
    ) {
        let mailbox = worker.mailbox
        let ticket = request.ticket
        let accept = request.accept
        let questions = worker.shared.questions
        let revocationTime = worker.shared.revocationTime
        let revocationBegan = Revocations.begin(procedure(of: request))
        let services = CallServices(
            counters: worker.shared.rateCounters, events: worker.shared.events, address: request.address,
            spending: worker.spending)
        worker.shared.store.submit { (store: inout Transaction) throws(ManagementError) -> ManagementAnswer in
            try call.perform(as: caller, requestId: requestID, using: services, in: &store)
        } completion: { result in
            if let revocationBegan, case .success = result {
                revocationTime.record(nanos: Clock.monotonicNanos() - revocationBegan)
            }
            let answer = ManagementAnswer(result, requestId: requestID)
            if answer.isComplete { return mailbox.post(.answer(ticket, LocalAnswer(answer, for: accept))) }
            // What takes long must not keep the store's thread from its transactions.
            let isAccepted = questions.run {
                mailbox.post(.answer(ticket, LocalAnswer(answer.completed(), for: accept)))
            }
            if !isAccepted {
                let busy = ManagementError(.unavailable, "too many queries are waiting already")
                let refusal = ManagementAnswer(busy, requestId: requestID)
                mailbox.post(.answer(ticket, LocalAnswer(refusal, for: accept)))
            }
        }
    }
}

extension LocalAnswer {
    /// Violations of a schema are `application/json` whatever the client accepts; that is the published API's
    /// habit, and its clients choose their exception by it.
    init(_ answer: ManagementAnswer, for accept: ErrorType) {
        let asProblem = accept == .problem && answer.error?.violations.isEmpty == true
        self.init(Status(answer.status), asProblem ? .problem : .json, answer.body.compactBytes())
    }
}
