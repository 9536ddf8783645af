// Who has a store: a running server, which is asked over its control socket, or nobody, and then this process
// opens it.

import JSON
import Keys

enum StoreOwner {
    case server(ControlClient)
    case nobody(OpenStore)

    /// Finds out. `createsStore` says whether a store is made if there is none; otherwise that is a failure.
    init(of directory: String, createsStore: Bool = false) throws(CommandFailure) {
        if let server = try ControlClient(storeDirectory: directory) {
            self = .server(server)
        } else {
            if !createsStore { try Self.requireStore(directory) }
            self = .nobody(try OpenStore(directory: directory))
        }
    }

    /// Fails if there is no store: looking at something must not make it.
    static func requireStore(_ directory: String) throws(CommandFailure) {
        let isThere: Bool
        do throws(StoreFileError) { isThere = try KeyStore.exists(directory) } catch {
            throw .failed("\(error)")
        }
        if !isThere {
            throw .failed(
                "there is no store at \(directory); `keygate run` and `keygate api create` make one")
        }
    }
}

extension ControlClient {
    /// The whole answer of the running server; what it refuses becomes the failure.
    func ask(_ path: String, body: JSONValue?) throws(CommandFailure) -> JSONValue {
        let answer = try send(path, body: body)
        return try Answers.accepted(answer.body, status: answer.status)
    }
}
