// Kept connections: used again, found dead, and never a reason to send a request twice that must run once.
// And flow: whoever is slow makes the other side wait instead of filling memory.

import Bytes
import Glibc
import HTTP1
import Reactor
import Synchronization
import Testing

@testable import Upstream

@Suite struct Replays {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Serves one request on its first connection, then reads a second and closes without an answer. Later
    /// connections answer only if told so.
    private func server(laterConnectionsAnswer: Bool) throws -> ScriptedServer {
        try ScriptedServer { connection, number in
            if number == 0 {
                try connection.readHead()
                try connection.send(Self.ok)
            }
            try connection.readHead()
            if number > 0, laterConnectionsAnswer { try connection.send(Self.ok) }
        }
    }

    private func request(_ method: String, _ target: String, mayReplay: Bool) -> TestRequest {
        TestRequest(method: method, target: target, headers: [("Host", "h")], mayReplay: mayReplay)
    }

    @Test func aRequestThatMustRunOnceIsNotSentTwice() throws {
        let server = try server(laterConnectionsAnswer: true)
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(request("GET", "/first", mayReplay: true), to: key).text == "ok")
        let answer = try loop.send(request("POST", "/second", mayReplay: false), to: key)
        #expect(answer.hasHead == false)
        #expect(
            answer.error
                == .unreachable(
                    detail: StaticDetail("the connection died and the request must not be sent twice")))
        #expect(server.heads.count { $0.hasPrefix("POST /second") } == 1)
    }

    @Test func aRequestWithABodyIsNotSentTwice() throws {
        let server = try ScriptedServer { connection, number in
            if number == 0 {
                try connection.readHead()
                try connection.send(Self.ok)
            }
            try connection.readHead()
            _ = try connection.read(exactly: 4)
            if number > 0 { try connection.send(Self.ok) }
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(request("GET", "/first", mayReplay: true), to: key).text == "ok")
        var put = request("PUT", "/second", mayReplay: false)
        put.body = .length(4)
        put.pieces = ["body"]
        let answer = try loop.send(put, to: key)
        #expect(answer.error != nil)
        #expect(!answer.hasHead)
        #expect(server.heads.count { $0.hasPrefix("PUT /second") } == 1)
    }

    @Test func aSafeRequestIsRepeatedOnAFreshConnection() throws {
        let server = try server(laterConnectionsAnswer: true)
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(request("GET", "/first", mayReplay: true), to: key).text == "ok")
        let answer = try loop.send(request("GET", "/second", mayReplay: true), to: key)
        #expect(answer.text == "ok")
        #expect(server.heads.count { $0.hasPrefix("GET /second") } == 2)
    }

    @Test func aSafeRequestIsRepeatedOnceAtMost() throws {
        let server = try server(laterConnectionsAnswer: false)
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(request("GET", "/first", mayReplay: true), to: key).text == "ok")
        let answer = try loop.send(request("GET", "/second", mayReplay: true), to: key)
        #expect(answer.error != nil)
        #expect(server.heads.count { $0.hasPrefix("GET /second") } == 2)
    }

    /// Both ways in which a kept connection dies: an orderly end and a reset. A POST may then be sent, once,
    /// on a fresh one: nothing of it was sent on the dead one.
    @Test(arguments: [false, true])
    func aConnectionThatDiedWhileIdleIsNotUsed(byReset: Bool) throws {
        let server = try ScriptedServer { connection, number in
            try connection.readHead()
            if byReset { connection.resetOnClose() }
            try connection.send(Self.ok)
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        for round in 0..<5 {
            let answer = try loop.send(request("POST", "/\(round)", mayReplay: false), to: key)
            #expect(answer.error == nil)
            #expect(answer.text == "ok")
            // The end of the connection is an event like any other, and what is sent before it has come is lost.
            #expect(try loop.turns { self.isEveryEndThere(loop) })
            _ = try deliverEvents(loop, waitingMillis: 0)
        }
        #expect(server.heads.count == 5)
    }

    /// Its end may be there together with the last answer on it, and is then no event of its own.
    @Test(arguments: [false, true])
    func aConnectionThatDiesWithItsAnswerIsNotUsed(byReset: Bool) throws {
        let go = try Mailbox<Void>()
        let server = try ScriptedServer { connection, number in
            try connection.readHead()
            if number == 0 { go.wait() }
            if byReset { connection.resetOnClose() }
            try connection.send(Self.ok)
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        let transfer = loop.multi.acquire(server: key, ownerIndex: 0)
        try loop.start(request("POST", "/0", mayReplay: false), on: transfer)
        #expect(try loop.turns { server.heads.count == 1 })
        go.post(())
        // Not a turn before both are there: POLLRDHUP, which comes with either kind of end.
        var end = pollfd(fd: transfer.socket, events: 0x2000, revents: 0)
        #expect(unsafe poll(&end, 1, 60_000) == 1)
        #expect(try loop.finish(transfer).text == "ok")
        loop.multi.release(transfer)
        let next = try loop.send(request("POST", "/1", mayReplay: false), to: key)
        #expect(next.error == nil && next.text == "ok")
        #expect(server.connectionCount == 2)
    }

    /// Ending a connection is an event on it, as every further attempt would be: a loop that answered each of
    /// them would turn for as long as the connection is kept.
    @Test(arguments: [false, true])
    func aConnectionThatDiedWhileIdleIsNoMoreWork(byReset: Bool) throws {
        let mayClose = try Mailbox<Void>()
        let server = try ScriptedServer { connection, number in
            try connection.readHead()
            if byReset { connection.resetOnClose() }
            try connection.send(Self.ok)
            if number == 0 { mayClose.wait() }
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        #expect(try loop.send(request("GET", "/", mayReplay: true), to: key).text == "ok")
        mayClose.post(())
        // The end comes as one event or as a few, and then there is silence.
        #expect(try deliverEvents(loop, waitingMillis: 60_000) > 0, "the end of the connection is seen")
        var turns = 1
        while turns < 50, try deliverEvents(loop, waitingMillis: 500) > 0 { turns += 1 }
        #expect(turns < 5, "nothing more comes from a connection that is over")
        #expect(try loop.send(request("POST", "/", mayReplay: false), to: key).text == "ok")
    }

    /// Whether every connection has ended: the loop has heard of it, or can.
    private func isEveryEndThere(_ loop: TestLoop) -> Bool {
        (0..<Int32(4096)).allSatisfy { number in
            let socket = loop.multi.sockets[number]
            return !socket.isConnection || !socket.isRegistered || socket.hasEnded
                || !currentReadiness(number, readable: true, writable: false).isEmpty
        }
    }

    private func deliverEvents(_ loop: TestLoop, waitingMillis: Int32) throws -> Int {
        let count = try loop.loop.wait(longestMillis: waitingMillis)
        for position in 0..<count {
            let (token, readiness) = loop.loop.poller.event(at: position)
            loop.multi.socketReady(token, readiness)
        }
        return count
    }
}

@Suite struct Flow {
    @Test func aSlowReaderMakesTheBackendWait() throws {
        let size = 8 << 20
        let sent = Mutex(0)
        let server = try ScriptedServer { connection, _ in
            try connection.readHead()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for _ in 0..<size / block.count {
                try connection.send(block)
                sent.withLock { $0 += block.count }
            }
        }
        let loop = try TestLoop()
        let transfer = loop.multi.acquire(server: loop.register(server), ownerIndex: 0)
        try loop.start(TestRequest(headers: [("Host", "h")]), on: transfer)
        let isPaused = try loop.turns { transfer.isWritePaused }
        #expect(isPaused)
        // Nobody reads: however many turns pass, no more is taken.
        for _ in 0..<20 { try loop.turn() }
        let most = TransferLimits.highWaterBytes + 16 * 1024
        #expect(transfer.responseBody.count <= most)
        #expect(!transfer.isComplete)
        #expect(sent.withLock { $0 } < size)

        var received = 0
        var isRight = true
        let isComplete = try loop.turns {
            // A little at a time, so that receiving goes on and stops again and again.
            while !transfer.responseBody.isEmpty {
                #expect(transfer.responseBody.count <= most)
                let count = min(10_000, transfer.responseBody.count)
                transfer.responseBody.with { bytes in
                    for index in 0..<count
                    where bytes[index] != UInt8(truncatingIfNeeded: (received + index) % 65_536 &* 31) {
                        isRight = false
                    }
                }
                received += count
                transfer.responseBody.consume(count)
                transfer.resumeReceiving()
            }
            return transfer.isComplete
        }
        #expect(isComplete)
        #expect(transfer.error == nil)
        #expect(received == size)
        #expect(isRight)
        #expect(transfer.responseBody.capacity <= 4 * TransferLimits.highWaterBytes)
        loop.multi.release(transfer)
        #expect(transfer.responseBody.capacity <= 4096, "a large buffer is given back")
    }

    @Test func aSlowBackendMakesTheClientWait() throws {
        let size = 16 << 20
        let mayRead = try Mailbox<Void>()
        let server = try ScriptedServer { connection, _ in
            try connection.readHead()
            mayRead.wait()
            var count = 0
            while count < size { count += try connection.read(exactly: 65_536).utf8.count }
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let loop = try TestLoop()
        let transfer = loop.multi.acquire(server: loop.register(server), ownerIndex: 0)
        try loop.start(
            TestRequest(method: "PUT", headers: [("Host", "h")], body: .length(size)), on: transfer)
        let block = [UInt8](repeating: 0x61, count: 16_384)
        var offered = 0
        var turnsWithoutRoom = 0
        while turnsWithoutRoom < 20 {
            turnsWithoutRoom = transfer.hasRoomForBody ? 0 : turnsWithoutRoom + 1
            if transfer.hasRoomForBody, transfer.wantsBody {
                transfer.requestBody.append(block.span)
                offered += block.count
                transfer.resumeSending()
            }
            try loop.turn()
        }
        #expect(offered < size, "the sockets' buffers are full long before the body ends")
        #expect(transfer.requestBody.count < TransferLimits.highWaterBytes + block.count)
        mayRead.post(())
        let isComplete = try loop.turns {
            while offered < size, transfer.hasRoomForBody {
                transfer.requestBody.append(block.span)
                offered += block.count
                if offered == size { transfer.endRequestBody() } else { transfer.resumeSending() }
            }
            return transfer.isComplete
        }
        #expect(isComplete)
        #expect(transfer.error == nil)
        #expect(transfer.response.head.status.code == 200)
        loop.multi.release(transfer)
    }

    @Test func aTransferThatIsGivenUpClosesItsConnection() throws {
        let isOver = try Mailbox<Bool>()
        let server = try ScriptedServer { connection, number in
            try connection.readHead()
            if number == 0 {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                try connection.readToEnd()
                isOver.post(true)
            } else {
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            }
        }
        let loop = try TestLoop()
        let key = loop.register(server)
        let transfer = loop.multi.acquire(server: key, ownerIndex: 0)
        try loop.start(TestRequest(headers: [("Host", "h")]), on: transfer)
        let hasBody = try loop.turns { transfer.responseBody.count == 4 }
        #expect(hasBody)
        loop.multi.release(transfer)
        isOver.wait()
        // The transfer is as good as new.
        let answer = try loop.send(TestRequest(headers: [("Host", "h")]), to: key)
        #expect(answer.text == "ok")
        #expect(server.connectionCount == 2)
    }

    @Test func manyTransfersRunSideBySide() throws {
        let servers = try (0..<4).map { _ in
            try ScriptedServer { connection, _ in
                while true {
                    let head = try connection.readHead()
                    let target = head.split(separator: " ")[1]
                    try connection.send(
                        "HTTP/1.1 200 OK\r\nContent-Length: \(target.utf8.count)\r\n\r\n\(target)")
                }
            }
        }
        let loop = try TestLoop()
        let keys = servers.map { loop.register($0) }
        for round in 0..<50 {
            let transfers = try keys.enumerated().map { index, key in
                let transfer = loop.multi.acquire(server: key, ownerIndex: index)
                try loop.start(
                    TestRequest(target: "/\(round)/\(index)", headers: [("Host", "h")]), on: transfer)
                return transfer
            }
            let areComplete = try loop.turns { transfers.allSatisfy { $0.isComplete } }
            #expect(areComplete)
            for (index, transfer) in transfers.enumerated() {
                #expect(transfer.ownerIndex == index)
                let body = String(forDisplay: transfer.responseBody.bytes)
                #expect(body == "/\(round)/\(index)")
                loop.multi.release(transfer)
            }
        }
        #expect(servers.allSatisfy { $0.connectionCount == 1 })
    }
}
