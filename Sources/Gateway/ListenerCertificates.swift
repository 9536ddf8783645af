// The files that `listen … tls` names, read: errors and warnings point at the words that name them.

public import Rules
import TLS

/// The certificates of all listeners, ready for handshakes.
public struct ListenerCertificates: Sendable {
    /// By position in `Settings.listeners`; nil where HTTP is spoken in the clear.
    let contexts: [TLSContext?]
    /// Certificates that clients will not accept today.
    public let warnings: [Diagnostic]

    /// Throws one error for each file that does not serve.
    public static func load(_ settings: Settings) throws(ConfigurationError) -> ListenerCertificates {
        var contexts: [TLSContext?] = []
        var errors: [Diagnostic] = []
        var warnings: [Diagnostic] = []
        for listener in settings.listeners {
            guard let tls = listener.tls else {
                contexts.append(nil)
                continue
            }
            do throws(TLSFileError) {
                let context = try TLSContext(tls)
                contexts.append(context)
                warnings += zip(tls.certificates, context.ages).compactMap { $0.warning(for: $1) }
            } catch {
                errors.append(Diagnostic(.error, at: tls.excerpt(of: error.file), error.message))
            }
        }
        if !errors.isEmpty { throw ConfigurationError(diagnostics: errors) }
        return ListenerCertificates(contexts: contexts, warnings: warnings)
    }
}

extension TLSContext {
    fileprivate convenience init(_ settings: TLSSettings) throws(TLSFileError) {
        try self.init(
            settings.certificates.map { Files(certificate: $0.chain.path, key: $0.key.path) },
            settings.clientAuthority.map { ClientAuthority(file: $0.file.path, isRequired: !$0.isOptional) })
    }
}

extension TLSSettings {
    fileprivate func excerpt(of file: TLSFileError.File) -> SourceExcerpt {
        switch file {
        case .certificate(let index): certificates[index].chain.excerpt
        case .key(let index): certificates[index].key.excerpt
        case .clientAuthority: clientAuthority?.file.excerpt ?? certificates[0].chain.excerpt
        }
    }
}

extension TLSSettings.Certificate {
    fileprivate func warning(for age: CertificateAge) -> Diagnostic? {
        switch age {
        case .valid: nil
        case .notYet(let begin):
            Diagnostic(.warning, at: chain.excerpt, "\(chain.path) is not valid before \(begin)")
        case .expired(let end):
            Diagnostic(.warning, at: chain.excerpt, "\(chain.path) expired at \(end): clients will refuse it")
        }
    }
}
