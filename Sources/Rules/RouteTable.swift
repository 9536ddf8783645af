// From method, path and host to a route, in time that depends on the path and not on how many routes there are.
//
// The routes form a trie of path segments. Its literal edges all live in one open-addressing table keyed by
// (node, segment), so a step costs one probe however many children a node has; captures and `**` are one index
// each. The walk tries literal, then `{name}`, then `**`, and comes back when a branch leads nowhere or to
// routes that do not admit the method: the first route it accepts is the most specific one. Nothing allocates;
// the recursion is as deep as the longest pattern.

public import Bytes

public struct RouteTable: Sendable {
    /// Indices of -1 are "none".
    struct Node: Sendable {
        var capture: Int32 = -1
        /// Routes whose pattern ends here.
        var ending = CandidateRange()
        /// Routes whose pattern goes on with `**`.
        var open = CandidateRange()
    }

    struct CandidateRange: Sendable {
        var start: Int32 = 0
        var count: Int32 = 0
    }

    /// One route at the end of a branch and the methods it admits, as bits of `methodNames`.
    struct Candidate: Sendable {
        let route: Int32
        let isAny: Bool
        let listed: UInt64
        /// HEAD, if GET is listed and HEAD is not: a route that lists HEAD itself is preferred.
        let implied: UInt64
    }

    /// `child` is -1 in a free slot.
    struct Edge: Sendable {
        var parent: Int32 = -1
        var child: Int32 = -1
        var start: Int32 = 0
        var count: Int32 = 0
        var fingerprint: UInt64 = 0
    }

    /// Routes without a host start at this node.
    static let root: Int32 = 0
    /// The parent of the edges that hosts are.
    static let hosts: Int32 = -2

    let nodes: [Node]
    let candidates: [Candidate]
    /// A power of two of slots, at most half of them taken.
    let edges: [Edge]
    let literals: [UInt8]
    let methodNames: [[UInt8]]
    let hasHosts: Bool

    /// Finds the most specific route for a request.
    ///
    /// `path` is canonical and starts with `/`; `host` is the value of `Host`, whose port is ignored. The
    /// captures in `match` are ranges of `path`, valid if the outcome is a route.
    public func match(
        method: Span<UInt8>, path: Span<UInt8>, host: Span<UInt8>, into match: inout RouteMatch
    ) -> RouteOutcome {
        match.reset()
        guard path.count > 0, path[0] == UInt8(ascii: "/") else { return .notFound }
        let bit = methodBit(method)
        if hasHosts, let start = hostRoot(host) {
            let route = descend(from: start, path, at: 1, bit, &match)
            if route >= 0 { return .route(Int(route)) }
        }
        let route = descend(from: Self.root, path, at: 1, bit, &match)
        if route >= 0 { return .route(Int(route)) }
        return match.allowed == 0 ? .notFound : .methodNotAllowed
    }

    /// Appends the methods that some route admits for the path, `GET, HEAD, POST`: the value of `Allow` after
    /// `methodNotAllowed`.
    public func appendAllowed(_ match: RouteMatch, to buffer: inout ByteBuffer) {
        var isFirst = true
        for index in methodNames.indices where match.allowed & (1 << UInt64(index)) != 0 {
            if !isFirst { buffer.append(", ") }
            isFirst = false
            buffer.append(methodNames[index])
        }
    }

    // MARK: The walk

