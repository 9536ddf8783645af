// HEAD beside GET. A route for GET admits HEAD as well, so who writes `require` there believes to have asked both;
// but a route that lists HEAD itself is more specific and takes it. Where that one asks for less, it tells in its
// headers what the other keeps.

struct OpennessOfHead {
    private struct Entry {
        let methods: MethodRule
        let host: [UInt8]?
        let segments: [PatternSegment]
        /// Nobody is asked, any key will do, or permissions are needed.
        let strictness: Int
        let head: Place
    }

    private var entries: [Entry] = []

    mutating func add(
        _ methods: MethodRule, _ host: [UInt8]?, _ segments: [PatternSegment], _ access: RouteAccess,
        isShadow: Bool, at head: Place
    ) {
        let asked =
            switch access {
            case .open: 0
            case .authenticated: 1
            case .requires: 2
            }
        entries.append(
            Entry(
                methods: methods, host: host, segments: segments, strictness: isShadow ? 0 : asked, head: head
            ))
    }

    /// A warning for each route that takes HEAD from a stricter one of the same pattern.
    func warn(_ findings: Findings) {
        let get = Array("GET".utf8)
        for entry in entries {
            guard case .listed(let methods) = entry.methods, methods.contains(Array("HEAD".utf8)),
                !methods.contains(get),
                let other = entries.first(where: {
                    $0.methods.admits(get) && $0.host == entry.host && $0.segments == entry.segments
                        && $0.strictness > entry.strictness
                })
            else { continue }
            let place = findings.location(of: other.head)
            findings.warning(
                "HEAD asks for less here than GET at \(place.file):\(place.line), which would admit it as well",
                at: entry.head)
        }
    }
}
