// Requests that wait until a server may have one more. They wait in the loop that has them, each loop in the
// order they came; the loops share how many there are, and who has waited longest. Nothing of this is touched
// as long as servers are not full.

import Reactor
import Synchronization

/// What the loops know of each other's waiting requests, for one upstream.
final class WaitingLine: Sendable {
    /// Of the upstream.
    let group: String
    /// Requests waiting, over all loops.
    let places = PlaceCount()
    /// By loop: when the first in its line came; nobody: `Int64.max`.
    private let firstCame: [LoopTime]
    /// By loop: requests refused because the line was full, or because they waited too long.
    let refusals: [Atomic64]
    /// Of the loops.
    private let mailboxes: [Mailbox<WorkerMessage>]

    /// `mailboxes`: those of the loops, or none where there are no loops to be woken.
    init(group: String, loopCount: Int, mailboxes: [Mailbox<WorkerMessage>]) {
        self.group = group
        self.mailboxes = mailboxes
        firstCame = (0..<loopCount).map { _ in LoopTime() }
        refusals = (0..<loopCount).map { _ in Atomic64() }
    }

    /// Says since when the first in this loop's line waits.
    func publish(_ nanos: Int64, loop: Int) {
        firstCame[loop].nanos.store(nanos, ordering: .sequentiallyConsistent)
        // The other half of `wake`: whoever joins looks for a server behind this, so one of the two sees the other.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Called by any thread when a server stands differently: every loop in which somebody waits looks again
    /// who may be asked, and when.
    func wake() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for (loop, mailbox) in mailboxes.enumerated() where isWaiting(in: loop) { tell(mailbox) }
    }

    /// Tells another loop that a server may have room for the first in its line.
    func tell(loop: Int) { tell(mailboxes[loop]) }

    private func tell(_ mailbox: Mailbox<WorkerMessage>) { mailbox.post(.serverFree(group)) }

    private func isWaiting(in loop: Int) -> Bool {
        firstCame[loop].nanos.load(ordering: .sequentiallyConsistent) != .max
    }

    /// The loop whose first has waited longest; nil if nobody waits.
    var longestWaitingLoop: Int? {
        var longest: (loop: Int, nanos: Int64)?
        for loop in firstCame.indices {
            let nanos = firstCame[loop].nanos.load(ordering: .sequentiallyConsistent)
            if nanos < longest?.nanos ?? .max { longest = (loop, nanos) }
        }
        return longest?.loop
    }
}

/// A point in time that can stand in an array.
private final class LoopTime: Sendable {
    let nanos = Atomic<Int64>(.max)
}

/// The part of a waiting line that one loop has. Belongs to the loop; outlives reloads.
final class LoopLine {
    let line: WaitingLine
    private let loop: Int
    private var entries: [(ticket: ConnectionTicket, cameNanos: Int64)] = []
    /// Those before this have left: the first is taken without moving all others.
    private var start = 0
    /// The loop has noted that a place may be free.
    var isDue = false
    /// When a server that is left alone may be tried by the first in the line; monotonic, `Int64.max` if the
    /// passing of time alone changes nothing.
    var retryNanos = Int64.max

    init(_ line: WaitingLine, loop: Int) {
        self.line = line
        self.loop = loop
    }

    var isEmpty: Bool { start == entries.count }
    var first: ConnectionTicket? { isEmpty ? nil : entries[start].ticket }

    /// False if so many wait already.
    func join(_ ticket: ConnectionTicket, limit: Int, nowNanos: Int64) -> Bool {
        if isEmpty { line.publish(nowNanos, loop: loop) }
        guard line.places.take(limit: limit) else {
            if isEmpty { line.publish(.max, loop: loop) }
            line.refusals[loop].counter.add()
            return false
        }
        entries.append((ticket, nowNanos))
        return true
    }

    /// The request of this connection waits no more, for whatever reason.
    func leave(connection index: Int) {
        guard let position = entries[start...].firstIndex(where: { $0.ticket.index == index }) else { return }
        if position == start { start += 1 } else { entries.remove(at: position) }
        if start * 2 > entries.count {
            entries.removeFirst(start)
            start = 0
        }
        line.publish(isEmpty ? .max : entries[start].cameNanos, loop: loop)
        line.places.giveBack()
    }

    /// A request that waited in vain.
    func countRefusal() { line.refusals[loop].counter.add() }
}

@available(*, unavailable)
extension LoopLine: Sendable {}
