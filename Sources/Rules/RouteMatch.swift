// What a look-up in the route table leaves behind. One of these lives as long as its connection, so its arrays
// have grown to their final size after a few requests.

/// The outcome of `RouteTable.match`.
public enum RouteOutcome: Sendable, Hashable {
    /// Index into `Configuration.routes`; captures are in the `RouteMatch`.
    case route(Int)
    /// Routes match the path but none the method; `RouteTable.appendAllowed` lists those that would.
    case methodNotAllowed
    case notFound
}

public struct RouteMatch: Sendable {
    /// Ranges of the path, one for each of `Route.captureNames`.
    public internal(set) var captures: [Range<Int>] = []
    /// What `**` matched, without the slash before it; empty if it matched nothing or the route has none.
    public internal(set) var rest: Range<Int> = 0..<0
    /// Bits of the table's methods, set while no route admits the method.
    var allowed: UInt64 = 0

    public init() { captures.reserveCapacity(8) }

    mutating func reset() {
        captures.removeAll(keepingCapacity: true)
        rest = 0..<0
        allowed = 0
    }
}
