// One request to a backend and its answer, on one libcurl easy handle that is used again and again.
//
// libcurl calls back in the middle of its own work, and forbids being called from there. So callbacks only
// record: bytes go into buffers, lines into the response machine, and the transfer is marked as touched.
// The loop looks at touched transfers once libcurl has returned.

public import Bytes
import CCurl
public import HTTP1

/// How much is buffered per direction before the sender is told to wait. libcurl hands over at most 16 KiB
/// at a time, so a transfer holds at most this plus that.
public enum TransferLimits {
    public static let highWaterBytes = 64 * 1024
    public static let lowWaterBytes = 16 * 1024
}

/// Framing of the request's body towards the backend.
public enum OutgoingBody: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
}

/// A transfer and the memory it keeps between uses. Owned by the loop's `CurlMulti`; lent to one exchange
/// at a time.
@safe public final class Transfer {
    var easy: UnsafeMutableRawPointer
    /// The server's address as libcurl parsed it; made with the first configuration, freed after `easy`.
    var url: OpaquePointer?
    /// Who owns it, and so outlives it.
    unowned(unsafe) let multi: CurlMulti
    /// Which pool it goes back to.
    let serverKey: Int
    /// Its index among the multi's transfers.
    let slot: Int

    /// Which exchange it works for, as the loop's own index; -1 when idle.
    public internal(set) var ownerIndex = -1

    // What is sent.
    public var headers = HeaderLines()
    /// Body bytes not yet taken by libcurl.
    public var requestBody = ByteBuffer()
    /// Trailer lines for a chunked body, `Name: value` each; empty for none.
    public var requestTrailers = HeaderLines()
    var requestBodyEnded = false
    var isReadPaused = false
    /// libcurl has asked for body bytes: the backend is ready for them.
    public internal(set) var wantsBody = false

    // What came back.
    public var response = ResponseLines()
    /// The final head is complete and can be read from `response`.
    public internal(set) var hasHead = false
    /// Heads of 1xx answers to pass on, serialised; 100 is not among them.
    public var interimHeads = ByteBuffer()
    /// Whether there were any since the last `reset`.
    public private(set) var hasInterimHeads = false
    /// Body bytes received and not yet taken by the exchange.
    public var responseBody = ByteBuffer()
    public internal(set) var isComplete = false
    public internal(set) var error: UpstreamError?
    var malformed = false
    var isWritePaused = false
    /// It waits for its turn to go on after a pause.
    var isResumable = false
    /// For the moment it does not pause.
    var takesMore = false

    /// What it has besides, if it is to become a tunnel.
    var tunnel: Tunnel?
    /// The backend has switched protocols, as it was asked to: `requestBody` and `responseBody` are the bytes of both
    /// sides from here on, until `isComplete`.
    public internal(set) var isSwitched = false

    // Of this use.
    var mayReplay = false
    var startCount = 0
    var isStarted = false
    var isTouched = false
    var isChunked = false
    /// Bytes of heads and bodies received, to tell how much one step of libcurl read.
    var receivedCount = 0
    var wasReplayRefused = false
    var socket: Int32 = -1

    // What the handle is set to, to set only what changes.
    var currentMode = Mode.fresh
    var currentMethod: [UInt8] = []
    var forbidsReuse = false
    var connectTimeoutMillis = 0
    /// The handle cannot be used for another request.
    var isSpent = false

    enum Mode { case fresh, get, head, upload }

    init(easy: UnsafeMutableRawPointer, multi: CurlMulti, serverKey: Int, slot: Int) {
        unsafe self.easy = easy
        unsafe self.multi = multi
        self.serverKey = serverKey
        self.slot = slot
    }

    deinit {
        unsafe curl_easy_cleanup(easy)
        unsafe curl_url_cleanup(url)
    }

    /// Makes it ready for the next exchange; memory that grew large is given back.
    func reset() {
        headers.removeAll()
        response.reset()
        Transfer.empty(&responseBody)
        // Most requests have no body; each look at a buffer costs a check.
        if currentMode == .upload || tunnel != nil {
            tunnel = nil
            isSwitched = false
            requestTrailers.removeAll()
            Transfer.empty(&requestBody)
        }
        if hasInterimHeads {
            interimHeads.removeAll()
            hasInterimHeads = false
        }
        requestBodyEnded = false
        isReadPaused = false
        wantsBody = false
        hasHead = false
        isComplete = false
        error = nil
        malformed = false
        isWritePaused = false
        isResumable = false
        startCount = 0
        isStarted = false
        isTouched = false
        receivedCount = 0
        wasReplayRefused = false
        socket = -1
        ownerIndex = -1
    }

