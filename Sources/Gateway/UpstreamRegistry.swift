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
    private let contents = Mutex(Contents())

    init(loopCount: Int) { self.loopCount = loopCount }

    /// Called before the loops hear of new rules: makes what is new and forgets what is gone. Whatever stays
    /// keeps its health.
    func adopt(_ groups: [UpstreamGroup]) {
        let records = contents.withLock { contents in
            var adopted = Contents()
            for group in groups {
                for server in group.servers {
                    adopted.records.append(
                        contents.record(group.name, server.description, loopCount: loopCount))
                }
            }
            adopted.lines = groups.map { contents.line($0.name, loopCount: loopCount) }
            adopted.lines += contents.lines.filter { line in !groups.contains { $0.name == line.group } }
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
        contents.withLock { $0.record(group, address, loopCount: loopCount) }
    }

    func line(_ group: String) -> WaitingLine { contents.withLock { $0.line(group, loopCount: loopCount) } }

    /// In the order of the configuration; lines of upstreams that are gone come last.
    var records: [UpstreamRecord] { contents.withLock { $0.records } }
    var lines: [WaitingLine] { contents.withLock { $0.lines } }
}

extension UpstreamRegistry.Contents {
    fileprivate func record(_ group: String, _ address: String, loopCount: Int) -> UpstreamRecord {
        records.first { $0.group == group && $0.address == address }
            ?? UpstreamRecord(group: group, address: address, loopCount: loopCount)
    }

    fileprivate func line(_ group: String, loopCount: Int) -> WaitingLine {
        lines.first { $0.group == group } ?? WaitingLine(group: group, loopCount: loopCount)
    }
}
