// A store that no server has open, worked on by this process.

import Analytics
import Bytes
import Gateway
import JSON
import Keys
import Limits
import Management

final class OpenStore {
    let store: KeyStore
    /// Counts for as long as this process lives; what a server would have counted went with the server.
    let counters = RateCounters()

    /// Opens the store, making the directory if it does not exist. A torn journal is reported.
    init(directory: String) throws(CommandFailure) {
        do throws(StoreFileError) {
            store = try Progress.showing("opening \(directory)") { (_) throws(StoreFileError) in
                try KeyStore.open(directory)
            }
        } catch {
            throw .failed("\(error)")
        }
        if let tail = store.report.tornTail { Console.complain("\(tail)") }
    }

    /// The verifications that a server has summed up in this store, for procedures that tell about them.
    private func events(for procedure: String) -> EventLog? {
        guard procedure.hasPrefix("analytics.") || procedure.hasPrefix("workspace.") else { return nil }
        let events = EventLog(workspaceID: Workspace.id)
        do throws(StoreFileError) {
            _ = try UsageFile(directory: store.directory, events: events)
        } catch {
            Console.complain("\(error)")
        }
        return events
    }

    /// Carries out a procedure as the operator. The answer is what the server would have sent.
    func perform(_ procedure: String, _ body: JSONValue) -> ManagementAnswer {
        let requestId = RequestId.make()
        let bytes = body.compactBytes()
        let call: PreparedCall
        do throws(ManagementError) {
            guard let prepared = try PreparedCall(procedure: procedure, body: bytes.span, from: .local) else {
                preconditionFailure("there is no procedure \(procedure)")
            }
            call = prepared
        } catch {
            return ManagementAnswer(error, requestId: requestId)
        }
        do throws(TransactionFailure<ManagementError>) {
            let answer = try store.transact { (transaction) throws(ManagementError) in
                try call.perform(
                    as: .operator, requestId: requestId,
                    using: CallServices(counters: counters, events: events(for: procedure)),
                    in: &transaction)
            }
            return answer.completed()
        } catch {
            return ManagementAnswer(.failure(error), requestId: requestId)
        }
    }
}
