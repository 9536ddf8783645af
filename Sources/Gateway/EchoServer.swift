// `keygate echo`: a backend that answers every request with what it received. For whoever wonders what
// arrives behind the gateway, for the quickstart, and for the benchmarks. It speaks WebSocket as well, and sends messages
// back.

import Bytes
import HTTP1
import JSON
import Keys
public import Reactor

/// A small HTTP/1.1 server on one thread. It reads strictly, like the gateway, and forwards nothing.
public final class EchoServer {
    private let loop: EventLoop
    private let listener: ListeningSocket
    private var connections: [EchoConnection?] = []
    private var generation: UInt32 = 0

    private static let listenerKind: UInt8 = 1
    private static let connectionKind: UInt8 = 2

    public init(listen address: SocketAddress) throws(Errno) {
        loop = try EventLoop()
        listener = try ListeningSocket(address)
        try loop.poller.add(
            listener.descriptor.number, .level(.readable),
            Token(kind: Self.listenerKind, generation: 0, index: 0))
    }

    /// The address in use.
    public var address: String { listener.address.description }

    /// Serves until a signal arrives; `shouldStop` is asked twice a second.
    public func run(until shouldStop: () -> Bool) throws(Errno) {
        while !shouldStop() {
            let events = try loop.wait(longestMillis: 500)
            for position in 0..<events {
                let (token, _) = loop.poller.event(at: position)
                if token.kind == Self.listenerKind { accept() } else { serve(token) }
            }
        }
    }

    private func accept() {
        while let accepted = try? listener.accept() {
            let index = connections.firstIndex { $0 == nil } ?? connections.count
            if index == connections.count { connections.append(nil) }
            generation &+= 1
            let connection = EchoConnection(accepted.intoDescriptor(), generation: generation)
            let token = Token(kind: Self.connectionKind, generation: generation, index: index)
            guard (try? loop.poller.add(connection.number, .edgeBoth, token)) != nil else { continue }
            connections[index] = connection
        }
    }

    private func serve(_ token: Token) {
        guard let connection = connections[token.index], connection.generation & 0xFF_FFFF == token.generation
        else { return }
        if !connection.advance() { connections[token.index] = nil }
    }
}

/// A connection of the echo server.
private final class EchoConnection {
    private let descriptor: FileDescriptor
    let generation: UInt32
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var parser = RequestParser(
        limits: RequestLimits(maxHeadBytes: 256 << 10, maxHeaderCount: 1000, maxTargetBytes: 64 << 10))
    private var head = RequestHead()
    private var headBytes = ByteBuffer()
    private var decoder = ChunkedDecoder()
    private var body = Body.none
    private var bodyCount = 0
    private var digest = SHA256Stream()
    private var closes = false

    private enum Body {
        /// We are waiting for the next head.
        case none
        /// We are waiting for so many bytes.
        case length(Int)
        /// We are waiting for chunks.
        case chunked
        /// We are waiting for the frames of a WebSocket.
        case frames
    }
    private var frames = FrameEcho()

    init(_ descriptor: consuming FileDescriptor, generation: UInt32) {
        self.descriptor = descriptor
        self.generation = generation
    }

    var number: Int32 { descriptor.number }

    /// Reads, answers and writes as far as possible. False when the connection is over.
    func advance() -> Bool {
        while true {
            while answerNext() {}
            guard flush() else { return false }
            if !output.isEmpty { return true }
            if closes { return false }
            guard let outcome = try? descriptor.read(into: &input, minimum: 65536) else { return false }
            switch outcome {
            case .bytes: continue
            case .wouldBlock: return true
            case .endOfStream: return false
            }
        }
    }

    private func flush() -> Bool {
        while !output.isEmpty {
            guard let outcome = try? descriptor.send(output.bytes) else { return false }
            switch outcome {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return true
            }
        }
        return true
    }

    /// Takes one step with what has been read. False when more has to be read.
    private func answerNext() -> Bool {
        if closes { return false }
        switch body {
        case .none:
            if input.isEmpty { return false }
            switch input.with({ parser.advance($0, into: &head) }) {
            case .needMore: return false
            case .malformed(let malformed):
                refuse(malformed.status)
                return false
            case .head(let length):
                headBytes.removeAll()
                input.with { headBytes.append($0.extracting(0..<length)) }
                input.consume(length)
                begin()
                return true
            }
        case .length(let remaining):
            if input.isEmpty { return false }
            let count = min(remaining, input.count)
            take(0..<count)
            input.consume(count)
            if count == remaining { answer() } else { body = .length(remaining - count) }
            return true
        case .chunked:
            switch input.with({ decoder.advance($0) }) {
            case .data(let range, let consumed):
                take(range)
                input.consume(consumed)
                return true
            case .end(let consumed):
                input.consume(consumed)
                answer()
                return true
            case .needMore(let consumed):
                input.consume(consumed)
                return false
            case .malformed:
                closes = true
                return false
            }
        case .frames:
            let goesOn = frames.advance(&input, into: &output)
            if frames.isOver { closes = true }
            return goesOn
        }
    }

