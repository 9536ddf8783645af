// TLS of one connection over a socket that somebody else owns: the handshake, then bytes both ways, then the word
// that there will be no more. Never waits.
//
// OpenSSL may hold bytes that it has read from the socket and nobody has taken, so a short read does not mean
// that the socket is empty; only "would block" does. Renegotiation is off: after the handshake, writing never
// waits for the peer to write, and reading waits for room to write only to answer a key update.

public import Bytes
import CTLS
public import Reactor

#if canImport(Glibc)
    import Glibc
#endif

/// One end of a TLS connection. Used by one thread.
///
/// Memory safety: owns its `SSL` until `deinit`, and keeps alive the context whose memory callbacks of that `SSL`
/// look into. Memory is handed to OpenSSL for the length of a call. The socket belongs to somebody else, who lets
/// the session go before it closes the socket, or the number could be another socket's by then.
@safe public final class TLSSession {
    public enum Handshake {
        /// Bytes may go both ways, and some of the peer's may be here already.
        case done
        /// For the socket.
        case waiting
        /// The peer has left without a byte.
        case left
        /// What the peer sends is no TLS. Nothing of it has been read.
        case notTLS
        /// The reason; the peer has been told as far as TLS can tell it.
        case failed(String)
    }

    /// First byte of a TLS record that begins a handshake (RFC 8446 §5.1).
    private static let handshakeRecord: UInt8 = 22

    /// Kept alive.
    private let context: AnyObject
    private let ssl: OpaquePointer
    private let number: Int32
    /// The server's end does not begin before something has come that looks like TLS; the client's begins.
    private var hasBegun: Bool
    private let peerName: StaticString
    /// After a failure OpenSSL may not be asked for anything.
    private var hasFailed = false
    private var hasEnded = false
    /// The subject of the client's certificate as RFC 4514 writes it; nil without a certificate, and at its own end.
    public private(set) var clientSubject: [UInt8]?

    /// The server's end, for the socket `number`, which must stay open as long as the session is there.
    public convenience init(_ context: TLSContext, socket number: Int32) {
        unsafe self.init(context, context.makeConnection(), socket: number, peer: "client", hasBegun: false)
        unsafe SSL_set_accept_state(ssl)
    }

    /// The client's end, for the socket `number`, which is connected or about to be and must stay open as long as
    /// the session is there. `server` is the name or the IP address that was asked for.
    public convenience init(_ context: TLSClientContext, server: String, socket number: Int32) {
        unsafe self.init(
            context, context.makeConnection(to: server), socket: number, peer: "server", hasBegun: true)
    }

    /// Takes over `connection`, which belongs to `context`; nil is one there was no memory for.
    private init(
        _ context: AnyObject, _ connection: OpaquePointer?, socket number: Int32, peer: StaticString,
        hasBegun: Bool
    ) {
        guard let ssl = unsafe connection, unsafe SSL_set_fd(ssl, number) == 1 else {
            preconditionFailure("there is no memory for a TLS connection")
        }
        self.context = context
        unsafe self.ssl = ssl
        self.number = number
        self.hasBegun = hasBegun
        peerName = peer
    }

    deinit { unsafe SSL_free(ssl) }

    /// Goes on with the handshake as far as the socket allows.
    public func shakeHands() -> Handshake {
        if !hasBegun {
            var first: UInt8 = 0
            let got = unsafe recv(number, &first, 1, Int32(MSG_PEEK))
            let code = errno
            if got < 0 { return code == EAGAIN || code == EINTR ? .waiting : .left }
            if got == 0 { return .left }
            if first != Self.handshakeRecord { return .notTLS }
            hasBegun = true
        }
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            if context is TLSContext { clientSubject = peerSubject() }
            return .done
        }
        switch unsafe SSL_get_error(ssl, result) {
        case KG_SSL_ERROR_WANT_READ, KG_SSL_ERROR_WANT_WRITE: return .waiting
        default:
            hasFailed = true
            return .failed(reason())
        }
    }

    /// Reads once into `buffer`, at most what fits behind `minimum` bytes of fresh room. Throws also if the peer's
    /// bytes end without its word that they do.
    public func read(into buffer: inout ByteBuffer, minimum: Int) throws(Errno) -> ReadOutcome {
        var outcome = ReadOutcome.wouldBlock
        _ = try unsafe buffer.withWritable(minimum: minimum) { (room) throws(Errno) -> Int in
            guard !hasFailed else { throw Errno(code: EPROTO) }
            ERR_clear_error()
            let got = unsafe SSL_read(ssl, room.baseAddress, Int32(min(room.count, 1 << 30)))
            if got > 0 {
                outcome = .bytes(Int(got))
                return Int(got)
            }
            if try blocks(got) == .end { outcome = .endOfStream }
            return 0
        }
        return outcome
    }

    /// Sends as much of `bytes` as the socket takes at once. What was refused with `.wouldBlock` must come first
    /// the next time: part of it may be on its way.
    public func send(_ bytes: Span<UInt8>) throws(Errno) -> WriteOutcome {
        guard !hasFailed, !hasEnded else { throw Errno(code: EPIPE) }
        ERR_clear_error()
        let sent = unsafe bytes.withUnsafeBytes { raw in
            unsafe SSL_write(ssl, raw.baseAddress, Int32(min(raw.count, 1 << 30)))
        }
        if sent > 0 { return .bytes(Int(sent)) }
        if try blocks(sent) == .end { throw Errno(code: EPIPE) }
        return .wouldBlock
    }

    /// Says that no more bytes come (close_notify), once all that was sent has been taken. False if the socket has
    /// no room for it yet.
    public func endSending() -> Bool {
        if hasFailed || hasEnded { return true }
        ERR_clear_error()
        let result = unsafe SSL_shutdown(ssl)
        if result >= 0 {
            hasEnded = true
            return true
        }
        if unsafe SSL_get_error(ssl, result) == KG_SSL_ERROR_WANT_WRITE { return false }
        hasFailed = true
        return true
    }

    private enum Pause { case waiting, end }

    private func blocks(_ result: Int32) throws(Errno) -> Pause {
        let code = errno
        switch unsafe SSL_get_error(ssl, result) {
        case KG_SSL_ERROR_WANT_READ, KG_SSL_ERROR_WANT_WRITE: return .waiting
        case KG_SSL_ERROR_ZERO_RETURN: return .end
        case KG_SSL_ERROR_SYSCALL where code != 0:
            hasFailed = true
            throw Errno(code: code)
        default:
            hasFailed = true
            ERR_clear_error()
            throw Errno(code: EPROTO)
        }
    }

    /// Why the handshake failed, in OpenSSL's words, which hold nothing of the peer's.
    private func reason() -> String {
        let words = TLSReason.take(silence: "the \(peerName) has left")
        let verdict = unsafe SSL_get_verify_result(ssl)
        guard verdict != 0, let detail = unsafe X509_verify_cert_error_string(verdict) else { return words }
        return unsafe "\(words): \(String(cString: detail))"
    }

    /// The subject of the certificate that the other end has shown.
    func peerSubject() -> [UInt8]? {
        let length = unsafe kg_tls_peer_subject(ssl, nil, 0)
        guard length >= 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { room, count in
            let got = unsafe room.withMemoryRebound(to: CChar.self) {
                unsafe kg_tls_peer_subject(ssl, $0.baseAddress, $0.count)
            }
            count = max(0, min(got, length))
        }
    }
}

@available(*, unavailable)
extension TLSSession: Sendable {}
