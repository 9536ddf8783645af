// One life of the gateway: from a start on the store that the last one left behind to its end, however that comes.

import Glibc
import Synchronization

final class Life: Sendable {
    private let child: Child
    let address: Endpoint
    let admin: Endpoint
    /// Set just before its end is brought about; from then on it owes nobody an answer.
    private let over = Atomic<Bool>(false)

    enum StartFailure: Error {
        /// The program ended before it was ready, as it may when its disk fails.
        case ended(Exit, String)
        case unreadable(String)
    }

    init(in directory: Directory, _ configuration: String, environment: [String: String]) throws {
        try directory.write(configuration, to: "gateway.conf")
        child = try Child(
            [Keygate.binary, "run", "-c", "gateway.conf"], in: directory.path, environment: environment)
        let line = try Self.readyLine(of: child)
        let words = line.split(separator: " ")
        guard words.count >= 6, let address = Endpoint(printed: words[3]),
            let admin = Endpoint(printed: words[words.count - 1].dropLast())
        else { throw StartFailure.unreadable(line) }
        (self.address, self.admin) = (address, admin)
    }

    deinit { child.signal(SIGKILL) }

    var isOver: Bool { over.load(ordering: .acquiring) }
    /// It may have ended by itself, when its disk said so.
    var hasEnded: Bool { child.hasEnded }
    /// Whether something that went wrong can be put down to its end, which may have come and not yet be known.
    var isEnding: Bool { isOver || eventually(within: 10_000) { isOver || hasEnded } }
    var standardError: String { child.standardError }

    /// What `keygate run` prints once it accepts connections.
    private static func readyLine(of child: Child) throws -> String {
        let deadline = monotonicMilliseconds() + 60_000
        while true {
            let mayStillCome = !child.hasEnded && monotonicMilliseconds() < deadline
            do {
                return try child.line("keygate: listening on", milliseconds: 50) {
                    $0.hasPrefix("keygate: listening on ")
                }
            } catch {
                if mayStillCome { continue }
                throw StartFailure.ended(try child.waitForExit(milliseconds: 30_000), child.standardError)
            }
        }
    }

    /// Kills it and waits for its end.
    func kill() throws -> Exit { try end(SIGKILL) }

    /// Asks it to end and waits until it has.
    func stop() throws -> Exit { try end(SIGTERM) }

    private func end(_ signal: Int32) throws -> Exit {
        over.store(true, ordering: .releasing)
        child.signal(signal)
        return try child.waitForExit()
    }
}
