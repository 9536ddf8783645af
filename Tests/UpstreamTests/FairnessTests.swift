// Many large answers at once: they must leave the loop time for everybody else.

import Bytes
import Glibc
import Reactor
import Testing

@testable import Upstream

@Suite struct FairnessTests {
    private static let transferCount = 96
    private static let bodyBytes = 256 << 10

    /// Connections whose answers are held back. Used by the backend's thread alone.
    private final class Held: @unchecked Sendable {
        var connections: [ServerConnection] = []
    }

    /// The answers lie in the sockets when the first is looked at, and no transfer waits for its client.
    @Test func aTurnReceivesABoundedAmountHoweverManyAnswersAreThere() throws {
        let held = Held()
        let go = try Mailbox<Void>()
        let answered = try Mailbox<Void>()
        let body = String(repeating: "x", count: Self.bodyBytes)
        let server = try ScriptedServer { connection, number in
            try connection.readHead()
            held.connections.append(connection)
            guard number == Self.transferCount - 1 else { return }
            go.wait()
            for connection in held.connections {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.bodyBytes)\r\n\r\n\(body)")
            }
            answered.post(())
        }
        let loop = try TestLoop()
        let key = loop.register(server, connectTimeoutMillis: 60_000)
        let transfers = (0..<Self.transferCount).map { loop.multi.acquire(server: key, ownerIndex: $0) }
        for transfer in transfers { try loop.start(TestRequest(), on: transfer) }
        #expect(try loop.turns { server.heads.count == Self.transferCount })
        go.post(())
        var bell = pollfd(fd: answered.wakeNumber, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&bell, 1, 60_000) == 1)

        var counts = [Int](repeating: 0, count: Self.transferCount)
        var turns = 0
        var largeTurns = 0
        while transfers.contains(where: { !$0.isComplete }) {
            try loop.turn()
            turns += 1
            var total = 0
            for (index, transfer) in transfers.enumerated() {
                total += transfer.receivedCount - counts[index]
                counts[index] = transfer.receivedCount
                transfer.responseBody.removeAll()
                transfer.resumeReceiving()
            }
            // One transfer may begin with little work left and bring all that a pause lets pass.
            let beyond = (CurlMulti.resumptionsPerRun + 1) * 2 * TransferLimits.highWaterBytes
            if total > CurlMulti.workPerTurn * CurlMulti.workBytes + beyond { largeTurns += 1 }
            try #require(turns < 10_000)
        }
        // Timers of libcurl's own may look after all transfers in one turn.
        #expect(largeTurns <= 1)
        #expect(transfers.allSatisfy { $0.receivedCount >= Self.bodyBytes })
    }
    /// libcurl reads it in the step in which it sends the request, and pauses without ever having asked for the socket,
    /// which must not be taken for an unused one that nothing may come on.
    @Test func anAnswerThatIsThereAtOnceIsNotTakenForNoise() throws {
        let go = try Mailbox<Void>()
        let answered = try Mailbox<Void>()
        let body = String(repeating: "x", count: Self.bodyBytes)
        let server = try ScriptedServer { connection, _ in
            try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            go.wait()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            answered.post(())
            try connection.readHead()
            try connection.readToEnd()
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(TestRequest(), to: key).status == 200)
        let transfer = loop.multi.acquire(server: key, ownerIndex: 0)
        try loop.start(TestRequest(), on: transfer)
        // Not a turn between here and the request: the answer lies there when libcurl has sent it.
        go.post(())
        var bell = pollfd(fd: answered.wakeNumber, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&bell, 1, 60_000) == 1)
        var workLeft = CurlMulti.workPerTurn
        loop.multi.run(&workLeft)
        #expect(transfer.receivedCount > TransferLimits.highWaterBytes)
        // The loop hears of the bytes while nobody takes any.
        for _ in 0..<3 { try loop.turn() }
        let answer = try loop.finish(transfer)
        #expect(answer.error == nil)
        #expect(answer.body.count == body.utf8.count)
        #expect(server.connectionCount == 1)
    }
}
