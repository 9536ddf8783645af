// The gateway that `keygate attack` is pointed at: where it is, and whom to believe there.

import Attack
import Reactor
import TLS

/// Where the gateway under test is, from the command line.
struct AttackTarget {
    let gateway: TargetGateway
    /// As `Host` says it.
    let host: String

    /// `http://HOST[:PORT]`, or `https://HOST[:PORT]` with whom to believe there.
    init(_ url: String, _ arguments: Arguments) throws(CommandFailure) {
        let isSecure = url.hasPrefix("https://")
        guard isSecure || url.hasPrefix("http://") else { throw Self.malformed(url) }
        var authority = url.dropFirst(isSecure ? "https://".count : "http://".count)
        if authority.hasSuffix("/") { authority = authority.dropLast() }
        guard !authority.isEmpty, !authority.contains("/"), !authority.contains("@") else {
            throw Self.malformed(url)
        }
        var name = authority
        var port: UInt16 = isSecure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else {
                throw .usage("\(url) has no valid port")
            }
            port = number
            name = authority[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        guard let found = SocketAddress.resolve(host: String(name), port: port) else {
            throw .usage("\(name) has no address")
        }
        gateway = TargetGateway(
            address: found, serverName: String(name), tls: try Self.trust(arguments, isSecure: isSecure))
        host = String(authority)
    }

    private static func malformed(_ url: String) -> CommandFailure {
        .usage("\(url) is not http://HOST:PORT or https://HOST:PORT")
    }

    private static func trust(_ arguments: Arguments, isSecure: Bool) throws(CommandFailure)
        -> TLSClientContext?
    {
        let file = arguments.value("--cacert")
        let isInsecure = arguments.has("--insecure")
        guard isSecure else {
            if file == nil, !isInsecure { return nil }
            throw .usage("--cacert and --insecure are for gateways at https://HOST:PORT")
        }
        if file != nil, isInsecure { throw .usage("--cacert and --insecure contradict each other") }
        do throws(TLSTrustError) {
            return try TLSClientContext(isInsecure ? .anybody : file.map { .authorities($0) } ?? .system)
        } catch {
            throw .notBegun(error.message)
        }
    }
}
