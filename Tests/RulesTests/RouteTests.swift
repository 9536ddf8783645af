// Which route a request gets: specificity, methods, hosts, captures, clashes.

import Bytes
import Rules
import Testing

/// Routes without anything but a pattern and who may pass.
struct Routes {
    let configuration: Configuration

    init(_ heads: [String]) throws(ConfigurationError) {
        configuration = try Conf.compile(
            Conf.frame + heads.map { "route \($0) { authenticated }\n" }.joined())
    }

    /// "METHODS PATTERN name=captured… **=rest", "405 ALLOW" or "404".
    func match(_ method: String, _ path: String, host: String = "any.example") -> String {
        var found = RouteMatch()
        let pathBytes = Array(path.utf8)
        switch outcome(method, pathBytes, host, &found) {
        case .notFound:
            return "404"
        case .methodNotAllowed:
            var allowed = ByteBuffer()
            configuration.table.appendAllowed(found, to: &allowed)
            return "405 \(String(forDisplay: allowed.bytes))"
        case .route(let index):
            let route = configuration.routes[index]
            var text = "\(route.methods.text) \(String(decoding: route.pattern, as: UTF8.self))"
            if let host = route.host { text += " host \(String(decoding: host, as: UTF8.self))" }
            for (name, range) in zip(route.captureNames, found.captures) {
                text +=
                    " \(String(decoding: name, as: UTF8.self))=\(String(decoding: pathBytes[range], as: UTF8.self))"
            }
            if !found.rest.isEmpty { text += " **=\(String(decoding: pathBytes[found.rest], as: UTF8.self))" }
            return text
        }
    }

    func outcome(_ method: String, _ path: [UInt8], _ host: String, _ found: inout RouteMatch) -> RouteOutcome
    {
        let methodBytes = Array(method.utf8)
        let hostBytes = Array(host.utf8)
        return configuration.table.match(
            method: methodBytes.span, path: path.span, host: hostBytes.span, into: &found)
    }
}

@Suite("Routes")
struct RouteTests {
    struct Choice: Sendable, CustomTestStringConvertible {
        let label: String
        let routes: [String]
        let request: String
        let expected: String
        init(_ label: String, _ routes: [String], _ request: String, _ expected: String) {
            self.label = label
            self.routes = routes
            self.request = request
            self.expected = expected
        }
        var testDescription: String { label }
    }

