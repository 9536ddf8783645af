// Descriptors, what reading and writing them comes to, and the errors in between.

import Bytes
import Glibc
import Testing

@testable import Reactor

@Suite struct DescriptorTests {
    @Test func readingSaysBytesWouldBlockOrEnd() throws {
        let (left, right) = try socketPair()
        var buffer = ByteBuffer()
        #expect(try left.descriptor.read(into: &buffer, minimum: 64) == .wouldBlock)
        #expect(try right.send("hello") == .bytes(5))
        #expect(try left.descriptor.read(into: &buffer, minimum: 64) == .bytes(5))
        #expect(try right.send(" again") == .bytes(6))
        right.descriptor.shutdownWriting()
        #expect(try left.descriptor.read(into: &buffer, minimum: 64) == .bytes(6))
        #expect(try left.descriptor.read(into: &buffer, minimum: 64) == .endOfStream)
        let received = String(forDisplay: buffer.bytes)
        #expect(received == "hello again")
        // The other direction is still open.
        #expect(try left.send("answer") == .bytes(6))
    }

    @Test func aFullSocketTakesAPartAndThenNothing() throws {
        let (left, right) = try socketPair()
        let block = [UInt8](repeating: 0x61, count: 4 << 20)
        let first = try left.descriptor.send(block.span)
        guard case .bytes(let sent) = first else {
            Issue.record("an empty socket takes something")
            return
        }
        #expect(sent > 0 && sent < block.count)
        #expect(try left.descriptor.send(block.span) == .wouldBlock)
        var received = ByteBuffer()
        while case .bytes = try right.descriptor.read(into: &received, minimum: 65536) {}
        #expect(received.count == sent)
    }

    @Test func sendingToAClosedPeerIsAnErrorAndNoSignal() throws {
        let left: Endpoint
        do {
            let (kept, dropped) = try socketPair()
            left = kept
            _ = consume dropped
        }
        #expect(throws: Errno(code: EPIPE)) { try left.send("anybody?") }
    }

    @Test func anOwnerClosesItsDescriptorOnce() throws {
        let number: Int32
        do {
            let (left, _) = try socketPair()
            number = left.descriptor.number
            #expect(fcntl(number, F_GETFD) >= 0)
        }
        // The number may be another test's by now; what a peer sees is certain.
        let (kept, _) = try socketPair()
        var buffer = ByteBuffer()
        #expect(try kept.descriptor.read(into: &buffer, minimum: 8) == .endOfStream)
    }

    @Test func aReleasedDescriptorStaysOpen() throws {
        let number = try Syscall.retrying { unsafe open("/dev/null", O_RDONLY | O_CLOEXEC) }
        let released = FileDescriptor(owning: number).release()
        #expect(released == number)
        #expect(fcntl(number, F_GETFD) >= 0)
        _ = close(number)
    }

    @Test func filesAreWrittenWholeAndAppendedTo() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("log")
        for line in ["one\n", "two\n"] {
            let file = try FileDescriptor.openForAppending(path)
            let bytes = Array(line.utf8)
            try file.writeAll(bytes.span)
        }
        try FileAccess.checkReadable(path)
        var content = [UInt8](repeating: 0, count: 64)
        let number = try Syscall.retrying { unsafe open(path, O_RDONLY | O_CLOEXEC) }
        let count = unsafe read(number, &content, content.count)
        _ = close(number)
        #expect(String(decoding: content.prefix(count), as: UTF8.self) == "one\ntwo\n")
    }

    @Test func aFileThatIsNotThereIsNotReadable() {
        #expect(throws: Errno.noSuchFile) { try FileAccess.checkReadable("/nonexistent/keygate") }
        #expect(throws: Errno.noSuchFile) {
            _ = try FileDescriptor.openForAppending("/nonexistent/keygate").release()
        }
    }

    @Test func aClosedDescriptorIsOurMistakeAndTraps() async {
        await #expect(processExitsWith: .failure) {
            _ = try Syscall.retrying { fcntl(9999, F_GETFD) }
        }
        await #expect(processExitsWith: .failure) { _ = FileDescriptor(owning: -1).release() }
    }
}

@Suite struct ErrnoTests {
    @Test(arguments: [
        (ENOENT, "no such file or directory"), (EADDRINUSE, "address already in use"),
        (ECONNREFUSED, "connection refused"), (EMFILE, "too many open files"), (99_999, "error 99999"),
    ])
    func errorsAreWordsInLowerCase(_ code: Int32, _ words: String) {
        #expect(Errno(code: code).description == words)
    }

    @Test func anInterruptedCallIsMadeAgain() throws {
        var calls = 0
        let result = try Syscall.retrying { () -> Int32 in
            calls += 1
            errno = EINTR
            return calls < 3 ? -1 : 42
        }
        #expect(result == 42)
        #expect(calls == 3)
    }

    @Test func wouldBlockIsAResultAndNoError() throws {
        let blocked = try Syscall.nonBlocking { () -> Int32 in
            errno = EAGAIN
            return -1
        }
        #expect(blocked == nil)
        #expect(throws: Errno.noSpace) {
            try Syscall.nonBlocking { () -> Int32 in
                errno = ENOSPC
                return -1
            }
        }
    }
}
