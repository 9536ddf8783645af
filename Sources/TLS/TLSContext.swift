// The certificates of one listener, ready for handshakes: immutable once made, shared by all loops, replaced as
// a whole by a reload. Connections keep the one they began with.

import CTLS
import Reactor

/// Why a file does not serve, in one sentence that names it.
public struct TLSFileError: Error, Sendable {
    public enum File: Sendable {
        case certificate(Int)
        case key(Int)
        case clientAuthority
    }
    public let file: File
    public let message: String
}

/// Whether a certificate is valid today. Times are text such as `2027-01-31 12:00:00 UTC`.
public enum CertificateAge: Sendable, Equatable {
    case valid
    case notYet(begin: String)
    case expired(end: String)
}

/// What connections of a listener begin their handshakes with.
///
/// Memory safety: `choice`, which OpenSSL looks into during handshakes, lives until `deinit`, and every
/// `TLSSession` holds a reference to its context. `SSL_CTX` counts its references and locks what it shares, so
/// `SSL_new` may be called on any thread once nobody changes it (openssl-threads(7)), and nobody does after `init`.
@safe public final class TLSContext: @unchecked Sendable {
    public struct Files: Sendable {
        /// Paths of PEM files.
        public let certificate: String
        public let key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    public struct ClientAuthority: Sendable {
        /// Path of a PEM file.
        public let file: String
        /// Refuses clients that show no certificate.
        public let isRequired: Bool

        public init(file: String, isRequired: Bool) {
            self.file = file
            self.isRequired = isRequired
        }
    }

    private let certificates: [CertificateContext]
    private let pointers: UnsafeMutableBufferPointer<OpaquePointer?>
    private let choice: UnsafeMutablePointer<kg_tls_certificates>
    /// Of each certificate, in order.
    public let ages: [CertificateAge]

    /// Reads the files. The first certificate is for clients that ask for no name, or for one that none has.
    public init(_ files: [Files], _ authority: ClientAuthority?) throws(TLSFileError) {
        precondition(!files.isEmpty, "a TLS listener has at least one certificate")
        var certificates: [CertificateContext] = []
        for (index, pair) in files.enumerated() {
            let certificate = CertificateContext()
            try certificate.use(pair, index)
            if let authority { try certificate.use(authority) }
            certificates.append(certificate)
        }
        self.certificates = certificates
        ages = certificates.map(\.age)
        unsafe pointers = .allocate(capacity: certificates.count)
        for (index, certificate) in certificates.enumerated() {
            unsafe pointers.initializeElement(at: index, to: certificate.pointer)
        }
        unsafe choice = .allocate(capacity: 1)
        unsafe choice.initialize(
            to: kg_tls_certificates(count: certificates.count, contexts: pointers.baseAddress))
        unsafe kg_tls_choose_among(choice)
    }

    deinit {
        unsafe choice.deallocate()
        unsafe pointers.deallocate()
    }

    /// A connection that has yet to shake hands.
    @unsafe func makeConnection() -> OpaquePointer? { unsafe SSL_new(certificates[0].pointer) }
}

/// One certificate with its key.
///
/// Memory safety: owns its `SSL_CTX`, whose last reference goes with the last connection made from it.
@safe private final class CertificateContext {
    let pointer: OpaquePointer

    init() {
        guard let pointer = unsafe kg_tls_context_new() else {
            preconditionFailure("there is no memory for a TLS context")
        }
        unsafe self.pointer = pointer
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    func use(_ files: TLSContext.Files, _ index: Int) throws(TLSFileError) {
        let (certificate, key) = (files.certificate, files.key)
        try Self.checkReadable(certificate, "certificate", .certificate(index))
        try Self.checkReadable(key, "key", .key(index))
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
            throw TLSFileError(
                file: .certificate(index),
                message: "\(certificate) has no certificate in PEM that can be used: \(TLSReason.take())")
        }
        let result = unsafe kg_tls_use_key(pointer, key)
        let reason = TLSReason.take()
        // A key of the same kind is compared when it is read, one of another kind only when it is asked for.
        let fits = unsafe result == 1 && SSL_CTX_check_private_key(pointer) == 1
        ERR_clear_error()
        if fits { return }
        let message =
            if result < 0 {
                "\(key) is under a passphrase, and nobody is there to type it"
            } else if result == 1 || reason.hasSuffix("mismatch") {
                "\(key) is not the key of \(certificate)"
            } else {
                "\(key) has no private key in PEM"
            }
        throw TLSFileError(file: .key(index), message: message)
    }

    func use(_ authority: TLSContext.ClientAuthority) throws(TLSFileError) {
        try Self.checkReadable(authority.file, "client authority", .clientAuthority)
        ERR_clear_error()
        guard unsafe kg_tls_use_client_authority(pointer, authority.file, authority.isRequired ? 1 : 0) == 1
        else {
            throw TLSFileError(
                file: .clientAuthority,
                message: "\(authority.file) has no certificate in PEM: \(TLSReason.take())")
        }
    }

    var age: CertificateAge {
        var (begin, end) = unsafe (tm(), tm())
        guard unsafe kg_tls_validity(pointer, &begin, &end) == 1 else { return .valid }
        return switch unsafe kg_tls_age(pointer) {
        case ..<0: unsafe .notYet(begin: Self.text(begin))
        case 0: .valid
        default: unsafe .expired(end: Self.text(end))
        }
    }

    private static func text(_ time: tm) -> String {
        func digits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = unsafe "\(1900 + time.tm_year)-\(digits(time.tm_mon + 1))-\(digits(time.tm_mday))"
        return unsafe "\(date) \(digits(time.tm_hour)):\(digits(time.tm_min)):\(digits(time.tm_sec)) UTC"
    }

    private static func checkReadable(
        _ path: String, _ what: String, _ file: TLSFileError.File
    ) throws(TLSFileError) {
        do throws(Errno) { try FileAccess.checkReadable(path) } catch {
            throw TLSFileError(file: file, message: "cannot read \(what) \(path): \(error)")
        }
    }
}

enum TLSReason {
    /// What OpenSSL says went wrong first, or `silence`. Empties what it has to say on this thread.
    static func take(silence: String = "no reason is known") -> String {
        guard let words = unsafe kg_tls_take_error() else { return silence }
        return unsafe String(cString: words)
    }
}
