// One request and its answer, from the first byte of the head to the line in the log. The object and its
// buffers are used again for the next request of any connection of the loop.

import Access
import Bytes
import HTTP1
import Keys
import Reactor
import Rules
import Upstream

/// What became of a request, as log and counters see it.
enum Outcome {
    /// Not decided yet.
    case undecided
    /// Let through without a key.
    case open
    /// Let through.
    case valid
    case refused(RefusalReason)
    /// Answered by Keygate itself: metrics, health, management.
    case local
}

final class Exchange {
    /// Bytes from the client that nobody has taken yet, and bytes for it.
    var input = ByteBuffer()
    var output = ByteBuffer()

    // The request.
    var parser: RequestParser
    var head = RequestHead()
    /// The bytes of the head; all ranges of `head` refer to it.
    var headBytes = ByteBuffer()
    /// The canonical path.
    var path = ByteBuffer()
    var target: RequestTarget?
    var match = RouteMatch()
    /// For looking a second reading of the path up.
    var otherMatch = RouteMatch()
    /// The rules in force when the head was complete.
    var rules: RuleSet?
    var routeIndex = -1
    var requestID: [UInt8] = []
    var clientAddress: IPAddress?
    /// Of the certificate that the client has shown on its connection.
    var clientSubject: [UInt8]?

    // The decision. `key` is valid within the turn that found it only.
    var key: KeyView?
    /// Where in `headBytes` the credential stands.
    var credential: Range<Int>?
    var scratch = ByteBuffer()
    /// Header lines about rate limits for the answer; empty if none was charged.
    var limitLines = ByteBuffer()
    /// There was a credential, whether it was any good or not.
    var presentsKey = false
    /// When it was last asked anew whether the exchange may go on; monotonic. Left as it is by `reset`.
    var recheckedNanos: Int64 = 0
    /// Why it may not, where that ended the exchange.
    var revocation: RefusalReason?
    /// What the answer says to pages of other origins, and whether there is a policy that says it.
    var corsLines = ByteBuffer()
    var hasOriginPolicy = false
    var outcome = Outcome.undecided
    /// What a shadow route would have answered.
    var shadowRefusal: RefusalReason?
    /// Copies for the log and the event: the key itself may be gone by then. `identity` is the external id.
    var keyID: [UInt8] = []
    var keySpaceID: [UInt8] = []
    var identity: [UInt8] = []
    var identityID: [UInt8] = []
    /// What was taken, and once it is settled what the request has cost.
    var spentCredits: Int64 = 0
    /// Credits were asked of its key, even if in the end it has cost none.
    var isCharged = false
    /// Whose credits are to be settled at the end; nil if what was taken is the price in any case.
    var payer: Reference<KeyRecord>?
    /// What the backend has said the request cost.
    var statedCost = StatedNumber.nothing
    /// How it was settled; nil before that, and if there was nothing to settle.
    var settled: SettledCost?

    // The request's body.
    enum BodyState {
        /// We are waiting for nothing: there is no body, or it has arrived whole.
        case finished
        /// We are waiting for so many more bytes.
        case length(remaining: Int)
        /// We are waiting for chunks.
        case chunked
    }
    var body = BodyState.finished
    var decoder = ChunkedDecoder()
    var bodyLimit = 0
    var bodyByteCount = 0
    /// The request was refused, and what is left of its body is only read to get past it.
    var discardsBody = false
    /// The client waits for a 100 that it has not been given.
    var owesContinue = false
    /// The body of a request that Keygate answers itself.
    var localBody = ByteBuffer()

    // The answer.
    var transfer: Transfer?
    /// The server that `transfer` goes to; its place is given back with the transfer.
    var pool: UpstreamPool?
    var serverIndex = 0
    /// Bits of the servers that were asked.
    var triedServers: UInt64 = 0
    /// Where it waits for a server.
    var line: LoopLine?
    var lineDeadlineNanos: Int64 = 0
    /// The key of a request that waits, whose credits it has taken.
    var waitingKey: Reference<KeyRecord>?
    enum AnswerFraming {
        case none, length, chunked
        /// The end of the connection ends the body: for HTTP/1.0 clients.
        case close
        /// Behind a 101, both sides go on until one of them ends.
        case tunnel
    }
    var answerFraming = AnswerFraming.none
    var hasSentHead = false
    var status = Status.ok
    var answerBytes = 0
    var closesAfterwards = false
    /// The request is the handshake of a WebSocket, and its route lets it be one.
    var isUpgrade = false
    /// How far the tunnel is that it has become; how it ended.
    var tunnel = TunnelProgress()
    var tunnelEnd: TunnelEnd?
    /// The end of the request's body has been passed on.
    var bodyWasEnded = false
    /// The client has ended its direction and may have left.
    var clientMayBeGone = false
    /// How it ended, where not with a complete answer. `breakReason`: why, where Keygate gave the answer up.
    var isBroken = false
    var breakReason: RefusalReason?
    var isAbandoned = false
    /// The gateway ended before it did.
    var isStopped = false
    var isRecorded = false
    /// The answer comes from another thread and has not arrived.
    var awaitsManagement = false
    /// The store's thread has been asked for credits and has not answered.
    var awaitsCredits = false