    private func begin() {
        if headBytes.with({ WebSocketHandshake.isAsked(head, in: $0) }) { return switchProtocols() }
        digest = SHA256Stream()
        bodyCount = 0
        if head.expectsContinue, head.framing != .none { output.append("HTTP/1.1 100 Continue\r\n\r\n") }
        switch head.framing {
        case .none, .length(0): answer()
        case .length(let count): body = .length(count)
        case .chunked:
            decoder.reset()
            body = .chunked
        }
    }

    private func switchProtocols() {
        if let fault = headBytes.with({ WebSocketHandshake.fault(head, in: $0) }) {
            return refuse(fault.isAboutVersion ? .upgradeRequired : .badRequest)
        }
        var accept: [UInt8] = []
        headBytes.with { bytes in
            if let key = WebSocketHandshake.key(of: head, in: bytes) {
                accept = WebSocketAccept.value(for: bytes.extracting(key))
            }
        }
        ResponseWriter.appendStatusLine(.switchingProtocols, to: &output)
        ResponseWriter.appendHeader("Upgrade", "websocket", to: &output)
        ResponseWriter.appendHeader("Connection", "Upgrade", to: &output)
        ResponseWriter.appendHeader("Sec-WebSocket-Accept", accept.span, to: &output)
        ResponseWriter.endHead(&output)
        body = .frames
    }

    private func refuse(_ status: Status) {
        ResponseWriter.appendStatusLine(status, to: &output)
        if status == .upgradeRequired {
            ResponseWriter.appendHeader("Sec-WebSocket-Version", "13", to: &output)
        }
        ResponseWriter.appendHeader("Content-Length", decimal: 0, to: &output)
        ResponseWriter.appendHeader("Connection", "close", to: &output)
        ResponseWriter.endHead(&output)
        closes = true
    }

    private func take(_ range: Range<Int>) {
        bodyCount += range.count
        input.with { digest.update($0.extracting(range)) }
    }

    private func answer() {
        body = .none
        var text = ByteBuffer(capacity: 1024)
        let sum = finishDigest()
        headBytes.with { EchoConnection.describe(head, $0, bodyCount: bodyCount, digest: sum, to: &text) }
        ResponseWriter.appendStatusLine(.ok, to: &output)
        ResponseWriter.appendHeader("Content-Type", "application/json", to: &output)
        ResponseWriter.appendHeader("Content-Length", decimal: text.count, to: &output)
        if !head.isPersistent {
            ResponseWriter.appendHeader("Connection", "close", to: &output)
            closes = true
        }
        ResponseWriter.endHead(&output)
        if head.method != .head { output.append(text.bytes) }
    }

    private func finishDigest() -> [UInt8] {
        var finished = SHA256Stream()
        swap(&finished, &digest)
        return finished.finish()
    }

    /// `{"method","path","query","headers":[[name,value]…],"body":{"length","sha256"}}`
    private static func describe(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, bodyCount: Int, digest: [UInt8],
        to text: inout ByteBuffer
    ) {
        let target = bytes.extracting(head.target)
        var end = 0
        while end < target.count, target[end] != UInt8(ascii: "?") { end += 1 }
        text.append("{\n  \"method\": ")
        text.appendJSONString(bytes.extracting(head.methodRange))
        text.append(",\n  \"path\": ")
        text.appendJSONString(target.extracting(0..<end))
        text.append(",\n  \"query\": ")
        if end < target.count {
            text.appendJSONString(target.extracting(end + 1..<target.count))
        } else {
            text.append("null")
        }
        text.append(",\n  \"headers\": [")
        var isFirst = true
        for field in head.headers.fields {
            text.append(isFirst ? "\n    [" : ",\n    [")
            isFirst = false
            text.appendJSONString(bytes.extracting(field.name))
            text.append(", ")
            text.appendJSONString(bytes.extracting(field.value))
            text.append("]")
        }
        text.append("\n  ],\n  \"body\": {\"length\": ")
        text.append(decimal: bodyCount)
        text.append(", \"sha256\": \"")
        text.append(Hex.string(digest.span))
        text.append("\"}\n}\n")
    }
}
