// Builds the route table and finds the routes that cannot live together: two with the same shape that admit the
// same method would be told apart by nothing but their order in the file, which is not supposed to matter.

import Bytes

struct RouteTableBuilder {
    /// Distinct methods that can be told apart, bits of a word.
    static let maxMethods = 64

    private struct EdgeKey: Hashable {
        let parent: Int32
        let literal: [UInt8]
    }

    private struct BuildNode {
        var capture: Int32 = -1
        var ending: [RouteTable.Candidate] = []
        var open: [RouteTable.Candidate] = []
    }

    /// What a route looks like to the table.
    struct Entry {
        let methods: MethodRule
        let host: [UInt8]?
        let segments: [PatternSegment]
        let allowsEmptySegments: Bool
    }

    private var nodes = [BuildNode()]
    private var children: [EdgeKey: Int32] = [:]
    /// GET and HEAD first, which `candidate` relies on; the rest so that `Allow` reads the same whatever the
    /// order of the routes.
    private var methodNames = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map {
        Array($0.utf8)
    }
    private var entries: [Entry] = []

    /// Adds the next route. The result is the index of an earlier route that it clashes with, or nil.
    mutating func add(_ entry: Entry) -> Int? {
        let index = Int32(entries.count)
        entries.append(entry)
        let candidate = candidate(entry.methods, route: index)
        let (node, isOpen) = walk(entry)
        let others = isOpen ? nodes[node].open : nodes[node].ending
        if isOpen { nodes[node].open.append(candidate) } else { nodes[node].ending.append(candidate) }
        let clash = others.first { $0.isAny && candidate.isAny || $0.listed & candidate.listed != 0 }
        return clash.map { Int($0.route) }
    }

    /// Whether a further method can be told apart.
    func hasRoom(for methods: MethodRule) -> Bool {
        guard case .listed(let names) = methods else { return true }
        return methodNames.count + names.filter { !methodNames.contains($0) }.count <= Self.maxMethods
    }

    private mutating func candidate(_ methods: MethodRule, route: Int32) -> RouteTable.Candidate {
        switch methods {
        case .any:
            return RouteTable.Candidate(route: route, isAny: true, listed: 0, implied: 0)
        case .listed(let names):
            let listed = names.reduce(0) { $0 | bit(of: $1) }
            let get: UInt64 = 1
            let head: UInt64 = 2
            let implied = listed & get != 0 && listed & head == 0 ? head : 0
            return RouteTable.Candidate(route: route, isAny: false, listed: listed, implied: implied)
        }
    }

    private mutating func bit(of method: [UInt8]) -> UInt64 {
        if let index = methodNames.firstIndex(of: method) { return 1 << UInt64(index) }
        methodNames.append(method)
        return 1 << UInt64(methodNames.count - 1)
    }

    /// The node where a route's pattern ends, and whether it ends with `**`.
    private mutating func walk(_ entry: Entry) -> (node: Int, isOpen: Bool) {
        var node = RouteTable.root
        if let host = entry.host { node = child(of: RouteTable.hosts, host) }
        for segment in entry.segments {
            switch segment {
            case .literal(let literal):
                node = child(of: node, literal)
            case .capture:
                if nodes[Int(node)].capture < 0 {
                    nodes.append(BuildNode())
                    nodes[Int(node)].capture = Int32(nodes.count - 1)
                }
                node = nodes[Int(node)].capture
            case .rest:
                return (Int(node), true)
            }
        }
        return (Int(node), false)
    }

    private mutating func child(of parent: Int32, _ literal: [UInt8]) -> Int32 {
        let key = EdgeKey(parent: parent, literal: literal)
        if let known = children[key] { return known }
        nodes.append(BuildNode())
        let node = Int32(nodes.count - 1)
        children[key] = node
        return node
    }

    // MARK: Routes that no request reaches

    /// Indices of routes whose every path is taken by more specific ones. Only a route with `**` can be: what
    /// it matches is covered by its own prefix, the prefix with a slash, and `{…}/**` below the prefix.
    mutating func unreachable() -> [Int] {
        var found: [Int] = []
        for (index, entry) in entries.enumerated()
        where entry.segments.last == .rest && !entry.allowsEmptySegments {
            let (node, _) = walk(entry)
            let admitted = candidate(entry.methods, route: Int32(index))
            let start = entry.host.map { child(of: RouteTable.hosts, $0) } ?? RouteTable.root
            let slash = children[EdgeKey(parent: Int32(node), literal: [])]
            guard nodes[node].capture >= 0, let slash,
                covers(nodes[Int(nodes[node].capture)].open, admitted),
                covers(nodes[Int(slash)].ending + nodes[Int(slash)].open, admitted),
                // No path is empty, so at the root there is nothing before the slash.
                node == Int(start) || covers(nodes[node].ending, admitted)
            else { continue }
            found.append(index)
        }
        return found
    }

    private func covers(_ others: [RouteTable.Candidate], _ candidate: RouteTable.Candidate) -> Bool {
        if others.contains(where: \.isAny) { return true }
        if candidate.isAny { return false }
        let wanted = candidate.listed | candidate.implied
        return others.reduce(0) { $0 | $1.listed | $1.implied } & wanted == wanted
    }

    // MARK: The finished table

    func build() -> RouteTable {
        var candidates: [RouteTable.Candidate] = []
        func range(_ list: [RouteTable.Candidate]) -> RouteTable.CandidateRange {
            let range = RouteTable.CandidateRange(start: Int32(candidates.count), count: Int32(list.count))
            candidates += list
            return range
        }
        let flat = nodes.map {
            RouteTable.Node(capture: $0.capture, ending: range($0.ending), open: range($0.open))
        }

        var slotCount = 4
        while slotCount < children.count * 2 { slotCount *= 2 }
        var edges = [RouteTable.Edge](repeating: RouteTable.Edge(), count: slotCount)
        var literals: [UInt8] = []
        // In the order of the nodes: a dictionary's own order differs from run to run.
        for (key, child) in children.sorted(by: { $0.value < $1.value }) {
            let fingerprint = RouteTable.fingerprint(of: key.literal.span, parent: key.parent)
            var slot = Int(truncatingIfNeeded: fingerprint) & (slotCount - 1)
            while edges[slot].child >= 0 { slot = (slot + 1) & (slotCount - 1) }
            edges[slot] = RouteTable.Edge(
                parent: key.parent, child: child, start: Int32(literals.count),
                count: Int32(key.literal.count),
                fingerprint: fingerprint)
            literals += key.literal
        }
        return RouteTable(
            nodes: flat, candidates: candidates, edges: edges, literals: literals, methodNames: methodNames,
            hasHosts: children.keys.contains { $0.parent == RouteTable.hosts })
    }
}
