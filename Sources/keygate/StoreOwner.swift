// Who has a store: a running server, which is asked over its control socket, or nobody, and then this process
// opens it.

import JSON

enum StoreOwner {
    case server(ControlClient)
    case nobody(OpenStore)

    /// Finds out. The directory is made if it does not exist.
    init(of directory: String) throws(CommandFailure) {
        if let server = try ControlClient(storeDirectory: directory) {
            self = .server(server)
        } else {
            self = .nobody(try OpenStore(directory: directory))
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