    @Test(
        "choose",
        arguments: [
            Choice("a literal path", ["GET /a/b"], "GET /a/b", "GET /a/b"),
            Choice("the root", ["GET /"], "GET /", "GET /"),
            Choice("nothing for a longer path", ["GET /a"], "GET /a/b", "404"),
            Choice("nothing for a shorter path", ["GET /a/b"], "GET /a", "404"),
            Choice("nothing for a slash at the end", ["GET /a"], "GET /a/", "404"),
            Choice("a slash at the end if the pattern has it", ["GET /a/"], "GET /a/", "GET /a/"),
            Choice("nothing for another letter case", ["GET /a"], "GET /A", "404"),
            Choice("nothing for a longer segment", ["GET /ab"], "GET /abc", "404"),
            Choice("nothing for a path that is none", ["OPTIONS /**"], "OPTIONS *", "404"),
            Choice("a literal before a name", ["GET /a/{x}", "GET /a/b"], "GET /a/b", "GET /a/b"),
            Choice("a name where no literal fits", ["GET /a/{x}", "GET /a/b"], "GET /a/c", "GET /a/{x} x=c"),
            Choice("a name before **", ["GET /a/**", "GET /a/{x}"], "GET /a/b", "GET /a/{x} x=b"),
            Choice("** where names end", ["GET /a/**", "GET /a/{x}"], "GET /a/b/c", "GET /a/** **=b/c"),
            Choice(
                "an early literal before a later one", ["GET /{x}/b", "GET /a/**"], "GET /a/b",
                "GET /a/** **=b"),
            Choice(
                "the other branch when the literal one ends", ["GET /a/b/c", "GET /{x}/b/d"], "GET /a/b/d",
                "GET /{x}/b/d x=a"),
            Choice(
                "** above when branches end", ["GET /a/b/c", "GET /{x}/b/d", "GET /**"], "GET /a/b/e",
                "GET /** **=a/b/e"),
            Choice("no name for an empty segment", ["GET /a/{x}"], "GET /a/", "404"),
            Choice("** for no segment", ["GET /a/**"], "GET /a", "GET /a/**"),
            Choice("** for an empty segment", ["GET /a/**"], "GET /a/", "GET /a/**"),
            Choice("** for several segments", ["GET /a/**"], "GET /a/b/c/", "GET /a/** **=b/c/"),
            Choice("no ** within a segment", ["GET /a/**"], "GET /ab", "404"),
            Choice("the whole path with **", ["GET /**"], "GET /", "GET /**"),
            Choice("a literal end before **", ["GET /a/**", "GET /a"], "GET /a", "GET /a"),
            Choice(
                "several names", ["GET /{a}/x/{b}/**"], "GET /1/x/2/3/4", "GET /{a}/x/{b}/** a=1 b=2 **=3/4"),
            Choice("an escape as it is", ["GET /a%20b"], "GET /a%20b", "GET /a%20b"),
            Choice("a listed method before any", ["* /a", "GET /a"], "GET /a", "GET /a"),
            Choice("any method where none is listed", ["* /a", "GET /a"], "PURGE /a", "* /a"),
            Choice("GET for HEAD", ["GET /a"], "HEAD /a", "GET /a"),
            Choice("GET for HEAD before any", ["* /a", "GET /a"], "HEAD /a", "GET /a"),
            Choice("a listed HEAD before GET", ["GET /a", "HEAD /a"], "HEAD /a", "HEAD /a"),
            Choice("no GET for a listed HEAD", ["HEAD /a"], "GET /a", "405 HEAD"),
            Choice("one of several methods", ["POST,PUT /a", "GET /a"], "PUT /a", "POST,PUT /a"),
            Choice("nothing for a method in lower case", ["GET /a"], "get /a", "405 GET, HEAD"),
            Choice(
                "a method nobody lists", ["GET /a", "POST,PURGE /a"], "PUT /a", "405 GET, HEAD, POST, PURGE"),
            Choice(
                "a less specific route that admits the method", ["GET /a/b", "POST /a/{x}"], "POST /a/b",
                "POST /a/{x} x=b"),
            Choice("** that admits the method", ["GET /a", "GET /{x}", "* /**"], "DELETE /a", "* /** **=a"),
            Choice(
                "what all routes of the path allow", ["GET /a/b", "POST /a/{x}", "PUT /**"], "DELETE /a/b",
                "405 GET, HEAD, POST, PUT"),
            Choice(
                "captures of the route that is used", ["GET /{x}/b", "POST /{y}/{z}"], "POST /a/b",
                "POST /{y}/{z} y=a z=b"),
            Choice(
                "a host before none", ["GET /a", "GET /** host api.example"], "GET /a @api.example",
                "GET /** host api.example **=a"),
            Choice(
                "no host where none fits", ["GET /a", "GET /** host api.example"], "GET /a @www.example",
                "GET /a"),
            Choice(
                "a host in any letter case and with a port", ["GET /a host API.example"],
                "GET /a @api.EXAMPLE:8443", "GET /a host api.example"),
            Choice("an IPv6 host", ["GET /a host [::1]"], "GET /a @[::1]:80", "GET /a host [::1]"),
            Choice(
                "a host with its final dot", ["GET /a host api.example", "GET /**"],
                "GET /a @api.example.:80", "GET /a host api.example"),
            Choice(
                "no host that only begins alike", ["GET /a host api.example"], "GET /a @api.example.org",
                "404"),
            Choice(
                "none of the host if its method differs", ["POST /a host h", "GET /a"], "GET /a @h", "GET /a"),
            Choice(
                "what the host and the rest allow", ["POST /a host h", "GET /a"], "PUT /a @h",
                "405 GET, HEAD, POST"),
        ])
    func choices(_ row: Choice) throws {
        // Whatever the order in the file.
        for routes in [row.routes, row.routes.reversed()] {
            let parts = row.request.split(separator: " ").map(String.init)
            let host = parts.count > 2 ? String(parts[2].dropFirst()) : "any.example"
            #expect(try Routes(routes).match(parts[0], parts[1], host: host) == row.expected)
        }
    }

