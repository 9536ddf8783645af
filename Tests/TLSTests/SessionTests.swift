import Bytes
import Glibc
import Reactor
import TLS
import Testing

/// Bytes through TLS, and how they end.
@Suite struct TLSSessionTests {
    private static func ends() throws -> Ends {
        let directory = try Directory.withTLSFiles()
        let ends = try Ends(try directory.context([("a.pem", "a.key")]), try directory.trust("ca.pem"))
        #expect(ends.shakeHands() == ("done", "done"))
        return ends
    }

    /// Sends everything, letting the other end read whenever there is no room. Returns what it read, and how
    /// often there was none.
    private static func pass(_ bytes: [UInt8], from: TLSSession, to: TLSSession) throws -> ([UInt8], Int) {
        var (got, pauses, sent) = ([] as [UInt8], 0, 0)
        while sent < bytes.count {
            switch try from.send(bytes.span.extracting(sent..<bytes.count)) {
            case .bytes(let count): sent += count
            case .wouldBlock:
                pauses += 1
                got += try to.readAll().bytes
            }
        }
        return (got + (try to.readAll().bytes), pauses)
    }

    @Test(arguments: [1, 16_384, 16_385, 3_000_000])
    func bytesArriveInBothDirections(_ count: Int) throws {
        let ends = try Self.ends()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        for (from, to) in [(ends.client, ends.server), (ends.server, ends.client)] {
            let (got, pauses) = try Self.pass(bytes, from: from, to: to)
            #expect(got == bytes)
            #expect(count < 1_000_000 || pauses > 0, "a socket has room for less")
            #expect(try to.readAll().outcome == .wouldBlock, "and there is no end yet")
        }
    }

    @Test func anEndThatIsAnnouncedIsOne() throws {
        let ends = try Self.ends()
        _ = try ends.server.send(Array("last".utf8).span)
        #expect(ends.server.endSending() && ends.server.endSending(), "twice is once")
        let (bytes, outcome) = try ends.client.readAll()
        #expect(bytes == Array("last".utf8) && outcome == .endOfStream)
        #expect(throws: Errno(code: EPIPE)) { _ = try ends.server.send(Array("more".utf8).span) }
        // The other direction is open still.
        _ = try ends.client.send(Array("heard".utf8).span)
        #expect(try ends.server.readAll().bytes == Array("heard".utf8))
    }

    @Test func anEndThatIsNotAnnouncedIsNone() throws {
        let ends = try Self.ends()
        _ = try ends.client.send(Array("half".utf8).span)
        ends.clientSocket.descriptor.shutdownWriting()
        var buffer = ByteBuffer()
        #expect(try ends.server.read(into: &buffer, minimum: 100) == .bytes(4))
        #expect(throws: Errno(code: EPROTO)) { _ = try ends.server.readAll() }
        // OpenSSL is not asked for anything any more.
        #expect(throws: Errno(code: EPROTO)) { _ = try ends.server.readAll() }
        #expect(throws: Errno(code: EPIPE)) { _ = try ends.server.send(Array("x".utf8).span) }
        #expect(ends.server.endSending())
    }

    @Test func aByteThatIsChangedOnTheWayEndsIt() throws {
        let ends = try Self.ends()
        _ = try ends.client.send(Array("sealed".utf8).span)
        var record = ByteBuffer()
        _ = try ends.serverSocket.descriptor.read(into: &record, minimum: 1000)
        var bytes = Array(copying: record.bytes)
        bytes[bytes.count - 1] ^= 1
        _ = try ends.clientSocket.descriptor.send(bytes.span)
        #expect(throws: Errno(code: EPROTO)) { _ = try ends.server.readAll() }
    }

    // MARK: Handshakes with something else

    @Test func whatIsNoTLSIsLeftInTheSocket() throws {
        let directory = try Directory.withTLSFiles()
        let (serverSocket, clientSocket) = try socketPair()
        let server = TLSSession(
            try directory.context([("a.pem", "a.key")]), socket: serverSocket.descriptor.number)
        #expect(Ends.word(server.shakeHands()) == "waiting")
        _ = try clientSocket.send("GET / HTTP/1.1")
        #expect(Ends.word(server.shakeHands()) == "no TLS")
        var buffer = ByteBuffer()
        #expect(try serverSocket.descriptor.read(into: &buffer, minimum: 100) == .bytes(14))
    }

    @Test(arguments: [("", "left"), ("\u{16}\u{03}\u{01}", "unexpected eof while reading")])
    func whoLeavesIsNotWaitedFor(_ begin: String, _ outcome: String) throws {
        let directory = try Directory.withTLSFiles()
        let (serverSocket, clientSocket) = try socketPair()
        let server = TLSSession(
            try directory.context([("a.pem", "a.key")]), socket: serverSocket.descriptor.number)
        if !begin.isEmpty { _ = try clientSocket.send(begin) }
        clientSocket.descriptor.shutdownWriting()
        #expect(Ends.word(server.shakeHands()) == outcome)
    }

    @Test func aServerWithoutTLSIsNone() throws {
        let (serverSocket, clientSocket) = try socketPair()
        let client = TLSSession(
            try TLSClientContext(.anybody), server: "a.test", socket: clientSocket.descriptor.number)
        #expect(Ends.word(client.shakeHands()) == "waiting")
        _ = try serverSocket.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        #expect(Ends.word(client.shakeHands()) == "wrong version number")
    }
}
