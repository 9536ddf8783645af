// The request that `keygate explain` is asked about, and its head as a client would have sent it.

public import Access
import Bytes
import HTTP1
public import Keys
import Rules

/// The request to explain.
public struct ExplainedRequest: Sendable {
    /// Who is taken to ask.
    public enum Credential: Sendable {
        case none
        /// The text of a key.
        case key([UInt8])
        /// A key known by its digest: found by its id.
        case digest(KeyDigest)
    }

    public var method: String
    /// A path with or without query, or an http URL.
    public var url: String
    public var headers: [(name: String, value: String)]
    public var credential: Credential
    public var address: IPAddress

    public init(
        method: String, url: String, headers: [(name: String, value: String)], credential: Credential,
        address: IPAddress
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.credential = credential
        self.address = address
    }
}

extension Account {
    /// Makes it the request of the exchange, as if it had come from a client.
    mutating func parse(_ request: ExplainedRequest) -> Refusal? {
        exchange.headBytes.append("\(request.method) \(request.url)")
        if case .key(let secret) = request.credential { appendParameter(secret, to: request.url) }
        var text = " HTTP/1.1\r\n"
        if !request.headers.contains(where: { $0.name.lowercased() == "host" }) {
            text += "Host: \(Account.authority(of: request.url))\r\n"
        }
        for header in request.headers { text += "\(header.name): \(header.value)\r\n" }
        exchange.headBytes.append(text)
        if case .key(let secret) = request.credential { appendCredential(secret) }
        exchange.headBytes.append("\r\n")
        switch exchange.headBytes.with({ exchange.parser.advance($0, into: &exchange.head) }) {
        case .head: return nil
        case .malformed(let malformed): return Refusal(malformed)
        case .needMore: return Refusal(.badRequest)
        }
    }

    /// The host of an absolute URL; `localhost` for a path.
    private static func authority(of url: String) -> String {
        for scheme in ["http://", "https://"] where url.lowercased().hasPrefix(scheme) {
            return String(url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" })
        }
        return "localhost"
    }

    /// Puts the key behind the URL, if that is where the configuration looks first.
    private mutating func appendParameter(_ secret: [UInt8], to url: String) {
        guard case .query(let name) = rules.configuration.settings.credentials.first else { return }
        exchange.headBytes.append(url.utf8.contains(UInt8(ascii: "?")) ? "&" : "?")
        exchange.headBytes.append(name)
        exchange.headBytes.append("=")
        exchange.headBytes.append(secret)
    }

    /// Puts the key into the header where the configuration looks first, if it looks into one first.
    private mutating func appendCredential(_ secret: [UInt8]) {
        switch rules.configuration.settings.credentials.first {
        case .query: return
        case .header(let name):
            exchange.headBytes.append(name)
            exchange.headBytes.append(": ")
        case .bearer, nil:
            exchange.headBytes.append("Authorization: Bearer ")
        }
        exchange.headBytes.append(secret)
        exchange.headBytes.append("\r\n")
    }
}