    @Test(
        "can live together or not",
        arguments: [
            (["GET /a", "GET /a"], false), (["GET /a", "POST /a"], true), (["GET /a", "* /a"], true),
            (["* /a", "* /a"], false),
            (["GET,POST /a", "POST,PUT /a"], false), (["GET /a", "HEAD /a"], true),
            (["GET,HEAD /a", "HEAD /a"], false),
            (["GET /{x}", "GET /{y}"], false), (["GET /{x}", "GET /a"], true),
            (["GET /**", "GET /{x}"], true),
            (["GET /a/**", "GET /a"], true), (["GET /a", "GET /a/"], true),
            (["GET /a", "GET /a host h"], true),
            (["GET /a host h", "GET /a host H"], false), (["GET /{x}/b", "GET /a/{y}"], true),
        ])
    func clashes(_ heads: [String], _ isPossible: Bool) {
        for heads in [heads, heads.reversed()] {
            #expect(((try? Routes(heads)) != nil) == isPossible)
        }
    }

    @Test(
        "that no request reaches are pointed out",
        arguments: [
            (["GET /a/**", "GET /a", "GET /a/", "GET /a/{x}/**"], [0]),
            (["GET /a/**", "* /a", "* /a/", "GET,POST /a/{x}/**"], [0]),
            (["GET /a/**", "GET /a", "GET /a/{x}/**"], []),
            (["GET /a/**", "GET /a", "GET /a/", "POST /a/{x}/**"], []),
            (["* /a/**", "GET /a", "* /a/", "* /a/{x}/**"], []),
            (["GET /**", "GET /", "GET /{x}/**"], [0]),
            (["GET /**", "GET / host h", "GET /{x}/** host h"], []),
        ])
    func unreachable(_ heads: [String], _ indices: [Int]) throws {
        let warnings = try Routes(heads).configuration.warnings
        #expect(warnings.compactMap { $0.excerpt.map { $0.location.line - 3 } } == indices)
        #expect(
            warnings.allSatisfy {
                $0.message == "no request reaches this route: more specific ones take all of its paths"
            })
    }

    @Test("that match a path are listed most specific first") func runnersUp() throws {
        let heads = [
            "* /**", "GET /a/{x}", "POST /a/b", "* /a/b", "GET /a/**", "GET /b/{x}", "GET /a/b host h",
        ]
        let routes = try Routes(heads)
        let path = Array("/a/b".utf8)
        let host = Array("h".utf8)
        let found = routes.configuration.table.matching(path: path.span, host: host.span)
        #expect(found == [6, 2, 3, 1, 4, 0])
    }

    @Test("keep nothing of the request before") func reuse() throws {
        let routes = try Routes(["GET /{a}/{b}", "GET /x/**"])
        var found = RouteMatch()
        #expect(routes.outcome("GET", Array("/1/2".utf8), "h", &found) == .route(0))
        #expect(found.captures == [1..<2, 3..<4])
        #expect(routes.outcome("GET", Array("/x/1/2".utf8), "h", &found) == .route(1))
        #expect(found.captures.isEmpty && found.rest == 3..<6)
        #expect(routes.outcome("GET", Array("/1/2/3".utf8), "h", &found) == .notFound)
        #expect(found.captures.isEmpty && found.rest.isEmpty)
    }
}
