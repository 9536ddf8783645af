// The route table read by people: which routes a path could have had, and all of them in the order in which they
// would be preferred. For explanations and listings; on requests it runs only where none of the path's routes is for
// the method.

import Bytes

extension RouteTable {
    /// The routes that match the path, whatever the method, most specific first.
    public func matching(path: Span<UInt8>, host: Span<UInt8>) -> [Int] {
        guard path.count > 0, path[0] == UInt8(ascii: "/") else { return [] }
        var found: [Int] = []
        if hasHosts, let start = hostRoot(host) { collect(from: start, path, at: 1, &found) }
        collect(from: Self.root, path, at: 1, &found)
        return found
    }

    /// All routes, most specific first: those with a host, then segment by segment literals in alphabetical
    /// order, `{name}`, `**`.
    public var mostSpecificFirst: [Int] {
        var children: [Int32: [(literal: String, node: Int32)]] = [:]
        for edge in edges where edge.child >= 0 {
            let literal = String(
                decoding: literals[Int(edge.start)..<Int(edge.start + edge.count)], as: UTF8.self)
            children[edge.parent, default: []].append((literal, edge.child))
        }
        for parent in children.keys { children[parent]?.sort { $0.literal < $1.literal } }

        var found: [Int] = []
        for host in children[Self.hosts] ?? [] { list(from: host.node, children, &found) }
        list(from: Self.root, children, &found)
        return found
    }

    private func list(
        from node: Int32, _ children: [Int32: [(literal: String, node: Int32)]], _ found: inout [Int]
    ) {
        let index = Int(node)
        append(nodes[index].ending, to: &found)
        for child in children[node] ?? [] { list(from: child.node, children, &found) }
        if nodes[index].capture >= 0 { list(from: nodes[index].capture, children, &found) }
        append(nodes[index].open, to: &found)
    }

    private func collect(from node: Int32, _ path: Span<UInt8>, at start: Int, _ found: inout [Int]) {
        let index = Int(node)
        if start > path.count {
            append(nodes[index].ending, to: &found)
        } else {
            var end = start
            while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
            let segment = path.extracting(start..<end)
            let child = edge(from: node, segment, Self.fingerprint(of: segment, parent: node))
            if child >= 0 { collect(from: child, path, at: end + 1, &found) }
            if end > start, nodes[index].capture >= 0 {
                collect(from: nodes[index].capture, path, at: end + 1, &found)
            }
        }
        append(nodes[index].open, to: &found)
    }

    private func append(_ range: CandidateRange, to found: inout [Int]) {
        let members = candidates[Int(range.start)..<Int(range.start + range.count)]
        found += members.filter { !$0.isAny }.map { Int($0.route) }
        found += members.filter(\.isAny).map { Int($0.route) }
    }
}
