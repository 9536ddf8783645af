// A store that no server has open, worked on by this process.

import Bytes
import JSON
import Keys
import Management

final class OpenStore {
    let store: KeyStore

    /// Opens the store, making the directory if it does not exist. A torn journal is reported.
    init(directory: String) throws(CommandFailure) {
        do throws(StoreFileError) {
            store = try KeyStore.open(directory)
        } catch {
            throw .failed("\(error)")
        }
        if let tail = store.report.tornTail { Console.complain("\(tail)") }
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
            return try store.transact { (transaction) throws(ManagementError) in
                try call.perform(as: .operator, requestId: requestId, in: &transaction)
            }
        } catch {
            return ManagementAnswer(.failure(error), requestId: requestId)
        }
    }
}
