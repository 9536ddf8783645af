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
    /// How a compaction or a backup ended.
    init(upkeep result: Result<Void, StoreFileError>) {
        switch result {
        case .success: self.init(.ok, .json, Array("{}".utf8))
        case .failure(let failure):
            self.init(.serviceUnavailable, .json, ControlEndpoints.error(failure.description))
        }
    }
}
