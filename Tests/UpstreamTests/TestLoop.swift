// The smallest event loop that can drive transfers: it waits, hands events to libcurl, and moves bodies.

import Bytes
import HTTP1
import Reactor
import Testing

@testable import Upstream

/// A request as a test writes it.
struct TestRequest {
    var method = "GET"
    var target = "/"
    var headers: [(name: String, value: String)] = []
    var body = OutgoingBody.none
    /// The body, in the pieces in which it becomes known.
    var pieces: [String] = []
    var trailers: [(name: String, value: String)] = []
    var expectsContinue = false
    var mayReplay = false
}

/// A finished exchange.
struct TestAnswer {
    var status = 0
    var hasHead = false
    var fields: [String] = []
    var interim = ""
    var body: [UInt8] = []
    var trailers: [String] = []
    var error: UpstreamError?

    var text: String { String(decoding: body, as: UTF8.self) }
}

final class TestLoop {
    /// A bound on every wait: long enough for a slow machine, short enough to end a broken test.
    static let patienceNanos: Int64 = 60_000_000_000

    let loop: EventLoop
    let multi: CurlMulti
    private var batch: [Transfer] = []

    private static let library: Void = CurlMulti.initialiseLibrary()

    init() throws {
        _ = Self.library
        loop = try EventLoop()
        multi = CurlMulti(loop: loop, tokenKind: 2, maxIdleConnections: 16)
    }

    func register(_ server: ScriptedServer, connectTimeoutMillis: Int = 60_000) -> Int {
        let path = server.address.unixPath
        return multi.register(
            UpstreamOrigin(
                origin: path == nil ? server.origin : "http://localhost", authority: "backend",
                unixPath: path,
                connectTimeoutMillis: connectTimeoutMillis))
    }

    // MARK: Turns

    func turn() throws {
        let bound: Int32 = 100
        let wanted = multi.sleepMillis
        let count = try loop.wait(longestMillis: wanted < 0 ? bound : min(bound, wanted))
        for position in 0..<count {
            let (token, readiness) = loop.poller.event(at: position)
            multi.socketReady(token, readiness)
        }
        var workLeft = CurlMulti.workPerTurn
        multi.run(&workLeft)
        multi.takeTouched(into: &batch)
    }

    /// Turns until the condition holds. False if it does not in time.
    func turns(until condition: () throws -> Bool) throws -> Bool {
        let deadline = Clock.monotonicNanos() + Self.patienceNanos
        while try !condition() {
            if Clock.monotonicNanos() > deadline { return false }
            try turn()
        }
        return true
    }

    // MARK: Exchanges

    func start(_ request: TestRequest, on transfer: Transfer) throws {
        for header in request.headers {
            let name = Array(header.name.utf8)
            let value = Array(header.value.utf8)
            let isAccepted = transfer.headers.append(name: name.span, value: value.span)
            try #require(isAccepted)
        }
        if request.body != .none, !request.expectsContinue { transfer.headers.suppress("Expect") }
        let method = Array(request.method.utf8)
        let target = Array(request.target.utf8)
        multi.start(
            transfer, method: method.span, isHead: request.method == "HEAD", target: target.span,
            body: request.body,
            expectsContinue: request.expectsContinue, mayReplay: request.mayReplay)
        if request.body == .none { transfer.endRequestBody() }
    }

    /// Starts the request and goes on until it is complete. The transfer is given back.
    func send(_ request: TestRequest, to server: Int) throws -> TestAnswer {
        let transfer = multi.acquire(server: server, ownerIndex: 0)
        try start(request, on: transfer)
        let answer = try finish(transfer, request)
        multi.release(transfer)
        return answer
    }

    func finish(_ transfer: Transfer, _ request: TestRequest = TestRequest()) throws -> TestAnswer {
        var answer = TestAnswer()
        var pieces = request.pieces[...]
        var hasEnded = request.body == .none
        let isDone = try turns {
            if !hasEnded, transfer.wantsBody, transfer.hasRoomForBody {
                if let piece = pieces.popFirst() {
                    transfer.requestBody.append(piece)
                    transfer.resumeSending()
                } else {
                    for trailer in request.trailers {
                        let name = Array(trailer.name.utf8)
                        let value = Array(trailer.value.utf8)
                        try #require(
                            transfer.requestTrailers.append(name: name.span, value: value.span) == true)
                    }
                    hasEnded = true
                    transfer.endRequestBody()
                }
            }
            answer.body += Array(copying: transfer.responseBody.bytes)
            transfer.responseBody.removeAll()
            transfer.resumeReceiving()
            return transfer.isComplete && transfer.responseBody.count == 0
        }
        try #require(isDone, "the transfer did not end")
        answer.error = transfer.error
        answer.hasHead = transfer.hasHead
        answer.interim = String(forDisplay: transfer.interimHeads.bytes)
        if transfer.hasHead {
            answer.status = transfer.response.head.status.code
            answer.fields = TestLoop.lines(transfer.response.head.section)
        }
        answer.trailers = TestLoop.lines(transfer.response.trailers)
        return answer
    }

    private static func lines(_ section: borrowing FieldSection) -> [String] {
        let bytes = Array(copying: section.buffer.bytes)
        return section.fields.fields.map { field in
            String(decoding: bytes[field.name], as: UTF8.self) + ": "
                + String(decoding: bytes[field.value], as: UTF8.self)
        }
    }
}