    // Times, monotonic. Those between which durations are told are in the order of their lines: the first is the loop's
    // reading of the turn, the others are read when they come.
    var startNanos: Int64 = 0
    var startUnixMillis: Int64 = 0
    var forwardNanos: Int64 = 0
    var headNanos: Int64 = 0
    /// When the last of the request was handed over.
    var lastSentNanos: Int64 = 0
    var endNanos: Int64 = 0

    init(limits: RequestLimits) {
        parser = RequestParser(limits: limits)
        requestID.reserveCapacity(RequestIDs.byteCount)
    }

    var isHeadRequest: Bool { head.method == .head }

    var route: Route? {
        guard let rules, routeIndex >= 0 else { return nil }
        return rules.configuration.routes[routeIndex]
    }

    var upstreamName: String {
        guard let rules, let route else { return "?" }
        return rules.configuration.upstreams[route.upstreamIndex].name
    }

    /// When the request was answered: at its end, or where it became a tunnel, at the beginning of that.
    var answeredNanos: Int64 { tunnelEnd == nil ? endNanos : headNanos }

    /// Nothing was done with it since the last `reset`. Whoever puts the first of a request into it says so.
    var isFresh = true

    /// Empties it for the next request, except for input and output; buffers that grew large give their memory back.
    func reset(limits: RequestLimits) {
        isFresh = true
        parser = RequestParser(limits: limits)
        head.removeAll()
        Exchange.empty(&headBytes, keeping: 4096)
        Exchange.empty(&path, keeping: 4096)
        Exchange.empty(&scratch, keeping: 4096)
        Exchange.empty(&limitLines, keeping: 1024)
        if hasOriginPolicy {
            Exchange.empty(&corsLines, keeping: 1024)
            hasOriginPolicy = false
        }
        Exchange.empty(&localBody, keeping: 0)
        if isUpgrade {
            isUpgrade = false
            tunnel = TunnelProgress()
            tunnelEnd = nil
        }
        target = nil
        rules = nil
        routeIndex = -1
        clientAddress = nil
        key = nil
        credential = nil
        presentsKey = false
        revocation = nil
        outcome = .undecided
        shadowRefusal = nil
        keyID.removeAll(keepingCapacity: true)
        keySpaceID.removeAll(keepingCapacity: true)
        identity.removeAll(keepingCapacity: true)
        identityID.removeAll(keepingCapacity: true)
        spentCredits = 0
        isCharged = false
        payer = nil
        statedCost = .nothing
        settled = nil
        body = .finished
        bodyByteCount = 0
        discardsBody = false
        owesContinue = false
        transfer = nil
        pool = nil
        triedServers = 0
        line = nil
        waitingKey = nil
        answerFraming = .none
        hasSentHead = false
        status = .ok
        answerBytes = 0
        closesAfterwards = false
        bodyWasEnded = false
        clientMayBeGone = false
        isBroken = false
        breakReason = nil
        isAbandoned = false
        isStopped = false
        isRecorded = false
        awaitsManagement = false
        awaitsCredits = false
        forwardNanos = 0
        headNanos = 0
    }

    /// As `reset`, for the pool: input and output are emptied as well.
    func clear(limits: RequestLimits) {
        // Most come here behind a `reset` already; the limits may be others since.
        if isFresh { parser = RequestParser(limits: limits) } else { reset(limits: limits) }
        Exchange.empty(&input, keeping: 4096)
        Exchange.empty(&output, keeping: 4096)
    }

    private static func empty(_ buffer: inout ByteBuffer, keeping bytes: Int) {
        buffer.removeAll()
        if buffer.capacity > bytes { buffer.releaseMemory() }
    }

    /// Whether the body of the request has arrived whole.
    var hasWholeBody: Bool {
        if case .finished = body { true } else { false }
    }
}

@available(*, unavailable)
extension Exchange: Sendable {}
