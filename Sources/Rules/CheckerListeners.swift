// `listen ADDRESS [tls CERT KEY]… [tls-client-ca FILE [optional]] [proxy-protocol]`: options are words behind
// the address, in any order.

import Access
import Bytes

extension Checker {
    private static let listenOptions = ["tls", "tls-client-ca", "proxy-protocol"]

    mutating func checkListen(_ directive: Directive) {
        guard let words = findings.arguments(directive, 1...100, "listen ADDRESS:PORT"),
            let endpoint = values.endpoint(words[0])
        else {
            // Something was meant to be listened on: do not complain that there is nothing.
            listenPlaces.append((.tcp(IPAddress(v4: 0), port: 0), directive.name.place))
            return
        }
        if let other = listenPlaces.first(where: { $0.endpoint == endpoint && !Self.isAnyPort(endpoint) }) {
            findings.repetition("\(endpoint) is listened on already", at: words[0].place, first: other.place)
        }
        listenPlaces.append((endpoint, words[0].place))
        var reading = ListenOptions(words: Array(words[1...]))
        var listener = ListenerSettings(endpoint: endpoint)
        while let word = reading.next() {
            guard readListenOption(word, &reading, &listener) else { return }
        }
        if listener.tls == nil, let place = reading.authorityPlace {
            findings.error("tls-client-ca without tls asks nobody for a certificate", at: place)
        }
        settings.listeners.append(listener)
    }

    /// False after a report that leaves the rest of the words without meaning.
    private mutating func readListenOption(
        _ word: Word, _ reading: inout ListenOptions, _ listener: inout ListenerSettings
    ) -> Bool {
        switch word.string {
        case "tls":
            guard let chain = reading.next(), let key = reading.next() else {
                findings.error("expected tls CERT KEY", at: reading.end(word))
                return false
            }
            guard let chain = file(chain), let key = file(key) else { return false }
            let certificate = TLSSettings.Certificate(chain: chain, key: key)
            listener.tls = listener.tls ?? TLSSettings(clientAuthority: reading.authority)
            listener.tls?.certificates.append(certificate)
        case "tls-client-ca":
            guard noteOnce(word, &reading.authorityPlace) else { return false }
            guard let authority = clientAuthority(reading.next(), usage: reading.end(word)) else {
                return false
            }
            let isOptional = reading.take("optional")
            reading.authority = TLSSettings.ClientAuthority(file: authority, isOptional: isOptional)
            listener.tls?.clientAuthority = reading.authority
        case "proxy-protocol":
            guard noteOnce(word, &reading.proxyPlace) else { return false }
            listener.acceptsProxyHeader = true
            proxyProtocolPlaces.append(word.place)
        case let other:
            findings.error(
                "expected tls, tls-client-ca or proxy-protocol, found \"\(other)\""
                    + NearestWord.hint(for: other, in: Self.listenOptions), at: word.place)
            return false
        }
        return true
    }

    /// Reports an option that stands there a second time.
    private func noteOnce(_ word: Word, _ first: inout Place?) -> Bool {
        findings.note(word.place, in: &first, "\(word.shown) may be written once here")
    }

    private func clientAuthority(_ word: Word?, usage: Place) -> TLSSettings.File? {
        guard let word else {
            findings.error("expected tls-client-ca FILE", at: usage)
            return nil
        }
        return file(word)
    }

    private func file(_ word: Word) -> TLSSettings.File? {
        values.filePath(word).map {
            TLSSettings.File(path: $0, excerpt: findings.excerpt(of: word.place))
        }
    }

    /// What can be said about listeners only when all of the file is known.
    func finishListeners() {
        guard settings.trustedProxies.isEmpty else { return }
        for place in proxyProtocolPlaces {
            findings.error(
                "proxy-protocol without trusted-proxies lets nobody in: only a trusted proxy may send the header",
                at: place)
        }
    }

    static func isAnyPort(_ endpoint: Endpoint) -> Bool {
        if case .tcp(_, port: 0) = endpoint { return true }
        return false
    }
}

/// The words behind the address, and what may be among them once.
private struct ListenOptions {
    private let words: [Word]
    private var index = 0
    var authority: TLSSettings.ClientAuthority?
    var authorityPlace: Place?
    var proxyPlace: Place?

    init(words: [Word]) { self.words = words }

    mutating func next() -> Word? {
        guard index < words.count else { return nil }
        index += 1
        return words[index - 1]
    }

    /// Takes the next word if it is this one.
    mutating func take(_ text: String) -> Bool {
        guard index < words.count, words[index].isBare(text) else { return false }
        index += 1
        return true
    }

    /// Behind the last word, where there should be one more for `option`.
    func end(_ option: Word) -> Place { (words.last ?? option).place.end }
}
