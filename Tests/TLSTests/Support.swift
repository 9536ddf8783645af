// Two ends of TLS over a socket pair, in one thread: what one sends, the other finds.

import Bytes
import Reactor
import TLS

/// What `TLSFiles` write to.
typealias Directory = TemporaryDirectory

extension TemporaryDirectory {
    /// With all of `TLSFiles` in it.
    static func withTLSFiles() throws -> Directory {
        let directory = Directory()
        try TLSFiles.write(to: directory)
        return directory
    }

    func write(_ text: String, to name: String) throws {
        let file = try FileDescriptor.openForAppending(file(name))
        try file.writeAll(Array(text.utf8).span)
    }

    /// A listener's certificates by the names of their files, and whom it asks for one.
    func context(
        _ pairs: [(certificate: String, key: String)], _ authority: TLSContext.ClientAuthority? = nil
    )
        throws(TLSFileError) -> TLSContext
    {
        try TLSContext(
            pairs.map {
                TLSContext.Files(certificate: path + "/" + $0.certificate, key: path + "/" + $0.key)
            },
            authority)
    }

    func trust(_ file: String) throws(TLSTrustError) -> TLSClientContext {
        try TLSClientContext(.authorities(path + "/" + file))
    }
}

/// A server and a client that have yet to shake hands.
struct Ends {
    let serverSocket: Endpoint
    let clientSocket: Endpoint
    let server: TLSSession
    let client: TLSSession

    init(_ context: TLSContext, _ trust: TLSClientContext, name: String = "a.test") throws {
        (serverSocket, clientSocket) = try socketPair()
        server = TLSSession(context, socket: serverSocket.descriptor.number)
        client = TLSSession(trust, server: name, socket: clientSocket.descriptor.number)
    }

    /// What it came to at both ends: `done`, `waiting`, or why not.
    func shakeHands() -> (server: String, client: String) {
        var (server, client) = ("waiting", "waiting")
        // Two round trips, and one for a farewell.
        for _ in 0..<6 {
            if client == "waiting" { client = Ends.word(self.client.shakeHands()) }
            if server == "waiting" { server = Ends.word(self.server.shakeHands()) }
        }
        return (server, client)
    }

    static func word(_ handshake: TLSSession.Handshake) -> String {
        switch handshake {
        case .done: "done"
        case .waiting: "waiting"
        case .left: "left"
        case .notTLS: "no TLS"
        case .failed(let reason): reason
        }
    }
}

extension TLSSession {
    /// All that has come.
    func readAll() throws(Errno) -> (bytes: [UInt8], outcome: ReadOutcome) {
        var buffer = ByteBuffer()
        while true {
            let outcome = try read(into: &buffer, minimum: 16384)
            if case .bytes = outcome { continue }
            return (Array(copying: buffer.bytes), outcome)
        }
    }
}
