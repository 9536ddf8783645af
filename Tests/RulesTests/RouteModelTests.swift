// The route table against the plainest matcher there is: try every route, keep the most specific.

import Rules
import Testing

/// One route as the reference sees it.
private struct ModelRoute {
    let methods: [String]
    let segments: [String]
    let host: String?

    var head: String {
        "\(methods.joined(separator: ",")) /\(segments.joined(separator: "/"))"
            + (host.map { " host \($0)" } ?? "")
    }

    func matches(_ path: [String], host: String) -> Bool {
        if let own = self.host, own != host { return false }
        var index = 0
        for segment in segments {
            if segment == "**" { return true }
            guard index < path.count else { return false }
            let fits = segment.hasPrefix("{") ? !path[index].isEmpty : segment == path[index]
            if !fits { return false }
            index += 1
        }
        return index == path.count
    }

    /// 2 for a listed method, 1 for HEAD by GET, 0 for any; nil if the method is not admitted.
    func admission(_ method: String) -> Int? {
        if methods == ["*"] { return 0 }
        if methods.contains(method) { return 2 }
        return method == "HEAD" && methods.contains("GET") ? 1 : nil
    }

    /// Larger is more specific, number by number.
    func rank(_ method: String) -> [Int] {
        let shape = segments.map { $0 == "**" ? 1 : $0.hasPrefix("{") ? 3 : 4 }
        // A pattern that ends is more specific than one that goes on with `**`.
        return [host == nil ? 0 : 1] + shape + (segments.last == "**" ? [] : [2]) + [admission(method) ?? -1]
    }
}

@Suite("The route table and a reference")
struct RouteModelTests {
    @Test("agree on random routes and paths", arguments: 0..<150 as Range<UInt64>)
    func random(_ seed: UInt64) throws {
        var generator = Generator(state: seed &* 0x9E37_79B9_7F4A_7C15)
        var routes: [ModelRoute] = []
        for _ in 0..<Int.random(in: 1...25, using: &generator) {
            let candidate = Self.route(&generator)
            // A route that clashes is left out, as the table would refuse all of them.
            if (try? Routes((routes + [candidate]).map(\.head))) != nil { routes.append(candidate) }
        }
        let table = try Routes(routes.map(\.head))
        for _ in 0..<200 {
            let path = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
                ["a", "b", "c", "", "ab"].randomElement(using: &generator)!
            }
            let method = ["GET", "HEAD", "POST", "PUT"].randomElement(using: &generator)!
            let host = ["h", "i", "j"].randomElement(using: &generator)!
            var found = RouteMatch()
            let outcome = table.outcome(method, Array(("/" + path.joined(separator: "/")).utf8), host, &found)
            #expect(
                outcome == Self.reference(routes, method, path, host),
                "\(method) \(path) \(host) in \(routes.map(\.head))")
        }
    }

    private static func route(_ generator: inout Generator) -> ModelRoute {
        var segments = (0..<Int.random(in: 0...3, using: &generator)).map { index in
            ["a", "b", "c", "{n\(index)}"].randomElement(using: &generator)!
        }
        if segments.isEmpty || Int.random(in: 0..<3, using: &generator) == 0 {
            segments.append(["**", ""].randomElement(using: &generator)!)
        }
        let methods = [["*"], ["GET"], ["POST"], ["GET", "POST"], ["HEAD"], ["PUT"]].randomElement(
            using: &generator)!
        let host = [nil, nil, nil, "h", "i"].randomElement(using: &generator)!
        return ModelRoute(methods: methods, segments: segments, host: host)
    }

    private static func reference(
        _ routes: [ModelRoute], _ method: String, _ path: [String], _ host: String
    ) -> RouteOutcome {
        let matching = routes.indices.filter { routes[$0].matches(path, host: host) }
        let admitting = matching.filter { routes[$0].admission(method) != nil }
        guard
            let best = admitting.max(by: {
                routes[$0].rank(method).lexicographicallyPrecedes(routes[$1].rank(method))
            })
        else { return matching.isEmpty ? .notFound : .methodNotAllowed }
        return .route(best)
    }
}

/// SplitMix64: the same numbers in every run.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
