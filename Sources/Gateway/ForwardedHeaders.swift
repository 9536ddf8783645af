// The header list of the request that goes to the backend. Removal first, injection last: what Keygate says
// about the caller is written after everything of the client's that could be mistaken for it is gone.

import Access
import Bytes
import HTTP1
import Keys
import Rules
import Upstream

enum ForwardedHeaders {
    /// What the list is made from, beside the exchange.
    struct Origin {
        /// The peer's address without port.
        let peerText: [UInt8]
        let peerIsTrusted: Bool
        /// The server's own name, where `host upstream` asks for it; nil sends the client's Host.
        let authority: [UInt8]?
        /// The request came over TLS.
        var isSecure = false
    }

    /// Fills `lines` for the exchange. `key` is nil for public routes.
    static func build(
        _ exchange: Exchange, _ rules: RuleSet, _ route: Route, key: KeyView?, _ origin: Origin,
        into lines: inout HeaderLines
    ) {
        lines.removeAll()
        exchange.headBytes.with { bytes in
            appendHost(exchange.head, bytes, origin.authority, &lines)
            appendClientHeaders(
                exchange.head, bytes, rules, route, exchange.routeIndex, trustsPeer: origin.peerIsTrusted,
                &lines)
        }
        for header in route.setHeaders { _ = lines.append(name: header.name.span, value: header.value.span) }
        if let key { appendIdentity(exchange, rules, key, &lines) }
        exchange.headBytes.with { appendForwarding(exchange.head, $0, exchange.requestID, origin, &lines) }
        if exchange.isUpgrade {
            _ = lines.append(name: connectionName.span, value: upgradeName.span)
            _ = lines.append(name: upgradeName.span, value: webSocket.span)
        }
    }

    private static func appendHost(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ authority: [UInt8]?, _ lines: inout HeaderLines
    ) {
        lines.begin(name: "Host")
        if let authority { lines.value(authority.span) } else { lines.value(bytes.extracting(head.host)) }
        // An HTTP/1.0 client may name no host. A Host that is empty is at least not one that libcurl made up.
        _ = lines.end()
    }

    private static func appendClientHeaders(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ rules: RuleSet, _ route: Route,
        _ routeIndex: Int,
        trustsPeer: Bool,
        _ lines: inout HeaderLines
    ) {
        let changedNames = rules.changedNames[routeIndex]
        for field in head.headers.fields {
            if HopByHop.covers(field, head.connectionOptions, in: bytes) { continue }
            let name = bytes.extracting(field.name)
            switch field.kind {
            case .host, .expect:
                continue
            case .authorization:
                // The scheme decides: Basic credentials are the backend's business, not ours.
                if rules.readsBearer, !route.forwardsCredential,
                    Credentials.isBearer(field.value, bytes)
                {
                    continue
                }
            case .other where RuleSet.framing.contains(name):
                continue
            default:
                break
            }
            if rules.reservedNames.contains(name) { continue }
            if !route.forwardsCredential, rules.credentialHeaders.contains(name) { continue }
            if changedNames.contains(name) { continue }
            if !trustsPeer, RuleSet.overriding.contains(name) { continue }
            _ = lines.append(name: name, value: bytes.extracting(field.value))
        }
        if head.expectsContinue, head.framing != .none {
            lines.begin(name: "Expect")
            lines.value("100-continue")
            _ = lines.end()
        } else if head.framing != .none {
            // libcurl adds one of its own accord unless told not to.
            lines.suppress("Expect")
        }
    }

    private static func appendIdentity(
        _ exchange: Exchange, _ rules: RuleSet, _ key: KeyView, _ lines: inout HeaderLines
    ) {
        for header in rules.configuration.injectedHeaders {
            lines.begin(name: header.name.span)
            let isPresent = CallerText.append(
                header.field, header.metaPath, of: key, to: &lines, scratch: &exchange.scratch)
            if isPresent { _ = lines.end() } else { lines.abandon() }
        }
    }

    private static func appendForwarding(
        _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ requestID: [UInt8], _ origin: Origin,
        _ lines: inout HeaderLines
    ) {
        _ = lines.append(name: requestIDName.span, value: requestID.span)

        lines.begin(name: "X-Forwarded-For")
        if origin.peerIsTrusted {
            for field in head.headers.fields where field.kind == .xForwardedFor {
                lines.value(bytes.extracting(field.value))
                lines.value(", ")
            }
        }
        lines.value(origin.peerText.span)
        _ = lines.end()

        lines.begin(name: "X-Forwarded-Proto")
        if origin.peerIsTrusted, let value = head.headers.value(of: .xForwardedProto) {
            lines.value(bytes.extracting(value))
        } else {
            lines.value(origin.isSecure ? "https" : "http")
        }
        _ = lines.end()

        lines.begin(name: "X-Forwarded-Host")
        if origin.peerIsTrusted, let value = head.headers.value(of: .xForwardedHost) {
            lines.value(bytes.extracting(value))
        } else {
            lines.value(bytes.extracting(head.host))
        }
        _ = lines.end()

        // RFC 9110 §7.6.3: the version the client spoke, and a name that is no address.
        lines.begin(name: "Via")
        lines.value(head.minorVersion == 0 ? "1.0 keygate" : "1.1 keygate")
        _ = lines.end()
    }

    private static let requestIDName = Array("X-Request-Id".utf8)
    private static let connectionName = Array("Connection".utf8)
    private static let upgradeName = Array("Upgrade".utf8)
    private static let webSocket = Array("websocket".utf8)

    /// The trailers of a chunked body. One that is named like an injected header would reach a backend that
    /// merges trailers into headers, so it goes the way of the header.
    static func append(trailers: borrowing FieldSection, _ exchange: Exchange, to lines: inout HeaderLines) {
        guard let rules = exchange.rules, exchange.routeIndex >= 0 else { return }
        let changedNames = rules.changedNames[exchange.routeIndex]
        let bytes = trailers.buffer.bytes
        for field in trailers.fields.fields {
            let name = bytes.extracting(field.name)
            if rules.reservedNames.contains(name) || rules.credentialHeaders.contains(name) { continue }
            if changedNames.contains(name) || RuleSet.overriding.contains(name) { continue }
            if RuleSet.framing.contains(name) { continue }
            _ = lines.append(name: name, value: bytes.extracting(field.value))
        }
    }

    /// Takes the request id that a trusted proxy sent, if it is one token of at most 128 bytes.
    static func takeRequestID(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, into id: inout [UInt8])
        -> Bool
    {
        guard let value = head.headers.value(of: .xRequestID), value.count <= 128,
            head.headers.count(of: .xRequestID) == 1, ASCII.isToken(bytes.extracting(value))
        else { return false }
        id.removeAll(keepingCapacity: true)
        for index in value { id.append(bytes[index]) }
        return true
    }
}