    private static func empty(_ buffer: inout ByteBuffer) {
        buffer.removeAll()
        if buffer.capacity > 4096 { buffer.releaseMemory() }
    }

    // MARK: The exchange's side

    /// The body is complete: no byte follows what is in `requestBody`.
    public func endRequestBody() {
        requestBodyEnded = true
        if tunnel != nil { return unsafe multi.tunnelChanged(self) }
        if requestTrailers.count > 0 { unsafe multi.armTrailers(self) }
        resumeSending()
    }

    /// More of the body is in `requestBody`, if libcurl waits for it.
    public func resumeSending() {
        if tunnel != nil { return unsafe multi.tunnelChanged(self) }
        if isReadPaused, !requestBody.isEmpty || requestBodyEnded { unsafe multi.resume(self) }
    }

    /// The exchange has taken what it could from `responseBody`.
    public func resumeReceiving() {
        if tunnel != nil { return unsafe multi.tunnelChanged(self) }
        if isWritePaused, responseBody.count < TransferLimits.lowWaterBytes { unsafe multi.resumeLater(self) }
    }

    /// Nothing of the request has been sent: there never was a connection to send it on.
    public var sentNothing: Bool { startCount == 0 }

    /// Takes over what a transfer that sent nothing was to send, but for its headers. Before `start`.
    public func takeBody(of other: Transfer) {
        precondition(other.sentNothing && !isStarted, "what was sent in part cannot be sent by another")
        swap(&requestBody, &other.requestBody)
        swap(&requestTrailers, &other.requestTrailers)
    }

    /// Whether the client should be asked for more body: room is left.
    public var hasRoomForBody: Bool { requestBody.count < TransferLimits.highWaterBytes }

    /// The answer is there before the end of the body and is no success: nobody waits for the rest of it.
    var hasRefusedBody: Bool { hasHead && !requestBodyEnded && response.head.status.code >= 300 }

    // MARK: libcurl's side; called from its callbacks only

    func receiveLine(_ line: Span<UInt8>) -> Bool {
        receivedCount += line.count
        unsafe multi.touch(self)
        switch response.line(line) {
        case .more, .trailer:
            return true
        case .interim(let status):
            // 100 is between the backend and us: the client gets its own when we want its body.
            if status != .continue {
                hasInterimHeads = true
                Transfer.append(interim: response.head, to: &interimHeads)
            }
            return true
        case .head:
            hasHead = true
            // libcurl would drop the body of a 417 and send the request once more without Expect.
            return !(forbidsReuse && response.head.status == .expectationFailed)
        case .switched:
            return acceptSwitch()
        case .malformed:
            malformed = true
            return false
        }
    }

    private static func append(interim head: borrowing ResponseHead, to buffer: inout ByteBuffer) {
        ResponseWriter.appendStatusLine(head.status, to: &buffer)
        let section = head.section.buffer.bytes
        for field in head.section.fields.fields
        where !HopByHop.covers(field, head.connectionOptions, in: section) {
            ResponseWriter.appendHeader(
                section.extracting(field.name), section.extracting(field.value), to: &buffer)
        }
        ResponseWriter.endHead(&buffer)
    }

    func receiveBody(_ bytes: Span<UInt8>) -> Int {
        unsafe multi.touch(self)
        if !hasHead {
            malformed = true
            return 0
        }
        if responseBody.count >= TransferLimits.highWaterBytes, !takesMore {
            isWritePaused = true
            unsafe multi.hasPaused(self)
            return KG_WRITE_PAUSE
        }
        receivedCount += bytes.count
        responseBody.append(bytes)
        return bytes.count
    }

    @unsafe func supplyBody(_ room: UnsafeMutableRawBufferPointer) -> Int {
        // A shorter body than announced cannot be taken for a whole one; a chunked body that ended here could.
        if hasRefusedBody, !isChunked { return 0 }
        wantsBody = true
        unsafe multi.touch(self)
        if requestBody.isEmpty {
            if requestBodyEnded { return 0 }
            isReadPaused = true
            return KG_READ_PAUSE
        }
        let count = min(room.count, requestBody.count)
        unsafe requestBody.withUnsafeReadable {
            unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        requestBody.consume(count)
        return count
    }

    /// Called by libcurl each time it is about to send the request, a repetition on a fresh connection
    /// included. A request that changes something must not run twice; the others are repeated once.
    func mayStart() -> Bool {
        startCount += 1
        let mayStart = startCount == 1 || (mayReplay && startCount == 2)
        wasReplayRefused = !mayStart
        return mayStart
    }
}
