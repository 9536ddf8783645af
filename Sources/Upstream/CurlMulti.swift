// libcurl's multi interface on one event loop: starts transfers, feeds socket events and timers to libcurl,
// and tells the loop which transfers have something new.

import Bytes
import CCurl
public import Reactor

#if canImport(Glibc)
    import Glibc
#endif

/// All transfers of one event loop. Created, used and destroyed on that loop's thread.
///
/// Memory safety: `multi` lives until `deinit`. The context pointer given to libcurl is this object, which
/// outlives the handle; that of an easy handle is its `Transfer`, kept alive by `transfers`.
@safe public final class CurlMulti {
    let multi: UnsafeMutableRawPointer
    let loop: EventLoop
    let tokenKind: UInt8

    var servers: [UpstreamOrigin] = []
    /// Every transfer ever made, by slot; the idle ones are also in `idle`, by server.
    var transfers: [Transfer] = []
    private var idle: [[Int]] = []

    var sockets = UpstreamSockets()
    private var taken: [Int32] = []
    /// Transfers that may receive again, each once, in the order in which they said so.
    private var resumable: [Transfer] = []
    /// Transfers that had to pause before libcurl told which connection is theirs.
    private var unplaced: [Transfer] = []
    private var timerNanos: Int64?
    private var targetText = ByteBuffer(capacity: 1024)
    /// What is read from a tunnel at a time.
    var tunnelRead = ByteBuffer()

    /// Transfers with news since the loop last looked, each once.
    public private(set) var touched: [Transfer] = []

    /// Call once in the process before any other thread uses libcurl.
    public static func initialiseLibrary() {
        precondition(kg_global_init() == CURLE_OK, "libcurl does not initialise")
    }

    /// Version text of the libcurl in use.
    public static var libraryVersion: String {
        guard let text = unsafe curl_version() else { return "libcurl" }
        return unsafe String(cString: text)
    }

    /// `tokenKind` marks this object's events in the loop; `maxIdleConnections` bounds what is kept open.
    public init(loop: EventLoop, tokenKind: UInt8, maxIdleConnections: Int) {
        kg_memory_lists_begin()
        guard let handle = unsafe curl_multi_init() else {
            preconditionFailure("libcurl gave no multi handle")
        }
        unsafe multi = handle
        self.loop = loop
        self.tokenKind = tokenKind
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        _ = unsafe kg_multi_setopt_pointer(multi, CURLMOPT_SOCKETDATA, context)
        _ = unsafe kg_multi_setopt_pointer(multi, CURLMOPT_TIMERDATA, context)
        _ = unsafe kg_multi_setopt_long(multi, CURLMOPT_MAXCONNECTS, maxIdleConnections)
        _ = unsafe kg_multi_setopt_long(multi, CURLMOPT_PIPELINING, 0)
        _ = unsafe kg_multi_setopt_socket(multi) { easy, number, what, context, _ in
            let multi = unsafe Unmanaged<CurlMulti>.fromOpaque(context.unsafelyUnwrapped)
                .takeUnretainedValue()
            unsafe multi.socketWanted(easy.unsafelyUnwrapped, number, what)
            return 0
        }
        _ = unsafe kg_multi_setopt_timer(multi) { _, milliseconds, context in
            let multi = unsafe Unmanaged<CurlMulti>.fromOpaque(context.unsafelyUnwrapped)
                .takeUnretainedValue()
            multi.timerNanos = milliseconds < 0 ? nil : multi.loop.nowNanos + Int64(milliseconds) * 1_000_000
            return 0
        }
    }

    deinit {
        for transfer in transfers where transfer.isStarted {
            _ = unsafe curl_multi_remove_handle(multi, transfer.easy)
        }
        transfers.removeAll()
        touched.removeAll()
        resumable.removeAll()
        unplaced.removeAll()
        _ = unsafe curl_multi_cleanup(multi)
        kg_memory_lists_end()
    }

    // MARK: Servers and transfers

    /// The number under which transfers to this server are asked for. The same server has the same number.
    public func register(_ server: UpstreamOrigin) -> Int {
        if let known = servers.firstIndex(of: server) { return known }
        servers.append(server)
        idle.append([])
        return servers.count - 1
    }

    /// A transfer to a server, for the exchange that the loop knows by `ownerIndex`.
    public func acquire(server: Int, ownerIndex: Int) -> Transfer {
        let transfer: Transfer
        if let slot = idle[server].popLast() {
            transfer = transfers[slot]
        } else {
            guard let easy = unsafe curl_easy_init() else {
                preconditionFailure("libcurl gave no easy handle")
            }
            transfer = unsafe Transfer(easy: easy, multi: self, serverKey: server, slot: transfers.count)
            transfers.append(transfer)
            configure(transfer, servers[server])
        }
        transfer.ownerIndex = ownerIndex
        return transfer
    }

    /// Gives a transfer back. One that is still running is cancelled: its connection is closed.
    public func release(_ transfer: Transfer) {
        stop(transfer)
        transfer.reset()
        if transfer.isSpent { renew(transfer) }
        idle[transfer.serverKey].append(transfer.slot)
    }

