// Where shots are fired: the client's connections to the gateway on one side, the recording backend on the
// other, on one epoll and one thread. Bounded: so many connections on either side, each with a deadline.

import Bytes
public import Reactor

/// The bytes of one case with the mark that is in them.
public struct Shot: Sendable {
    public let mark: String
    public let bytes: [UInt8]

    public init(mark: String, bytes: [UInt8]) {
        self.mark = mark
        self.bytes = bytes
    }
}

/// What came of a shot.
public struct Impact: Sendable {
    /// Bytes that reached the backend with the mark in them, by connection.
    public internal(set) var recordings: [[UInt8]] = []
    /// The first bytes of the gateway's answer.
    public internal(set) var answer: [UInt8] = []
    /// The connection to the gateway could not even be begun.
    public internal(set) var connectError: Errno?
    /// Why there was no TLS with the gateway.
    public internal(set) var handshakeFailure: String?

    /// The status of the first answer; nil if there was none.
    public var status: Int? {
        guard answer.starts(with: "HTTP/1.".utf8), answer.count >= 12 else { return nil }
        return Int(String(decoding: answer[9..<12], as: UTF8.self))
    }
}

/// A gateway's address and our backend behind it.
public final class ShootingRange {
    private var poller: Poller
    private let listener: ListeningSocket
    private let gateway: TargetGateway
    private var lanes: [Lane?]
    private var laneGenerations: [UInt32]
    private var recorders: [Recorder?]
    private var recorderGenerations: [UInt32]
    private var finished: [[UInt8]] = []

    private static let listenerKind: UInt8 = 1
    private static let laneKind: UInt8 = 2
    private static let recorderKind: UInt8 = 3
    /// Connections at a time, to the gateway and from it.
    private static let laneCount = 12
    private static let recorderCount = 64
    /// How long late bytes are waited for behind the last shot.
    private static let settleNanos: Int64 = 400_000_000

    /// Listens at `backend`, where the gateway forwards to.
    public init(gateway: TargetGateway, backend: SocketAddress) throws(Errno) {
        poller = try Poller()
        listener = try ListeningSocket(backend)
        self.gateway = gateway
        lanes = Array(repeating: nil, count: Self.laneCount)
        laneGenerations = Array(repeating: 0, count: Self.laneCount)
        recorders = Array(repeating: nil, count: Self.recorderCount)
        recorderGenerations = Array(repeating: 0, count: Self.recorderCount)
        try poller.add(
            listener.descriptor.number, .level(.readable),
            Token(kind: Self.listenerKind, generation: 0, index: 0))
    }

    /// Fires all shots and waits until nothing moves any more. `progress` is told how many are done.
    public func fire(_ shots: [Shot], progress: (Int) -> Void = { _ in }) throws(Errno) -> [Impact] {
        var impacts = Array(repeating: Impact(), count: shots.count)
        var next = 0
        var done = 0
        var stillSince: Int64?
        finished = []
        while true {
            let now = Clock.monotonicNanos()
            for index in lanes.indices {
                if let lane = lanes[index], lane.isOver(now) {
                    impacts[lane.shotIndex].answer = lane.answer
                    impacts[lane.shotIndex].handshakeFailure = lane.handshakeFailure
                    lanes[index] = nil
                    done += 1
                    progress(done)
                }
                while lanes[index] == nil, next < shots.count {
                    start(shots[next], next, in: index, now, &impacts)
                    next += 1
                    if lanes[index] == nil { done += 1 }
                }
            }
            endOverdue(now)
            if done == shots.count {
                let since = stillSince ?? now
                stillSince = since
                if now - since > Self.settleNanos { break }
            }
            try turn(shots)
        }
        for index in recorders.indices { finish(index) }
        attribute(to: shots, &impacts)
        return impacts
    }

    private func start(_ shot: Shot, _ number: Int, in index: Int, _ now: Int64, _ impacts: inout [Impact]) {
        do throws(Errno) {
            let lane = try Lane(shot.bytes, shotIndex: number, to: gateway, nowNanos: now)
            laneGenerations[index] &+= 1
            let token = Token(kind: Self.laneKind, generation: laneGenerations[index], index: index)
            try poller.add(lane.number, .edgeBoth, token)
            lanes[index] = lane
        } catch {
            impacts[number].connectError = error
        }
    }

    private func turn(_ shots: [Shot]) throws(Errno) {
        let events = try poller.wait(milliseconds: 20)
        let now = Clock.monotonicNanos()
        for position in 0..<events {
            let (token, _) = poller.event(at: position)
            switch token.kind {
            case Self.listenerKind: accept(now)
            case Self.laneKind:
                if laneGenerations[token.index] & 0xFF_FFFF == token.generation {
                    lanes[token.index]?.advance(now)
                }
            default:
                if recorderGenerations[token.index] & 0xFF_FFFF == token.generation {
                    record(token.index, shots, now)
                }
            }
        }
    }

    // MARK: The backend's side

    private func accept(_ now: Int64) {
        while let accepted = try? listener.accept() {
            guard let index = recorders.firstIndex(where: { $0 == nil }) else { continue }
            let recorder = Recorder(accepted.intoDescriptor(), nowNanos: now)
            recorderGenerations[index] &+= 1
            let token = Token(kind: Self.recorderKind, generation: recorderGenerations[index], index: index)
            guard (try? poller.add(recorder.number, .edgeBoth, token)) != nil else { continue }
            recorders[index] = recorder
        }
    }

    private func record(_ index: Int, _ shots: [Shot], _ now: Int64) {
        guard let recorder = recorders[index] else { return }
        let goesOn = recorder.advance()
        // Something moved for the case whose mark this is: its client waits on.
        for lane in lanes {
            if let lane, DialectReader.contains(shots[lane.shotIndex].mark, in: recorder.bytes) {
                lane.noteActivity(now)
            }
        }
        if !goesOn { finish(index) }
    }

    private func endOverdue(_ now: Int64) {
        for index in recorders.indices {
            if let recorder = recorders[index], now > recorder.deadlineNanos { finish(index) }
        }
    }

    private func finish(_ index: Int) {
        guard let recorder = recorders[index] else { return }
        if !recorder.bytes.isEmpty { finished.append(recorder.bytes) }
        recorders[index] = nil
    }

    /// A recording belongs to every case whose mark is in it.
    private func attribute(to shots: [Shot], _ impacts: inout [Impact]) {
        for recording in finished {
            for (number, shot) in shots.enumerated() where DialectReader.contains(shot.mark, in: recording) {
                impacts[number].recordings.append(recording)
            }
        }
    }
}

@available(*, unavailable)
extension ShootingRange: Sendable {}
