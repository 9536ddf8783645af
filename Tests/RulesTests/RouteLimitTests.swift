// What a configuration makes of `ratelimit` and `limit`.

import Rules
import Testing

@Suite("Limits of routes")
struct RouteLimitTests {
    private func route(_ text: String) throws -> Route {
        try #require(try Conf.compile(Conf.frame + text + "\n").routes.first)
    }

    private func named(_ route: Route) -> [String] {
        route.namedLimits.map { "\(String(decoding: $0.name, as: UTF8.self)) \($0.cost)" }
    }

    @Test("named ones come from the whole file, and a route's replace those of the same name") func merged()
        throws
    {
        let global = "ratelimit requests\nratelimit \"per minute\" cost 3\n"
        #expect(
            try named(route(global + "route GET /a { authenticated }")) == ["requests 1", "per minute 3"])
        #expect(
            try named(
                route(global + "route GET /a { authenticated; ratelimit requests cost 0; ratelimit search }"))
                == ["per minute 3", "requests 0", "search 1"])
        #expect(try named(route(global + "route GET /a { public }")) == [])
    }

    @Test("a limit of its own has a rate and one or more subjects") func own() throws {
        let limits = try route(
            "route GET /a { authenticated; limit burst 20/1s by ip; limit day 5000/1d by identity header:X-Region route key }"
        ).limits
        #expect(limits.map { String(decoding: $0.name, as: UTF8.self) } == ["burst", "day"])
        #expect(limits.map(\.limit) == [20, 5000])
        #expect(limits.map(\.durationMillis) == [1000, 86_400_000])
        #expect(limits[0].subjects == [.clientAddress])
        #expect(limits[1].subjects == [.identity, .header(Array("x-region".utf8)), .route, .key])
        #expect(limits[0].text == "burst 20/1s by ip")
    }
}
