// Whom a client of TLS believes: what connections to a server begin their handshakes with.

import CTLS
import Reactor

/// Why authorities cannot be used, in one sentence that names their file.
public struct TLSTrustError: Error, Sendable {
    public let message: String
}

/// Used by one thread.
///
/// Memory safety: owns its `SSL_CTX`, which nobody changes after `init`; every `TLSSession` made from it holds a
/// reference to this object.
@safe public final class TLSClientContext {
    public enum Trust: Sendable {
        /// In the authorities of the system.
        case system
        /// In those of this PEM file.
        case authorities(String)
        /// In everybody: nothing is verified.
        case anybody
    }

    private let pointer: OpaquePointer

    public init(_ trust: Trust) throws(TLSTrustError) {
        guard let pointer = unsafe kg_tls_client_context_new() else {
            preconditionFailure("there is no memory for a TLS context")
        }
        unsafe self.pointer = pointer
        switch trust {
        case .anybody: break
        case .system:
            guard unsafe kg_tls_verify_servers(pointer, nil) == 1 else {
                throw TLSTrustError(message: "the system's authorities cannot be read: \(TLSReason.take())")
            }
        case .authorities(let file):
            do throws(Errno) { try FileAccess.checkReadable(file) } catch {
                throw TLSTrustError(message: "cannot read \(file): \(error)")
            }
            ERR_clear_error()
            guard unsafe kg_tls_verify_servers(pointer, file) == 1 else {
                throw TLSTrustError(message: "\(file) has no certificate in PEM: \(TLSReason.take())")
            }
        }
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    /// A connection to the server with this name or IP address, which has yet to shake hands.
    @unsafe func makeConnection(to name: String) -> OpaquePointer? {
        guard let ssl = unsafe SSL_new(pointer) else { return nil }
        let isAddress = SocketAddress(host: name, port: 0) != nil
        if unsafe kg_tls_connect_to(ssl, name, isAddress ? 1 : 0) == 1 { return unsafe ssl }
        unsafe SSL_free(ssl)
        return nil
    }
}

@available(*, unavailable)
extension TLSClientContext: Sendable {}