    /// libcurl 7.88 does not forget that a handle has sent trailers: its next chunked body would be written
    /// in front of libcurl's own buffer. So such a handle is used once.
    private func renew(_ transfer: Transfer) {
        unsafe curl_easy_cleanup(transfer.easy)
        guard let easy = unsafe curl_easy_init() else { preconditionFailure("libcurl gave no easy handle") }
        unsafe transfer.easy = easy
        transfer.isSpent = false
        transfer.currentMode = .fresh
        transfer.currentMethod = []
        transfer.forbidsReuse = false
        transfer.connectTimeoutMillis = 0
        configure(transfer, servers[transfer.serverKey])
    }

    /// From now on libcurl asks for trailers at the end of the body.
    func armTrailers(_ transfer: Transfer) {
        transfer.isSpent = true
        _ = unsafe kg_easy_setopt_trailer(transfer.easy) { list, context in
            unsafe Transfer.from(context).supplyTrailers(list)
        }
    }

    func stop(_ transfer: Transfer) {
        guard transfer.isStarted else { return }
        transfer.isStarted = false
        _ = unsafe curl_multi_remove_handle(multi, transfer.easy)
        if transfer.socket >= 0 {
            sockets.update(transfer.socket) { socket in
                // An answer that is complete leaves nothing to read; what comes now is an edge of its own.
                socket.ready.remove(.readable)
                socket.transferSlot = -1
            }
            endIfOver(transfer.socket)
        }
    }

