// The servers and waiting lines of all upstreams, by name: how what is known of a server outlives a reload.

import Reactor
import Rules
import Synchronization

/// Asked when rules are put in force, not by requests.
final class UpstreamRegistry: Sendable {
    fileprivate struct Contents {
        var records: [UpstreamRecord] = []
        /// Of every upstream there ever was: a loop keeps its part of a line.
        var lines: [WaitingLine] = []
    }

    private let loopCount: Int
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let contents = Mutex(Contents())

    /// For loops with these mailboxes.
    init(mailboxes: [Mailbox<WorkerMessage>]) {
        self.mailboxes = mailboxes
        loopCount = mailboxes.count
    }

    /// For one loop that nobody wakes.
    init() {
        mailboxes = []
        loopCount = 1
    }

    /// Called before the loops hear of new rules: makes what is new and forgets what is gone. Whatever stays
    /// keeps its health.
    func adopt(_ groups: [UpstreamGroup]) {
        let records = contents.withLock { contents in
            var adopted = Contents()
            adopted.lines = groups.map { line($0.name, contents) }
            adopted.lines += contents.lines.filter { line in !groups.contains { $0.name == line.group } }
            for group in groups {
                for server in group.servers {
                    adopted.records.append(
                        contents.record(group.name, server.description)
                            ?? newRecord(group.name, server.description, adopted))
                }
            }
            contents = adopted
            return adopted.records
        }
        let unchecked = groups.filter { $0.check == nil }.map(\.name)
        for record in records where unchecked.contains(record.group) {
            record.checksEnded(atNanos: Clock.monotonicNanos())
        }
    }

    /// The server's record. A loop that is late with a reload may ask for one that is forgotten already: it
    /// gets one of its own.
    func record(_ group: String, _ address: String) -> UpstreamRecord {
        contents.withLock { $0.record(group, address) ?? newRecord(group, address, $0) }
    }

    func line(_ group: String) -> WaitingLine { contents.withLock { line(group, $0) } }

    private func newRecord(_ group: String, _ address: String, _ contents: Contents) -> UpstreamRecord {
        UpstreamRecord(line: line(group, contents), address: address, loopCount: loopCount)
    }

    private func line(_ group: String, _ contents: Contents) -> WaitingLine {
        contents.lines.first { $0.group == group }
            ?? WaitingLine(group: group, loopCount: loopCount, mailboxes: mailboxes)
    }

    /// In the order of the configuration; lines of upstreams that are gone come last.
    var records: [UpstreamRecord] { contents.withLock { $0.records } }
    var lines: [WaitingLine] { contents.withLock { $0.lines } }
}

extension UpstreamRegistry.Contents {
    fileprivate func record(_ group: String, _ address: String) -> UpstreamRecord? {
        records.first { $0.group == group && $0.address == address }
    }
}
