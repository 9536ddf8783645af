// What the control socket answers: every management call with the operator's rights, and the store's upkeep.
// Whoever can open the socket owns the store's directory, so there is no credential.

import HTTP1
import JSON
import Keys
import Management
import Reactor

enum ControlEndpoints {
    /// Nil if the answer comes later, from the store's thread.
    static func answer(_ request: LocalRequest, _ worker: Worker) -> LocalAnswer? {
        if request.path.hasPrefix("/v2/") { return manage(request, worker) }
        let store = worker.shared.store
        let ticket = request.ticket
        let mailbox = worker.mailbox
        switch (request.method, request.path) {
        case (.get, "/control/store.stat"):
            store.statistics { statistics in
                mailbox.post(.answer(ticket, LocalAnswer(.ok, .json, statistics.json.compactBytes())))
            }
            return nil
        case (.post, "/control/store.compact"):
            store.compact { mailbox.post(.answer(ticket, LocalAnswer(upkeep: $0))) }
            return nil
        case (.post, "/control/store.backup"):
            guard let parsed = try? JSONValue(parsing: request.body.span),
                let directory = parsed.object?["directory"]?.text, !directory.isEmpty
            else { return LocalAnswer(.badRequest, .json, error("expected {\"directory\":\"…\"}")) }
            store.backup(to: directory) { mailbox.post(.answer(ticket, LocalAnswer(upkeep: $0))) }
            return nil
        case (.post, "/control/ledger.show"):
            guard let parsed = try? JSONValue(parsing: request.body.span), let id = parsed["keyId"]?.text,
                let limit = parsed["limit"]?.integer, (1...100_000).contains(limit)
            else {
                return LocalAnswer(
                    .badRequest, .json, error("expected {\"keyId\":\"…\",\"limit\":1…100000}"))
            }
            store.ledger(of: id, limit: Int(limit)) { result in
                let answer = LocalAnswer(reading: result.map { $0?.json }, none: LedgerHistory.unknownKey(id))
                mailbox.post(.answer(ticket, answer))
            }
            return nil
        case (.post, "/control/ledger.verify"):
            store.verifyLedger { result in
                mailbox.post(.answer(ticket, LocalAnswer(reading: result.map(\.json), none: "")))
            }
            return nil
        case (.post, "/control/explain"):
            return LiveExplanation.answer(request, worker)
        default:
            return LocalAnswer(.notFound, .json, error("the server does not know this call"))
        }
    }

    private static func manage(_ request: LocalRequest, _ worker: Worker) -> LocalAnswer? {
        let requestID = RequestId.make()
        do throws(ManagementError) {
            guard request.method == .post, let call = try ManagementEndpoint.prepare(request, from: .local)
            else {
                return LocalAnswer(.notFound, .json, error("the server does not know this call"))
            }
            ManagementEndpoint.submit(call, request, .operator, requestID: requestID, worker)
            return nil
        } catch {
            return LocalAnswer(ManagementAnswer(error, requestId: requestID), for: .json)
        }
    }

    static func error(_ text: String) -> [UInt8] {
        (["error": ["detail": .string(text)]] as JSONValue).compactBytes()
    }
}

extension LocalAnswer {
    /// What was read in the store's files; `none` says that there is no such thing.
    init(reading result: Result<JSONValue?, StoreFileError>, none: String) {
        switch result {
        case .success(let found?): self.init(.ok, .json, found.compactBytes())
        case .success(nil): self.init(.notFound, .json, ControlEndpoints.error(none))
        case .failure(let failure):
            self.init(.serviceUnavailable, .json, ControlEndpoints.error(failure.description))
        }
    }

    /// How a compaction or a backup ended.
    init(upkeep result: Result<Void, StoreFileError>) {
        switch result {
        case .success: self.init(.ok, .json, Array("{}".utf8))
        case .failure(let failure):
            self.init(.serviceUnavailable, .json, ControlEndpoints.error(failure.description))
        }
    }
}
