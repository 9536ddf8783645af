// keygate routes: the route table as the gateway sees it, the most specific route first.

import JSON
import Rules

enum RoutesCommand {
    static let commands: [Command] = [
        Command(
            "routes", summary: "Shows the route table, the most specific first.",
            options: [
                ConfigurationFile.option, .flag("--public", "only the routes that need no key"),
                .flag("--json", "print JSON for programs"),
            ], run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let configuration = try ConfigurationFile.load(arguments)
        let routes = configuration.routes.sorted(by: precedes).filter { route in
            if case .open = route.access { return true }
            return !arguments.has("--public")
        }
        let rows = routes.map { json(of: $0, configuration) }
        let members = [
            "methods", "host", "path", "access", "checks", "apis", "limits", "cost", "tags", "websocket",
            "upstream", "location",
        ]
        arguments.output.print(rows, heading: members.map { $0.uppercased() }) { row in
            members.map { row.cell($0) }
        }
        return .done
    }

    private static func json(of route: Route, _ configuration: Configuration) -> JSONValue {
        var object = JSONObject()
        object.append("methods", .string(route.methods.text))
        object.append("host", ifPresent: route.host.map { .string($0) })
        object.append("path", .string(route.pattern))
        object.append("access", .string(route.access.text))
        object.append("checks", .array(route.checks.map { .string($0.text) }))
        object.append("apis", .array(route.apis.map { .string($0) }))
        let named = route.namedLimits.map { limit in
            String(decoding: limit.name, as: UTF8.self) + (limit.cost == 1 ? "" : " cost \(limit.cost)")
        }
        object.append("limits", .array((named + route.limits.map(\.text)).map { .string($0) }))
        if case .open = route.access {} else { object.append("cost", .string(route.cost.text)) }
        object.append("tags", .array(route.tags.map { .string($0.text) }))
        if route.allowsWebSocket { object.append("websocket", .bool(true)) }
        object.append("shadow", .bool(route.isShadow))
        object.append("upstream", .string(configuration.upstreams[route.upstreamIndex].name))
        object.append("location", .string("\(route.location)"))
        return .object(object)
    }

    // MARK: Order

    /// Whether `left` is tried before `right` by a request that both match: host before none, then segment by
    /// segment literal, `{name}`, `**`, then listed methods before `*`. Equals keep the order of their text.
    private static func precedes(_ left: Route, _ right: Route) -> Bool {
        if (left.host == nil) != (right.host == nil) { return left.host != nil }
        let leftHost = left.host ?? []
        let rightHost = right.host ?? []
        if leftHost != rightHost { return leftHost.lexicographicallyPrecedes(rightHost) }
        let leftSegments = left.pattern.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let rightSegments = right.pattern.split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (leftSegment, rightSegment) in zip(leftSegments, rightSegments) {
            let ranks = (rank(leftSegment), rank(rightSegment))
            if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
            if ranks.0 == .literal, !leftSegment.elementsEqual(rightSegment) {
                return leftSegment.lexicographicallyPrecedes(rightSegment)
            }
        }
        if leftSegments.count != rightSegments.count { return leftSegments.count > rightSegments.count }
        if (left.methods == .any) != (right.methods == .any) { return right.methods == .any }
        return left.methods.text < right.methods.text
    }

    private enum Rank: Int, Comparable {
        case literal, capture, rest
        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    private static func rank(_ segment: ArraySlice<UInt8>) -> Rank {
        if segment.elementsEqual("**".utf8) { return .rest }
        return segment.first == UInt8(ascii: "{") ? .capture : .literal
    }
}
