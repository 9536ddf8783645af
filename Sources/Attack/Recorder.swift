// The backend of a run: takes down every byte of every connection, answers the first request of each and ends
// it there, so that what one case sends is never behind what another sent.

import Bytes
import Reactor

/// One connection from the gateway.
final class Recorder {
    private let descriptor: FileDescriptor
    let deadlineNanos: Int64
    private(set) var bytes: [UInt8] = []
    private var pending = ByteBuffer()
    private var hasAnswered = false

    /// How long a connection is read from, whatever comes.
    static let lifeNanos: Int64 = 3_000_000_000
    /// More than any case has; a connection that sends more is closed.
    private static let mostBytes = 256 << 10

    init(_ descriptor: consuming FileDescriptor, nowNanos: Int64) {
        self.descriptor = descriptor
        deadlineNanos = nowNanos + Self.lifeNanos
    }

    var number: Int32 { descriptor.number }

    /// Takes down what has come. False when the connection is over.
    func advance() -> Bool {
        var input = ByteBuffer()
        while bytes.count < Self.mostBytes {
            guard let outcome = try? descriptor.read(into: &input, minimum: 16 * 1024) else { return false }
            switch outcome {
            case .bytes:
                bytes += input.with { [UInt8](copying: $0) }
                input.removeAll()
                answerIfWhole()
            case .wouldBlock: return flush()
            case .endOfStream: return false
            }
        }
        return false
    }

    /// Answers once any backend would: the strict one, or one of the lenient ones.
    private func answerIfWhole() {
        guard !hasAnswered else { return }
        let isWhole = Dialect.all.contains { dialect in
            DialectReader.read(bytes, as: dialect).requests.first?.isComplete == true
        }
        guard isWhole else { return }
        hasAnswered = true
        pending.append(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        if !bytes.starts(with: "HEAD ".utf8) { pending.append("ok\n") }
    }

    private func flush() -> Bool {
        while !pending.isEmpty {
            guard let outcome = try? pending.with({ try descriptor.send($0) }) else { return false }
            switch outcome {
            case .bytes(let count): pending.consume(count)
            case .wouldBlock: return true
            }
            // Nothing more will be said; what still comes is taken down.
            if pending.isEmpty { descriptor.shutdownWriting() }
        }
        return true
    }
}
