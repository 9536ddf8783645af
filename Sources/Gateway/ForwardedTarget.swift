// The target of the request that goes to the backend: the canonical path, changed only if the route says so,
// and the client's query byte for byte, less a credential in it.

import Bytes
import HTTP1
import Rules

enum ForwardedTarget {
    /// Leaves the target in `exchange.scratch`.
    static func build(_ exchange: Exchange, _ rules: RuleSet, _ route: Route) {
        exchange.scratch.removeAll()
        appendPath(exchange, route)
        guard let query = exchange.target?.query else { return }
        let start = exchange.head.target.lowerBound
        exchange.headBytes.with { bytes in
            appendQuery(
                bytes.extracting(start + query.lowerBound..<start + query.upperBound), rules, route,
                to: &exchange.scratch)
        }
    }

    private static func appendPath(_ exchange: Exchange, _ route: Route) {
        switch route.pathChange {
        case .none:
            exchange.path.with { exchange.scratch.append($0) }
        case .strip(let prefix):
            exchange.path.with { path in
                let rest = path.extracting(min(prefix.count, path.count)..<path.count)
                if rest.isEmpty || rest[0] != UInt8(ascii: "/") { exchange.scratch.append(UInt8(ascii: "/")) }
                exchange.scratch.append(rest)
            }
        case .rewrite(let pieces):
            append(pieces, exchange, route, to: &exchange.scratch)
            if pieces.last == .rest { dropInventedSlash(exchange) }
        }
    }

    /// The slash in front of a `**` that matched nothing stays only if the client sent one.
    private static func dropInventedSlash(_ exchange: Exchange) {
        guard exchange.match.rest.isEmpty, exchange.scratch.count > 1 else { return }
        let isSent = exchange.path.with { $0[$0.count - 1] == UInt8(ascii: "/") }
        if !isSent { exchange.scratch.truncate(to: exchange.scratch.count - 1) }
    }

    /// Fills in a template. For rewritten paths and for tags.
    static func append(
        _ pieces: [TemplatePiece], _ exchange: Exchange, _ route: Route, to buffer: inout ByteBuffer
    ) {
        for piece in pieces {
            switch piece {
            case .literal(let text): buffer.append(text.span)
            case .capture(let index):
                exchange.path.with { buffer.append($0.extracting(exchange.match.captures[index])) }
            case .rest: exchange.path.with { buffer.append($0.extracting(exchange.match.rest)) }
            case .method: exchange.headBytes.with { buffer.append($0.extracting(exchange.head.methodRange)) }
            case .route:
                let pattern = route.pattern
                buffer.append(pattern.span)
            case .host: exchange.headBytes.with { buffer.append($0.extracting(exchange.head.host)) }
            }
        }
    }

    private static func appendQuery(
        _ query: Span<UInt8>, _ rules: RuleSet, _ route: Route, to target: inout ByteBuffer
    ) {
        if route.forwardsCredential || !carriesCredential(query, rules) {
            target.append(UInt8(ascii: "?"))
            target.append(query)
            return
        }
        // The separator in front of what is kept: the question mark, then ampersands.
        var isFirst = true
        QueryParameters.forEach(in: query) { parameter in
            if isCredential(query.extracting(parameter.name), rules) { return true }
            target.append(isFirst ? UInt8(ascii: "?") : UInt8(ascii: "&"))
            isFirst = false
            target.append(query.extracting(parameter.whole))
            return true
        }
    }

    private static func carriesCredential(_ query: Span<UInt8>, _ rules: RuleSet) -> Bool {
        if rules.credentialParameters.isEmpty { return false }
        var isFound = false
        QueryParameters.forEach(in: query) { parameter in
            isFound = isCredential(query.extracting(parameter.name), rules)
            return !isFound
        }
        return isFound
    }

    private static func isCredential(_ name: Span<UInt8>, _ rules: RuleSet) -> Bool {
        for credential in rules.credentialParameters where QueryParameters.isNamed(name, credential.span) {
            return true
        }
        return false
    }
}