    /// Sends the request. `connectTimeoutMillis`: instead of the server's. `expectsContinue`: the header list has an Expect, and the body is sent only if the
    /// backend asks for it. `target` is the path and query exactly as they go on the wire.
    /// `mayReplay`: whether libcurl may repeat it once on a fresh connection, when a kept one turns out dead
    /// before any answer.
    public func start(
        _ transfer: Transfer, method: Span<UInt8>, isHead: Bool, target: Span<UInt8>, body: OutgoingBody,
        expectsContinue: Bool, mayReplay: Bool, connectTimeoutMillis: Int? = nil
    ) {
        let easy = unsafe transfer.easy
        transfer.mayReplay = mayReplay
        transfer.isChunked = body == .chunked
        let mode: Transfer.Mode = body != .none ? .upload : isHead ? .head : .get
        if mode != transfer.currentMode {
            switch mode {
            case .fresh: break
            case .get: _ = unsafe kg_easy_setopt_long(easy, CURLOPT_HTTPGET, 1)
            // NOBODY alone does not end an upload: the next HEAD would announce the body of the last PUT.
            case .head:
                _ = unsafe kg_easy_setopt_long(easy, CURLOPT_UPLOAD, 0)
                _ = unsafe kg_easy_setopt_long(easy, CURLOPT_NOBODY, 1)
            case .upload: _ = unsafe kg_easy_setopt_long(easy, CURLOPT_UPLOAD, 1)
            }
            transfer.currentMode = mode
        }
        let connectMillis = connectTimeoutMillis ?? servers[transfer.serverKey].connectTimeoutMillis
        if connectMillis != transfer.connectTimeoutMillis {
            transfer.connectTimeoutMillis = connectMillis
            _ = unsafe kg_easy_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, connectMillis)
        }
        // A backend that answers without asking for the body still waits for it, and to libcurl that is an
        // exchange like any other: the next request on the connection would be read as the body.
        if expectsContinue != transfer.forbidsReuse {
            transfer.forbidsReuse = expectsContinue
            _ = unsafe kg_easy_setopt_long(easy, CURLOPT_FORBID_REUSE, expectsContinue ? 1 : 0)
        }
        switch body {
        case .none: break
        case .length(let count): _ = unsafe kg_easy_setopt_offset(easy, CURLOPT_INFILESIZE_LARGE, count)
        case .chunked: _ = unsafe kg_easy_setopt_offset(easy, CURLOPT_INFILESIZE_LARGE, -1)
        }
        if !ASCII.equals(transfer.currentMethod.span, method) {
            transfer.currentMethod = Array(copying: method)
            unsafe setString(easy, CURLOPT_CUSTOMREQUEST) { $0.append(method) }
        }
        unsafe setString(easy, CURLOPT_REQUEST_TARGET) { $0.append(target) }
        _ = unsafe kg_easy_setopt_list(
            easy, CURLOPT_HTTPHEADER, transfer.headers.sealForRequest(isChunked: body == .chunked))
        transfer.isStarted = true
        _ = unsafe curl_multi_add_handle(multi, easy)
    }

    @unsafe private func setString(
        _ easy: UnsafeMutableRawPointer, _ option: CURLoption, _ fill: (inout ByteBuffer) -> Void
    ) {
        targetText.removeAll()
        fill(&targetText)
        targetText.append(0)
        unsafe targetText.withUnsafeReadable { raw in
            _ = unsafe kg_easy_setopt_string(
                easy, option, raw.baseAddress?.assumingMemoryBound(to: CChar.self))
        }
    }

    /// Lets it receive again, at its turn: libcurl reads at once what may have gathered meanwhile.
    func resumeLater(_ transfer: Transfer) {
        if transfer.isResumable { return }
        transfer.isResumable = true
        resumable.append(transfer)
    }

    /// It has paused. An answer may be there so soon that libcurl, which started the request on a kept connection, has
    /// never waited for it; and while paused it does not ask for the socket. To us it would seem unused.
    func hasPaused(_ transfer: Transfer) {
        if transfer.socket < 0 { unplaced.append(transfer) }
    }

    /// Lets libcurl ask for the sockets of those that paused too early. They take what it holds in its hands, 16 KiB
    /// at most, and pause anew before they read more.
    private func placePaused() {
        if unplaced.isEmpty { return }
        let early = unplaced
        unplaced.removeAll(keepingCapacity: true)
        for transfer in early where transfer.isStarted && transfer.isWritePaused {
            transfer.takesMore = true
            resume(transfer)
            transfer.takesMore = false
        }
    }

    func resume(_ transfer: Transfer) {
        transfer.isResumable = false
        transfer.isReadPaused = false
        transfer.isWritePaused = false
        _ = unsafe curl_easy_pause(transfer.easy, KG_PAUSE_NONE)
    }

    func touch(_ transfer: Transfer) {
        if transfer.isTouched { return }
        transfer.isTouched = true
        touched.append(transfer)
    }

    /// Takes the transfers with news. The caller hands back the array it took last time, to be reused.
    public func takeTouched(into batch: inout [Transfer]) {
        batch.removeAll(keepingCapacity: true)
        swap(&touched, &batch)
        for transfer in batch { transfer.isTouched = false }
    }

    // MARK: Events

    /// How much is done before the loop looks elsewhere: so many sockets are served, or so many times 16 KiB received.
    /// A hundred large answers at a time moved 32 MiB in a turn, and everybody else waited for it.
    public static let workPerTurn = 64
    static let workBytes = 16 << 10
    /// Transfers that go on after a pause in one run. They have a share of their own, for neither may they wait until
    /// no other socket has anything to say, nor those for them.
    static let resumptionsPerRun = 4

    /// Lets libcurl do what is due. Call it after the events of a turn and after transfers were started. `workLeft` is
    /// what is left of the turn's `workPerTurn`; when it is used up, `hasWork` says whether there is some for the next.
    public func run(_ workLeft: inout Int) {
        resumeSome()
        for _ in 0..<4 {
            if isTimerDue {
                timerNanos = nil
                var running: Int32 = 0
                _ = unsafe curl_multi_socket_action(multi, KG_SOCKET_TIMEOUT, 0, &running)
            }
            if !sockets.queue.isEmpty {
                var position = 0
                sockets.takeQueue(into: &taken)
                while position < taken.count, workLeft > 0 {
                    workLeft -= 1 + act(taken[position]) / Self.workBytes
                    position += 1
                }
                sockets.putBack(taken[position...])
            }
            placePaused()
            collectFinished()
            if workLeft <= 0 || !isTimerDue && sockets.queue.isEmpty { break }
        }
    }

    private func resumeSome() {
        if resumable.isEmpty { return }
        let count = min(resumable.count, Self.resumptionsPerRun)
        // One may have ended meanwhile, or serve another exchange.
        for transfer in resumable[..<count] where transfer.isResumable && transfer.isStarted {
            resume(transfer)
        }
        resumable.removeFirst(count)
    }

    private var isTimerDue: Bool {
        guard let timerNanos else { return false }
        return timerNanos <= loop.nowNanos
    }

    /// Whether something is due now.
    public var hasWork: Bool { !sockets.queue.isEmpty || !resumable.isEmpty || isTimerDue }

    /// Milliseconds the loop may sleep; -1 when libcurl waits for nothing but sockets.
    public var sleepMillis: Int32 {
        if hasWork { return 0 }
        guard let timerNanos else { return -1 }
        return Int32(clamping: (timerNanos - loop.nowNanos + 999_999) / 1_000_000)
    }

    private func collectFinished() {
        var code = CURLE_OK
        while let easy = unsafe kg_multi_next_done(multi, &code) {
            let transfer = unsafe CurlMulti.transfer(of: easy)
            if code == CURLE_OK, transfer.tunnel != nil {
                tunnelConnected(transfer)
                continue
            }
            transfer.error =
                if transfer.malformed {
                    .invalid(detail: StaticDetail("the answer's head is malformed"))
                } else if code == CURLE_OK, !transfer.hasHead {
                    // A connection that ends inside a head is a success to libcurl.
                    .cut(detail: StaticDetail("the answer ended inside its head"))
                } else {
                    UpstreamError.from(code, wasReplayRefused: transfer.wasReplayRefused)
                }
            transfer.isComplete = true
            stop(transfer)
            touch(transfer)
        }
    }

    static func transfer(of easy: UnsafeMutableRawPointer) -> Transfer {
        var context: UnsafeMutableRawPointer?
        _ = unsafe kg_easy_getinfo_pointer(easy, CURLINFO_PRIVATE, &context)
        return unsafe Unmanaged<Transfer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
    }
}

@available(*, unavailable)
extension CurlMulti: Sendable {}
