// Management calls over HTTP: who asks is settled here, what is done is the management module's business,
// and it is done on the store's thread.

import Access
import Bytes
import HTTP1
import JSON
import Keys
import Management
import Reactor

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
        let requestID = RequestId.make()
        let call: PreparedCall
        do throws(ManagementError) {
            guard let prepared = try prepare(request, from: .network) else {
                return LocalAnswer(.notFound, text: "not found\n")
            }
            call = prepared
        } catch {
            // The order is the published one: an invalid body is told so whoever sent it.
            if request.method != .post { return notPost }
            return LocalAnswer(ManagementAnswer(error, requestId: requestID))
        }
        if request.method != .post { return notPost }
        switch authenticate(request.authorization, worker) {
        case .failure(let error): return LocalAnswer(ManagementAnswer(error, requestId: requestID))
        case .success(let caller):
            submit(call, request.ticket, caller, requestID: requestID, worker)
            return nil
        }
    }

    private static var notPost: LocalAnswer {
        LocalAnswer(.methodNotAllowed, text: "method not allowed\n", allowed: "POST")
    }

    /// The call that `/v2/PROCEDURE` and the body make; nil if there is no such procedure.
    static func prepare(
        _ request: LocalRequest, from surface: PreparedCall.Surface
    ) throws(ManagementError) -> PreparedCall? {
        try PreparedCall(
            procedure: String(request.path.dropFirst("/v2/".count)), body: request.body.span, from: surface)
    }

    /// The caller a root key stands for.
    private static func authenticate(_ authorization: [UInt8]?, _ worker: Worker) -> Result<
        Caller, ManagementError
    > {
        guard let authorization else {
            return .failure(ManagementError(.authenticationMissing, "the Authorization header is missing"))
        }
        // The scheme is matched exactly, as the API we speak does.
        let scheme = "Bearer ".utf8
        guard authorization.count > scheme.count, authorization.starts(with: scheme) else {
            return .failure(
                ManagementError(
                    .authenticationMalformed, "the Authorization header is not \"Bearer \" and a root key"))
        }
        let digest = KeyDigest(hashing: authorization.span.extracting(scheme.count..<authorization.count))
        guard let found = worker.reader.findRootKey(digest) else {
            return .failure(ManagementError(.rootKeyNotFound, "the root key does not exist"))
        }
        if !found.isEnabled { return .failure(ManagementError(.keyDisabled, "the root key is disabled")) }
        if found.isExpired(atMillis: worker.loop.unixMillis) {
            return .failure(ManagementError(.forbidden, "the root key has expired"))
        }
        let record = found.record
        // Permissions were checked when they were stored; one that cannot be read grants nothing.
        let permissions = record.permissions.compactMap { try? RootPermission(parsing: Array($0.utf8).span) }
        return .success(
            .rootKey(id: record.id, permissions: permissions, expiresAtMillis: record.expiresAtMillis))
    }

    /// Hands the call to the store's thread; the answer comes back through the loop's mailbox.
    static func submit(
        _ call: PreparedCall, _ ticket: ConnectionTicket, _ caller: Caller, requestID: String,
        _ worker: Worker
    ) {
        let mailbox = worker.mailbox
        worker.shared.store.submit { (store: inout Transaction) throws(ManagementError) -> ManagementAnswer in
            try call.perform(as: caller, requestId: requestID, in: &store)
        } completion: { result in
            mailbox.post(.answer(ticket, LocalAnswer(ManagementAnswer(result, requestId: requestID))))
        }
    }
}

extension LocalAnswer {
    init(_ answer: ManagementAnswer) {
        self.init(Status(answer.status), .json, answer.body.compactBytes())
    }
}
