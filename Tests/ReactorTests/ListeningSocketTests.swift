// Binding, and what may be in the way of it.

import Bytes
import CLinux
import Glibc
import Testing

@testable import Reactor

@Suite struct ListeningSocketTests {
    /// Waits for one connection on a non-blocking listener, with a deadline.
    private func accept(from listener: borrowing ListeningSocket) throws -> (
        number: Int32, peer: SocketAddress
    )? {
        var entry = pollfd(fd: listener.descriptor.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&entry, 1, 60_000)
        guard let accepted = try listener.accept() else { return nil }
        let peer = accepted.peer
        return (accepted.intoDescriptor().release(), peer)
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func portZeroTakesAFreePort(_ host: String) throws {
        let wanted = try #require(SocketAddress(host: host, port: 0))
        let listener = try ListeningSocket(wanted)
        let address = listener.address
        #expect(address.host == host)
        #expect((address.port ?? 0) > 0)

        let nobody = try listener.accept() == nil
        #expect(nobody)
        let client = try connect(to: address)
        let accepted = try #require(try self.accept(from: listener))
        let server = FileDescriptor(owning: accepted.number)
        #expect(accepted.peer.host == host)
        #expect(fcntl(accepted.number, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(accepted.number, F_GETFD) & FD_CLOEXEC != 0)
        let bytes = Array("ping".utf8)
        try client.writeAll(bytes.span)
        _ = server.number
    }

    @Test func anAddressInUseIsRefused() throws {
        let first = try ListeningSocket(try #require(SocketAddress(host: "127.0.0.1", port: 0)))
        #expect(failure(listeningOn: first.address) == .addressInUse)
    }

    @Test func anAddressIsFreeAgainAfterItsOwnerHasGone() throws {
        let address: SocketAddress
        do {
            let first = try ListeningSocket(try #require(SocketAddress(host: "127.0.0.1", port: 0)))
            address = first.address
            // A connection that lingers does not keep the address.
            let client = try connect(to: address)
            let accepted = try #require(try self.accept(from: first))
            _ = close(accepted.number)
            _ = client.number
        }
        #expect(failure(listeningOn: address) == nil)
    }

    @Test func anAddressOfNobodyHereCannotBeBound() throws {
        let address = try #require(SocketAddress(host: "192.0.2.1", port: 0))
        #expect(failure(listeningOn: address) == Errno(code: EADDRNOTAVAIL))
    }

    // MARK: Unix sockets

    @Test func aUnixSocketHasItsModeAndGoesWithItsOwner() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("gate.sock")
        do {
            let listener = try ListeningSocket(.unix(path: path), mode: 0o600)
            #expect(listener.address.unixPath == path)
            var status = stat()
            #expect(unsafe stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let client = try connect(to: .unix(path: path))
            let accepted = try #require(try accept(from: listener))
            #expect(accepted.peer.unixPath != nil)
            _ = close(accepted.number)
            _ = client.number
        }
        #expect(unsafe access(path, F_OK) != 0)
    }

    @Test func aSocketFileWhoseOwnerIsGoneIsReplaced() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("gate.sock")
        // A socket that was bound and closed without removing its file, as a killed process leaves it.
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = try unsafe SocketAddress.unix(path: path).withSockaddr { pointer, length in
            unsafe bind(number, pointer, length)
        }
        #expect(bound == 0)
        _ = close(number)
        #expect(unsafe access(path, F_OK) == 0)
        let listener = try ListeningSocket(.unix(path: path))
        let client = try connect(to: listener.address)
        _ = client.number
    }

    @Test func aSocketFileThatAnswersBelongsToSomebody() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("gate.sock")
        let first = try ListeningSocket(.unix(path: path))
        #expect(failure(listeningOn: .unix(path: path)) == .addressInUse)
        // The refused one has not taken the file away.
        let client = try connect(to: first.address)
        _ = client.number
    }

    @Test func aFileThatIsNoSocketIsNotReplaced() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("precious")
        let file = try FileDescriptor.openForAppending(path)
        let text = Array("data".utf8)
        try file.writeAll(text.span)
        #expect(failure(listeningOn: .unix(path: path)) == .addressInUse)
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_size == 4)
    }

    @Test func aPathThatIsTooLongIsRefused() {
        let path = "/tmp/" + String(repeating: "x", count: 200)
        #expect(failure(listeningOn: .unix(path: path)) == Errno(code: ENAMETOOLONG))
    }

    /// Why nobody can listen there; nil if one can.
    private func failure(listeningOn address: SocketAddress) -> Errno? {
        do throws(Errno) {
            _ = try ListeningSocket(address).address
            return nil
        } catch {
            return error
        }
    }
}
