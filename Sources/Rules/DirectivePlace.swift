// Where directives may stand, and what is said of a word that is none there: that it belongs somewhere else, which
// one was probably meant, or which ones there are.

enum DirectivePlace: CaseIterable {
    case topLevel, route, upstream

    private var names: [String] {
        switch self {
        case .topLevel: Checker.topLevelNames
        case .route: RouteBody.names
        case .upstream: UpstreamBody.names
        }
    }

    fileprivate var expected: String {
        switch self {
        case .topLevel: "a directive"
        case .route: "a directive of a route"
        case .upstream: "a directive of an upstream"
        }
    }

    private var direction: String {
        switch self {
        case .topLevel: "at the top level"
        case .route: "in a route"
        case .upstream: "in an upstream"
        }
    }

    fileprivate func hint(for name: String) -> String {
        let others = Self.allCases.filter { $0 != self }
        let homes = others.filter { $0.names.contains(name) }.map(\.direction)
        if !homes.isEmpty {
            // `limit` and `limits`, `header` and `headers`: either may be meant.
            let kin = names.filter { $0.hasPrefix(name) || name.hasPrefix($0) }
            return "; it belongs " + homes.joined(separator: " or ")
                + (kin.isEmpty ? "" : NearestWord.hint(for: name, in: kin))
        }
        let near = NearestWord.hint(for: name, in: names)
        if !near.isEmpty { return near }
        // Short words resemble too much: `POST` is no `cost`.
        for other in others where name.utf8.count > 5 {
            guard let word = NearestWord.nearest(to: name, in: other.names) else { continue }
            return "; did you mean \"\(word)\", which belongs \(other.direction)?"
        }
        return "; there are " + names.joined(separator: ", ")
    }
}

extension Findings {
    func unknown(_ directive: Directive, in place: DirectivePlace) {
        let found =
            directive.name.isQuoted
            ? "a quoted text" : directive.name.shown + place.hint(for: directive.name.string)
        error("expected \(place.expected), found \(found)", at: directive.name.place)
    }
}