    /// `start` is where the next segment begins; one past the path's end once no segment is left.
    private func descend(
        from node: Int32, _ path: Span<UInt8>, at start: Int, _ method: UInt64, _ match: inout RouteMatch
    ) -> Int32 {
        let index = Int(node)
        if start > path.count {
            let route = choose(nodes[index].ending, method, &match)
            if route >= 0 { return route }
            match.rest = path.count..<path.count
            return choose(nodes[index].open, method, &match)
        }
        var fingerprint = Fingerprint(seed: UInt64(truncatingIfNeeded: node))
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") {
            fingerprint.combine(path[end])
            end += 1
        }
        let child = edge(from: node, path.extracting(start..<end), fingerprint.value)
        if child >= 0 {
            let route = descend(from: child, path, at: end + 1, method, &match)
            if route >= 0 { return route }
        }
        if end > start, nodes[index].capture >= 0 {
            match.captures.append(start..<end)
            let route = descend(from: nodes[index].capture, path, at: end + 1, method, &match)
            if route >= 0 { return route }
            match.captures.removeLast()
        }
        let route = choose(nodes[index].open, method, &match)
        if route >= 0 { match.rest = start..<path.count }
        return route
    }

    /// The route of the range that admits the method: one that lists it, then GET for HEAD, then `*`.
    private func choose(_ range: CandidateRange, _ method: UInt64, _ match: inout RouteMatch) -> Int32 {
        var implied: Int32 = -1
        var any: Int32 = -1
        for index in Int(range.start)..<Int(range.start + range.count) {
            let candidate = candidates[index]
            if candidate.listed & method != 0 { return candidate.route }
            if candidate.implied & method != 0 { implied = candidate.route }
            if candidate.isAny { any = candidate.route }
            match.allowed |= candidate.listed | candidate.implied
        }
        return implied >= 0 ? implied : any
    }

    // MARK: Edges

    static func fingerprint(of segment: Span<UInt8>, parent: Int32) -> UInt64 {
        var fingerprint = Fingerprint(seed: UInt64(truncatingIfNeeded: parent))
        fingerprint.combine(segment)
        return fingerprint.value
    }

    /// The child that a literal leads to, or -1.
    func edge(from parent: Int32, _ segment: Span<UInt8>, _ fingerprint: UInt64) -> Int32 {
        let mask = edges.count - 1
        var slot = Int(truncatingIfNeeded: fingerprint) & mask
        while edges[slot].child >= 0 {
            let edge = edges[slot]
            if edge.fingerprint == fingerprint, edge.parent == parent, holds(edge, segment) {
                return edge.child
            }
            slot = (slot + 1) & mask
        }
        return -1
    }

    private func holds(_ edge: Edge, _ segment: Span<UInt8>) -> Bool {
        let start = Int(edge.start)
        return ASCII.equals(literals.span.extracting(start..<(start + Int(edge.count))), segment)
    }

    /// Where the routes of a host start. Names are compared without regard to case (RFC 9110 §4.2.3).
    func hostRoot(_ authority: Span<UInt8>) -> Int32? {
        var end = authority.count
        // The port is behind the last colon, unless that colon is inside of an IPv6 address.
        var index = authority.count - 1
        while index >= 0, ASCII.isDigit(authority[index]) { index -= 1 }
        if index >= 0, authority[index] == UInt8(ascii: ":") { end = index }
        // `api.example.` is the same host (RFC 1034 §3.1); taken for another one, it would get around a route.
        if end > 1, authority[end - 1] == UInt8(ascii: ".") { end -= 1 }
        var fingerprint = Fingerprint(seed: UInt64(truncatingIfNeeded: Self.hosts))
        for index in 0..<end { fingerprint.combine(ASCII.lower(authority[index])) }
        let wanted = fingerprint.value
        let name = authority.extracting(0..<end)
        let mask = edges.count - 1
        var slot = Int(truncatingIfNeeded: wanted) & mask
        while edges[slot].child >= 0 {
            let edge = edges[slot]
            let start = Int(edge.start)
            if edge.fingerprint == wanted, edge.parent == Self.hosts,
                ASCII.equalsIgnoringCase(literals.span.extracting(start..<(start + Int(edge.count))), name)
            {
                return edge.child
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The bit of a method that some route lists; 0 for one that only `*` admits.
    private func methodBit(_ method: Span<UInt8>) -> UInt64 {
        for index in methodNames.indices {
            let name = methodNames[index]
            if ASCII.equals(name.span, method) { return 1 << UInt64(index) }
        }
        return 0
    }
}
