// Measures what finding the route of a request costs among 10, 100, 1,000 and 10,000 of them. One line per size;
// run it in release.
//
// Every table has the same shapes of patterns, so the walks are alike and only the number of routes differs. The
// paths are asked for in an order that no cache can guess, and the sizes in turns, so that whatever else the machine
// does meets all of them alike.

import Bytes
import Reactor
import Rules

@main
struct RouteBenchmark {
    private static let sizes = [10, 100, 1_000, 10_000]
    private static let turns = 40
    private static let lookUpsPerTurn = 20_000

    /// A table and paths that have routes in it.
    private struct Sample {
        let table: RouteTable
        var paths: [[UInt8]] = []
        var nanos: [Int64] = []
    }

    static func main() throws {
        var samples = try sizes.map { try sample($0) }
        var random = Shuffler()
        for order in [Order.ten, .anywhere] {
            for index in samples.indices { samples[index].nanos.removeAll() }
            for _ in 0..<turns {
                for index in samples.indices {
                    let nanos = measure(samples[index], order, &random)
                    samples[index].nanos.append(nanos)
                }
            }
            let medians = samples.map { Double($0.nanos.sorted()[turns / 2]) / Double(lookUpsPerTurn) }
            let what = order == .ten ? "ten paths" : "all paths"
            let figures = zip(sizes, medians).map { "\($0) routes \(decimals($1)) ns" }
            print(
                "route look-up, \(what): \(figures.joined(separator: ", ")):"
                    + " \(decimals(medians[3] / medians[0])) times")
        }
    }

    /// Five shapes of routes, as APIs have them.
    private static func sample(_ count: Int) throws -> Sample {
        var text = "listen 127.0.0.1:8080\nupstream api { server http://127.0.0.1:9000 }\n"
        var paths: [String] = []
        for number in 0..<count / 5 {
            for (pattern, path) in [
                ("/v1/service\(number)/items", "/v1/service\(number)/items"),
                ("/v1/service\(number)/items/{id}", "/v1/service\(number)/items/8f3a"),
                ("/v1/service\(number)/items/{id}/parts", "/v1/service\(number)/items/8f3a/parts"),
                ("/v1/service\(number)/search", "/v1/service\(number)/search"),
                ("/v1/service\(number)/files/**", "/v1/service\(number)/files/a/b/c"),
            ] {
                text += "route GET \(pattern) { require v1.read }\n"
                paths.append(path)
            }
        }
        let bytes = Array(text.utf8)
        let reader = SourceReader(
            read: { _ throws(SourceError) in bytes }, glob: { _ in [] }, environment: { _ in nil })
        let configuration = try Configuration.compile(path: "bench.conf", reader: reader)
        return Sample(table: configuration.table, paths: paths.map { Array($0.utf8) })
    }

    /// How the paths of a turn are chosen.
    private enum Order {
        /// Any of them, so that a large table comes out of farther memory than a small one.
        case anywhere
        /// Ten of them, so that only the number of routes differs.
        case ten
    }

    /// Nanoseconds for all look-ups of a turn. A path lies in the cache when a gateway looks for its route, since it
    /// has just been read: so it is read here, too, and what that costs is taken off.
    private static func measure(_ sample: borrowing Sample, _ order: Order, _ random: inout Shuffler) -> Int64
    {
        let method = Array("GET".utf8)
        let host = Array("api.example.com".utf8)
        var match = RouteMatch()
        var found = 0
        var read = 0
        var numbers: [Int] = []
        switch order {
        case .anywhere: numbers = (0..<lookUpsPerTurn).map { _ in random.below(sample.paths.count) }
        case .ten:
            let ten = (0..<10).map { $0 * sample.paths.count / 10 }
            numbers = (0..<lookUpsPerTurn).map { _ in ten[random.below(10)] }
        }
        var watch = Stopwatch()
        for number in numbers { read &+= sum(sample.paths[number]) }
        let reading = watch.nanos
        watch = Stopwatch()
        for number in numbers {
            let path = sample.paths[number]
            read &+= sum(path)
            let outcome = sample.table.match(
                method: method.span, path: path.span, host: host.span, into: &match)
            if case .route = outcome { found += 1 }
        }
        let nanos = watch.nanos
        precondition(found == lookUpsPerTurn && read > 0, "a path has no route")
        return nanos - reading
    }

    @inline(never) private static func sum(_ path: [UInt8]) -> Int {
        var sum = 0
        for byte in path { sum &+= Int(byte) }
        return sum
    }
}
