// keygate routes: the route table as the gateway sees it, the most specific route first.

import JSON
import Rules

enum RoutesCommand {
    static let commands: [Command] = [
        Command(
            "routes", summary: "Shows the route table, the most specific first.",
            options: [
                ConfigurationFile.option,
                .flag("--public", "only the routes that need no key: public or shadow"),
                .flag("--json", "print JSON for programs"),
            ], run: run)
    ]

    private static func run(_ arguments: Arguments) throws(CommandFailure) -> ExitCode {
        let configuration = try ConfigurationFile.load(arguments)
        let routes = configuration.table.mostSpecificFirst.map { configuration.routes[$0] }.filter { route in
            if case .open = route.access { return true }
            return route.isShadow || !arguments.has("--public")
        }
        let rows = routes.map { json(of: $0, configuration) }
        let members = [
            "methods", "host", "path", "access", "checks", "apis", "limits", "cost", "tags", "websocket",
            "upstream", "location",
        ]
        arguments.output.print(rows, heading: members.map { $0.uppercased() }) { row in
            members.map { member in
                // As in the file: what a shadow route asks for, it asks of nobody.
                member == "access" && row["shadow"] == true
                    ? row.cell(member) + "; shadow" : row.cell(member)
            }
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
}
