// Many large answers at once: they must leave the loop time for everybody else.

import Bytes
import Glibc
import Reactor
import Testing

@testable import Upstream

@Suite struct FairnessTests {
    private static let transferCount = 96
    private static let bodyBytes = 96 << 10

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
        let key = loop.register(server)
        let transfers = (0..<Self.transferCount).map { loop.multi.acquire(server: key, ownerIndex: $0) }
        for transfer in transfers { try loop.start(TestRequest(), on: transfer) }
        #expect(try loop.turns { server.heads.count == Self.transferCount })
        go.post(())
        var bell = pollfd(fd: answered.wakeNumber, events: Int16(POLLIN), revents: 0)
        #expect(unsafe poll(&bell, 1, 20_000) == 1)

        var counts = [Int](repeating: 0, count: Self.transferCount)
        var turns = 0
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
            #expect(total <= CurlMulti.workPerTurn * CurlMulti.workBytes + beyond)
            try #require(turns < 10_000)
        }
        #expect(transfers.allSatisfy { $0.receivedCount >= Self.bodyBytes })
    }
}
