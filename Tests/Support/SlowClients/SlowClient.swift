// One client: connects, sends piece after piece, judges what comes back, and begins anew. It acts once a second and
// does then what can be done without waiting, so thousands of them share a thread.

import Bytes
import HTTP1
import Reactor

final class SlowClient {
    private enum State {
        /// We are waiting for our turn to connect.
        case away
        /// We are waiting for our turn to send this piece, or for an answer if all were sent.
        case asking(piece: Int)
        /// We are waiting for so many bytes of the answer's body.
        case body(left: Int)
        /// We are waiting for the message with this number to come back.
        case tunnel(message: Int)
        /// We are waiting for the gateway to close, which it said it would.
        case closing
    }

    private let errand: Errand
    private let target: Target
    private let tally: Tally
    private let pieces: [[UInt8]]
    private var state = State.away
    private var descriptor: FileDescriptor?
    private var output = ByteBuffer()
    private var lines = ResponseLines()
    /// The part of a line that has come.
    private var line: [UInt8] = []
    /// What must come through the tunnel.
    private var awaited: ArraySlice<UInt8> = []
    private var exchangesLeft = 0
    private var secondsWaited = 0
    private var message: Int

    init(_ errand: Errand, _ target: Target, number: Int, _ tally: Tally) {
        self.errand = errand
        self.target = target
        self.tally = tally
        pieces = errand.pieces(key: target.key)
        message = number
    }

    var isThere: Bool { descriptor != nil }

    /// What there is to do this second.
    func act() {
        do throws(Errno) {
            if case .away = state { try connect() }
            if case .asking(let piece) = state, piece < pieces.count {
                output.append(pieces[piece])
                state = .asking(piece: piece + 1)
            }
            try send()
            try receive()
        } catch {
            fail("\(error)")
        }
        secondsWaited += 1
        if secondsWaited > Errand.patience { fail("nothing for \(Errand.patience) seconds") }
    }

    private func connect() throws(Errno) {
        descriptor = try FileDescriptor.connecting(to: target.address)
        tally.connected(errand)
        exchangesLeft = errand.exchangesPerConnection
        ask()
    }

    private func ask() {
        lines.reset(expecting: errand == .webSocket ? .upgrade : .response)
        line = []
        secondsWaited = 0
        state = .asking(piece: 0)
    }

    private func leave() {
        descriptor = nil
        output.removeAll()
        state = .away
    }

    private func fail(_ what: String) {
        tally.wrong(errand, what)
        leave()
    }

    // MARK: Bytes

    private func send() throws(Errno) {
        while !output.isEmpty {
            let outcome = try output.with { (bytes) throws(Errno) in try descriptor?.send(bytes) }
            guard case .bytes(let count)? = outcome else { return }
            output.consume(count)
        }
    }

    private func receive() throws(Errno) {
        var input = ByteBuffer()
        var taken = 0
        while taken < errand.readLimit, let outcome = try descriptor?.read(into: &input, minimum: 64 << 10) {
            switch outcome {
            case .bytes(let count):
                taken += count
                take(input.bytes)
                input.removeAll()
            case .wouldBlock: return
            case .endOfStream:
                if case .closing = state { leave() } else { fail("closed too early, at \(state)") }
                return
            }
        }
    }

    /// Takes what has come, unless something was wrong with it.
    private func take(_ bytes: Span<UInt8>) {
        var position = 0
        while position < bytes.count {
            switch state {
            case .asking:
                line.append(bytes[position])
                position += 1
                if line.last == UInt8(ascii: "\n") { endLine() }
            case .body(let left):
                let count = min(left, bytes.count - position)
                position += count
                if count == left { endExchange() } else { state = .body(left: left - count) }
            case .tunnel:
                guard bytes[position] == awaited.popFirst() else { return fail("another message came back") }
                position += 1
                if awaited.isEmpty && position == bytes.count { endExchange() }
            case .closing: return fail("more than an answer")
            case .away: return
            }
        }
    }

    // MARK: Answers

    private func endLine() {
        let event = lines.line(line.span)
        line = []
        switch event {
        case .more, .interim, .trailer: return
        case .malformed(let reason): fail("\(reason.message)")
        case .switched:
            // The answer to a key that was sent is known.
            if accept != WebSocketMessage.handshakeAccept { return fail("Sec-WebSocket-Accept: \(accept)") }
            speak()
        case .head:
            let status = lines.head.status.code
            if status != errand.expectedStatus { return fail("\(status) at \(state)") }
            if case .asking(let piece) = state, piece < pieces.count { return fail("\(status) too early") }
            guard let length = lines.head.contentLength else { return fail("an answer without a length") }
            if length == 0 { endExchange() } else { state = .body(left: length) }
        }
    }

    private var accept: String {
        let fields = lines.head.section.fields
        return lines.head.section.buffer.with { bytes in
            let index = fields.index(named: "sec-websocket-accept", in: bytes)
            return index.map { String(forDisplay: bytes.extracting(fields[$0].value)) } ?? "none"
        }
    }

    private func endExchange() {
        tally.done(errand)
        exchangesLeft -= 1
        switch errand {
        case .stalledHead, .stalledBody: state = .closing
        case .slowHead, .slowBody, .slowReader: exchangesLeft == 0 ? leave() : ask()
        case .webSocket: exchangesLeft == 0 ? leave() : speak()
        }
    }

    /// Sends the next message when it is our turn again.
    private func speak() {
        message += 1
        secondsWaited = 0
        output.append(WebSocketMessage.sent(message))
        awaited = WebSocketMessage.echoed(message)[...]
        state = .tunnel(message: message)
    }
}
